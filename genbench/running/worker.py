"""A process that does one job: its group, what it sends back, and its end.

Whatever a job starts belongs to the process group of its worker, and ends with it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import psutil
import torch

UNGUARDED = 86  # how a worker exits that would have done the whole work again


class Outcome(NamedTuple):
    """What became of a job: its value, or what it raised; the threads that it left running.

    children: its processes, each by its number and when it began: once the worker is gone, those in
        sessions of their own cannot be found any more.
    """

    value: Any
    error: BaseException | None
    threads: list[str]
    children: list[tuple[int, float]]


def alone() -> bool:
    """Whether this process does one job and nothing else, so that all of it is that job's."""
    spawned = multiprocessing.parent_process() is not None
    return spawned and (os.name == "nt" or os.getpgid(0) == os.getpid())


def is_daemon() -> bool:
    """Whether this process may start none of its own."""
    return multiprocessing.current_process().daemon


def refuse_import() -> None:
    """Ends this process if it is a worker that only just imports the script that started it.

    A script that starts work when it is imported would start it again in every worker.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)  # a server of forks would take SystemExit for a crash


def packed(fn: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any]) -> bytes:
    """A call, as `serve` takes it."""
    return pickle.dumps((fn, args, kwargs))


def serve(
    answers: Connection,
    environ: Mapping[str, str],
    threads: int | None,
    job: bytes,
) -> None:
    """Does one job in this environment and sends its outcome.

    job: what `packed` gives. To read it may import for long, and no worker may outlive its parent
    meanwhile, so that comes after `_begin`.
    """
    os.environ.clear()  # of the process that it is a copy of
    os.environ.update(environ)
    _begin(threads)
    value, error = None, None
    try:
        fn, args, kwargs = pickle.loads(job)
        value = fn(*args, **kwargs)
    except BaseException as raised:  # also SystemExit: a job ends itself, not who asked for it
        error = raised
    left = [t.name for t in threading.enumerate() if not (t.daemon or t is threading.main_thread())]
    below = _children()
    try:
        answers.send(Outcome(value, error, left, below))
    except Exception as unsendable:  # pickle raises whatever the object's own methods raise
        name = type(error or value).__name__
        reason = RuntimeError(f"{name} cannot be sent: {type(unsendable).__name__}")
        answers.send(Outcome(None, reason, left, below))


def _children() -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it just ended
            found.append((process.pid, process.create_time()))
    return found


def still(children: Iterable[tuple[int, float]]) -> set[psutil.Process]:
    """Which of the children of an outcome still run."""
    found: set[psutil.Process] = set()
    for pid, began in children:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            found |= {process} if process.create_time() == began else set()
    return living(found)


def _begin(threads: int | None) -> None:
    """What a worker does first: a group of its own, no life without its parent, quiet."""
    if os.name != "nt":
        os.setpgid(0, 0)
        for name in ("SIGTTIN", "SIGTTOU"):  # a job that asks the terminal fails, and never stops
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    with suppress(OSError):  # stderr may be closed
        os.dup2(2, 1)  # stdout is the parent's alone
    warnings.simplefilter("ignore", UserWarning)  # about data: the parent has shown them
    if threads:
        torch.set_num_threads(threads)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        kill(os.getpid(), family(os.getpid()))
        os._exit(1)  # where there are no groups


# --- the family of a worker: what can be said of it from outside ---


def family(pid: int) -> set[psutil.Process]:
    """What lives of a worker: itself, its children, their children, and the rest of its group.

    Children that made themselves a session of their own are found as long as the worker lives.
    """
    found: set[psutil.Process] = set()
    with suppress(psutil.Error):
        worker = psutil.Process(pid)
        found |= {worker, *worker.children(recursive=True)}
    if _has_group(pid):
        found |= {process for process in psutil.process_iter() if _group(process) == pid}
    return living(found)


def living(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """Those that still run; a zombie does not, and nobody can kill it."""
    return {process for process in processes if _lives(process)}


def kill(pid: int, known: Iterable[psutil.Process]) -> None:
    """Ends the group of a worker, and those known of its family, at once."""
    for process in known:
        if process.pid != os.getpid():
            with suppress(psutil.Error):
                process.kill()
    if _has_group(pid):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _has_group(pid: int) -> bool:
    """Whether there is anybody in the group of a worker."""
    if os.name == "nt":
        return False
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):  # the second: macOS, of a group of zombies
        return False
    return True


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except OSError:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
