"""Whenever a command is killed, the same command goes on to the bytes of one that was not.

A command and its workers are killed by SIGKILL, after a seeded number of the events that their
trainings log and a seeded fraction of a second more: between epochs, while samples are drawn, and
between scores. Two or three commands that work in one folder at once do each thing once.
"""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from stores import answers_of

from genbench.records.store import Store

KILLS, TOGETHER = 20, 50  # of which the first few are always made
COMMAND = "run -m drift,walk -d tiny --preset selected --metrics parzen,nearness --sample-sets 3"
COMMAND += " --samples 20 --set drift.pause=0.02 --set walk.spread=0.2 --no-references --quiet"
COMMAND += " --workers 2 --threads 1 --device cpu"
MODELS, SCORES = 2, 2 * 2 * 3 * 2  # models, folds, sets, metrics


def seeds(most: int, always: int) -> list:
    every = range(most)
    return [*every[:always], *(pytest.param(n, marks=pytest.mark.slow) for n in every[always:])]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def whole(once: Path, genbench) -> Path:
    """The results of the command that nobody interrupts."""
    if not (once / "results").exists():
        ended = genbench(*COMMAND.split(), "--results-dir", str(once / "results"))
        assert ended.returncode == 0, ended.stderr
    return once / "results"


def events_of(results: Path) -> list[dict]:
    """What all trainings in a folder have logged, whichever of their keys."""
    logs = {result.run.fit_key: result.run for result in Store(results)}
    return [event for run in logs.values() for event in Store(results).events(run)]


def logged(results: Path) -> int:
    """How many lines there are in the logs of a folder."""
    return sum(path.read_bytes().count(b"\n") for path in results.rglob("events.jsonl"))


def killed(process: subprocess.Popen, results: Path, lines: int, delay: float) -> None:
    """Kills a command with its workers once they have logged so many lines, and a little later."""
    while process.poll() is None and logged(results) < lines:
        time.sleep(0.001)
    time.sleep(delay)
    workers = children(process.pid)  # each leads a group of its own
    os.killpg(process.pid, signal.SIGKILL)
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
    process.communicate()


def children(pid: int) -> list[psutil.Process]:
    """The processes that a process started, and theirs; none if it has ended."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def moment(seed: int, lines: int) -> tuple[int, float]:
    """After how many lines and seconds the kill of a seed comes, spread over the whole work."""
    draw = random.Random(seed)
    part = (7 * seed % KILLS + draw.random()) / KILLS
    return 1 + int(part * lines), 0.03 * draw.random()


@pytest.mark.parametrize("seed", seeds(KILLS, always=4))
def test_a_killed_command_goes_on_to_the_bytes_of_an_uninterrupted_one(
    seed: int, whole: Path, tmp_path: Path, cold_command, genbench
) -> None:
    folder = tmp_path / "results"
    words = [*COMMAND.split(), "--results-dir", str(folder)]
    killed(cold_command(*words), folder, *moment(seed, logged(whole)))
    left = len(list(folder.rglob("result.json")))
    assert left < SCORES  # it was killed amid its work
    ended = genbench(*words)
    assert ended.returncode == 0, ended.stderr
    assert answers_of(folder) == answers_of(whole)
    assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]
    assert {path.name for path in folder.rglob("*.safetensors")} == {"weights.safetensors"}
    assert genbench("verify", "all", "--results-dir", str(folder)).returncode == 0


@pytest.mark.slow
def test_a_command_that_is_killed_again_and_again_comes_to_the_same_end(
    whole: Path, tmp_path: Path, cold_command, genbench
) -> None:
    folder, draw = tmp_path / "results", random.Random(0)
    words = [*COMMAND.split(), "--results-dir", str(folder)]
    for _ in range(5):
        further = 1 + draw.randrange(logged(whole) // 6)
        killed(cold_command(*words), folder, logged(folder) + further, 0.03 * draw.random())
    assert genbench(*words).returncode == 0
    assert answers_of(folder) == answers_of(whole)


def test_the_kills_are_spread_over_the_whole_work(whole: Path) -> None:
    lines = logged(whole)
    tenths = {10 * moment(seed, lines)[0] // (lines + 1) for seed in range(KILLS)}
    assert tenths == {*range(10)}


@pytest.mark.parametrize("seed", seeds(TOGETHER, always=2))
def test_commands_at_once_in_one_folder_do_each_thing_once(
    seed: int, whole: Path, tmp_path: Path, command
) -> None:
    folder, draw = tmp_path / "results", random.Random(seed)
    words = [*COMMAND.split(), "--results-dir", str(folder)]
    together = []
    for number in range(2 + seed % 2):
        time.sleep(2 * draw.random() if number else 0.0)
        together.append(command(*words))
    for process in together:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert answers_of(folder) == answers_of(whole)
    done = Counter(event.get("stage", "epoch") for event in events_of(folder))
    assert done == Counter(event.get("stage", "epoch") for event in events_of(whole))
    assert done["fit"] == MODELS
    assert done["score"] == SCORES
