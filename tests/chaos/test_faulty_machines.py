"""A full disk, a folder that may not be written, a clock that jumps, a network that is cut.

A command that meets one ends in an exit code and a sentence. Nothing is torn, and once all is well
the same command ends in the bytes of one that met nothing; what was finished is not done again.
"""

import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import faults
import killing
import pytest
from faults import stricken, struck, told
from killing import Scenario, command, done, moment, plain_writer
from stores import copied

from genbench.errors import SupersededError
from genbench.records import claims, files
from genbench.records.store import Store
from genbench.running import clusters, worker

RUN = "run -m drift -d tiny --metrics parzen --seeds 0,1 --samples 20 --no-references --quiet"
RUN += " --epochs 3 --set drift.pause=0.1 --threads 1 --device cpu --results-dir results"
AT_A_CHECKPOINT = ("half", 2)  # after the probe of the folder
MANY = int(os.environ.get("GENBENCH_FAULTS", "60"))  # strikes of each fault in the slow run


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def one(genbench) -> Scenario:
    """A short run; `genbench` keeps its work in one process."""
    return Scenario(
        "run",
        command(*RUN.split()),
        lambda folder: killing.answers(folder / "results"),
        lambda folder: killing.torn_store(folder / "results"),
    )


COUNTS: dict[str, int] = {}  # events of the run that nothing strikes


@pytest.fixture
def whole(one: Scenario, once: Path, genbench) -> Path:
    """What nothing struck; this process has imported then what its copies need."""
    if not COUNTS:
        assert genbench(*RUN.split()).returncode == 0
        code, counts = done(one.act, once / "whole")
        assert code == 0, killing.said(once / "whole")
        COUNTS.update(counts)
    return once / "whole"


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Small disks, by their numbers."""
    with ExitStack() as mounted:

        def new(number: int) -> Path:
            try:
                return mounted.enter_context(faults.disk(tmp_path / f"disk-{number}"))
            except OSError as error:
                pytest.skip(str(error))

        yield new


def tries(few: int) -> list:
    return [few, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]


def print_codes(codes: list[int]) -> None:
    print({code: codes.count(code) for code in sorted({*codes})}, file=sys.stderr)


@pytest.mark.parametrize("count", tries(1))
def test_a_full_disk_is_told_and_costs_no_more_than_what_was_in_hand(
    count: int, one: Scenario, whole: Path, disks: Callable[[int], Path]
) -> None:
    draw, codes = random.Random(f"disk {count}"), []
    for number in range(count):
        at, pages = moment(COUNTS, draw), draw.randrange(4)
        if number == 0:  # amid the training, when much is still to be written
            at, pages = ("files", COUNTS["files"] // 3), 0
        code, wrong = stricken(one, faults.full(pages), disks(number), whole, at)
        assert not wrong, (at, pages, wrong)
        codes.append(code)
    assert any(codes)  # else no strike was met by a writer
    print_codes(codes)


@pytest.mark.parametrize("count", tries(1))
def test_a_folder_that_may_not_be_written_any_more_is_told_and_nothing_is_lost(
    count: int, one: Scenario, whole: Path, tmp_path: Path
) -> None:
    draw, codes = random.Random(f"permission {count}"), []
    for number in range(count):
        at = moment(COUNTS, draw)
        code, wrong = stricken(one, faults.forbidden(), tmp_path / str(number), whole, at)
        assert not wrong, (at, wrong)
        codes.append(code)
    print_codes(codes)


@pytest.mark.parametrize("count", tries(1))
def test_a_clock_that_jumps_changes_nothing(
    count: int, one: Scenario, whole: Path, tmp_path: Path
) -> None:
    draw = random.Random(f"clock {count}")
    for number in range(count):
        at, years = moment(COUNTS, draw), draw.choice([-30, 30])
        code, wrong = stricken(one, faults.moved(years), tmp_path / str(number), whole, at)
        assert (code, wrong) == (0, []), (at, years)


def test_a_writer_that_is_not_atomic_would_be_caught_on_a_full_disk(
    one: Scenario, whole: Path, disks: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "write_bytes", plain_writer)
    _, wrong = struck(one, faults.full(0), disks(0), AT_A_CHECKPOINT)
    assert any(fault.startswith("torn: ") for fault in wrong)


def test_an_error_that_nobody_puts_into_words_would_be_caught(
    one: Scenario, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Store) -> None:
        raise PermissionError("as the system says it")

    monkeypatch.setattr(Store, "prepare", refuse)
    code, _ = done(one.act, tmp_path / "one")
    assert any("a traceback" in fault for fault in told(code, killing.said(tmp_path / "one")))


def test_a_result_that_hangs_on_the_clock_would_be_caught(
    one: Scenario, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, late = files.write_json, time.time() + 10 * faults.YEAR

    def dated(path: Path, record: Mapping[str, Any], check: files.Check = None) -> None:
        write(path, {**record, **({"late": True} if time.time() > late else {})}, check)

    monkeypatch.setattr(files, "write_json", dated)
    done(one.act, tmp_path / "one", ("any", 1), faults.moved(30).strike)
    assert one.proof(tmp_path / "one").keys() == one.proof(whole).keys()
    assert one.proof(tmp_path / "one") != one.proof(whole)


def test_a_result_that_is_done_twice_would_be_caught(
    one: Scenario, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = faults.finished(copied(whole, tmp_path / "one"))
    monkeypatch.setattr(Store, "__contains__", lambda self, run: False)
    done(one.act, tmp_path / "one")
    now = faults.finished(tmp_path / "one")
    assert now.keys() == before.keys()
    assert not {*now.items()} & {*before.items()}


@pytest.mark.parametrize(("device", "ends"), [("/dev/full", 1), ("/dev/null", 0)])
def test_a_table_that_its_file_has_no_room_for_is_told(
    device: str, ends: int, one: Scenario, whole: Path
) -> None:
    def act(folder: Path) -> None:
        os.dup2(os.open(device, os.O_WRONLY), 1)
        command("table", "--results-dir", "results")(folder)

    code, _ = done(act, whole)
    said = killing.said(whole)
    assert (code, told(code, said)) == (ends, [])
    assert ("Error: cannot print: No space left on device" in said) == bool(ends)


# --- claims, which trust no clock ---


def by_time(folder: Path) -> int:
    """What claims must not do: that which the clock calls the youngest counts."""
    youngest = max(folder.glob(".claim-*"), key=lambda path: path.stat().st_mtime)
    return int(youngest.name.removeprefix(".claim-"))


def stops(folder: Path, own: int) -> bool:
    """Whether a worker with this claim may write no more."""
    try:
        claims.check(folder, own)
    except SupersededError:
        return True
    return False


@pytest.mark.parametrize("years", [-30, 30])
def test_who_began_last_goes_on_whatever_the_clocks_say(
    years: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, seconds in ((1, time.time()), (2, time.time() + years * faults.YEAR)):
        assert files.create(tmp_path / f".claim-{number}")
        os.utime(tmp_path / f".claim-{number}", (seconds, seconds))
    assert stops(tmp_path, 1)
    assert not stops(tmp_path, 2)
    monkeypatch.setattr(claims, "latest", by_time)
    assert stops(tmp_path, 1) is (years > 0)  # so this would be caught


# --- a network that is cut, under Dask ---

DASK = f"{RUN} --executor dask"


@pytest.fixture
def by_dask(one: Scenario, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """The run by a cluster: scheduler, worker and client are threads of a process in a network of
    its own, and speak TCP."""
    distributed = pytest.importorskip("distributed")

    def client(workers: int, resources: Mapping[str, float]) -> Any:
        dask, _ = clusters.packages()
        dask.config.set({**clusters._LOCAL, "distributed.comm.timeouts.tcp": "11s"})
        cluster = distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=None,
        )
        return distributed.Client(cluster, set_as_default=False)

    def act(folder: Path) -> None:
        faults.alone()
        command(*DASK.split())(folder)

    monkeypatch.setattr(clusters, "local_client", client)
    monkeypatch.setattr(clusters, "PATIENCE", 2.0)
    monkeypatch.setattr(worker, "is_daemon", lambda: True)  # it does the job itself
    return replace(one, act=act)


@pytest.fixture
def network() -> None:
    """Skips where a process can have no network of its own."""
    if done(lambda folder: faults.alone(), Path(tempfile.mkdtemp()))[0]:
        pytest.skip("no network of its own can be made here")


@pytest.mark.parametrize("count", tries(1))
@pytest.mark.usefixtures("network")
def test_a_network_that_is_cut_costs_no_cell_that_is_done(
    count: int, by_dask: Scenario, whole: Path, tmp_path: Path
) -> None:
    draw, codes = random.Random(f"network {count}"), []
    for number in range(count):
        at, seconds = ("files", draw.randint(1, COUNTS["files"])), (1.0, 16.0)[number % 2]
        where = tmp_path / str(number)
        code, wrong = stricken(by_dask, faults.cut(seconds), where, whole, at)
        assert not wrong, (at, seconds, wrong)
        codes.append(code)
    print_codes(codes)


@pytest.mark.usefixtures("network")
def test_nothing_gets_through_a_network_that_is_cut(tmp_path: Path) -> None:
    def act(folder: Path) -> None:
        faults.alone()
        with socket.create_server(("127.0.0.1", 0)) as server:
            for state in ("up", "down"):
                faults.link(state)
                try:
                    socket.create_connection(server.getsockname(), timeout=0.2).close()
                    print(state, "through")
                except OSError:
                    print(state, "cut")

    assert done(act, tmp_path / "one")[0] == 0
    assert killing.said(tmp_path / "one") == "up through\ndown cut\n"
