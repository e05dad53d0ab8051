"""The plan of a command that has ended, so that the same command again need not make it anew.

To plan, datasets are read and models are imported, and with them torch: seconds, where a command
whose runs are all done has but to print a table. A plan is a function of the question, of the code
and the recipes that are installed, and of the data files. So it is kept with a digest of all of
these; where one of them moves, or cannot be told, the plan is made as if nothing were kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from genbench.errors import StoreError
from genbench.plugins import installed, registry
from genbench.records import files
from genbench.records.run import Run

PLAN = "plan.json"  # beside the folder of runs: that of the last command whose runs are all done
MOST_FILES = 10_000  # of data: of more it is not told quickly whether one moved
PACKAGES = ("genbench", "mlxtend", "numpy", "safetensors", "torch")  # behind data, recipes, keys


def asked_of(question: Mapping[str, Any], data_dir: Path) -> str:
    """sha256, in hex, of all that a plan depends on; empty where that cannot be told quickly.

    question: what `plan` is asked, JSON-able. Of a data file its path, size and time count: a file
    that moves while it keeps all three is seen by the training that reads it.
    """
    there = list(_files(data_dir))
    if len(there) > MOST_FILES:
        return ""
    said = dict(question), str(data_dir.absolute()), there, installed.sources(), _versions()
    try:
        return files.sha256_of_json(said)
    except ValueError:  # NaN is no JSON: whoever plans says what is wrong with it
        return ""


def remembered(results_dir: Path, asked: str) -> list[Run] | None:
    """The runs of a kept plan that depends on just this, or None."""
    path = results_dir / PLAN
    if not asked or not path.exists():
        return None
    try:
        kept = files.read_json(path)
        same = isinstance(kept, dict) and kept.get("asked") == asked
        return TypeAdapter(list[Run]).validate_python(kept["runs"]) if same else None
    except (StoreError, KeyError, ValidationError):  # no plan: it is made anew, and kept again
        return None


def remember(results_dir: Path, asked: str, runs: Sequence[Run]) -> None:
    """Keeps a plan that hangs on nothing else: see `_hangs_on_more`."""
    if asked and not any(map(_hangs_on_more, runs)):
        files.write_json(results_dir / PLAN, {"asked": asked, "runs": [asdict(r) for r in runs]})


def _hangs_on_more(run: Run) -> bool:
    """Whether a part has no revision, so that reading its code identifies it, or a stranger's
    dataset may read files that lie anywhere."""
    ours = registry.distribution(registry.find("dataset", run.data.name)) == registry.SUITE
    return not ours or any(part.revision is None for part in run.parts.values())


def _files(folder: Path) -> list[tuple[str, int, int]]:
    """Path, bytes and time of every file below a folder, sorted; just over MOST_FILES at most."""
    found: list[tuple[str, int, int]] = []
    for path in folder.rglob("*"):
        if len(found) > MOST_FILES:
            break
        if path.is_file():
            about = path.stat()
            found.append((path.relative_to(folder).as_posix(), about.st_size, about.st_mtime_ns))
    return sorted(found)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found
