"""The state of a process while a cell works: the same for every executor, and then as it was.

torch's flags, the environment, the folder and the streams belong to the whole process. A cell sets
what its bytes depend on, may change what it likes, and leaves all as it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

import torch

from genbench.errors import StoreError
from genbench.records import files
from genbench.running import worker

WORKSPACE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # read when CUDA starts; cuBLAS repeats itself


@contextmanager
def settled(threads: int | None) -> Iterator[None]:
    """Determinism, float32, the CPU by default, and `threads` of torch, or as many as there are.

    On leaving, all of that, and the environment, the working folder and the streams are as before.
    """
    with ExitStack() as stack:
        for read, write, value in _states(threads):
            before = read()
            stack.callback(write, before)
            write(before if value is None else value)
        yield


def _states(threads: int | None) -> list[tuple[Callable[[], Any], Callable[[Any], Any], Any]]:
    """What belongs to the process: how it is read, how it is set, and to what (None: as it is)."""
    return [
        (torch.get_num_threads, torch.set_num_threads, threads),
        (_determinism, _set_determinism, (True, True)),
        (_fills, _set_fills, False),
        (_measures, _set_measures, False),
        (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        (torch.get_default_device, _set_default_device, torch.device("cpu")),
        (torch.is_grad_enabled, torch.set_grad_enabled, True),
        (lambda: dict(os.environ), _set_environment, {**os.environ, **WORKSPACE}),
        (_folder, _set_folder, None),
        (_streams, _set_streams, None),
    ]


def _determinism() -> tuple[bool, bool]:
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.are_deterministic_algorithms_enabled(), only_warns


def _set_determinism(modes: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(modes[0], warn_only=modes[1])


def _fills() -> bool:
    """Whether every new tensor is filled, which is slow, and nothing reads it."""
    return torch.utils.deterministic.fill_uninitialized_memory  # pyright: ignore[reportAttributeAccessIssue]


def _set_fills(fills: bool) -> None:
    torch.utils.deterministic.fill_uninitialized_memory = fills  # pyright: ignore[reportAttributeAccessIssue]


def _measures() -> bool:
    """Whether cuDNN chooses its algorithms by a stopwatch."""
    return torch.backends.cudnn.benchmark


def _set_measures(measures: bool) -> None:
    torch.backends.cudnn.benchmark = measures


def _set_default_device(device: torch.device) -> None:
    if torch.get_default_device() != device:  # the CPU is none: one that is set costs every call
        torch.set_default_device(None if device.type == "cpu" else device)


def _set_environment(wanted: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update({k: v for k, v in wanted.items() if os.environ.get(k) != v})


def _folder() -> str | None:
    with suppress(FileNotFoundError):  # somebody removed it
        return os.getcwd()
    return None


def _set_folder(folder: str | None) -> None:
    if folder is not None:
        with suppress(OSError):
            os.chdir(folder)


def _streams() -> tuple[Any, Any, Any]:
    return sys.stdin, sys.stdout, sys.stderr


def _set_streams(streams: tuple[Any, Any, Any]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


# --- what a cell prints ---


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """What a cell prints goes to the log at `path`, which is there only if something was printed.

    Of a process that does nothing else: all that it and its children write, and for good, since
    threads that the cell leaves behind may still write. Elsewhere: what goes to `sys.stdout`.
    """
    log = files.open_log(path)
    try:
        if worker.alone():
            _take_over(log)
            yield
        else:
            with redirect_stdout(log):
                yield
    finally:
        _flush()
        log.close()
        with suppress(OSError, StoreError):
            if path.stat().st_size == 0:
                files.remove(path)


def _take_over(log: TextIO) -> None:
    """Lets stdout and stderr of this process, and of its children to come, be the log."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(log.fileno(), number)
        with suppress(AttributeError, ValueError):  # no text stream, or a closed one
            stream.reconfigure(line_buffering=True, errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
