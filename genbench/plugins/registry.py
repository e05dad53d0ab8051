"""Names -> objects, by entry point; ours and a stranger's are found the same way."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from contextlib import chdir, redirect_stdout
from difflib import get_close_matches
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, entry_points
from typing import Any

from genbench.errors import UsageError, reason

SUITE = "genbench"
KINDS = ("model", "dataset", "metric")
REGISTERED = (*KINDS, "features")  # in which metrics are computed; nobody asks for them alone
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def entries(kind: str) -> list[EntryPoint]:
    """All registered entry points of a kind, sorted by name; nothing is imported."""
    return list(_entries(kind, tuple(sys.path)))


@cache
def _entries(kind: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """One scan of the installed distributions for each kind and search path."""
    found = entry_points(group=f"genbench.{kind.removesuffix('s')}s")  # one features, many
    return tuple(sorted(found, key=lambda entry: entry.name))


@cache
def _by_name(kind: str, path: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """The entry points of a kind by their names, in which a hyphen is an underscore."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in _entries(kind, path):
        found.setdefault(entry.name.replace("-", "_"), []).append(entry)
    return found


def tops() -> dict[str, set[str]]:
    """The top-level modules that registered parts lie in, each with its distributions."""
    return _tops(tuple(sys.path))


@cache
def _tops(path: tuple[str, ...]) -> dict[str, set[str]]:
    found = {SUITE: {SUITE}}
    for entry in (entry for kind in REGISTERED for entry in entries(kind)):
        found.setdefault(entry.module.partition(".")[0], set()).add(distribution(entry))
    return found


def distribution(entry: EntryPoint) -> str:
    """The name of the distribution that registered an entry point."""
    return _name(entry.dist) if entry.dist else ""


@cache
def _name(found: Distribution) -> str:
    """Its metadata are read and parsed for each question otherwise."""
    return found.name


def installed(distribution: str) -> Distribution | None:
    """An installed distribution by its name, or None."""
    try:
        return Distribution.from_name(distribution)
    except (PackageNotFoundError, ValueError):  # ValueError: an empty name
        return None


def names(kind: str) -> list[str]:
    """The registered names of a kind, sorted, each once."""
    return sorted({entry.name for entry in entries(kind)})


def find(kind: str, name: str) -> EntryPoint:
    """The entry point called `name`; a hyphen typed reads as an underscore.

    Raises UsageError for an unknown name (with the nearest one), for a name that two
    distributions claim, and for one that could not be a file name.
    """
    wanted = name.replace("-", "_")
    found = _by_name(kind, tuple(sys.path)).get(wanted, [])
    if not found:
        known = names(kind)
        raise UsageError(f"unknown {kind} {name!r}; {nearest(wanted, known)}")
    if len(found) > 1:
        owners = " and ".join(sorted(owner(entry) for entry in found))
        raise UsageError(f"{kind} {wanted!r} is registered by {owners}; uninstall one of them")
    check_name(kind, wanted)
    return found[0]


def check_name(kind: str, name: str) -> None:
    """Raises UsageError for a name that could not be a file name: on the disk all names are."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{kind} {name!r}: a name has letters, digits, _ and -, at most 64")


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence end that helps after a typo: the nearest known name, or all of them."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    listed = f"known: {', '.join(known)}" if known else "none is known"
    return f"did you mean {close[0]!r}? ({listed})" if close else listed


def owner(entry: EntryPoint) -> str:
    """Distribution and version that registered an entry point."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"


def load(kind: str, name: str) -> Any:
    """Imports what `name` stands for; raises UsageError where its module cannot be imported.

    What the module prints meanwhile goes to stderr, and the working folder stays what it is.
    """
    entry = find(kind, name)
    try:
        with redirect_stdout(sys.stderr), chdir("."):
            return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's module may raise anything, also SystemExit
        raise UsageError(
            f"{kind} {entry.name!r} ({owner(entry)}) cannot be imported from {entry.value}: "
            f"{reason(error)}"
        ) from error
