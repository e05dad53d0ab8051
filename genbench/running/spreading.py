"""A score that is computed in parts: each is kept as soon as it is done, by whichever worker.

A part is named by what its bytes hang on, and is a file of its own. So a score that was stopped
goes on with the parts that are not there yet, and ends in the same bytes by however many workers.
What goes to a worker says where files are; what comes back is read from the part's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import AlteredError, DataError
from genbench.plugins import code
from genbench.precision import float32_products
from genbench.records import files
from genbench.records.run import Run
from genbench.records.standing import roles
from genbench.running import engines
from genbench.running.clusters import LostError
from genbench.running.conditions import settled
from genbench.running.data import Sources
from genbench.running.filed import Filed
from genbench.running.runner import choose_device
from genbench.samples import judging, reading
from genbench.samples.reading import Samples
from genbench.timing import Pace

Kept = tuple[dict[str, Tensor], Any]


@dataclass(frozen=True)
class Part:
    """What of a file's score on a fold is computed, as the metric says it, and where it is kept.

    rows, data: sha256 of the samples, and the dataset's digest.
    """

    of: Filed
    fold: int
    what: Any
    key: str
    place: Path
    rows: str
    data: str


Begun = Callable[[Part], Callable[[], None]]
"""Begins a part, and gives what waits until it is done, or does it then."""


@dataclass(frozen=True)
class Spread:
    """The parts of a file's score by one metric.

    runs: what is asked, by fold. folder: where parts are kept until `drop`. begun: who does them.
    told: is told how many of so many are done, and in how many seconds the others will be, as soon
        as two of them were computed now.
    """

    of: Filed
    runs: Sequence[Run]
    data: str
    folder: Path
    begun: Begun
    told: Callable[[int, int, float | None], None]

    def on(self, fold: int) -> Callable[[Sequence[Any]], Iterator[Kept]]:
        """What a metric is given on a fold, see `protocols.Metric`."""
        return partial(self._parts, fold)

    def drop(self) -> None:
        """Removes all parts: the score is done."""
        files.remove_folder(self.folder)

    def _parts(self, fold: int, whats: Sequence[Any]) -> Iterator[Kept]:
        parts = [self._part(fold, what) for what in whats]
        waits = [None if part.place.exists() else self.begun(part) for part in parts]
        lacking, pace, left = len(waits) - waits.count(None), None, None
        for done_before, (part, wait) in enumerate(zip(parts, waits, strict=True)):
            if wait is not None:
                wait()
                lacking -= 1
                left = pace.left(-lacking, 0) if pace else None
                pace = pace or Pace(-lacking)  # only now: the first began the workers too
            kept = _read(part)
            self.told(done_before + 1, len(parts), left)
            yield kept

    def _part(self, fold: int, what: Any) -> Part:
        run = self.runs[fold]
        where = str(choose_device(self.of.device)), self.of.threads
        key = files.sha256_of_json([run.score_key, code.digests(roles(run)), where, what])
        place = self.folder / f"{key[:32]}.safetensors"
        return Part(self.of, fold, what, key, place, run.parts["model"].digest, self.data)


def suits(metric: type, n_test: int, m: int) -> bool:
    """Whether a metric computes the score of m samples on so many test rows in parts."""
    at_once = getattr(metric, "at_once", None)
    return at_once is not None and (n_test > at_once[0] or m > at_once[1])


def here(sources: Sources, samples: Samples) -> Begun:
    """Who does parts in this process, one after the other."""
    return lambda part: partial(done, part, sources, samples)


def by(executor: Executor) -> Begun:
    """Who hands parts to an executor at once."""
    return lambda part: partial(_waited, executor.submit(done, part), part)


def done(part: Part, sources: Sources | None = None, samples: Samples | None = None) -> None:
    """Computes a part and keeps it; what of it is read already need not be read again.

    Raises DataError where the samples or the dataset are others than when the score was begun.
    """
    of, sources = part.of, sources or Sources(part.of.data_dir)
    source = sources.dataset(of.dataset)
    if samples is None:
        samples = reading.read(of.path, of.dataset, source)
        _check(part, samples, source.digest)
    device = choose_device(of.device)
    with settled(of.threads), float32_products():
        split = sources.split(of.dataset, part.fold).to(device)
        rows = judging.as_given(samples.rows, source, device)
        metric = judging.metric_with(of.metric, of.settings)
        found, note = metric.part(part.what, samples=rows, valid=split.valid, test=split.test)
        arrays = {name: tensor.cpu().numpy() for name, tensor in found.items()}
    files.write_tensors(part.place, arrays, {"key": part.key, "note": note})


def _check(part: Part, samples: Samples, data: str) -> None:
    rows = files.sha256_of_arrays({"rows": np.ascontiguousarray(samples.rows)})
    if rows != part.rows:
        raise DataError(f"{part.of.path} changed while it was scored: score it again")
    if data != part.data:
        raise DataError(f"the files of {part.of.dataset} changed during the score: score again")


def _waited(job: Future[None], part: Part) -> None:
    """Waits for a worker; where it was lost, does the part here."""
    try:
        engines.outcome(job)
    except LostError:
        done(part)


def _read(part: Part) -> Kept:
    """A part that was kept; done here, if somebody who has ended the same score removed it."""
    if not part.place.exists():
        done(part)
    arrays, about = files.read_tensors(part.place)
    if about.get("key") != part.key:
        raise AlteredError(f"{part.place} holds another part: delete it and score again")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, about["note"]
