"""The rendered tables of a results lock: what they are now, and whether they are as locked.

A lock keeps the arguments of `genbench table` that give a table; `parse` says what they mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genbench.errors import StoreError, UsageError
from genbench.plugins import registry
from genbench.records import files, lock
from genbench.records.lock import Lock, Table
from genbench.records.store import Store
from genbench.tables import chosen, texts
from genbench.tables.texts import FORMATS, Options

TRIES = 5  # times that tables are rendered anew because records were written meanwhile
Parse = Callable[[Sequence[str]], Options]


@dataclass(frozen=True)
class Check:
    """Whether a table holds, None where that cannot be told, and why in words."""

    path: str
    holds: bool | None
    text: str


def wanted(
    results_dir: Path, before: Lock | None, added: Sequence[str], dropped: Sequence[str]
) -> dict[str, list[str]]:
    """The tables to render, by name, and their arguments; one for each dataset if none is named.

    added: texts NAME=ARGUMENTS. Raises UsageError for one to drop that is not there.
    """
    found = {**(lock.definitions(before) if before else {}), **lock.named(added)}
    if not found:
        names = dict.fromkeys(result.dataset for result in Store(results_dir))
        found = {name: ["--dataset", name] for name in names}
    if not found:
        raise UsageError(f"no results in {results_dir / 'runs'}; `genbench run` makes some")
    for name in dropped:
        if name not in found:
            raise UsageError(f"no table {name!r} is locked; {registry.nearest(name, found)}")
    return {name: found[name] for name in sorted(found) if name not in dropped}


def write(
    results_dir: Path, tables: Mapping[str, Sequence[str]], before: Lock | None, parse: Parse
) -> Lock:
    """Renders tables in every format and locks them with the records; drops the files of others.

    Nothing is written where one of them cannot be rendered, or a link leads out of the folder.
    """
    lock.check_tables(results_dir)
    now, hashed = _at_one_moment(results_dir, tables, parse)
    for path, (text, _) in now.items():
        files.write_bytes(results_dir / path, text.encode())
    for path in set(before.tables if before else ()) - now.keys():
        files.remove(results_dir / path)
    return lock.write(results_dir, {path: table for path, (_, table) in now.items()}, hashed)


def _at_one_moment(
    results_dir: Path, tables: Mapping[str, Sequence[str]], parse: Parse
) -> tuple[dict[str, tuple[str, Table]], dict[str, str]]:
    """Every table in every format by its path, and sha256 of the very records that it is of.

    Another command may write records meanwhile: then all is done again. Raises StoreError where
    that goes on.
    """
    for _ in range(TRIES):
        before = lock.state(results_dir)
        try:
            store = Store(results_dir)
            now = {
                lock.path_of(name, form): rendered(store, arguments, form, parse)
                for name, arguments in tables.items()
                for form in FORMATS
            }
            hashed = lock.hashes(results_dir)
        except StoreError:
            if lock.state(results_dir) == before:
                raise
            continue
        if lock.state(results_dir) == before:
            return now, hashed
    raise StoreError(
        f"results are written to {results_dir} while they are locked, {TRIES} times in a row; "
        "`genbench lock` can lock them when that command has ended"
    )


def rendered(store: Store, arguments: Sequence[str], form: str, parse: Parse) -> tuple[str, Table]:
    """What `genbench table ARGUMENTS --format FORM` prints now, and its entry in a lock."""
    options = parse(arguments)
    results = texts.results_of(store, options)
    text = texts.rendered(results, form, store, options)
    other = sorted(result.key[:12] for result in results if not chosen.is_current(result))
    return text, Table([*arguments], form, hashlib.sha256(text.encode()).hexdigest(), other)


def check(store: Store, path: str, table: Table, parse: Parse) -> Check:
    """Whether a table's file is as locked, and whether the records still give it."""
    state = lock.changes(store.runs.parent, Lock({}, {path: table}), [path])
    if state:
        return Check(path, False, f"{state[0].how}, by {lock.NAME}")
    now = rendered(store, table.arguments, table.form, parse)[1]
    if now.sha256 == table.sha256:
        return Check(path, True, "its records give it byte for byte")
    if [*now.other_code] != [*table.other_code]:
        text = "which of its rows are by the installed code has changed: genbench lock renders it"
        return Check(path, None, text)
    return Check(path, False, "its records give another table; genbench lock renders it")
