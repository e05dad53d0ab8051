"""`genbench lock`: renders the tables of a folder of results and locks them with its records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import ResultsDir, option, switch
from genbench.cli.showing import echo
from genbench.cli.table import parsed
from genbench.errors import AlteredError, UsageError

if TYPE_CHECKING:
    from genbench.records.lock import Change, Lock


Tables = Annotated[
    list[str] | None,
    option(
        "A table to add: NAME='arguments of genbench table'. May be repeated. "
        "Without any, and none locked before: one for each dataset.",
        "LOCK_TABLE",
        "--table",
    ),
]
Drop = Annotated[
    list[str] | None, option("A table to leave out from now on.", "LOCK_DROP", "--drop")
]
Check = Annotated[bool, switch("Only say what is not as locked; write nothing.", "--check")]


@app.command(
    epilog="Examples:  genbench lock  |  genbench lock --check  |  "
    "genbench lock --table mnist='-d mnist' --table speed='--columns ll,fit,sample'"
)
def lock(
    tables: Tables = None,
    drop: Drop = None,
    check: Check = False,
    results_dir: ResultsDir = None,
) -> None:
    """Write the tables of a folder in every format, and the sha256 of all files to lock.json."""
    from genbench.records import lock as locks
    from genbench.tables import locked
    from genbench.tables.texts import FORMATS

    folder = parsing.locked(results_dir)
    before = locks.read(folder)
    if check:
        if before is None:
            raise UsageError(f"{folder / locks.NAME} is not there: `genbench lock` writes it")
        raise typer.Exit(print_check(folder, before))
    wanted = locked.wanted(folder, before, tables or [], drop or [])
    written = locked.write(folder, wanted, before, parsed)
    echo(
        f"{folder / locks.NAME}: {len(written.files)} files of records, {len(wanted)} tables "
        f"in {len(FORMATS)} formats"
    )


def print_check(results_dir: Path, known: Lock) -> int:
    """Prints what is not as locked; returns 0, 1 for what is new or unclear, 3 for a change."""
    from genbench.records import lock as locks
    from genbench.records.store import Store
    from genbench.tables import locked

    found = [c for c in locks.changes(results_dir, known) if c.path not in known.tables]
    store = Store(results_dir)
    try:
        tables = [locked.check(store, *item, parsed) for item in known.tables.items()]
    except AlteredError as error:  # a record that cannot be read gives no table
        echo(str(error))
        tables = []
        found = found or [locks.Change("", "changed")]
    for change in found:
        echo(_said(change))
    for one in tables:
        if not one.holds:
            echo(f"{one.path}: {one.text}")
    wrong = any(c.how != "new" for c in found) or any(one.holds is False for one in tables)
    holding = sum(bool(one.holds) for one in tables)
    echo(
        f"{len(known.files)} files locked, {len(found)} otherwise; "
        f"{holding} of {len(known.tables)} tables hold"
    )
    return 3 if wrong else int(bool(found) or holding < len(tables))


def _said(change: Change) -> str:
    words = {"new": "is not in the lock; genbench lock adds it", "missing": "is missing"}
    return f"{change.path} {words.get(change.how, 'was changed')}"
