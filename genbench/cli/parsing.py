"""What the texts on a command line mean."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.defaults import DEFAULTS
from genbench.errors import StoreError, UsageError

if TYPE_CHECKING:
    from genbench.records.store import Store


def split(text: str, option: str) -> list[str]:
    """The names of a comma-separated list, each once; raises UsageError where there is none."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise UsageError(f"{option} needs at least one name, got {text!r}")
    return list(dict.fromkeys(found))


def only(text: str | None, option: str) -> list[str] | None:
    """The names that results are to be of; None where none were given, so that all are."""
    return None if text is None else split(text, option)


def only_metrics(text: str | None) -> list[str] | None:
    """The metrics of --metrics, those of a group in its place; None for "all" and where none are.

    >>> only_metrics("prdc"), only_metrics("all,prdc")
    (['precision', 'recall', 'density', 'coverage'], None)
    """
    names = only(text, "--metrics")
    if names is None or "all" in names:
        return None
    return [metric for name in names for metric in DEFAULTS.groups.get(name, [name])]


def one_of(known: Sequence[str], name: str, what: str) -> str:
    """The name as it was typed; raises UsageError, with the nearest, where it is not known.

    what: an option, such as "--format"; one whose environment variable says the name is told so.
    """
    from genbench.plugins import registry

    if name not in known:
        says = f" (from {variable(what)})" if by_variable(what, name) else ""
        raise UsageError(f"unknown {what} {name!r}{says}; {registry.nearest(name, known)}")
    return name


def variable(option: str) -> str:
    """The environment variable of an option: GENBENCH_NO_REFERENCES of --no-references."""
    return f"GENBENCH_{option.strip('-').replace('-', '_').upper()}"


def by_variable(option: str, value: str | None) -> bool:
    """Whether an option has its value from the environment, meant for other commands too."""
    return value is not None and os.environ.get(variable(option)) == value


def columns(text: str) -> list[str]:
    """The columns of a table; raises UsageError for an unknown one."""
    from genbench.plugins import registry
    from genbench.tables import speed

    found = split(text, "--columns")
    for name in found:
        if name not in speed.COLUMNS:
            hint = registry.nearest(name, speed.COLUMNS)
            raise UsageError(f"--columns has no {name!r}; {hint}")
    return found


def whole_numbers(text: str) -> list[int]:
    """The seeds in a comma-separated list, each once."""
    try:
        return list(dict.fromkeys(int(part) for part in split(text, "--seeds")))
    except ValueError:
        raise UsageError(f"--seeds takes whole numbers such as 0,1,2; got {text!r}") from None


def positive(minutes: float | None) -> float | None:
    """A time budget, if there is one; raises UsageError where it is not above 0."""
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes must be above 0, got {minutes}")
    return minutes


def date(text: str) -> str:
    """A day as it is written, 2026-11-29; raises UsageError for what is none."""
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"--date is a day such as 2026-11-29; got {text!r}") from None


def settings(texts: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """What --set says of each model and metric."""
    from genbench.plugins.settings import parse_setting

    overrides: dict[str, dict[str, Any]] = {}
    for text in texts or ():
        owner, key, value = parse_setting(text)
        overrides.setdefault(owner, {})[key] = value
    return overrides


def folder(given: Path, option: str) -> Path:
    """Where a folder is, or may be made; raises UsageError where a file is in its place."""
    from genbench.records.files import as_folder

    return as_folder(given, option)


def data_folder(given: Path | None) -> Path:
    """The folder of datasets: the one that was given, or the user's cache."""
    from genbench.datasets._files import default_data_dir

    return default_data_dir() if given is None else folder(given, "--data-dir")


def folders(given: Sequence[Path] | None) -> list[Path]:
    """The folders of results: the first is written, all are read."""
    from genbench.records.stores import usual

    return [folder(path, "--results-dir") for path in given or usual()]


def locked(given: Sequence[Path] | None) -> Path:
    """The folder of results that has a lock, else the first."""
    found = folders(given)
    return next((folder for folder in found if (folder / "lock.json").exists()), found[0])


def store(given: Sequence[Path] | None) -> Store:
    """All folders of results, read as one."""
    from genbench.records.stores import Stores

    return Stores(folders(given))


def place(given: Path | None, results_dir: Sequence[Path] | None, usual: str) -> Path:
    """Where a picture or a page goes: the place that was given, or the folder that is written."""
    return given.expanduser() if given is not None else folders(results_dir)[0] / usual


def writable(path: Path) -> Path:
    """The same path; raises UsageError, before any work, where nothing can be written there."""
    from genbench.records.files import check_writable

    try:
        check_writable(path)
    except StoreError as error:
        raise UsageError(f"{error}; --out names another place") from error
    return path


def cores() -> int:
    """Cores this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1
