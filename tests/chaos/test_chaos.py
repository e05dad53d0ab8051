"""Whatever is killed, whenever: nothing is torn, and the same command ends in the same bytes."""

import os
import random
import shutil
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import faults
import killing
import numpy as np
import pytest
from killing import Scenario, command, done, moment, plain_writer, trial
from stores import bytes_of, copied
from tiny_datasets import TinyMNIST, mnist_files, published, write_files

from genbench.datasets import _files
from genbench.errors import GenbenchError
from genbench.records import files

ALWAYS = 2  # kills of each scenario in the fast run
SECONDS = float(os.environ.get("GENBENCH_CHAOS_SECONDS", "1200"))  # of the slow one
RUN = "run -m drift,walk -d tiny --metrics parzen,nearness --samples 20 --no-references --quiet"
RUN += " --set walk.spread=0.2 --threads 1 --device cpu --results-dir results"
SCORE = "score rows.npy -d tiny --metrics parzen --no-references --as flow --source ours --quiet"
SCORE += " --date 2026-11-29 --threads 1 --device cpu --results-dir results"
TABLE, LOCK = "table --results-dir results", "lock --results-dir results"
REPORT = "report --results-dir results --out page.html"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def results(once: Path, genbench) -> Path:
    """The results of a command; afterwards this process has imported what its copies need."""
    if not (once / "results").exists():
        rows(Path())
        for words in (RUN, SCORE, TABLE, LOCK):
            ended = genbench(*words.split())
            assert ended.returncode == 0, ended.stderr
            if words == RUN:
                copied(Path("results"), once / "results")
    return once / "results"


def rows(folder: Path) -> None:
    """Samples that somebody brings."""
    np.save(folder / "rows.npy", np.random.default_rng(0).integers(256, size=(30, 16), dtype="u1"))


@pytest.fixture
def scenarios(results: Path, tmp_path: Path) -> dict[str, Scenario]:
    source = write_files(tmp_path / "source", mnist_files())
    tiny: type[TinyMNIST] = published(mnist_files())

    def store(folder: Path) -> None:
        copied(results, folder / "results")

    def mnist(folder: Path) -> None:
        try:
            _files.import_path(tiny, folder, source)
        except GenbenchError as error:  # as the command does
            sys.exit(f"Error: {error}")

    def half_imported(folder: Path) -> list[str]:
        whole = mnist_files()
        there = {path.name: path for path in (folder / tiny.folder).rglob("*-ubyte*")}
        return [n for n, path in there.items() if n in whole and path.read_bytes() != whole[n]]

    def page(folder: Path) -> list[str]:
        path = folder / "page.html"
        return (
            [] if not path.exists() or path.read_text().rstrip().endswith("</html>") else ["page"]
        )

    def of_results(torn):
        return lambda folder: torn(folder / "results")

    def same(folder: Path) -> dict[str, bytes]:
        return bytes_of(folder / "results")

    def told(folder: Path) -> dict[str, bytes]:
        return {**same(folder), "said": killing.said(folder).encode()}

    def locked(folder: Path) -> dict[str, bytes]:
        return bytes_of(folder / "results")

    def shown(folder: Path) -> dict[str, bytes]:
        return {"is there": bytes((folder / "page.html").exists()), **same(folder)}

    whole_store, whole_lock = of_results(killing.torn_store), of_results(killing.torn_lock)

    def answers(folder: Path) -> Any:
        return killing.answers(folder / "results")

    found = [
        Scenario("run", command(*RUN.split()), answers, whole_store),
        Scenario("score", command(*SCORE.split()), answers, whole_store, rows),
        Scenario("table", command(*TABLE.split()), told, whole_store, store),
        Scenario("lock", command(*LOCK.split()), locked, whole_lock, store),
        Scenario(
            "report",
            command(*REPORT.split()),
            shown,
            page,
            store,
        ),
        Scenario("import", mnist, lambda f: bytes_of(f / tiny.folder), half_imported),
    ]
    return {one.name: one for one in found}


NAMES = ("run", "score", "table", "lock", "import")
REPORTS = pytest.param("report", marks=pytest.mark.slow)  # a page takes seconds
WHOLE: dict[str, dict[str, int]] = {}  # how many events an act has that nobody kills


def uninterrupted(one: Scenario, once: Path) -> tuple[Path, dict[str, int]]:
    folder = once / f"whole-{one.name}"
    if one.name not in WHOLE:
        folder.mkdir()
        one.before(folder)
        code, WHOLE[one.name] = done(one.act, folder)
        assert code == 0, killing.said(folder)
    return folder, WHOLE[one.name]


@pytest.mark.parametrize("name", [*NAMES, REPORTS])
def test_what_is_killed_is_not_torn_and_goes_on_to_the_same_bytes(
    name: str, scenarios: dict[str, Scenario], once: Path, tmp_path: Path
) -> None:
    whole, counts = uninterrupted(scenarios[name], once)
    draw = random.Random(name)
    for number in range(ALWAYS):
        kill = moment(counts, draw)
        _, faults = trial(scenarios[name], tmp_path / str(number), whole, kill)
        assert not faults, (kill, faults)


@pytest.mark.parametrize("name", ["run", "score", "lock", "import", REPORTS])
def test_a_writer_that_is_not_atomic_would_be_caught(
    name: str, scenarios: dict[str, Scenario], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, counts = scenarios[name], {}
    for module in (files, _files):
        monkeypatch.setattr(module, "write_bytes", plain_writer)
    for kill in (None, "the last file"):
        folder = tmp_path / str(kill)
        folder.mkdir()
        one.before(folder)
        _, counts = done(one.act, folder, ("half", counts["half"]) if kill else None)
        assert bool(one.torn(folder)) is bool(kill)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 600)
def test_kills_at_many_moments_of_every_act(
    scenarios: dict[str, Scenario], once: Path, tmp_path: Path
) -> None:
    ends, draw = time.monotonic() + SECONDS, random.Random(1)
    counts: Counter = Counter()
    while time.monotonic() < ends:
        for name, one in scenarios.items():
            whole, events = uninterrupted(one, once)
            kill, folder = moment(events, draw), tmp_path / name / str(counts[name])
            amid, faults = trial(one, folder, whole, kill)
            assert not faults, (name, kill, faults)
            counts[name] += 1
            counts[f"{name}, amid"] += amid
            shutil.rmtree(folder)
    print(dict(counts))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize("name", [*NAMES, "report"])
def test_faults_of_the_machine_at_many_moments_of_every_act(
    name: str, scenarios: dict[str, Scenario], once: Path, tmp_path: Path
) -> None:
    ends, draw, counts = time.monotonic() + SECONDS / 6, random.Random(name), Counter()
    (whole, events), one = uninterrupted(scenarios[name], once), scenarios[name]
    blows = {
        "disk": lambda: faults.full(draw.randrange(4)),
        "permission": faults.forbidden,
        "clock": lambda: faults.moved(draw.choice([-30, 30])),
    }
    while not counts or time.monotonic() < ends:
        for kind, new in blows.items():
            at, folder = moment(events, draw), tmp_path / f"{kind}-{counts[kind]}"
            with faults.disk(folder) if kind == "disk" else nullcontext():
                code, wrong = faults.stricken(one, new(), folder, whole, at)
            assert not wrong, (name, kind, at, wrong)
            counts[kind] += 1
            counts[f"{kind}, told"] += code > 0
            shutil.rmtree(folder)
    print(name, dict(counts))
