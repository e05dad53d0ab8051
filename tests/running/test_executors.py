"""Every executor gives the same bytes, and a cell leaves the process as it found it."""

import io
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from rich.console import Console
from test_runner import bytes_of, planned

from genbench.errors import StoreError, UsageError
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running import engines, executors, progress, worker
from genbench.running.driving import work_on
from genbench.running.engines import Engine
from genbench.running.failures import places, reason
from genbench.running.plan import by_training
from genbench.running.progress import Watch
from genbench.running.runner import Environment, execute, settle

pytestmark = pytest.mark.usefixtures("strangers")


def settings(tmp_path: Path, **more: Any) -> Environment:
    return Environment(tmp_path, tmp_path, "cpu", **more)


def results(runs: list, folder: Path) -> dict[str, Result]:
    store = Store(folder)
    return {run.model: result for run in runs if (result := store.result(run))}


@contextmanager
def fitted_by(extra: Any) -> Iterator[None]:
    """Drift calls `extra` when it begins to train."""
    from stranger.drift import Drift

    fit = Drift.fit

    def with_extra(self, train, valid):
        extra()
        yield from fit(self, train, valid)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Drift, "fit", with_extra)
        yield


# --- the same bytes ---


@pytest.mark.parametrize(("kind", "workers"), [("spawned", 2), ("threads", 2)])
def test_every_executor_gives_the_bytes_of_the_serial_one(
    kind: str, workers: int, tmp_path: Path
) -> None:
    runs = planned(tmp_path, "drift", "walk", seeds=(0, 1))
    for name, how, many in (("one", "serial", 1), ("two", kind, workers)):
        work_on(runs, Environment(tmp_path / name, tmp_path, "cpu", False, many, 1), how)
    one, two = bytes_of(tmp_path / "one"), bytes_of(tmp_path / "two")
    assert len([path for path in one if path.endswith("result.json")]) == len(runs)
    assert one == two


def test_the_state_of_the_caller_changes_no_byte(tmp_path: Path) -> None:
    runs = planned(tmp_path, "drift")
    execute(runs, settings(tmp_path / "one", threads=1))
    with unusual_state(tmp_path):
        execute(runs, settings(tmp_path / "two", threads=1))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_an_unknown_kind_of_executor_is_answered_by_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="did you mean 'spawned'"):
        engines.open(Engine("spawn"), 1)


def test_one_cell_works_at_a_time_in_a_process(tmp_path: Path) -> None:
    busy, most = [], []

    def count() -> None:
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.2)
        busy.pop()

    runs = planned(tmp_path, seeds=(0, 1, 2))
    with fitted_by(count):
        work_on(runs, settings(tmp_path, workers=3), "threads")
    assert most == [1, 1, 1]


# --- the state of the process ---


def state() -> dict[str, Any]:
    """What belongs to the process and a cell may change."""
    return {
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warns only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fills": torch.utils.deterministic.fill_uninitialized_memory,
        "measures": torch.backends.cudnn.benchmark,
        "type": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "generator": torch.initial_seed(),
    }


def spoil(folder: Path) -> None:
    """Changes all that `state` tells of."""
    torch.set_num_threads(3)
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.backends.cudnn.benchmark = True
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.manual_seed(5)
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":0:0"
    os.environ["LEFT"] = "behind"
    os.environ.pop("COLUMNS", None)
    os.chdir(folder)
    sys.stdout = sys.stderr = sys.stdin = open(os.devnull)  # noqa: SIM115 it stays, as a model's


@contextmanager
def unusual_state(folder: Path) -> Iterator[dict[str, Any]]:
    """A caller with a state of its own, whatever that is."""
    before, streams = dict(os.environ), (sys.stdin, sys.stdout, sys.stderr)
    here, threads = os.getcwd(), torch.get_num_threads()
    spoil(folder)
    torch.set_default_device(None)  # the planned data are on the CPU
    try:
        yield state()
    finally:
        torch.set_num_threads(threads)
        torch.utils.deterministic.fill_uninitialized_memory = True
        torch.backends.cudnn.benchmark = False
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        os.environ.clear()
        os.environ.update(before)
        os.chdir(here)
        sys.stdin, sys.stdout, sys.stderr = streams


def test_whatever_a_cell_changes_of_the_process_is_as_it_was_afterwards(tmp_path: Path) -> None:
    runs, before = planned(tmp_path), state()
    with fitted_by(lambda: spoil(tmp_path)):
        execute(runs, settings(tmp_path, threads=2))
    assert state() == before


def test_an_unusual_state_of_the_caller_is_as_it_was_afterwards(tmp_path: Path) -> None:
    runs = planned(tmp_path)
    with unusual_state(tmp_path) as before:
        execute(runs, settings(tmp_path, threads=2))
        after = state()
    assert after == before


def test_a_cell_works_with_its_threads_and_with_determinism(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    threads = torch.get_num_threads() + 1
    with fitted_by(lambda: seen.append(state())):
        execute(planned(tmp_path), settings(tmp_path, threads=threads))
    known = {"threads": threads, "deterministic": True, "warns only": True, "fills": False}
    assert known.items() <= seen[0].items()
    assert seen[0]["environment"]["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_folders_are_absolute_before_a_model_can_go_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = Environment(Path("results"), Path("data"))
    assert environment.results_dir == tmp_path / "results"
    assert environment.data_dir == tmp_path / "data"


# --- what is printed ---


@pytest.mark.parametrize("kind", ["serial", "threads"])
def test_what_a_model_prints_in_this_process_is_in_its_log_alone(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = planned(tmp_path)
    with fitted_by(lambda: print("hello \ud800")):
        work_on(runs, settings(tmp_path, workers=2), kind)
    assert capsys.readouterr().out == ""
    assert Store(tmp_path).output(runs[0]).read_text() == "hello \\ud800\n"


def test_a_model_that_prints_nothing_has_no_log(tmp_path: Path) -> None:
    runs = planned(tmp_path)
    execute(runs, settings(tmp_path))
    assert not Store(tmp_path).output(runs[0]).exists()


def test_a_training_that_is_done_is_watched_no_more(tmp_path: Path) -> None:
    runs, store = planned(tmp_path, seeds=(0, 1)), Store(tmp_path)
    console = Console(file=io.StringIO(), force_terminal=True)
    with Watch(by_training(runs), store, console, live=True) as watch:
        work_on(runs, settings(tmp_path), "serial", watch)
        store.log(runs[0], {"stage": "end", "left_behind": ["a process"]})
        watch.update()  # would look for its bar


def test_a_log_says_again_how_far_a_training_is_where_it_was_silent_for_a_minute(
    tmp_path: Path, monkeypatch
) -> None:
    run, store, text = planned(tmp_path)[0], Store(tmp_path), io.StringIO()
    console = Console(file=text, width=200)
    with Watch([[run]], store, console, live=False) as watch:
        store.log(run, {"stage": "fit", "done": 0})
        watch.update()
        watch.update()
        assert text.getvalue().splitlines() == ["drift on tiny: training"]
        monkeypatch.setattr(progress, "SILENCE", -1.0)
        watch.update()
        assert text.getvalue().splitlines()[1:] == ["drift on tiny: training; still at work"]
        watch.finish(run)
        watch.update()
        assert len(text.getvalue().splitlines()) == 2


def test_one_thread_at_a_time_has_the_watch(tmp_path: Path) -> None:
    runs, seen = planned(tmp_path, seeds=(0, 1)), []
    before = {*threading.enumerate()}

    class Alone(Watch):
        def finish(self, run: Run) -> None:
            seen.extend({*threading.enumerate()} - before)
            super().finish(run)

    console = Console(file=io.StringIO())
    watch = Alone(by_training(runs), Store(tmp_path), console, live=False)
    work_on(runs, settings(tmp_path), "serial", watch)
    assert seen == []


# --- what fails ---


class Own(BaseException):
    """Somebody's own exception."""


@pytest.mark.parametrize("raised", [SystemExit(0), Own("no"), GeneratorExit()])
def test_whatever_a_model_raises_fails_its_own_cell(raised: BaseException, tmp_path: Path) -> None:
    def throw() -> None:
        raise raised

    runs = planned(tmp_path)
    with fitted_by(throw):
        assert execute(runs, settings(tmp_path)) == [run.score_key for run in runs]
    found = results(runs, tmp_path)["drift"]
    assert found.status == "failed"
    assert found.error.startswith(type(raised).__name__)


def test_an_interrupt_in_a_thread_of_its_own_is_the_models(tmp_path: Path) -> None:
    def throw() -> None:
        raise KeyboardInterrupt

    runs = planned(tmp_path)
    with fitted_by(throw), ThreadPoolExecutor(1) as threads:
        threads.submit(execute, runs, settings(tmp_path)).result()
    assert results(runs, tmp_path)["drift"].error == "KeyboardInterrupt: "


def test_an_interrupt_in_the_main_thread_ends_the_command(tmp_path: Path) -> None:
    def throw() -> None:
        raise KeyboardInterrupt

    runs = planned(tmp_path)
    with fitted_by(throw), pytest.raises(KeyboardInterrupt):
        work_on(runs, settings(tmp_path), "serial")
    assert results(runs, tmp_path) == {}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BrokenExecutor("gone"), "ModelError: the worker process died"),
        (BrokenProcessPool("gone"), "ModelError: the worker process died"),
        (RuntimeError("a link broke"), "RuntimeError: a link broke"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
        (None, "CancelledError: "),
    ],
)
def test_every_failure_of_an_executor_is_a_failed_cell(
    error: BaseException | None, told: str, tmp_path: Path
) -> None:
    runs, future = planned(tmp_path), Future()
    if error is None:
        future.cancel()
    else:
        future.set_exception(error)
    settle(future, by_training(runs)[0], settings(tmp_path))
    found = [Store(tmp_path).result(run) for run in runs]
    assert all(result and result.error.startswith(told) for result in found)


@pytest.mark.parametrize("error", [StoreError("no room"), UsageError("no such device")])
def test_what_is_of_no_one_cell_is_for_the_command_to_report(
    error: Exception, tmp_path: Path
) -> None:
    runs, future = planned(tmp_path), Future()
    future.set_exception(error)
    with pytest.raises(type(error)):
        settle(future, by_training(runs)[0], settings(tmp_path))
    assert results(runs, tmp_path) == {}


class Silent(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


class Rootless(Exception):
    @property
    def __traceback__(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        raise RuntimeError("none")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("a \ud800 b"), r"ValueError: a \ud800 b"),
        (ValueError("\x1b[31mred\0"), r"ValueError: \x1b[31mred\x00"),
        (ValueError("naïve, σ\n\tand more"), "ValueError: naïve, σ\n\tand more"),
        (Silent(), "Silent: its text cannot be shown, str() raises SystemExit"),
    ],
)
def test_the_text_of_an_exception_can_be_stored_whatever_it_holds(
    error: Exception, text: str, tmp_path: Path
) -> None:
    def throw() -> None:
        raise error

    runs = planned(tmp_path)
    with fitted_by(throw):
        execute(runs, settings(tmp_path))
    assert reason(error) == text
    assert results(runs, tmp_path)["drift"].error == text


def test_a_traceback_that_cannot_be_read_is_left_out() -> None:
    with pytest.raises(ValueError, match="plain") as plain:
        raise ValueError("plain")
    assert [place.split(":")[0] for place in places(plain.value)] == ["test_executors.py"]
    with pytest.raises(Rootless) as rootless:
        raise Rootless
    assert places(rootless.value) == []


# --- spawned processes ---


def leave_a_thread() -> str:
    threading.Thread(target=time.sleep, args=(600,), name="endless").start()
    return "done"


def leave_a_child() -> int:
    import subprocess

    return subprocess.Popen(["sleep", "600"]).pid


def leave_a_distant_child() -> int:
    import subprocess

    return subprocess.Popen(["sleep", "600"], start_new_session=True).pid


def give_what_cannot_be_sent() -> Any:
    return threading.Lock()


def leave() -> None:
    raise SystemExit(0)


def die() -> None:
    os._exit(0)


def write() -> tuple[int, bool]:
    return os.write(1, b"written"), os.path.sameopenfile(1, 2)


def deaf_to() -> set[str]:
    """The signals that a worker ignores, of those that a terminal sends."""
    sent = (signal.SIGINT, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTERM)
    return {one.name for one in sent if signal.getsignal(one) == signal.SIG_IGN}


def alone() -> tuple[bool, bool]:
    return worker.alone(), os.getpgid(0) == os.getpid()


@pytest.fixture(scope="module")
def spawned() -> Iterator[executors.Spawned]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(executors, "GRACE", 3.0)
        with executors.Spawned(4, threads=1) as executor:
            yield executor


def lives(pid: int) -> bool:
    return bool(worker.living(worker.family(pid)))


def test_a_worker_leads_a_group_of_its_own_and_this_process_does_not(
    spawned: executors.Spawned,
) -> None:
    assert spawned.submit(alone).result() == (True, True)
    assert not worker.alone()
    with ThreadPoolExecutor(1) as threads:
        assert not threads.submit(worker.alone).result()


def test_what_a_job_leaves_behind_is_named_and_ended(spawned: executors.Spawned) -> None:
    thread = spawned.submit(leave_a_thread)
    children = [
        spawned.submit(leave_a_child),
        spawned.submit(leave_a_distant_child),
    ]
    assert thread.result() == "done"
    assert thread.left_behind == ["thread endless"]
    for child in children:
        assert not lives(child.result())
        assert child.left_behind == ["process sleep"]


def test_a_child_in_a_session_of_its_own_is_found_after_its_worker_is_gone(
    spawned: executors.Spawned, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = executors._outcome

    def looked_at_late(receiver: Connection, process: Any) -> Any:
        found = outcome(receiver, process)
        process.join()
        return found

    monkeypatch.setattr(executors, "_outcome", looked_at_late)
    child = spawned.submit(leave_a_distant_child)
    assert not lives(child.result())
    assert child.left_behind == ["process sleep"]


def test_nothing_of_a_job_reaches_stdout(
    spawned: executors.Spawned, capfd: pytest.CaptureFixture[str]
) -> None:
    assert spawned.submit(write).result() == (7, True)
    assert "written" not in capfd.readouterr().out


def test_a_worker_is_deaf_to_the_terminal_but_not_to_a_kill(spawned: executors.Spawned) -> None:
    assert spawned.submit(deaf_to).result() == {"SIGINT", "SIGTTIN", "SIGTTOU"}


def test_a_job_that_ends_as_it_should_leaves_nothing_behind(spawned: executors.Spawned) -> None:
    future = spawned.submit(os.getpid)
    assert not lives(future.result())
    assert future.left_behind == []


def test_a_job_that_ends_otherwise_breaks_its_own_future_only(
    spawned: executors.Spawned,
) -> None:
    kinds = {leave: SystemExit, die: BrokenProcessPool, give_what_cannot_be_sent: RuntimeError}
    broken = {spawned.submit(job): kind for job, kind in kinds.items()}
    sound = spawned.submit(alone)
    for future, kind in broken.items():
        assert type(future.exception()) is kind
    assert sound.result()[0]


def last_with_a_child(noted: str) -> None:
    import subprocess

    child = subprocess.Popen(["sleep", "600"]).pid
    Path(noted).write_text(str(child))
    time.sleep(600)


def test_a_shutdown_that_cancels_kills_at_once_what_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "GRACE", 300.0)  # nobody waits for it
    executor, noted = executors.Spawned(1, threads=1), tmp_path / "noted"
    busy = executor.submit(last_with_a_child, str(noted))
    waiting = executor.submit(time.sleep, 600)
    while not (noted.exists() and noted.read_text()):
        time.sleep(0.01)
    begun = time.monotonic()
    executor.shutdown(cancel_futures=True)
    assert time.monotonic() - begun < 100
    assert isinstance(busy.exception(), BrokenProcessPool)
    assert waiting.cancelled()
    assert not lives(int(noted.read_text()))


def import_for_long(noted: str) -> None:
    Path(noted).write_text(str(os.getpid()))
    time.sleep(60)


class Slow:
    """An argument that takes long to read, as one does whose module imports much."""

    def __init__(self, noted: str) -> None:
        self.noted = noted

    def __reduce__(self) -> tuple:
        return import_for_long, (self.noted,)


def submit_and_wait(noted: str) -> None:
    executors.Spawned(1, threads=1).submit(id, Slow(noted)).result()


def test_a_worker_that_still_imports_ends_with_its_killed_parent(tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    parent = multiprocessing.get_context("spawn").Process(
        target=submit_and_wait, args=(str(noted),)
    )
    parent.start()
    while not (noted.exists() and noted.read_text()):
        time.sleep(0.01)
    imports = psutil.Process(int(noted.read_text()))
    parent.kill()
    parent.join()
    _, alive = psutil.wait_procs([imports], timeout=30)  # half of what it sleeps
    for process in alive:
        process.kill()
    assert not alive
