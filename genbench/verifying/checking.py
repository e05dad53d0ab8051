"""Many records checked: which, in groups that share their work, and what all of it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from genbench.errors import AlteredError, GenbenchError, UsageError
from genbench.records import lock
from genbench.records.lock import Change, Lock
from genbench.records.store import Store
from genbench.running.conditions import settled
from genbench.running.data import Sources
from genbench.verifying import records, verification
from genbench.verifying.records import Record
from genbench.verifying.verification import ABSENT, DIFFERS, HOLDS, UNSURE, Verdict

FILES, RESCORE, RETRAIN = "files", "rescore", "retrain"  # how a number is checked
Watch = Callable[[str, int], None]  # is told what is looked at, and how many records are done


@dataclass(frozen=True)
class Check:
    """How the results of a folder are checked: by their FILES, or made again, and with what.

    threads: None for as many as a number was made with.
    """

    how: str
    results_dir: Path
    data_dir: Path
    device: str
    threads: int | None = None
    tolerance: float | None = None


def locked_table(results_dir: Path, target: str, known: Lock | None) -> str | None:
    """The name in the lock of a rendered table, or None where the target is no such file.

    Raises UsageError for a rendered table that is not in the lock.
    """
    names = {results_dir.resolve() / name: name for name in (known.tables if known else ())}
    for path in (Path(target), results_dir / target, results_dir / "tables" / target):
        if path.resolve() in names:
            return names[path.resolve()]
    given, suffixes = Path(target), {f".{suffix}" for suffix in lock.FORMS.values()}
    if given.is_file() and given.suffix in suffixes and given.name not in lock.KEPT:
        raise UsageError(f"{target} is not in {results_dir / lock.NAME}: `genbench lock` adds it")
    return None


def checked(
    folders: Sequence[Path], check: Check, known: Lock | None, watch: Watch
) -> Iterator[Verdict]:
    """The verdict on each record, those whose files are not as written first."""
    sound = []
    for folder in folders:
        found = _read(folder, check.results_dir, known)
        if isinstance(found, Record):
            sound.append(found)
        else:
            yield found
    retrain = check.how == RETRAIN
    groups = records.by_training(sound) if retrain else [[record] for record in sound]
    store, sources = Store(check.results_dir), Sources(check.data_dir)
    for group in groups:
        watch(group[0].name, 0)
        with settled(check.threads or records.threads_of(group[0])):
            verdicts = _verdicts(group, check, store, sources)
        yield from verdicts
        watch(group[0].name, len(group))


def _read(folder: Path, results_dir: Path, known: Lock | None) -> Record | Verdict:
    """A record whose files are as written, or what is wrong with them."""
    name = folder.relative_to(results_dir / "runs").as_posix()
    try:
        record = records.read(results_dir, folder)
        records.check_files(record, results_dir, known)
    except GenbenchError as error:
        return Verdict(name, "", _status(error), str(error))
    return record


def _status(error: GenbenchError) -> str:
    return DIFFERS if isinstance(error, AlteredError) else UNSURE


def _verdicts(
    group: Sequence[Record], check: Check, store: Store, sources: Sources
) -> list[Verdict]:
    """What becomes of records that share their work; an error is the verdict on each of them."""
    device, tolerance = torch.device(check.device), check.tolerance
    try:
        if check.how == RETRAIN:
            return verification.retrained(group, store, sources, check.device, tolerance)
        if check.how == RESCORE:
            return [verification.rescored(one, store, sources, device, tolerance) for one in group]
    except GenbenchError as error:
        status = _status(error)
        return [Verdict(one.name, one.result.key, status, str(error)) for one in group]
    text = "its files are as they were written"
    return [Verdict(one.name, one.result.key, HOLDS, text) for one in group]


@dataclass(frozen=True)
class Outcome:
    """What a check comes to: verdicts on records and on tables, files that are not as locked."""

    how: str
    runs: Sequence[Verdict]
    tables: Sequence[Verdict]
    changes: Sequence[Change]

    @property
    def summary(self) -> str:
        """How many hold."""
        text = verification.summary(self.runs)
        if self.how == FILES:
            text = f"{_holding(self.runs)} of {len(self.runs)} records hold"
        if self.tables:
            text += f"; {_holding(self.tables)} of {len(self.tables)} tables hold"
        if self.changes:
            text += f"; {len(self.changes)} files are not as locked"
        return text

    @property
    def exit_code(self) -> int:
        """3 for a mismatch, 1 for what cannot be told, 0 where all holds.

        Samples that are not kept, by design, are no failure; but where there are none at all,
        nothing was told.
        """
        states = {verdict.status for verdict in (*self.runs, *self.tables)}
        if states == {ABSENT}:
            return 1
        if DIFFERS in states or any(change.how != "new" for change in self.changes):
            return 3
        return int(UNSURE in states or bool(self.changes))


def _holding(verdicts: Sequence[Verdict]) -> int:
    return sum(verdict.status == HOLDS for verdict in verdicts)
