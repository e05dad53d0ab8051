"""Runs -> results: one training at a time, on one device, failures recorded."""

from __future__ import annotations

import math
import traceback
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from genbench import provenance
from genbench.errors import ModelError, StoreError, UsageError
from genbench.plan import by_training, pending
from genbench.precision import float32_products
from genbench.run import Run, answer
from genbench.stages import Work, about
from genbench.store import Store
from genbench.timing import Clock, timed

BATCH = 500  # rows that stand for an epoch of a model whose recipe has no batch


@dataclass(frozen=True)
class Environment:
    """Where and on what runs are executed; nothing in it changes a key.

    workers: how many trainings there can be at a time, None if nobody knows; recorded, since they
        slow each other.
    """

    results_dir: Path
    data_dir: Path
    device: str = "auto"
    rerun: bool = False
    workers: int | None = None


def choose_device(name: str) -> torch.device:
    """`auto` is the first GPU, or the CPU; raises UsageError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"device must be auto, cpu, cuda or cuda:i, got {name!r}")
    there = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= there:
        raise UsageError(f"device {name!r} is not there: torch sees {there} CUDA devices")
    return device


def execute(runs: Sequence[Run], environment: Environment) -> list[str]:
    """Trains, samples and scores runs that share one training; returns their keys.

    What the store holds is not done again. An exception becomes the failed result of the runs it
    kept from being done; the others go on. Raises StoreError where nothing can be kept.
    """
    store = Store(environment.results_dir)
    device = choose_device(environment.device)
    with store.lock(runs[0]), float32_products():
        todo = pending(runs, store, environment.rerun)
        for run in todo:
            store.sweep(run)
        known = environment.rerun, environment.workers
        work = Work(runs[0], store, environment.data_dir, device, *known)
        for run in todo:
            clock = Clock()
            try:
                with timed(device, clock):
                    work.score(run)
            except StoreError:
                raise
            except Exception as error:  # whatever a model raises is this run's result
                fail(store, run, error, clock.seconds)
    return [run.score_key for run in runs]


def fail(store: Store, run: Run, error: BaseException, seconds: float | None) -> None:
    """Records that a run failed, why, where (by file name, not by path) and after how long."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(f.filename).name}:{f.lineno} in {f.name}" for f in frames]
    message = f"{type(error).__name__}: {error}"
    record = {
        **provenance.machine(),
        **about(run),
        "seconds": {"until_failure": seconds},
        "traceback": where,
    }
    store.put(run, answer(run, "failed", error=message), record)


def submit_all(
    runs: Sequence[Run], environment: Environment, executor: Executor
) -> dict[Future[list[str]], list[Run]]:
    """Hands each training, with all that hangs on it, to the executor; results go to the store."""
    groups = by_training(runs)
    known = environment.workers
    fewer = replace(environment, workers=min(known, len(groups)) if known else None)
    return {executor.submit(execute, group, fewer): group for group in groups}


def settle(future: Future[list[str]], group: Sequence[Run], environment: Environment) -> None:
    """Records the runs of a worker that died as failed; raises what else went wrong in it."""
    try:
        future.result()
    except BrokenProcessPool:
        store = Store(environment.results_dir)
        death = ModelError(
            "the worker process died (killed, out of memory, or a crash in native code); "
            "the same command goes on from the last finished epoch"
        )
        with store.lock(group[0]):
            for run in pending(group, store):
                fail(store, run, death, None)


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
