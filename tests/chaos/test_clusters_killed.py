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
import pytest
from machines import Machines
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


# --- a network that is cut ---


@pytest.fixture
def inside() -> Iterator[list[str]]:
    """The words before a command that enter a network of its own, where one can be made."""
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && sleep 900"])
    within = ["nsenter", "--target", str(holder.pid), "--net"]
    for _ in range(100):
        link = subprocess.run([*within, "ip", "link"], capture_output=True, text=True)
        if "state UNKNOWN" in link.stdout and link.stdout.count(": <") == 1:
            break
        if holder.poll() is not None:
            pytest.skip("no network of its own can be made here")
        time.sleep(0.1)
    yield within
    holder.kill()
    holder.wait()


@pytest.mark.parametrize("seed", range(10))
def test_a_network_that_is_cut_costs_no_cell_that_is_done(
    seed: int, whole: Path, inside: list[str], tmp_path: Path, site: Path
) -> None:
    draw, results = random.Random(f"network {seed}"), tmp_path / "results"
    after, seconds = draw.randrange(1, lines(whole)), (1.0, 16.0)[seed % 2]
    before: dict[Path, int] = {}
    for last in (False, True):
        every = Machines(tmp_path, site, inside)
        where = ("--scheduler", str(every.file), "--results-dir", str(results))
        with (tmp_path / "said").open("w+") as said:
            client = subprocess.Popen(
                [*inside, sys.executable, "-m", "genbench.cli", *COMMAND.split(), *where],
                env={**every.env, "CI": "true"},
                stdout=said,
                stderr=said,
            )
            if not last:
                while lines(results) < after and client.poll() is None:
                    time.sleep(0.01)
                before = finished(results)
                for state in ("down", "up"):
                    subprocess.run([*inside, "ip", "link", "set", "lo", state], check=True)
                    time.sleep(seconds)
                assert not killing.torn_store(results)
            code = client.wait(PATIENCE)
        text = (tmp_path / "said").read_text()
        assert code in ((0,) if last else (0, 1)), text
        assert "Traceback" not in text
        every.end()
        every.file.unlink(missing_ok=True)
    now = finished(results)
    assert {path: now[path] for path in before} == before
    assert answers_of(results) == answers_of(whole)
