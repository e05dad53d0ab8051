"""A worker writes only while its claim is the newest: one thought dead overwrites nothing."""

import errno
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from stores import bytes_of, planned

from genbench.errors import StoreError, SupersededError
from genbench.records import claims, files
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running.runner import Environment, execute, settle

pytestmark = pytest.mark.usefixtures("strangers")


@pytest.fixture
def run(strangers: Path) -> Run:
    return planned("drift")[0]


def test_claims_are_numbered_and_the_highest_file_stays(tmp_path: Path) -> None:
    assert [claims.take(tmp_path) for _ in range(3)] == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == [".claim-3"]


def test_no_two_workers_that_begin_at_once_have_one_number(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = [*pool.map(lambda _: claims.take(tmp_path), range(40))]
    assert len({*taken}) == 40
    assert claims.latest(tmp_path) == max(taken)


def test_who_was_taken_over_can_write_nothing_more(run: Run, tmp_path: Path) -> None:
    old, new = Store(tmp_path), Store(tmp_path)
    with old.lock(run, shared=True):
        old.log(run, {"epoch": 1})
        claims.take(new.runs / run.fit_folder)
        before = bytes_of(tmp_path)
        for write in (
            lambda: old.log(run, {"epoch": 2}),
            lambda: old.put_checkpoint(run, {}, None),
            lambda: old.put_weights(run, {}, None, {}),
            lambda: old.put_scoring(run, {}),
            lambda: old.drop_checkpoint(run),
            lambda: old.drop_samples(run),
            lambda: old.drop_answer(run),
        ):
            with pytest.raises(SupersededError, match="taken over"):
                write()
        assert bytes_of(tmp_path) == before


def test_who_was_taken_over_and_swept_is_told_of_that_and_of_no_missing_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)

    def lose(temporary: str, _: int) -> None:
        claims.take(store.runs / run.fit_folder)
        os.unlink(temporary)
        raise FileNotFoundError(temporary)

    monkeypatch.setattr(os, "chmod", lose)
    with store.lock(run, shared=True), pytest.raises(SupersededError, match="taken over"):
        store.put_checkpoint(run, {}, None)


def test_who_is_taken_over_while_a_result_is_kept_removes_no_older_answer(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, write = Store(tmp_path), files.write_json

    def write_and_lose(path: Path, *given) -> None:
        write(path, *given)
        if path.name == "result.json":
            claims.take(store.runs / run.fit_folder)

    with store.lock(run, shared=True):
        store.put(Result(run, "failed", error="once"), {})
        monkeypatch.setattr(files, "write_json", write_and_lose)
        with pytest.raises(SupersededError):
            store.put(Result(run, "done", value=1.0), {})
    assert (store.runs / run.folder / "failed.json").exists()


def test_who_is_newest_writes_as_before(run: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for epoch in (1, 2):
        with store.lock(run, shared=True):
            store.log(run, {"epoch": epoch})
    assert [event["epoch"] for event in store.events(run)] == [1, 2]


def test_a_command_of_one_machine_leaves_no_claims_and_gives_way(run: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.runs / run.fit_folder
    with store.lock(run):
        store.log(run, {"epoch": 1})
        assert claims.latest(folder) == 0
        claims.take(folder)
        with pytest.raises(SupersededError):
            store.log(run, {"epoch": 2})


def test_a_command_of_one_machine_takes_over_from_a_lost_worker(run: Run, tmp_path: Path) -> None:
    folder = Store(tmp_path).runs / run.fit_folder
    lost = claims.take(folder)
    with Store(tmp_path).lock(run), pytest.raises(SupersededError):
        claims.check(folder, lost)


def test_a_training_that_is_taken_over_ends_at_its_next_epoch_and_is_no_failure(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, folder, kept = Store.put_checkpoint, tmp_path / "runs" / run.fit_folder, []

    def put_and_lose(self: Store, *given) -> None:
        put(self, *given)
        kept.append(claims.take(folder))

    monkeypatch.setattr(Store, "put_checkpoint", put_and_lose)
    environment = Environment(tmp_path, tmp_path, "cpu", shared=True)
    with pytest.raises(SupersededError) as ended:
        execute([run], environment)
    assert len(kept) == 1
    future: Future = Future()
    future.set_exception(ended.value)
    settle(future, [run], environment)
    assert Store(tmp_path).result(run) is None


def test_what_a_lost_worker_still_holds_is_left_to_it(run: Run, tmp_path: Path) -> None:
    future: Future = Future()
    future.set_exception(RuntimeError("lost"))
    environment = Environment(tmp_path, tmp_path, "cpu", shared=True)
    with Store(tmp_path).lock(run, shared=True):
        settle(future, [run], environment)
    assert Store(tmp_path).result(run) is None
    settle(future, [run], environment)
    assert Store(tmp_path).result(run).status == "failed"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_will_do_for_claims_only(
    number: int, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(files.FileLock, "acquire", refuse)
    with Store(tmp_path).lock(run, shared=True):
        assert claims.latest(tmp_path / "runs" / run.fit_folder) == 1
    with pytest.raises(StoreError, match="no locks here"), Store(tmp_path).lock(run):
        pass
