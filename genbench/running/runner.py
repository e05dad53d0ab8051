"""Runs -> results: one training at a time, on one device, failures recorded."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from genbench.errors import ModelError, StoreError, SupersededError, UsageError
from genbench.precision import float32_products
from genbench.protocols import Unmet
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.records.stores import Stores
from genbench.running.conditions import logged, settled
from genbench.running.failures import fail, is_interrupt
from genbench.running.plan import by_training, pending
from genbench.running.work import Work
from genbench.timing import Clock, timed

DEATH = (
    "the worker process died (killed, out of memory, or a crash in native code); "
    "the same command goes on from the last finished epoch"
)
_DEATHS = (BrokenExecutor, BrokenProcessPool)  # of processes of this machine
_ALONE = threading.Lock()  # torch's generators and flags belong to the process


@dataclass(frozen=True)
class Environment:
    """Where and on what runs are executed; nothing in it changes a key.

    Folders are made absolute: a model may change the working folder. workers: how many trainings
    there can be at a time, None if nobody knows; recorded, since they slow each other. threads:
    how many torch uses, None for as many as the process uses anyway. beside: folders of results
    that are read, and not written. grids: after how many epochs a picture of samples is kept.
    shared: whether other machines write the results folder too.
    """

    results_dir: Path
    data_dir: Path
    device: str = "auto"
    rerun: bool = False
    workers: int | None = None
    threads: int | None = None
    beside: tuple[Path, ...] = ()
    grids: int = 0
    shared: bool = False

    def __post_init__(self) -> None:
        for name in ("results_dir", "data_dir"):
            path = Path(os.path.abspath(getattr(self, name)))
            object.__setattr__(self, name, path)  # the one way into a frozen dataclass
        beside = tuple(Path(os.path.abspath(path)) for path in self.beside)
        object.__setattr__(self, "beside", beside)

    @property
    def store(self) -> Store:
        """What is written to, with what is read beside it."""
        return Stores([self.results_dir, *self.beside])


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
    kept from being done; the others go on. What is printed goes to the training's log. One call
    works at a time in a process, which afterwards is as it was. Raises StoreError where nothing
    can be kept.
    """
    first, store = runs[0], environment.store
    device = choose_device(environment.device)
    with (
        store.lock(first, environment.shared),
        _ALONE,
        logged(store.output(first)),
        settled(environment.threads),
        float32_products(),
    ):
        todo = pending(runs, store, environment.rerun)
        for run in todo:
            store.sweep(run)
        known = environment.rerun, environment.workers, environment.grids
        work = Work(first, store, environment.data_dir, device, *known)
        for run in todo:
            _attempt(run, work, store, device)
    return [run.score_key for run in runs]


def _attempt(run: Run, work: Work, store: Store, device: torch.device) -> None:
    """Does one run; what its parts raise is its result."""
    clock = Clock()
    if run.unmet:
        store.put(Result(run, "unmet", error=run.unmet), {})
        return
    try:
        with timed(device, clock):
            work.score(run)
    except StoreError:
        raise
    except Unmet as lack:
        store.put(Result(run, "unmet", error=f"{run.metric} of {run.model}: {lack}"), {})
    except BaseException as error:  # a model may also raise SystemExit, or its own
        if is_interrupt(error):
            raise
        fail(store, run, error, clock.seconds)


# --- many trainings ---


def submit_all(
    runs: Sequence[Run], environment: Environment, executor: Executor
) -> dict[Future[list[str]], list[Run]]:
    """Hands each training, with all that hangs on it, to the executor; results go to the store."""
    groups = by_training(runs)
    known = environment.workers
    fewer = replace(environment, workers=min(known, len(groups)) if known else None)
    return {executor.submit(execute, group, fewer): group for group in groups}


def settle(future: Future[list[str]], group: Sequence[Run], environment: Environment) -> None:
    """Records what an executor says of a training: a failure, and what its process left behind.

    Nothing is recorded of one that another worker has taken over, or that a lost one still works
    on: it is done by that, or by the same command again. Raises StoreError and UsageError, which
    are of no one training.
    """
    store, shared = environment.store, environment.shared
    left = getattr(future, "left_behind", [])
    if left:
        with store.lock(group[0], shared):
            store.log(group[0], {"stage": "end", "left_behind": left})
    error = CancelledError() if future.cancelled() else future.exception()
    if isinstance(error, SupersededError) or (error and shared and store.is_busy(group[0])):
        return
    if isinstance(error, (StoreError, UsageError)):
        raise error
    if error is not None:
        told = ModelError(DEATH) if type(error) in _DEATHS else error
        with store.lock(group[0], shared):
            for run in pending(group, store):
                fail(store, run, told, None)
