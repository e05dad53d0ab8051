"""Whatever is raised -> the failed result of a run; and what is no failure but an interrupt."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path

from genbench.errors import plain, reason
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running import provenance, worker
from genbench.running.work import owners


def is_interrupt(error: BaseException) -> bool:
    """Whether somebody wants the command to end, so that no run has failed.

    Python raises Ctrl-C and SIGTERM in the main thread of the command's process. Workers ignore
    Ctrl-C, and SIGTERM kills them. So a KeyboardInterrupt anywhere else is a model's own; one that
    a model raises in the command's main thread cannot be told from Ctrl-C, and ends the command.
    """
    in_main = threading.current_thread() is threading.main_thread() and not worker.alone()
    return isinstance(error, KeyboardInterrupt) and in_main


def fail(store: Store, run: Run, error: BaseException, seconds: float | None) -> None:
    """Records that a run failed, why, where (by file name, not by path) and after how long."""
    record = {
        **provenance.machine(),
        **owners(run),
        "seconds": {"until_failure": seconds},
        "traceback": places(error),
    }
    store.put(Result(run, "failed", error=reason(error)), record)


def places(error: BaseException) -> list[str]:
    """Where an exception was raised, outermost call first; empty where that cannot be told."""
    try:
        frames = [(f.f_code, line) for f, line in traceback.walk_tb(error.__traceback__)]
    except Exception:  # a stranger's exception may have made an attribute of its own of it
        return []
    names = [(Path(code.co_filename).name, line, code.co_name) for code, line in frames]
    return [plain(f"{file}:{line} in {name}") for file, line, name in names]
