"""Dask's scheduler and workers as processes of their own, for tests that kill them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil


class Machines:
    """A scheduler and its workers, as they would be started by hand.

    within: words before each command, such as those that enter a network.
    """

    def __init__(self, folder: Path, site: Path, within: Sequence[str] = ()) -> None:
        self._within = within
        self.file = folder / "scheduler.json"
        self.env = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
        self.env["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "5s"
        if within:  # a network that is cut; the shortest that Dask takes
            self.env["DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP"] = "11s"
        self.log = folder / "machines.log"
        words = "--host 127.0.0.1 --port 0 --no-dashboard --scheduler-file"
        self.scheduler = self._start("scheduler", *words.split(), str(self.file))
        self.workers = [self.worker(), self.worker()]

    def worker(self) -> subprocess.Popen:
        words = "--nthreads 1 --nworkers 1 --no-nanny --no-dashboard --memory-limit 0"
        return self._start("worker", *words.split(), "--scheduler-file", str(self.file))

    def _start(self, kind: str, *words: str) -> subprocess.Popen:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*self._within, sys.executable, "-m", f"distributed.cli.dask_{kind}", *words],
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            kill(process.pid)


def kill(pid: int) -> None:
    """SIGKILL to a process alone: what it started has to notice."""
    try:
        process = psutil.Process(pid)
        process.kill()
        process.wait(60)
    except psutil.NoSuchProcess:
        pass
