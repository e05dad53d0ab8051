"""Dask's workers: the bytes of one process, whichever of them are lost, and clear refusals."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import warm
from test_runner import bytes_of, planned

from genbench.errors import SupersededError, UsageError
from genbench.records.store import Store
from genbench.running import clusters, engines, worker
from genbench.running.driving import work_on
from genbench.running.engines import Engine
from genbench.running.runner import Environment, settle

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.usefixtures("strangers")


@pytest.fixture(scope="module")
def cluster(site: Path) -> Iterator[clusters.Cluster]:
    """Two workers that can import the stranger's package."""
    with pytest.MonkeyPatch.context() as patched:
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
        patched.setenv("PYTHONPATH", path)
        patched.syspath_prepend(str(site))
        executor = engines.open(Engine("dask"), 2, 1)
        yield executor
        executor.shutdown(cancel_futures=True)


def places(folder: Path) -> dict[Path, int]:
    """Every result, and which file it is: another where it was written again."""
    return {path: path.stat().st_ino for path in folder.rglob("result.json")}


def killed(cluster: clusters.Cluster, folder: Path, done: int) -> dict[Path, int]:
    """Kills a worker once so many results are there; what was there then."""
    while len(places(folder)) < done:
        time.sleep(0.01)
    before = places(folder)
    nannies = cluster._client.cluster.workers
    os.kill(next(iter(nannies.values())).pid, signal.SIGKILL)
    return before


def test_dask_gives_the_bytes_of_one_process_though_a_worker_is_killed(
    cluster: clusters.Cluster, tmp_path: Path
) -> None:
    slow = {"drift": {"pause": 0.02}}
    runs = planned(tmp_path, seeds=(0, 1, 2, 3), overrides=slow)
    work_on(runs, Environment(tmp_path / "one", tmp_path, "cpu", False, 1, 1), "serial")
    before: dict[Path, int] = {}
    killer = threading.Thread(
        target=lambda: before.update(killed(cluster, tmp_path / "two", len(runs) // 2))
    )
    killer.start()
    work_on(runs, Environment(tmp_path / "two", tmp_path, "cpu", False, 2, 1), cluster)
    killer.join()
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "one")
    after = places(tmp_path / "two")
    assert {path: after[path] for path in before} == before  # nothing was done twice
    assert len(before) < len(after) == len(runs)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("raises", "RuntimeError"),
        pytest.param("dies", "the worker process died", marks=pytest.mark.slow),  # four times
    ],
)
def test_what_ends_a_model_is_its_own_failed_result(
    model: str, reason: str, cluster: clusters.Cluster, tmp_path: Path
) -> None:
    runs = planned(tmp_path, model)
    work_on(runs, Environment(tmp_path, tmp_path, "cpu", False, 2, 1), cluster)
    found = [Store(tmp_path).result(run) for run in runs]
    assert all(result.status == "failed" and reason in result.error for result in found)


def test_nobody_else_reaches_a_cluster_of_this_machine(cluster: clusters.Cluster) -> None:
    scheduler = cluster._client.cluster.scheduler
    assert scheduler.address.startswith("tcp://127.0.0.1:")
    assert scheduler.http_server.address == "127.0.0.1"
    assert all(info.nthreads == 1 for info in scheduler.workers.values())


def test_a_worker_with_two_task_threads_is_refused(tmp_path: Path) -> None:
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            dashboard_address="127.0.0.1:0",
        ) as wide,
        pytest.raises(UsageError, match=r"2 task threads.*--nthreads 1"),
    ):
        clusters.remote_client(wide.scheduler_address, ())


def test_where_no_scheduler_answers_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clusters, "PATIENCE", 0.2)
    with pytest.raises(UsageError, match="no Dask scheduler answers at tcp://127"):
        clusters.remote_client("tcp://127.0.0.1:9", ())


def test_an_address_without_tls_that_is_given_its_files_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError("encryption required by Dask configuration")

    monkeypatch.setattr(distributed, "Client", refuse)
    monkeypatch.setattr(distributed, "Security", SimpleNamespace)
    with pytest.raises(UsageError, match="encryption required"):
        clusters.remote_client("tcp://head:8786", ("ca.pem", "cert.pem", "key.pem"))


class Unreadable:
    """A future of Dask's whose value is of a class that is not here."""

    def exception(self) -> None: ...

    def result(self) -> None:
        raise ModuleNotFoundError("stranger")

    def add_done_callback(self, call) -> None:
        with suppress(ModuleNotFoundError):  # Dask logs what a callback raises
            call(self)


def test_a_value_that_cannot_be_read_is_its_futures_error_and_is_not_waited_for() -> None:
    client = SimpleNamespace(submit=lambda *_, **__: Unreadable())
    future = clusters.Cluster(client, 1, {}).submit(taken_over)
    with pytest.raises(ModuleNotFoundError):
        future.result(timeout=0)


def taken_over() -> None:
    raise SupersededError("another has it")


@pytest.mark.parametrize(
    ("threads", "error"), [(1, SupersededError), (2, UsageError)], ids=["taken over", "wide"]
)
def test_what_would_end_the_same_again_is_told_and_not_tried_again(
    threads: int, error: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = SimpleNamespace(address="tcp://1", state=SimpleNamespace(nthreads=threads))
    monkeypatch.setattr(distributed, "get_worker", lambda: own)
    monkeypatch.setattr(worker, "is_daemon", lambda: True)
    assert isinstance(clusters.job(worker.packed(taken_over, (), {}), 1)[2], error)


class Silent:
    """A future of Dask's whose scheduler is gone."""

    def exception(self) -> None:
        raise CancelledError


def test_a_lost_scheduler_is_the_failure_of_its_cells_and_not_of_the_command(
    tmp_path: Path,
) -> None:
    runs = planned(tmp_path, "drift")
    future: Future = Future()
    future.set_exception(clusters._outcome(Silent())[2])
    settle(future, runs, Environment(tmp_path, tmp_path, "cpu", shared=True))
    assert "the Dask scheduler was lost" in Store(tmp_path).result(runs[0]).error


def test_the_files_of_tls_are_handed_to_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    class Client:
        def __init__(self, **given) -> None:
            seen.update(given)

        def scheduler_info(self, **_) -> dict:
            return {"workers": {}}

    monkeypatch.setattr(distributed, "Client", Client)
    clusters.remote_client("tls://head:8786", ("ca.pem", "cert.pem", "key.pem"))
    security = seen["security"]
    assert security.require_encryption
    assert (security.tls_ca_file, security.tls_client_key) == ("ca.pem", "key.pem")


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("tcp://head:1", True),
        ("head:1", True),
        ("tcp://127.example.org:1", True),
        ("tcp://127.0.0.1:1", False),
        ("tcp://[::1]:1", False),
        ("localhost:1", False),
        ("tls://head:1", False),
    ],
)
def test_only_an_open_scheduler_on_a_network_is_warned_of(address: str, warned: bool) -> None:
    assert bool(engines.doubts(Engine("dask", address))) is warned


def test_an_open_scheduler_is_warned_of_by_its_file_too(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    for address, warned in (("tcp://10.0.0.1:1", True), ("tls://10.0.0.1:1", False)):
        path.write_text(json.dumps({"address": address}))
        assert bool(engines.doubts(Engine("dask", str(path)))) is warned


# --- the command ---


@pytest.mark.parametrize("command", ["run", "audit", "judge", "score x.npy"])
def test_without_dask_every_command_says_so_in_one_sentence(
    command: str, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    ended = genbench(*command.split(), "--executor", "dask")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "pip install 'genbench[dask]'" in ended.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--executor spawned --scheduler tcp://127.0.0.1:1", "--scheduler is for --executor dask"),
        ("--executor dusk", "did you mean 'dask'"),
        ("--resources GPU", "amounts such as GPU=1"),
        ("--scheduler tls://127.0.0.1:1 --tls ca.pem,key.pem", "three files, CA,CERT,KEY"),
        ("--executor dask --tls ca.pem,cert.pem,key.pem", "--tls is for a --scheduler"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(words: str, reason: str, genbench) -> None:
    ended = genbench("run", "-m", "drift", "-d", "tiny", *words.split())
    assert ended.returncode == 2
    assert reason in ended.stderr


@pytest.mark.parametrize("command", ["audit", "judge", "score x.npy"])
def test_jobs_that_would_share_one_random_generator_are_refused(command: str, genbench) -> None:
    ended = genbench(*command.split(), "--executor", "threads")
    assert ended.returncode == 2
    assert "take spawned or serial" in ended.stderr


@pytest.mark.parametrize(
    ("command", "usual"),
    [
        ("run", "spawned."),
        ("experiment run", "serial; with several workers spawned."),
        ("audit", "serial."),
        ("judge", "serial; with several workers spawned."),
        ("score", "serial for a FILE,"),
    ],
)
def test_help_names_the_usual_executor_and_what_workers_need(
    command: str, usual: str, genbench
) -> None:
    text = " ".join(genbench(*command.split(), "--help").stdout.replace("│", " ").split())
    assert f"or dask. Default: {usual}" in text
    assert "must be started with it: dask worker --resources GPU=1" in text


def test_score_prints_of_an_executor_what_it_prints_of_this_process(
    genbench, tmp_path: Path
) -> None:
    np.save(
        tmp_path / "rows.npy", np.random.default_rng(0).integers(256, size=(30, 16), dtype="u1")
    )
    of = "score", "rows.npy", "-d", "tiny", "--metrics", "parzen,nearness", "--results-dir"
    one, other = genbench(*of, "a", "-q"), genbench(*of, "b", "-q", "--executor", "serial")
    assert other.returncode == 0, other.stderr
    assert one.stdout == other.stdout != ""


def test_who_does_not_ask_for_dask_does_not_import_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from genbench.running import driving, engines\n"
        "from genbench.cli import app\n"
        "engines.open(engines.Engine('serial'), 1)\n"
        "assert not {'dask', 'distributed'} & {*sys.modules}\n"
    )
    ended = warm.run(str(script), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
