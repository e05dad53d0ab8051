"""A worker, the scheduler or the client of a Dask cluster is killed at any moment of twelve cells.

The table's bytes are those of one process, what was finished is not done again, nothing is torn.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import killing
import psutil
import pytest
from stores import answers_of

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = [
    *(("worker", n) for n in range(40)),
    *((w, n) for w in ("scheduler", "client") for n in range(10)),
]
CELLS = 12
COMMAND = "run -m drift,walk -d tiny --metrics parzen --seeds 0,1,2 --samples 20 --no-references"
COMMAND += " --set drift.pause=0.05 --threads 1 --device cpu --quiet"
PATIENCE = 300  # seconds for a command, on a busy machine


class Machines:
    """A scheduler and its workers, as they would be started by hand."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.file = folder / "scheduler.json"
        self.env = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
        self.env["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "5s"
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
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words],
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


@pytest.fixture
def machines(tmp_path: Path, site: Path) -> Iterator[list[Machines]]:
    every = [Machines(tmp_path, site)]
    yield every
    for one in every:
        one.end()


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def whole(once: Path, genbench) -> Path:
    """The results of one process."""
    if not (once / "results").exists():
        ended = genbench(*COMMAND.split(), "--results-dir", str(once / "results"))
        assert ended.returncode == 0, ended.stderr
    return once / "results"


def lines(results: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in results.rglob("events.jsonl"))


def finished(results: Path) -> dict[Path, int]:
    """Every result, and which file it is: another where it was written again."""
    return {path: path.stat().st_ino for path in results.rglob("result.json")}


def ended(process: subprocess.Popen) -> tuple[int, str]:
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


@pytest.mark.parametrize(("what", "seed"), KILLS)
def test_whoever_is_killed_the_cells_are_those_of_one_process(
    what: str, seed: int, whole: Path, machines: list[Machines], tmp_path: Path, cold_command, site
) -> None:
    draw, results = random.Random(f"{what} {seed}"), tmp_path / "results"
    after, delay = draw.randrange(1, lines(whole)), 0.2 * draw.random()

    def started() -> subprocess.Popen:
        where = ("--scheduler", str(machines[-1].file), "--results-dir", str(results))
        return cold_command(*COMMAND.split(), *where)

    client = started()
    while lines(results) < after and client.poll() is None:
        time.sleep(0.01)
    time.sleep(delay)
    before = finished(results)
    victim = {
        "worker": draw.choice(machines[0].workers),
        "scheduler": machines[0].scheduler,
        "client": client,
    }[what]
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    assert not killing.torn_store(results)
    if what == "worker":
        machines[0].workers.append(machines[0].worker())
    elif what == "scheduler":
        code, said = ended(client)
        assert code in (0, 1), said
        assert "Traceback" not in said
        machines[0].end()
        machines[0].file.unlink(missing_ok=True)
        machines.append(Machines(tmp_path, site))
    if what != "worker":
        client = started()
    code, said = ended(client)
    assert code == 0, said
    now = finished(results)
    assert {path: now[path] for path in before} == before
    assert len(now) == CELLS
    assert answers_of(results) == answers_of(whole)
    assert not list(results.rglob("*.tmp"))
