"""Python processes that have torch already: copies of one that imported it and did nothing else.

To import torch takes 2 s of a core, more than most commands do. What is copied holds no module of
the project, so a process reads its code anew; its workers are copies of the same.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch", "torch._dynamo", "scipy.stats"])


@dataclass
class Started:
    """A process at work, and the files to which it writes; what subprocess.Popen can, in short."""

    process: Any
    out: Path
    err: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def send_signal(self, sent: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sent)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.process.join(timeout)
        if self.poll() is None:
            self.process.kill()
            raise subprocess.TimeoutExpired("python", timeout or 0.0)
        return self.out.read_text(), self.err.read_text()


def start(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Started:
    """`python WORDS` in a folder, in a session of its own: `start("-m", "genbench.cli", "list")`.

    env: as of subprocess.Popen.
    """
    said = Path(tempfile.mkdtemp(prefix="said-"))
    started = os.environ if env is None else env
    found = [path for path in sys.path if TESTS not in (Path(path), *Path(path).parents)]
    path = [str(cwd), *started.get("PYTHONPATH", "").split(os.pathsep), *found]
    given = (words, str(cwd), dict(started), list(filter(None, path)), said)
    process = CONTEXT.Process(target=_python, args=given)
    process.start()
    return Started(process, said / "out", said / "err")


def run(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What became of `python WORDS` in a folder."""
    process = start(*words, cwd=cwd, env=env)
    out, err = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode or 0, out, err)


def _python(
    words: tuple[str, ...], cwd: str, env: dict[str, str], path: list[str], said: Path
) -> None:
    os.setsid()
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:] = path
    signal.signal(signal.SIGINT, signal.default_int_handler)  # to which a background job is deaf
    multiprocessing.process._parent_process = None  # it is nobody's worker
    forkserver._forkserver.ensure_running = lambda: None  # of which it is a copy itself
    if words[0] == "-m":
        sys.argv = ["", *words[2:]]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        runpy.run_path(words[0], run_name="__main__")
