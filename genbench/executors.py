"""Which `concurrent.futures.Executor` does the work."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch


class Spawned(Executor):
    """`workers` spawned processes on this machine, each a pool of its own.

    A worker that dies breaks only the job it was doing: that job's future raises
    BrokenProcessPool, and a new process takes the place.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self._threads = threads
        self._callers = ThreadPoolExecutor(workers)
        self._idle: queue.SimpleQueue[ProcessPoolExecutor] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put(self._new())

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            1, mp_context=context, initializer=_begin, initargs=(self._threads,)
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs `fn` in the next free process."""
        return self._callers.submit(self._call, fn, *args, **kwargs)

    def _call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        pool = self._idle.get()
        try:
            return pool.submit(fn, *args, **kwargs).result()
        except BrokenProcessPool:
            pool.shutdown(wait=False)
            pool = self._new()
            raise
        finally:
            self._idle.put(pool)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes once their jobs are done, or at once with `cancel_futures`."""
        self._callers.shutdown(wait=False, cancel_futures=cancel_futures)
        if cancel_futures:
            for process in multiprocessing.active_children():
                process.kill()
        self._callers.shutdown(wait=wait)
        while not self._idle.empty():
            self._idle.get().shutdown(wait=wait)


def _begin(threads: int) -> None:
    """What a fresh worker does first: its share of threads, and no life without its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    warnings.simplefilter("ignore", UserWarning)  # about data: the parent has shown them
    torch.set_num_threads(threads)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
