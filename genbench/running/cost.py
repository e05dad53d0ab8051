"""What a training would take, projected from one timed batch."""

from __future__ import annotations

import math

import torch

from genbench.precision import float32_products
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running.runner import Environment, choose_device
from genbench.running.work import Work
from genbench.timing import Clock, timed

BATCH = 500  # rows that stand for an epoch of a model whose recipe has no batch


def projected(run: Run, environment: Environment) -> tuple[float, int]:
    """Projected seconds of a run's training, from one timed batch, and its epochs.

    Nothing where the store holds the weights. Writes nothing; sampling and scoring are not in it.
    The batch is of the first epoch: a stack's later layers are taken to cost what its first does.
    """
    store, device = Store(environment.results_dir), choose_device(environment.device)
    if store.weights(run) is not None:
        return 0.0, 0
    with float32_products():
        work = Work(run, store, environment.data_dir, device)
        split = work.split(run.data.fold)
        train = work.rows_of_training(split)[0]
        rows = len(train) + (len(split.valid) if run.uses_validation else 0)
        batch = train[: run.hyperparameters.get("batch", BATCH)]
        clock, epoch = Clock(), None
        for _ in range(2):  # the first time also warms up
            model = work.build()
            with work.seeded("fit", 1), torch.device(device), timed(device, clock):
                epoch = next(model.fit(batch, train[:0]), None)
    epochs = epoch.total if epoch else 0
    batches = math.ceil(rows / len(batch))
    most = run.hyperparameters.get("max_updates") or batches
    return clock.seconds * min(batches, most) * epochs, epochs
