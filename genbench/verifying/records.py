"""Results as they lie in a folder, with what was recorded of them: found, read and checked.

Nothing here changes a folder of results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.errors import AlteredError, UsageError
from genbench.records import lock, names, rekeyed
from genbench.records.run import Result, Run
from genbench.records.store import Store

SHORTEST = 4  # hex digits of a key


@dataclass(frozen=True)
class Record:
    """A result and the provenance of its stages, read and checked; `folder` is where it lies."""

    folder: Path
    result: Result
    stages: Mapping[str, Mapping[str, Any]]

    @property
    def run(self) -> Run:
        return self.result.run

    @property
    def provenance(self) -> Mapping[str, Any]:
        """That of the score."""
        return self.stages["score"]

    @property
    def name(self) -> str:
        """The run in words, as `genbench run` names it."""
        r = self.result
        name = f"{names.label(r)} on {r.dataset}, fold {r.fold}, seed {r.seed}"
        name += f", {names.judge(r)}" if names.settings(r) else ""
        name += f", sample set {r.sample_set}" if r.sample_set else ""
        return f"{name}, {r.protocol}" if r.protocol else name


# --- which ---


def find(results_dir: Path, target: str) -> list[Path]:
    """The folders of the results that a key, its beginning, a folder or a file stands for.

    An older key finds the result that was given a new one. A folder whose question has no answer
    is among them. Raises UsageError where there is none, or a key's beginning is that of several,
    and StoreError where an older version wrote one.
    """
    store = Store(results_dir)
    every = sorted({*store.folders(), *store.unanswered()})
    if target == "all" and not every:
        raise UsageError(f"no results in {store.runs}; `genbench run` makes some")
    found = every if target == "all" else _named(results_dir, target, every)
    store.check_layout(found)
    return found


def _named(results_dir: Path, target: str, every: Sequence[Path]) -> list[Path]:
    """The folders that a path or a key stands for."""
    runs = results_dir / "runs"
    found = [folder for folder in every if target and _is_in(folder, Path(target), runs)]
    if not found and len(target) >= SHORTEST:
        found = _by_key(results_dir, every, target.lower())
    if not found:
        raise UsageError(
            f"{target!r} is no result, folder or locked table of {results_dir}: give `all`, a key "
            f"of `genbench list runs` or at least {SHORTEST} digits of one, or a path"
        )
    return found


def _by_key(results_dir: Path, every: Sequence[Path], target: str) -> list[Path]:
    """The result whose key, or whose key before it was given a new one, begins so."""
    wanted = (target, *rekeyed.now(results_dir, target))
    begun = [key[:12] for key in dict.fromkeys(wanted)]
    found = [f for f in every if any(f.name.rpartition("-")[2].startswith(key) for key in begun)]
    if len(found) > 1:
        keys = ", ".join(folder.name.rpartition("-")[2] for folder in found)
        raise UsageError(f"{target!r} begins the keys of several results: {keys}")
    return found


def _is_in(folder: Path, target: Path, runs: Path) -> bool:
    """Whether a result's folder is what a path names, or in it, or holds it."""
    for place in (target, runs / target, runs.parent / target):
        if place.exists():
            place = (place if place.is_dir() else place.parent).resolve()
            return place == folder.resolve() or place in folder.resolve().parents
    return False


# --- files ---


def read(results_dir: Path, folder: Path) -> Record:
    """A result as it was written; raises AlteredError where file, folder and keys disagree."""
    store = Store(results_dir)
    if not store.is_answered(folder):
        raise AlteredError(
            f"{folder} holds a question and no answer: result.json was deleted, or the run was "
            "killed there; the same `genbench run` makes it"
        )
    result = store.read(folder)
    stages = store.records(result)
    made = _stages_of(result)
    missing = [stage for stage in made if not stages[stage]]
    if missing:
        raise AlteredError(f"{folder}: the provenance.json of its {missing[0]} is missing")
    return Record(folder, result, stages)


def _stages_of(result: Result) -> list[str]:
    """The stages behind a result; a failure may have ended the others."""
    if result.status == "unmet":
        return []
    if result.status == "failed":
        return ["score"]
    trained = [] if result.run.source else ["fit"]
    return [*trained, *(["sample"] if result.run.draws else []), "score"]


def check_files(record: Record, results_dir: Path, known: lock.Lock | None) -> None:
    """Raises AlteredError for a file that is missing or not as written."""
    store, run = Store(results_dir), record.run
    store.events(run)
    store.weights(run)
    store.samples(run)
    store.per_example(record.result)
    if known is None:
        return
    places = [record.folder, record.folder.parent, record.folder.parent.parent]
    own = {place.relative_to(results_dir).as_posix() for place in places}
    paths = [path for path in known.files if path.rpartition("/")[0] in own]
    changed = lock.changes(results_dir, known, paths)
    if changed:
        raise AlteredError(f"{changed[0].path} is {changed[0].how}, by {lock.NAME}")


# --- of several ---


def by_training(records: Sequence[Record]) -> list[list[Record]]:
    """Records that share one training, together."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.run.fit_key, []).append(record)
    return list(found.values())


def threads_of(record: Record) -> int | None:
    """The threads that a number was made with."""
    return record.provenance.get("threads")
