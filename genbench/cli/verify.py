"""`genbench verify`: whether stored numbers hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import (
    DataDir,
    Device,
    Json,
    ResultsDir,
    Threads,
    option,
    switch,
)
from genbench.cli.showing import echo, is_live, new_console, print_json
from genbench.cli.table import parsed
from genbench.errors import AlteredError, GenbenchError, UsageError, plain

if TYPE_CHECKING:
    from genbench.records.lock import Lock
    from genbench.verifying.checking import Outcome
    from genbench.verifying.verification import Verdict

Target = Annotated[
    str,
    typer.Argument(
        metavar="TABLE|RUN",
        help="A locked table; a key (genbench list runs) or its first digits; a folder; or all.",
    ),
]
Rescore = Annotated[bool, switch("Compute the numbers again from the stored samples.", "--rescore")]
Retrain = Annotated[
    bool, switch("Train, sample and score again, in a temporary folder.", "--retrain")
]
Tolerance = Annotated[
    float | None,
    option(
        "How far a number may be off; default .01, where that can be expected.",
        "TOLERANCE",
        "--tolerance",
        min=0.0,
    ),
]


@app.command(
    epilog="Examples:  genbench verify all  |  genbench verify 3f2a91 --rescore  |  "
    "genbench verify results/tables/mnist.md --rescore  |  "
    "genbench verify results/runs/mnist/gan --retrain --tolerance 15"
)
def verify(
    target: Target,
    rescore: Rescore = False,
    retrain: Retrain = False,
    tolerance: Tolerance = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Check stored numbers: by their files, by scoring again, or by training again.

    Exit code 3 on a mismatch, 1 where something cannot be told. The results stay as they are.
    """
    from genbench.records import lock
    from genbench.running.runner import choose_device
    from genbench.verifying import checking
    from genbench.verifying.checking import FILES, RESCORE, RETRAIN

    if rescore and retrain:
        raise UsageError("--rescore or --retrain, not both")
    how, where = RESCORE if rescore else RETRAIN if retrain else FILES, str(choose_device(device))
    folder = parsing.data_folder(data_dir)
    kept = _holding(parsing.folders(results_dir), parsing.locked(results_dir), target)
    check = checking.Check(how, kept, folder, where, threads, tolerance)
    known = lock.read(kept)
    folders, tables = _chosen(kept, target, known)
    with _progress(len(folders), as_json) as watch:
        runs = _shown(checking.checked(folders, check, known, watch), as_json)
    about = _shown(_tables(kept, tables, known), as_json)
    every = lock.changes(kept, known) if target == "all" and known else []
    changes = [change for change in every if known and change.path not in known.tables]
    _end(checking.Outcome(how, runs, about, changes), as_json)


def _holding(folders: Sequence[Path], locked: Path, target: str) -> Path:
    """The folder of results that a target is in: the one with a lock before any other."""
    from genbench.records import lock

    for folder in dict.fromkeys([locked, *folders]):
        try:
            _chosen(folder, target, lock.read(folder))
        except UsageError:
            continue
        return folder
    return locked


def _chosen(results_dir: Path, target: str, known: Lock | None) -> tuple[list[Path], list[str]]:
    """The folders of results and the rendered tables that a target stands for."""
    from genbench.records.store import Store
    from genbench.tables import texts
    from genbench.verifying import checking, records

    if target == "all":
        return records.find(results_dir, target), [*known.tables] if known else []
    path = checking.locked_table(results_dir, target, known)
    if path is None or known is None:
        return records.find(results_dir, target), []
    store, options = Store(results_dir), parsed(known.tables[path].arguments)
    try:
        results = texts.results_of(store, options)
    except AlteredError:  # a record is damaged: all are looked at, and it is named
        return records.find(results_dir, "all"), [path]
    return [store.runs / result.run.folder for result in results], [path]


def _tables(results_dir: Path, paths: Sequence[str], known: Lock | None) -> Iterator[Verdict]:
    """The verdict on each rendered table."""
    from genbench.records.store import Store
    from genbench.tables import locked
    from genbench.verifying.verification import DIFFERS, HOLDS, UNSURE, Verdict

    store = Store(results_dir)
    words = {True: HOLDS, False: DIFFERS, None: UNSURE}
    locked_tables = known.tables if known else {}
    for path in paths:
        try:
            found = locked.check(store, path, locked_tables[path], parsed)
        except GenbenchError as error:
            yield Verdict(path, "", DIFFERS, f"cannot be rendered: {error}")
        else:
            yield Verdict(path, "", words[found.holds], found.text)


def _shown(verdicts: Iterator[Verdict], as_json: bool) -> list[Verdict]:
    """All verdicts, printed as they come, but for JSON; those without samples in one line."""
    from genbench.verifying.verification import ABSENT

    found = []
    for verdict in verdicts:
        found.append(verdict)
        if not (as_json or verdict.status == ABSENT):
            echo(verdict.line)
    absent = [verdict for verdict in found if verdict.status == ABSENT]
    if absent and not as_json:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        echo(f"{absent[0].name}{more}: {absent[0].text}")
    return found


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """A bar on stderr where there is somebody to watch it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = new_console()
    hidden = quiet or total < 2 or not is_live(console)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        task = bars.add_task("", total=total)
        yield lambda name, done: bars.update(task, advance=done, description=plain(name))


def _end(outcome: Outcome, as_json: bool) -> None:
    """The summary, and the exit code."""
    if as_json:
        parts = {"runs": outcome.runs, "tables": outcome.tables, "files": outcome.changes}
        lists = {name: [*map(asdict, part)] for name, part in parts.items()}
        print_json({**lists, "how": outcome.how, "summary": outcome.summary})
    else:
        for change in outcome.changes:
            echo(f"{change.path}: {change.how}, by the lock")
        echo(outcome.summary)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
