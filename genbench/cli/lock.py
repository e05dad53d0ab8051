"""`genbench lock`: renders the tables of a folder of results and locks them with its records."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli.options import FORMATS, ResultsDir, app, option
from genbench.errors import AlteredError, UsageError

if TYPE_CHECKING:
    from genbench.records.lock import Change, Lock, Table
    from genbench.records.run import Result
    from genbench.verifying.verification import Verdict

_WRONG: Any = typer.BadParameter.__mro__[1]  # any wrong argument: typer keeps its own click


@app.command(
    epilog="Examples:  genbench lock  |  genbench lock --check  |  "
    "genbench lock --table mnist='-d mnist' --table speed='--columns ll,fit,sample'"
)
def lock(
    tables: Annotated[
        list[str] | None,
        option(
            "A table to add: NAME='arguments of genbench table'. May be repeated. "
            "Without any, and none locked before: one for each dataset.",
            "LOCK_TABLE",
            "--table",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, option("A table to leave out from now on.", "LOCK_DROP", "--drop")
    ] = None,
    check: Annotated[
        bool, option("Only say what is not as locked; write nothing.", "CHECK", "--check")
    ] = False,
    results_dir: ResultsDir = Path("results"),
) -> None:
    """Render the tables of a folder, in every format, and write sha256 of all to lock.json."""
    from genbench.records import files
    from genbench.records import lock as locks

    before = locks.read(results_dir)
    if check:
        if before is None:
            raise UsageError(f"{results_dir / locks.NAME} is not there: `genbench lock` writes it")
        raise typer.Exit(print_check(results_dir, before))
    wanted = _wanted(results_dir, before, tables or [], drop or [])
    now = {
        locks.path_of(name, form): rendered(results_dir, arguments, form)
        for name, arguments in wanted.items()
        for form in FORMATS
    }
    for path, (text, _) in now.items():
        files.write_bytes(results_dir / path, text.encode())
    for path in set(before.tables if before else ()) - now.keys():
        (results_dir / path).unlink(missing_ok=True)
    written = locks.write(results_dir, {path: table for path, (_, table) in now.items()})
    typer.echo(
        f"{results_dir / locks.NAME}: {len(written.files)} records, {len(wanted)} tables "
        f"in {len(FORMATS)} formats"
    )


def _wanted(
    results_dir: Path, before: Lock | None, added: Sequence[str], dropped: Sequence[str]
) -> dict[str, list[str]]:
    """The tables to render, by name; raises UsageError for one to drop that is not there."""
    from genbench.plugins import registry
    from genbench.records import lock as locks
    from genbench.records.store import Store

    wanted = {**(locks.definitions(before) if before else {}), **locks.named(added)}
    if not wanted:
        names = dict.fromkeys(result.dataset for result in Store(results_dir))
        wanted = {name: ["--dataset", name] for name in names}
    if not wanted:
        raise UsageError(f"no results in {results_dir / 'runs'}; `genbench run` makes some")
    for name in dropped:
        if name not in wanted:
            raise UsageError(f"no table {name!r} is locked; {registry.nearest(name, wanted)}")
    return {name: wanted[name] for name in sorted(wanted) if name not in dropped}


# --- the only place that knows how `genbench table` is called ---


def rendered(results_dir: Path, arguments: Sequence[str], form: str) -> tuple[str, Table]:
    """What `genbench table ARGUMENTS --format FORM` prints now, and its entry in a lock."""
    from genbench.records.lock import Table
    from genbench.tables.chosen import is_current

    printed = io.StringIO()
    with _table_command(results_dir, [*arguments, "--format", form]) as context:
        results = _chosen(results_dir, context.params)
        with contextlib.redirect_stdout(printed):
            context.command.invoke(context)
    text = printed.getvalue()
    other = sorted(result.key[:12] for result in results if not is_current(result))
    return text, Table([*arguments], form, hashlib.sha256(text.encode()).hexdigest(), other)


def results_of(results_dir: Path, arguments: Sequence[str]) -> list[Result]:
    """The results that a table is rendered from."""
    with _table_command(results_dir, arguments) as context:
        found = _chosen(results_dir, context.params)
        return [r for r in found if context.params["robustness"] or not r.protocol]


def _chosen(results_dir: Path, options: dict[str, Any]) -> list[Result]:
    from genbench.records.store import Store
    from genbench.tables.chosen import only

    return only(Store(results_dir), options["models"], options["dataset"])


@contextlib.contextmanager
def _table_command(results_dir: Path, arguments: Sequence[str]) -> Iterator[Any]:
    """The parsed command, ready to be invoked; the caller's environment variables are left out.

    Raises UsageError where the arguments are not those of a table.
    """
    command: Any = typer.main.get_command(app)
    command = command.commands["table"]
    own = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("GENBENCH_")}
    try:
        given = [*arguments, "--results-dir", str(results_dir)]
        with command.make_context("table", given) as context:
            yield context
    except _WRONG as error:
        raise UsageError(f"genbench table {' '.join(arguments)}: {error}") from error
    finally:
        os.environ |= own


# --- what is not as locked ---


def check_table(results_dir: Path, path: str, table: Table) -> Verdict:
    """Whether a table's file is as locked, and whether the records still give it."""
    from genbench.records import lock as locks
    from genbench.verifying.verification import DIFFERS, HOLDS, UNSURE, Verdict

    state = locks.changes(results_dir, locks.Lock({}, {path: table}), [path])
    if state:
        return Verdict(path, "", DIFFERS, f"{state[0].how}, by {locks.NAME}")
    now = rendered(results_dir, table.arguments, table.form)[1]
    if now.sha256 == table.sha256:
        return Verdict(path, "", HOLDS, "its records give it byte for byte")
    if [*now.other_code] != [*table.other_code]:
        text = "which of its rows are by the installed code has changed: genbench lock renders it"
        return Verdict(path, "", UNSURE, text)
    return Verdict(path, "", DIFFERS, "its records give another table; genbench lock renders it")


def print_check(results_dir: Path, known: Lock) -> int:
    """Prints what is not as locked; returns 0, 1 for what is new or unclear, 3 for a change."""
    from genbench.records import lock as locks
    from genbench.verifying.verification import DIFFERS, HOLDS

    found = [c for c in locks.changes(results_dir, known) if c.path not in known.tables]
    try:
        tables = [check_table(results_dir, *item) for item in known.tables.items()]
    except AlteredError as error:  # a record that cannot be read gives no table
        typer.echo(str(error))
        tables = []
        found = found or [locks.Change("", "changed")]
    for change in found:
        typer.echo(_said(change))
    for verdict in tables:
        if verdict.status != HOLDS:
            typer.echo(verdict.line)
    wrong = any(c.how != "new" for c in found) or any(v.status == DIFFERS for v in tables)
    holding = sum(verdict.status == HOLDS for verdict in tables)
    typer.echo(
        f"{len(known.files)} records locked, {len(found)} otherwise; "
        f"{holding} of {len(known.tables)} tables hold"
    )
    return 3 if wrong else int(bool(found) or holding < len(tables))


def _said(change: Change) -> str:
    words = {"new": "is not in the lock; genbench lock adds it", "missing": "is missing"}
    return f"{change.path} {words.get(change.how, 'was changed')}"
