"""Which `concurrent.futures.Executor` does the work."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil

from genbench.errors import UsageError
from genbench.running import worker

GRACE = 5.0  # seconds that a job which is done may take to end its threads and processes
_POLL = 0.1


class Serial(Executor):
    """Does a job in this process, where it is submitted. Ctrl-C ends what is submitting."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as every executor does: the future has it
            future.set_exception(error)
        return future


@dataclass
class _Job:
    """A call, and what was still there of it when its time was over."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    left_behind: list[str] = field(default_factory=list)


class Spawned(Executor):
    """At most `workers` processes at a time on this machine, a fresh one for every job.

    Each leads a process group of its own, which is ended with the job: memory, a faulty GPU
    context, global state, threads and children of a job end with it. A process that dies breaks
    only its own job, whose future raises BrokenProcessPool. A future's `left_behind` names what
    a job did not end itself.
    """

    def __init__(self, workers: int, threads: int | None = None) -> None:
        self._threads = threads
        self._callers = ThreadPoolExecutor(workers)
        self._processes: set[Any] = set()
        self._lock = threading.Lock()  # between a start and the end of all
        self._stopping = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs `fn` in a process of its own as soon as there is room."""
        job = _Job(fn, args, kwargs)
        future = self._callers.submit(self._call, job)
        future.left_behind = job.left_behind  # pyright: ignore[reportAttributeAccessIssue]
        return future

    def _call(self, job: _Job) -> Any:
        receiver, process = self._start(job)
        threads: list[str] = []
        children: list[tuple[int, float]] = []
        try:
            outcome = _outcome(receiver, process)
            threads, children = outcome.threads, outcome.children
        finally:
            job.left_behind += _ended(process, threads, children)
            receiver.close()
            with self._lock:
                self._processes.discard(process)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def _start(self, job: _Job) -> tuple[Connection, Any]:
        """A process at work on a job, and the connection on which it answers."""
        context = _context()
        receiver, sender = context.Pipe(duplex=False)
        packed = worker.packed(job.fn, job.args, job.kwargs)
        given = (sender, dict(os.environ), self._threads, packed)
        process = context.Process(target=worker.serve, args=given)
        with self._lock:
            if self._stopping:
                raise CancelledError
            process.start()
            self._processes.add(process)
        sender.close()  # else nobody would notice that the process has closed its own
        return receiver, process

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends once the jobs are done, or, with `cancel_futures`, kills them."""
        self._callers.shutdown(wait=False, cancel_futures=cancel_futures)
        if cancel_futures:
            with self._lock:
                self._stopping = True
                for process in self._processes:
                    _kill(process, worker.family(process.pid))
        self._callers.shutdown(wait=wait)


KINDS: dict[str, Callable[[int, int | None], Executor]] = {
    "serial": lambda workers, threads: Serial(),
    "spawned": Spawned,
    "threads": lambda workers, threads: ThreadPoolExecutor(workers),
}


def _context() -> Any:
    """What starts a fresh process: on Linux, as a copy of one that does nothing but import torch.

    To import torch takes 2 s of a core, which else each job would pay.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch"])
    return context


def _outcome(receiver: Connection, process: Any) -> worker.Outcome:
    """What a process answers; raises BrokenProcessPool where it dies before."""
    while not receiver.poll() and process.is_alive():
        # for a second at most: the forked children of a dead process keep its connections open
        wait([receiver, process.sentinel], timeout=1.0)
    try:
        if receiver.poll():
            return receiver.recv()
    except EOFError:  # it died
        pass
    process.join(GRACE)
    if process.exitcode == worker.UNGUARDED:
        raise UsageError(
            "the script starts its work whenever it is imported, and each worker imports it: put "
            'the calls under `if __name__ == "__main__":`, or leave executor="serial"'
        )
    raise BrokenProcessPool("the worker process died")


def _ended(process: Any, threads: list[str], children: list[tuple[int, float]]) -> list[str]:
    """Ends a process and its family; names what of it was still there after the grace."""
    known = worker.family(process.pid) | worker.still(children)
    process.join(GRACE)
    polls = 0 if process.is_alive() else round(GRACE / _POLL)  # its children have their own
    while (left := worker.living(known | worker.family(process.pid))) and polls > 0:
        time.sleep(_POLL)
        polls -= 1
    names = [name for one in left for name in _names(one, process.pid, threads)]
    _kill(process, left)
    process.join()
    psutil.wait_procs(left, timeout=GRACE)  # a killed process takes its time to be gone
    return sorted(names)


def _names(left: psutil.Process, pid: int, threads: list[str]) -> list[str]:
    """What is said of a process that is left: of the worker's own, why it is still there."""
    if left.pid == pid:
        return [f"thread {name}" for name in threads] or ["its own process, which did not exit"]
    with suppress(psutil.Error):
        return [f"process {left.name()}"]
    return ["a process"]


def _kill(process: Any, family: Iterable[psutil.Process]) -> None:
    worker.kill(process.pid, family)
    process.kill()  # it may not have come so far as to lead a group
