"""What a training would take, projected from one timed batch."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from genbench.precision import float32_products
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running import training
from genbench.running.bench import Bench
from genbench.running.data import Sources
from genbench.timing import Clock

BATCH = 500  # rows that stand for an epoch of a model whose recipe has no batch


def projected(run: Run, store: Store, data_dir: Path, device: torch.device) -> tuple[float, int]:
    """Projected seconds of a run's training, from one timed batch, and its epochs.

    Nothing where the store holds the weights. Writes nothing; sampling and scoring are not in it.
    The batch is of the first epoch: a stack's later layers are taken to cost what its first does.
    """
    if store.weights(run) is not None:
        return 0.0, 0
    bench, clock, epoch = Bench(run, store, Sources(data_dir), device), Clock(), None
    split = bench.split(run.data.fold)
    train = bench.rows_of_training(split)[0]
    rows = len(train) + (len(split.valid) if run.uses_validation else 0)
    batch = train[: run.hyperparameters.get("batch", BATCH)]
    with float32_products():
        for _ in range(2):  # the first time also warms up
            model = bench.build()
            epoch = next(training.epochs(model, batch, train[:0], bench.stream, clock=clock), None)
    epochs = epoch.total if epoch else 0
    batches = math.ceil(rows / len(batch))
    most = run.hyperparameters.get("max_updates") or batches
    return clock.seconds * min(batches, most) * epochs, epochs
