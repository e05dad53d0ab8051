"""Runs -> results: one training at a time, on one device, failures recorded."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from genbench.errors import ModelError, StoreError, UsageError
from genbench.precision import float32_products
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running import provenance
from genbench.running.plan import by_training, pending
from genbench.running.work import Work, registered_by
from genbench.timing import Clock, timed


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
        "registered_by": registered_by(run),
        "seconds": {"until_failure": seconds},
        "traceback": where,
    }
    store.put(Result(run, "failed", error=message), record)


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
