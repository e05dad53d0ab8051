"""A folder of runs: what was trained, what was drawn from it, what that scored.

Folders are nested as keys are: training / samples / score. A file is there whole or not at all, and
nothing outside the keys decides whether it may be used again. Only this file knows the layout:

    runs/mnist/gan/seed-0-<fit>/            weights.safetensors  events.jsonl  provenance.json
        samples-10000-<sample>/             samples.npz          provenance.json
            parzen-fold-0-<score>/          run.json  result.json  provenance.json  per_example.npz
        samples-10000-set-1-<sample>/       another set of samples of the same weights

A run's folder follows from the run, so a record that lies elsewhere is not the run's: it is an
error that names both places, and no number is read twice.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from genbench.errors import AlteredError, StoreError, UsageError
from genbench.records import claims, files, names, upgrading
from genbench.records.run import Result, Run, answered

WEIGHTS, EVENTS, PROVENANCE, LOG = (
    "weights.safetensors",
    "events.jsonl",
    "provenance.json",
    "output.log",
)
CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"  # only while it trains
SCORING = "scoring.safetensors"  # only while a score is computed that can be gone on with
SAMPLES, RUN, DONE, FAILED, UNMET, PER_EXAMPLE = (
    "samples.npz",
    "run.json",
    "result.json",
    "failed.json",
    "unmet.json",
    "per_example.npz",
)
GRID = "grid-{}.png"  # of samples after an epoch, for whoever watches
LAST = "last.json"  # beside the folder of runs: the keys of the last command
ANSWERS = {"done": DONE, "failed": FAILED, "unmet": UNMET}  # by status; the first there counts
KEPT = (WEIGHTS, EVENTS, PROVENANCE, SAMPLES, RUN, *ANSWERS.values(), PER_EXAMPLE)  # in a lock
STAGES = ("fit", "sample", "score")


class Store:
    """The results of one folder; `run in store` says whether a run is done."""

    def __init__(self, results_dir: Path) -> None:
        self.runs: Path = results_dir / "runs"
        self._claims: dict[Path, int] = {}  # by the folder of a training: our number
        self._read: dict[Path, tuple[tuple[int, ...], dict[str, Any]]] = {}  # provenance
        self._known: dict[Path, tuple[list[tuple[int, ...]], Result]] = {}  # results

    def __contains__(self, run: Run) -> bool:
        folder = self.runs / run.folder
        if run.unmet:
            return (folder / UNMET).exists() and self._result(run.folder).error == run.unmet
        return (folder / DONE).exists() and self._result(run.folder).status == "done"

    def borrows(self, run: Run) -> bool:
        """Whether a done answer lies in a folder that is only read: here there is none."""
        return False

    @property
    def places(self) -> list[Path]:
        """The folders of results that are read, the one that is written first."""
        return [self.runs.parent]

    @property
    def features(self) -> Path:
        """The folder where features of rows are kept, whosever rows they are."""
        return self.runs.parent / "features"

    def parts(self, key: str) -> Path:
        """The folder of the parts of a score that takes long, until it is done."""
        return self.runs.parent / "scoring" / key[:32]

    def folder_of(self, result: Result) -> Path:
        """The folder of results that a result is in."""
        return self.runs.parent

    def put_last(self, keys: Iterable[str]) -> None:
        """Notes what a command asked for, so that a report shows that and no more."""
        files.write_json(self.runs.parent / LAST, {"keys": [*keys]})

    def last(self) -> list[str] | None:
        """The keys of the results that the last command asked for; None where none was noted."""
        path = self.runs.parent / LAST
        if not path.exists():
            return None
        keys = files.read_json(path).get("keys")
        if not isinstance(keys, list):
            raise AlteredError(f"{path} names no results; delete it")
        return keys

    def prepare(self) -> None:
        """Makes the folder and proves that it can be written; raises UsageError if not.

        Raises StoreError for results of before revisions: they would be made again beside.
        """
        try:
            probe = self.runs / f".writable-{os.getpid()}"
            files.write_bytes(probe, b"")
            files.remove(probe)
        except (StoreError, OSError) as error:
            raise UsageError(f"{error}; --results-dir names another folder") from error
        self.check_layout(self.folders())

    @contextmanager
    def lock(self, run: Run, shared: bool = False) -> Iterator[None]:
        """Held by the one process that works on what shares this run's training.

        shared: other machines write here too, whose locks are not to be trusted. So a claim is
        taken as well, as it is by all who come later: what is written then raises
        SupersededError once there is a newer one.
        """
        folder = self.runs / run.fit_folder
        with files.locked(folder / ".lock", needed=not shared):
            claimed = shared or claims.latest(folder) > 0
            self._claims[folder] = claims.take(folder) if claimed else 0
            try:
                yield
            finally:
                del self._claims[folder]

    def is_busy(self, run: Run) -> bool:
        """Whether some process is seen to hold the lock of a run's training."""
        return files.is_locked(self.runs / run.fit_folder / ".lock")

    def _check(self, run: Run) -> files.Check:
        """What raises SupersededError once another worker has claimed what we hold."""
        folder = self.runs / run.fit_folder
        if folder not in self._claims:
            return None
        return partial(claims.check, folder, self._claims[folder])

    def _remove(self, run: Run, folder: Path, found: Iterable[str]) -> None:
        """Removes files of a run's folder; raises SupersededError as whatever is written does."""
        check = self._check(run)
        if check:
            check()
        for name in found:
            files.remove(self.runs / folder / name)

    def sweep(self, run: Run) -> None:
        """Removes what a killed process left half done; call it under the lock.

        Besides half-written files that is what only a training in progress needs, if its weights
        were written just before it was killed.
        """
        for folder in (run.fit_folder, run.sample_folder, run.folder):
            files.sweep(self.runs / folder)
        place = self.runs / run.fit_folder
        if not any((place / name).exists() for name in (CHECKPOINT, BEST)):
            return
        finished, checkpoint = self.weights(run), self.checkpoint(run)
        if finished and (not checkpoint or checkpoint[1]["done"] >= finished[1]["epochs"]):
            self.drop_checkpoint(run)

    # --- training ---

    def weights(self, run: Run) -> tuple[dict[str, np.ndarray], Any] | None:
        """Finished weights and what the training noted, or None."""
        return self._training(run, WEIGHTS)

    def has_trained(self, run: Run) -> bool:
        """Whether finished weights are in the folder that is written."""
        return (self.runs / run.fit_folder / WEIGHTS).exists()

    def checkpoint(self, run: Run) -> tuple[dict[str, np.ndarray], Any] | None:
        """The state after the last finished epoch and its note, or None."""
        return self._training(run, CHECKPOINT)

    def best(self, run: Run) -> tuple[dict[str, np.ndarray], Any] | None:
        """The weights of the best epoch so far, where epochs are selected, or None."""
        return self._training(run, BEST)

    def _training(self, run: Run, name: str) -> tuple[dict[str, np.ndarray], Any] | None:
        path = self.runs / run.fit_folder / name
        if not path.exists():
            return None
        arrays, about = files.read_tensors(path)
        return arrays, _own(path, about, run.fit_key).get("note")

    def put_checkpoint(self, run: Run, state: Mapping[str, np.ndarray], note: Any) -> None:
        """Keeps the state after an epoch, in place of the one before."""
        self._put_training(run, CHECKPOINT, state, note)

    def put_best(self, run: Run, state: Mapping[str, np.ndarray], note: Any) -> None:
        """Keeps the weights of the best epoch so far."""
        self._put_training(run, BEST, state, note)

    def put_grid(self, run: Run, epoch: int, picture: bytes) -> None:
        """Keeps a picture of samples after an epoch; nothing depends on it."""
        path = self.runs / run.fit_folder / GRID.format(f"{epoch:04}")
        files.write_bytes(path, picture, self._check(run))

    def drop_checkpoint(self, run: Run) -> None:
        """Removes what only a training in progress needs."""
        self._remove(run, run.fit_folder, (CHECKPOINT, BEST))

    def _put_training(
        self, run: Run, name: str, state: Mapping[str, np.ndarray], note: Any
    ) -> None:
        path = self.runs / run.fit_folder / name
        files.write_tensors(path, state, {"key": run.fit_key, "note": note}, self._check(run))

    def put_weights(
        self, run: Run, state: Mapping[str, np.ndarray], note: Any, provenance: Mapping[str, Any]
    ) -> None:
        """Ends a training: keeps the finished weights, drops what only training needed."""
        self._put_provenance(run, "fit", provenance)
        self._put_training(run, WEIGHTS, state, note)
        self.drop_checkpoint(run)

    def log(self, run: Run, event: Mapping[str, Any]) -> None:
        """Appends an event to the training's log."""
        files.append_line(self.runs / run.fit_folder / EVENTS, event, run.fit_key, self._check(run))

    def events(self, run: Run) -> list[dict[str, Any]]:
        """What the training has logged so far, oldest first; raises AlteredError if edited."""
        return files.read_lines(self.runs / run.fit_folder / EVENTS, run.fit_key)

    def output(self, run: Run) -> Path:
        """Where what a run's model prints is kept."""
        return self.runs / run.fit_folder / LOG

    # --- samples ---

    def samples(self, run: Run) -> tuple[np.ndarray, Any] | None:
        """Stored samples (m, d), uint8 levels or float32, and what was noted of them, or None."""
        path = self.runs / run.sample_folder / SAMPLES
        if not path.exists():
            return None
        arrays, about = files.read_arrays(path)
        note = _own(path, about, run.sample_key).get("note")
        return _only(path, arrays, "samples"), note

    def sample_labels(self, run: Run) -> np.ndarray | None:
        """The labels (m,) that stored samples were asked for, int64, or None."""
        path = self.runs / run.sample_folder / SAMPLES
        return files.read_arrays(path)[0].get("labels") if path.exists() else None

    def keeps_samples(self, run: Run) -> bool:
        """Whether the samples of a run are there."""
        return (self.runs / run.sample_folder / SAMPLES).exists()

    def put_samples(
        self,
        run: Run,
        rows: np.ndarray,
        note: Any,
        provenance: Mapping[str, Any],
        labels: np.ndarray | None = None,
    ) -> None:
        """Keeps samples (m, d), deflated, and the labels (m,) that were asked for, if any."""
        self._put_provenance(run, "sample", provenance)
        about = {"key": run.sample_key, "note": note}
        arrays = {"samples": rows} | ({} if labels is None else {"labels": labels})
        path = self.runs / run.sample_folder / SAMPLES
        files.write_arrays(path, arrays, about, self._check(run))

    def drop_samples(self, run: Run) -> None:
        """Removes the samples of a run; what was scored of them stays."""
        self._remove(run, run.sample_folder, (SAMPLES,))

    # --- scores ---

    def put(
        self, result: Result, provenance: Mapping[str, Any], per_example: np.ndarray | None = None
    ) -> None:
        """Keeps a result; a done one takes the place of a failure, and of what led to it."""
        run, folder = result.run, self.runs / result.run.folder
        check = self._check(run)
        files.write_json(folder / RUN, asdict(run), check)
        self._put_provenance(run, "score", provenance)
        if per_example is not None:
            about = {"key": run.score_key, "note": None}
            files.write_arrays(folder / PER_EXAMPLE, {"values": per_example}, about, check)
        answer = answered(result)
        name = ANSWERS[result.status]
        files.write_json(folder / name, {**answer, "key": run.score_key}, check)
        others = [other for other in ANSWERS.values() if other not in (name, DONE)]
        self._remove(run, run.folder, [*others, SCORING] if name == DONE else others)

    def scoring(self, run: Run) -> dict[str, np.ndarray]:
        """What a score that was stopped had come to; empty where there is none."""
        path = self.runs / run.folder / SCORING
        if not path.exists():
            return {}
        arrays, about = files.read_tensors(path)
        _own(path, about, run.score_key)
        return arrays

    def put_scoring(self, run: Run, state: Mapping[str, np.ndarray]) -> None:
        """Keeps what a score has come to, in place of what it had."""
        about = {"key": run.score_key, "note": None}
        files.write_tensors(self.runs / run.folder / SCORING, state, about, self._check(run))

    def behind(self, run: Run) -> list[Path]:
        """The files that a score of a run hangs on, its weights and samples, as far as kept."""
        kept = (run.fit_folder / WEIGHTS, run.sample_folder / SAMPLES)
        paths = [place / "runs" / path for place in self.places for path in kept]
        return [path for path in paths if path.exists()]

    def drop_answer(self, run: Run) -> None:
        """Removes the result of a run, whatever its status; its samples and weights stay."""
        self._remove(run, run.folder, ANSWERS.values())

    def result(self, run: Run) -> Result | None:
        """The result of a run, done or failed, or None."""
        return self._result(run.folder) if self.is_answered(self.runs / run.folder) else None

    def per_example(self, result: Result) -> np.ndarray | None:
        """Scores of the single test rows (n_test,), float64, in the test set's order, or None.

        Raises AlteredError where the result says that there are some, and they are not there or
        are others.
        """
        path = self.runs / result.run.folder / PER_EXAMPLE
        if not result.per_example:
            return None
        if not path.exists():
            raise AlteredError(f"{path} is missing; delete its folder and run the command again")
        arrays, about = files.read_arrays(path)
        _own(path, about, result.key)
        if files.sha256_of_arrays(arrays) != result.per_example:
            raise AlteredError(f"{path} holds other values than those of {DONE}")
        return _only(path, arrays, "values")

    def drop(self, run: Run) -> None:
        """Removes all of a training: its weights, samples and scores."""
        files.remove_folder(self.runs / run.fit_folder)

    # --- what is there ---

    def __iter__(self) -> Iterator[Result]:
        """Every result, done or failed, in the order of its folder's name."""
        return self.of(None)

    def of(self, datasets: Collection[str] | None) -> Iterator[Result]:
        """The same, of some datasets only where these are named: no others are read."""
        for folder in self.folders(datasets):
            yield self._result(folder.relative_to(self.runs))

    def folders(self, datasets: Collection[str] | None = None) -> list[Path]:
        """The folder of every result, or of those of some datasets, whatever its status, sorted."""
        answers, tops = {*ANSWERS.values()}, [self.runs]
        if datasets is not None:
            tops = [top for top in self.runs.glob("*") if top.name in datasets]
        walked = chain.from_iterable(map(os.walk, tops))
        return sorted(Path(folder) for folder, _, inside in walked if answers.intersection(inside))

    def unanswered(self) -> list[Path]:
        """Folders with a question and no answer: a run was killed there, or one was deleted."""
        asked = {path.parent for path in self.runs.rglob(RUN)}
        return sorted(asked - set(self.folders()))

    def is_answered(self, folder: Path) -> bool:
        """Whether there is a result, done or failed, in a folder below `runs`."""
        return any((folder / name).exists() for name in ANSWERS.values())

    def check_layout(self, folders: Iterable[Path]) -> None:
        """Raises StoreError where an older version wrote one of the results in these folders."""
        for folder in folders:
            if self.is_answered(folder) and _is_of_another_layout(folder):
                raise _of_another_layout(_answered(folder))

    def read(self, folder: Path) -> Result:
        """The result in a folder below `runs`; raises AlteredError where it does not belong there.

        Raises StoreError where an older version wrote it.
        """
        return self._result(folder.relative_to(self.runs))

    def _result(self, folder: Path) -> Result:
        """A result as it was written, read once; `folder` is relative to `runs`."""
        place = self.runs / folder
        path = _answered(place)
        now = [files.stamp(file) for file in (path, place / RUN) if file.exists()]
        then, known = self._known.get(folder, ([], None))
        if known is None or then != now:
            known = self._read_result(folder, path)
            self._known[folder] = now, known
        return known

    def _read_result(self, folder: Path, path: Path) -> Result:
        """What the files `path` and RUN in `folder` say, if they belong together and there."""
        place, answer = self.runs / folder, files.read_json(path)
        if not (place / RUN).exists():
            raise _of_another_layout(path) if _is_older(answer) else _missing(place / RUN)
        if upgrading.is_old(answer):
            raise _of_another_layout(path)
        try:
            run = _runs().validate_python(files.read_json(place / RUN))
            key = answer.pop("key")
            result = _results().validate_python({**answer, "run": run})
            names.check(run, place / RUN)
            own = run.score_key
        except (ValidationError, KeyError) as error:
            raise StoreError(
                f"{path} was written by another version of genbench: {error}"
            ) from error
        if key != own:
            raise AlteredError(f"{path} does not answer {place / RUN}: its key is {key!s:.12}…")
        if run.folder != folder:
            raise AlteredError(
                f"{place} holds a record that belongs in {self.runs / run.folder}: "
                "move it there or delete it"
            )
        if result.status == "done" and not _is_number(result.value):
            raise AlteredError(f"{path} is of a run that is done, and gives no number")
        return result

    # --- provenance ---

    def _put_provenance(self, run: Run, stage: str, provenance: Mapping[str, Any]) -> None:
        folder, key = _place(run, stage)
        path = self.runs / folder / PROVENANCE
        files.write_json(path, {**provenance, "key": key}, self._check(run))

    def provenance(self, run: Run, stage: str) -> dict[str, Any]:
        """What a stage of a run ("fit", "sample", "score") was made with; empty if not kept.

        Raises AlteredError where it is that of another run.
        """
        folder, key = _place(run, stage)
        path = self.runs / folder / PROVENANCE
        if not path.exists():
            return {}
        return dict(_own(path, self._provenance(path), key))

    def _provenance(self, path: Path) -> dict[str, Any]:
        """What stands in such a file: read once, since the scores of a training share it."""
        now = files.stamp(path)
        then, known = self._read.get(path, ((), {}))
        if then != now:
            known = files.read_json(path)
            self._read[path] = now, known
        return known

    def records(self, result: Result) -> dict[str, dict[str, Any]]:
        """The provenance of the stages behind a result: fit, sample, score."""
        return {stage: self.provenance(result.run, stage) for stage in STAGES}


def _place(run: Run, stage: str) -> tuple[Path, str]:
    """The folder of a stage, relative to `runs`, and its key."""
    if stage == "fit":
        return run.fit_folder, run.fit_key
    return (run.folder, run.score_key) if stage == "score" else (run.sample_folder, run.sample_key)


@cache
def _runs() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


@cache
def _results() -> TypeAdapter[Result]:
    return TypeAdapter(Result)


def _own(path: Path, about: Any, key: str) -> Any:
    """What a file says, once it is sure that the file belongs to the run with this key."""
    if not isinstance(about, dict) or about.get("key") != key:
        raise AlteredError(f"{path} is not of this run: its key is not {key[:12]}…; delete it")
    return about


def _answered(place: Path) -> Path:
    """The file that makes a folder a result; a done one hides the others."""
    return next((place / n for n in ANSWERS.values() if (place / n).exists()), place / DONE)


def _is_of_another_layout(place: Path) -> bool:
    """Whether an older version wrote a result; one that cannot be read is told to its reader."""
    try:
        answer = files.read_json(_answered(place))
    except StoreError:
        return False
    return upgrading.is_old(answer) or _is_older(answer)


def _is_older(answer: Mapping[str, Any]) -> bool:
    """Whether a result holds its question itself, as it did before there were revisions."""
    return "model" in answer


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _only(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The array that a file is kept for."""
    if name not in arrays:
        raise AlteredError(f"{path} holds no {name}; delete it and run the same command again")
    return arrays[name]


def _missing(path: Path) -> AlteredError:
    return AlteredError(f"{path} is missing; delete its folder and run the command again")


def _of_another_layout(path: Path) -> StoreError:
    return StoreError(
        f"{path} was written by an older version; `genbench rekey` gives all results of the folder "
        "the form and the keys that they have now, and trains nothing again"
    )
