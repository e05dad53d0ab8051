"""`genbench verify`: whether stored numbers hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli.lock import check_table, results_of
from genbench.cli.options import (
    DataDir,
    Device,
    Json,
    ResultsDir,
    Threads,
    app,
    data_folder,
    is_live,
    new_console,
    option,
)
from genbench.errors import AlteredError, GenbenchError, UsageError

if TYPE_CHECKING:
    from genbench.records.lock import Lock
    from genbench.records.store import Store
    from genbench.running.data import Sources
    from genbench.verifying.records import Record
    from genbench.verifying.verification import Verdict


@app.command(
    epilog="Examples:  genbench verify all  |  genbench verify 3f2a91 --rescore  |  "
    "genbench verify results/tables/mnist.md --rescore  |  "
    "genbench verify results/runs/mnist/gan --retrain --tolerance 15"
)
def verify(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TABLE|RUN",
            help="A locked table, a key of genbench list runs or its beginning, a folder, or all.",
        ),
    ],
    rescore: Annotated[
        bool, option("Compute the numbers again from the stored samples.", "RESCORE", "--rescore")
    ] = False,
    retrain: Annotated[
        bool,
        option("Train, sample and score again, in a temporary folder.", "RETRAIN", "--retrain"),
    ] = False,
    tolerance: Annotated[
        float | None,
        option(
            "How far a number may be off; default .01, where that can be expected.",
            "TOLERANCE",
            "--tolerance",
            min=0.0,
        ),
    ] = None,
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Say whether numbers hold: the files as written, or scored or trained again.

    Exit code 3 on a mismatch, 1 where something cannot be told. The results stay as they are.
    """
    from genbench.records.store import Store
    from genbench.running.data import Sources
    from genbench.running.runner import choose_device
    from genbench.verifying import records, verification

    if rescore and retrain:
        raise UsageError("--rescore or --retrain, not both")
    how = "rescore" if rescore else "retrain" if retrain else "files"
    where = str(choose_device(device))
    folders, tables, known = _chosen(results_dir, target)
    store, sources = Store(results_dir), Sources(data_folder(data_dir))
    found: list[Verdict] = []
    with _progress(len(folders), as_json) as step:
        checked = _checked_files(folders, results_dir, known)
        sound = [one for one in checked if isinstance(one, records.Record)]
        _show([one for one in checked if isinstance(one, verification.Verdict)], found, as_json)
        for group in _groups(sound, how):
            step(group[0].name)
            _use_threads(threads or records.threads_of(group[0]))
            _show(_verdicts(group, how, store, sources, where, tolerance), found, as_json)
            step(None, len(group))
    about = _tables(results_dir, tables, known)
    _show(about, [], as_json)
    changes = _changes(results_dir, known) if target == "all" and known else []
    _end(found, about, changes, how, as_json)


def _chosen(results_dir: Path, target: str) -> tuple[list[Path], list[str], Lock | None]:
    """The folders of results and the rendered tables that a target stands for, and the lock."""
    from genbench.records import lock
    from genbench.verifying import records

    known = lock.read(results_dir)
    if target == "all":
        return records.find(results_dir, target), [*known.tables] if known else [], known
    path = _locked(results_dir, target, known)
    if path is None:
        return records.find(results_dir, target), [], known
    assert known is not None
    try:
        keys = {result.key for result in results_of(results_dir, known.tables[path].arguments)}
    except AlteredError:  # a record is damaged: all are looked at, and it is named
        return records.find(results_dir, "all"), [path], known
    every = records.find(results_dir, "all")
    names = {f"-{key[:12]}" for key in keys}
    return [folder for folder in every if folder.name[-13:] in names], [path], known


def _locked(results_dir: Path, target: str, known: Lock | None) -> str | None:
    """The name in the lock of a rendered table, or None where the target is no such file."""
    from genbench.records import lock

    suffixes = {f".{suffix}" for suffix in lock.FORMS.values()}
    names = {results_dir.resolve() / name: name for name in (known.tables if known else ())}
    for path in (Path(target), results_dir / target, results_dir / "tables" / target):
        if path.resolve() in names:
            return names[path.resolve()]
    given = Path(target)
    if given.is_file() and given.suffix in suffixes and given.name not in lock.KEPT:
        raise UsageError(f"{target} is not in {results_dir / lock.NAME}: `genbench lock` adds it")
    return None


def _checked_files(
    folders: Sequence[Path], results_dir: Path, known: Lock | None
) -> list[Record | Verdict]:
    """Each record whose files are as written, or what is wrong with them."""
    from genbench.verifying import records, verification

    found: list[Record | Verdict] = []
    for folder in folders:
        name = folder.relative_to(results_dir / "runs").as_posix()
        try:
            record = records.read(results_dir, folder)
            records.check_files(record, results_dir, known)
        except AlteredError as error:
            found.append(verification.Verdict(name, "", verification.DIFFERS, str(error)))
        except GenbenchError as error:
            found.append(verification.Verdict(name, "", verification.UNSURE, str(error)))
        else:
            found.append(record)
    return found


def _groups(sound: Sequence[Record], how: str) -> list[list[Record]]:
    from genbench.verifying import records

    return records.by_training(sound) if how == "retrain" else [[record] for record in sound]


def _verdicts(
    group: Sequence[Record],
    how: str,
    store: Store,
    sources: Sources,
    device: str,
    tolerance: float | None,
) -> list[Verdict]:
    """What becomes of records that share their work; an error is the verdict on each of them."""
    import torch

    from genbench.verifying import verification as v

    try:
        if how == "retrain":
            return v.retrained(group, store, sources, device, tolerance)
        if how == "rescore":
            return [
                v.rescored(one, store, sources, torch.device(device), tolerance) for one in group
            ]
    except GenbenchError as error:
        status = v.DIFFERS if isinstance(error, AlteredError) else v.UNSURE
        return [v.Verdict(one.name, one.result.key, status, str(error)) for one in group]
    text = "its files are as they were written"
    return [v.Verdict(one.name, one.result.key, v.HOLDS, text) for one in group]


def _tables(results_dir: Path, paths: Sequence[str], known: Lock | None) -> list[Verdict]:
    from genbench.verifying.verification import DIFFERS, Verdict

    found = []
    for path in paths:
        assert known is not None
        try:
            found.append(check_table(results_dir, path, known.tables[path]))
        except GenbenchError as error:
            found.append(Verdict(path, "", DIFFERS, f"cannot be rendered: {error}"))
    return found


def _changes(results_dir: Path, known: Lock) -> list[dict[str, str]]:
    """Records that are missing, new, or changed, by the lock."""
    from genbench.records import lock

    every = lock.changes(results_dir, known)
    return [asdict(change) for change in every if change.path not in known.tables]


def _use_threads(threads: int | None) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)


def _show(verdicts: Sequence[Verdict], kept: list[Verdict], as_json: bool) -> None:
    kept += verdicts
    if not as_json:
        for verdict in verdicts:
            typer.echo(verdict.line)


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Any]:
    """A bar on stderr where there is somebody to watch it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = new_console()
    if quiet or total < 2 or not is_live(console):
        yield lambda name, done=0: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=total)

        def step(name: str | None, done: int = 0) -> None:
            bars.update(task, advance=done, description=name)

        yield step


def _end(
    found: Sequence[Verdict],
    tables: Sequence[Verdict],
    changes: Sequence[dict[str, str]],
    how: str,
    as_json: bool,
) -> None:
    """The summary, and the exit code: 3 for a mismatch, 1 for what cannot be told."""
    from genbench.verifying import verification as v

    holding = sum(verdict.status == v.HOLDS for verdict in found)
    text = v.summary(found) if how != "files" else f"{holding} of {len(found)} records hold"
    if tables:
        text += f"; {sum(t.status == v.HOLDS for t in tables)} of {len(tables)} tables hold"
    if changes:
        text += f"; {len(changes)} files are not as locked"
    if as_json:
        every = {"runs": [*map(asdict, found)], "tables": [*map(asdict, tables)]}
        every |= {"files": [*changes], "how": how, "summary": text}
        typer.echo(json.dumps(every, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        for change in changes:
            typer.echo(f"{change['path']}: {change['how']}, by the lock")
        typer.echo(text)
    states = {verdict.status for verdict in (*found, *tables)}
    if v.DIFFERS in states or any(change["how"] != "new" for change in changes):
        raise typer.Exit(3)
    if v.UNSURE in states or changes:
        raise typer.Exit(1)
