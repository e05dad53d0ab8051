"""What a training would take, projected from a timed piece of it."""

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
from genbench.running import selecting, training
from genbench.running.bench import Bench
from genbench.running.data import Sources
from genbench.running.plan import by_training, must_train, pending
from genbench.running.runner import Environment, choose_device
from genbench.timing import Clock

_UNKNOWN = (GenbenchError, RuntimeError, ValueError, TypeError, LookupError)
ROWS = 4000  # that stand for an epoch of a model whose recipe has no batch
BATCHES = 3  # that stand for an epoch of one whose recipe has
ENOUGH = 0.05  # seconds: of a shorter epoch, what else the machine does may be the most
REPEATS, LONG = 4, 0.2  # epochs of a piece that are timed; fewer where they are so many seconds
STEEPEST = 3.0  # power of the rows: two epochs on a busy machine prove no more


@dataclass(frozen=True)
class Cost:
    """What is left of one training and its scores: how many scores, of how many, and the training.

    fold: the one that the training is for, None where it is for all that the data have.
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
    fold: int | None = None


def costs(
    runs: Sequence[Run], environment: Environment, sources: Sources | None = None
) -> Iterator[Cost]:
    """The cost of each training of a plan, in its order; trains nothing but a piece of each.

    sources: of the same folder, which remember the data from one plan to the next.
    """
    store, device = environment.store, choose_device(environment.device)
    sources = sources or Sources(environment.data_dir)  # read once for all
    for group in by_training(runs):
        first, left = group[0], pending(group, store, environment.rerun)
        empty = bool(left) and all(run.unmet for run in left)
        single = len({run.data.fold for run in group}) < first.data.folds
        fold = first.data.fold if single else None
        cost = Cost(first, len(left), len(group), empty=empty, fold=fold)
        if must_train(left, store, environment.rerun):
            try:
                seconds, epochs = projected(first, store, sources, device)
            except _UNKNOWN as error:
                yield replace(cost, unknown=f"{type(error).__name__}: {error}")
                continue
            cost = replace(cost, seconds=seconds, epochs=epochs)
        yield cost


def untrained(runs: Sequence[Run], store: Store) -> list[list[Run]]:
    """Runs that share one training, together, where that must still be made for some of them."""
    groups = by_training([run for run in pending(runs, store) if not run.unmet])
    return [group for group in groups if must_train(group, store)]


def projected(run: Run, store: Store, sources: Sources, device: torch.device) -> tuple[float, int]:
    """Projected seconds of what is left to train, from a timed piece of an epoch; its epochs.

    Writes nothing; sampling and scoring are not in it. The piece is of the first two epochs: a
    stack's later layers are taken to cost what its first does.
    """
    bench = Bench(run, store, sources, device)
    seconds, epochs = _whole(bench)
    stopped = store.checkpoint(run)
    note = {"done": 0, "seconds": 0.0, "curve": []}
    if stopped and training.may_go_on(bench, stopped[1]):
        note = stopped[1]
    ended = selecting.rises_no_more(note["curve"], run.selection)
    left = 0 if ended else max(0, epochs - note["done"])
    most = 60 * run.minutes - note["seconds"] if run.minutes else math.inf
    return min(seconds * left / max(1, epochs), max(0.0, most)), left


def _whole(bench: Bench) -> tuple[float, int]:
    """Of a training from its first epoch."""
    run, split = bench.run, bench.split(bench.run.data.fold)
    train = bench.rows_of_training(split)[0]
    rows = len(train) + (len(split.valid) if run.uses_validation else 0)
    labels, size = _labels(bench), run.hyperparameters.get("batch")
    if size is None:
        return _of_whole_epochs(bench, train, labels, rows)
    few, _, seconds, epochs = _enough(bench, train, labels, BATCHES * size)
    most = run.hyperparameters.get("max_updates") or math.inf
    timed = min(math.ceil(len(few) / size), most)
    return seconds / timed * min(math.ceil(rows / min(size, len(train))), most) * epochs, epochs


def _labels(bench: Bench) -> Tensor | None:
    """Those that `fit` is given."""
    reads = "labels" in bench.run.fit_reads
    return bench.labels_of_training(bench.split(bench.run.data.fold)) if reads else None


def _told_first(train: Tensor, labels: Tensor | None, n: int) -> tuple[Tensor, Tensor | None]:
    """n rows, those whose label is shown before the others."""
    if labels is None:
        return train[:n], None
    first = (labels < 0).long().argsort(stable=True)[:n]
    return train[first.to(train.device)], labels[first]


def _enough(
    bench: Bench, train: Tensor, labels: Tensor | None, n: int
) -> tuple[Tensor, Tensor | None, float, int]:
    """n rows, or so many more that an epoch of them takes long enough, or all; see `_timed`."""
    while True:
        few, told = _told_first(train, labels, n)
        seconds, epochs = _timed(bench, few, told)
        if seconds >= ENOUGH or n >= len(train):
            return few, told, seconds, epochs
        n *= 2


def _of_whole_epochs(
    bench: Bench, train: Tensor, labels: Tensor | None, rows: int
) -> tuple[float, int]:
    """Of a model that sees all rows at once: as t(rows) = a rows^p, from two numbers of rows."""
    many, told, seconds, epochs = _enough(bench, train, labels, ROWS)
    few, power = many[: len(many) // 2], 1.0
    if len(few) > 0 and len(many) < rows:
        before = _timed(bench, few, told)[0]
        times = seconds / before if before else 1.0
        power = min(max(power, math.log(times) / math.log(len(many) / len(few))), STEEPEST)
    return seconds * (rows / len(many)) ** power * epochs, epochs


def _timed(bench: Bench, rows: Tensor, labels: Tensor | None) -> tuple[float, int]:
    """Seconds of the quickest of several epochs of these rows alone, and how many there would be.

    The first one warms up, and may set up what is done once for all; another may wait for what else
    the machine does. Of a fit that makes fewer epochs it is made again.
    """
    told = None if labels is None else labels[: len(rows)]
    clock, seconds, epochs = Clock(), list[float](), 0
    with float32_products():
        for _ in range(REPEATS):
            for epoch in training.epochs(
                bench.build(), rows, rows[:0], bench.stream, clock=clock, labels=told
            ):
                seconds.append(clock.seconds)
                epochs = epoch.total
                if len(seconds) == REPEATS or (len(seconds) > 1 and sum(seconds) >= LONG):
                    return min(seconds), epochs
    return min(seconds, default=0.0), epochs
