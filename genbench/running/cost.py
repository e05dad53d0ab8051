"""What a training would take, projected from one timed batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genbench.errors import GenbenchError
from genbench.precision import float32_products
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running import training
from genbench.running.bench import Bench
from genbench.running.data import Sources
from genbench.running.plan import by_training, pending
from genbench.running.runner import Environment, choose_device
from genbench.timing import Clock

_UNKNOWN = (GenbenchError, RuntimeError, ValueError, TypeError, LookupError)
ROWS = 2000  # and twice as many stand for an epoch of a model whose recipe has no batch


@dataclass(frozen=True)
class Cost:
    """What is left of one training and its scores: how many scores, of how many, and the training.

    seconds, epochs: of the training, 0 where there is none left; unknown: why these cannot be told.
    empty: whether every score that is left stays empty, so that nothing is trained for them.
    """

    run: Run
    left: int
    scores: int
    seconds: float = 0.0
    epochs: int = 0
    unknown: str = ""
    empty: bool = False


def costs(
    runs: Sequence[Run], environment: Environment, sources: Sources | None = None
) -> Iterator[Cost]:
    """The cost of each training of a plan, in its order; trains nothing but a batch of each.

    sources: of the same folder, which remember the data from one plan to the next.
    """
    store, device = environment.store, choose_device(environment.device)
    sources = sources or Sources(environment.data_dir)  # read once for all
    for group in by_training(runs):
        first, left = group[0], pending(group, store, environment.rerun)
        empty = bool(left) and all(run.unmet for run in left)
        cost = Cost(first, len(left), len(group), empty=empty)
        if left and not empty:
            try:
                seconds, epochs = projected(first, store, sources, device)
            except _UNKNOWN as error:
                yield replace(cost, unknown=f"{type(error).__name__}: {error}")
                continue
            most = 60 * first.minutes if first.minutes else math.inf
            cost = replace(cost, seconds=min(seconds, most), epochs=epochs)
        yield cost


def untrained(runs: Sequence[Run], store: Store) -> list[list[Run]]:
    """Runs that share one training, together, where that must still be made for some of them."""
    groups = by_training([run for run in pending(runs, store) if not run.unmet])
    return [group for group in groups if store.weights(group[0]) is None]


def projected(run: Run, store: Store, sources: Sources, device: torch.device) -> tuple[float, int]:
    """Projected seconds of a run's training, from one timed batch, and its epochs.

    Nothing where the store holds the weights. Writes nothing; sampling and scoring are not in it.
    The batch is of the first epoch: a stack's later layers are taken to cost what its first does.
    """
    if store.weights(run) is not None:
        return 0.0, 0
    bench = Bench(run, store, sources, device)
    split = bench.split(run.data.fold)
    train = bench.rows_of_training(split)[0]
    rows = len(train) + (len(split.valid) if run.uses_validation else 0)
    size = run.hyperparameters.get("batch")
    if size is None:
        return _of_whole_epochs(bench, train, rows)
    seconds, epochs = _timed(bench, train[:size])
    batches = math.ceil(rows / min(size, len(train)))
    most = run.hyperparameters.get("max_updates") or batches
    return seconds * min(batches, most) * epochs, epochs


def _of_whole_epochs(bench: Bench, train: Tensor, rows: int) -> tuple[float, int]:
    """Of a model that sees all rows at once: as t(rows) = a rows^p, from two numbers of rows."""
    few, many = train[:ROWS], train[: 2 * ROWS]
    seconds, epochs = _timed(bench, many)
    power = 1.0
    if len(few) < len(many) < rows:
        before = _timed(bench, few)[0]
        power = max(power, math.log(seconds / before) / math.log(len(many) / len(few)))
    return seconds * (rows / len(many)) ** power * epochs, epochs


def _timed(bench: Bench, batch: Tensor) -> tuple[float, int]:
    """Seconds of a first epoch of these rows alone, and how many epochs there would be."""
    run, clock, epoch = bench.run, Clock(), None
    labels = bench.labels_of_training(bench.split(run.data.fold))
    told = labels[: len(batch)] if labels is not None and "labels" in run.fit_reads else None
    with float32_products():
        for _ in range(2):  # the first time also warms up
            model = bench.build()
            made = training.epochs(model, batch, batch[:0], bench.stream, clock=clock, labels=told)
            epoch = next(made, None)
    return clock.seconds, epoch.total if epoch else 0
