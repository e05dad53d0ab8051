"""Which `concurrent.futures.Executor` does the work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import torch


class Spawned(Executor):
    """At most `workers` processes at a time on this machine, a fresh one for every job.

    A process that dies breaks only its own job, whose future raises BrokenProcessPool; memory, a
    faulty GPU context and global state end with the job.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self._threads = threads
        self._stopping = False
        self._callers = ThreadPoolExecutor(workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs `fn` in a process of its own as soon as there is room."""
        return self._callers.submit(self._call, fn, *args, **kwargs)

    def _call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            1, mp_context=context, initializer=_begin, initargs=(self._threads,)
        ) as pool:
            future = pool.submit(fn, *args, **kwargs)
            if self._stopping:  # the process came to life just after the others were killed
                _kill_children()
            return future.result()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends once the jobs are done, or, with `cancel_futures`, kills them."""
        self._callers.shutdown(wait=False, cancel_futures=cancel_futures)
        if cancel_futures:
            self._stopping = True
            _kill_children()
        self._callers.shutdown(wait=wait)


def _kill_children() -> None:
    for process in multiprocessing.active_children():
        process.kill()


def _begin(threads: int) -> None:
    """What a worker does first: determinism, its share of threads, no life without its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    warnings.simplefilter("ignore", UserWarning)  # about data: the parent has shown them
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    torch.use_deterministic_algorithms(True, warn_only=True)
    # else every new tensor is filled, which is slow, and nothing reads it
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    torch.set_num_threads(threads)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
