"""A folder of results is read as it was written: each record once, in its place, by its keys."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made import RUN
from stores import (
    answers_of,
    bytes_of,
    carried_out,
    copied,
    forged,
    planned,
    rewritten,
)

from genbench.errors import AlteredError, StoreError
from genbench.records import files, lock, rekeyed
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running import training

pytestmark = pytest.mark.usefixtures("strangers")
READERS = (("table",), ("list", "runs"), ("verify", "all"), ("lock",))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def results(once: Path, tmp_path: Path, strangers: Path) -> Path:
    """Two trainings of a stranger's model on two folds, where a command looks for results."""
    if not (once / "results").exists():
        carried_out(planned(seeds=[0, 1]), once / "results")
    return copied(once / "results", tmp_path / "results")


def scores(results: Path) -> list[Path]:
    return Store(results).folders()


# --- names ---

NAMES = [
    "a/b",
    "../../x",
    "/x",
    "C:\\x",
    "C:x",
    "a\\..\\..\\b",
    "a\0b",
    "a\nb",
    "",
    ".",
    "..",
    "x" * 65,
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", ["data_name", "model", "metric"])
def test_a_record_that_names_what_is_no_file_name_is_refused_and_nothing_is_written(
    part: str, name: str, results: Path, tmp_path: Path, genbench
) -> None:
    folder = forged(Store(results), scores(results)[0], **{part: name})
    before = bytes_of(tmp_path)
    for command in READERS:
        ended = genbench(*command)
        assert ended.returncode == 3, (command, ended)
        assert folder.name in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
    assert bytes_of(tmp_path) == before


def test_a_forged_record_with_a_plain_name_is_read(results: Path, genbench) -> None:
    """The negative control: what is refused above is the name, not the forgery."""
    forged(Store(results), scores(results)[0], data_name="moon")
    assert genbench("list", "runs").returncode == 0
    assert genbench("lock").returncode == 0
    assert (results / "tables" / "moon.md").exists()


def test_what_a_lock_writes_lies_in_its_folder(results: Path, tmp_path: Path, genbench) -> None:
    before = bytes_of(tmp_path)
    assert genbench("lock").returncode == 0
    new = bytes_of(tmp_path).keys() - before.keys()
    assert {path.split("/")[0] for path in new} == {"results"}
    assert {path.split("/")[1] for path in new} == {"lock.json", "tables"}


def test_a_link_out_of_the_folder_is_not_written_through(
    results: Path, tmp_path: Path, genbench
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (results / "tables").symlink_to("../elsewhere")
    ended = genbench("lock")
    assert ended.returncode == 3
    assert "leads out of the folder" in ended.stderr
    assert not list((tmp_path / "elsewhere").iterdir())


TABLE = {"arguments": ["-d", "tiny"], "form": "md", "sha256": "0" * 64, "other_code": []}
PATHS = ["../x.md", "/x.md", "C:\\x.md", "C:x.md", "tables\\..\\..\\x.md", "tables/a\0.md"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("part", ["files", "tables"])
def test_a_lock_that_names_what_lies_outside_is_refused(
    part: str, path: str, results: Path, tmp_path: Path, genbench
) -> None:
    kept = {"files": {}, "tables": {}} | {part: {path: TABLE if part == "tables" else "0" * 64}}
    files.write_json(results / lock.NAME, kept)
    before = bytes_of(tmp_path)
    for command in (("lock",), ("lock", "--check"), ("verify", "all"), ("lock", "--drop", "x")):
        ended = genbench(*command)
        assert ended.returncode == 3
        assert "outside the folder of results" in ended.stderr
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize(
    ("path", "form"),
    [("lock.json", "json"), ("tables/x.tex", "md"), ("runs/x.md", "md"), ("tables/.md", "md")],
)
def test_a_lock_that_calls_another_file_a_table_is_refused_before_it_is_removed(
    path: str, form: str, results: Path, genbench
) -> None:
    """`genbench lock` writes its tables anew and removes those that are no longer wanted."""
    files.write_json(results / lock.NAME, {"files": {}, "tables": {path: {**TABLE, "form": form}}})
    before = bytes_of(results)
    assert genbench("lock").returncode == 3
    assert bytes_of(results) == before


@pytest.mark.parametrize(
    "known",
    [
        {"keys": {"a" * 64: 3}, "files": {}},
        {"keys": {}, "files": {"../x": {"sha256": "", "now": "runs/x"}}},
        {"keys": {}, "files": {"runs/x": {"sha256": "", "now": "/x"}}},
        {"keys": {}, "files": {"runs/x": {"sha256": ""}}},
        {"keys": [], "files": {}},
        {"files": {}},
    ],
)
def test_what_was_rekeyed_is_refused_where_it_is_no_such_thing(
    known: dict, results: Path, genbench
) -> None:
    files.write_json(results / rekeyed.NAME, known)
    ended = genbench("verify", "a" * 12)
    assert ended.returncode == 3
    assert rekeyed.NAME in ended.stderr


# --- places ---


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4], ids=["dataset", "model", "fit", "draw", "score"])
@pytest.mark.parametrize("how", ["beside", "within"])
def test_a_copied_folder_is_an_error_that_names_both_places(
    how: str, depth: int, results: Path, genbench
) -> None:
    score = scores(results)[0]
    folder = [score, *score.parents][4 - depth]
    to = folder.with_name(folder.name + ".bak") if how == "beside" else folder / "bak"
    inside = shutil.copytree(folder, results.parent / "copy") / score.relative_to(folder)
    shutil.move(results.parent / "copy", to)
    copy = to / inside.relative_to(results.parent / "copy")
    for command in (("table",), ("list", "runs"), ("verify", "all"), ("lock",), ("report",)):
        ended = genbench(*command)
        assert ended.returncode == 3, (command, ended)
        said = ended.stdout + ended.stderr
        assert str(copy.relative_to(results)) in said
        assert str(score.relative_to(results)) in said
    assert not (results / lock.NAME).exists()


def test_a_copy_is_told_apart_from_what_was_copied(results: Path, genbench) -> None:
    score = scores(results)[0]
    shutil.copytree(score, score.with_name(score.name + ".bak"))
    found = json.loads(genbench("verify", "all", "--json").stdout)["runs"]
    assert [one["status"] for one in found].count("holds") == 4
    assert len(found) == 5


FIVE = [
    dataclasses.replace(RUN, data=dataclasses.replace(RUN.data, fold=f, folds=5)) for f in range(5)
]


def test_three_folds_cannot_pass_for_five(tmp_path: Path, genbench) -> None:
    store = Store(tmp_path / "results")
    for run in FIVE:
        store.put(Result(run, "done", value=1.0, stderr=0.1, unit="nats", scored=9), {})
    assert len(list(store)) == 5
    assert genbench("list", "runs").returncode == 0
    for run, other in zip(FIVE[3:], FIVE, strict=False):
        shutil.rmtree(store.runs / run.folder)
        shutil.copytree(store.runs / other.folder, store.runs / run.folder)
    with pytest.raises(AlteredError, match="holds a record that belongs in"):
        list(store)
    assert genbench("list", "runs").returncode == 3
    with pytest.raises(AlteredError):
        store.result(FIVE[3])
    with pytest.raises(AlteredError):
        FIVE[3] in store  # noqa: B015 it raises


def test_results_of_other_datasets_than_those_named_are_not_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    named, other = (
        dataclasses.replace(RUN, data=dataclasses.replace(RUN.data, name=name))
        for name in ("named", "other")
    )
    for run in (named, other):
        store.put(Result(run, "done", value=1.0, stderr=0.1, unit="nats", scored=9), {})
    (store.runs / other.folder / "run.json").write_text("not read")
    assert [result.dataset for result in store.of(["named", "absent", "..", "../runs"])] == [
        "named"
    ]
    with pytest.raises(StoreError):
        list(store)


# --- provenance ---


@pytest.mark.parametrize("stage", ["fit", "sample", "score"])
def test_the_provenance_of_another_run_is_an_error_that_names_the_file(
    stage: str, results: Path, genbench
) -> None:
    one, _, other, _ = scores(results)
    up = {"fit": 2, "sample": 1, "score": 0}[stage]
    ours, theirs = ([place, *place.parents][up] / "provenance.json" for place in (one, other))
    kept = ours.read_bytes()
    ours.write_bytes(theirs.read_bytes())
    theirs.write_bytes(kept)
    for command in (("table",), ("verify", "all"), ("lock",), ("report",)):
        ended = genbench(*command)
        assert ended.returncode == 3, (command, ended)
        assert str(ours.relative_to(results)) in ended.stdout + ended.stderr


def test_a_store_that_lives_reads_provenance_that_was_written_anew(results: Path) -> None:
    store = Store(results)
    result = next(iter(store))
    before = store.provenance(result.run, "score")
    path = results / "runs" / result.run.folder / "provenance.json"
    files.write_json(path, {**files.read_json(path), "written": "anew"})
    assert "written" not in before
    assert store.provenance(result.run, "score")["written"] == "anew"


def test_a_store_that_lives_reads_a_result_that_was_written_anew(results: Path) -> None:
    store = Store(results)
    before = next(iter(store))
    rewritten(store.runs / before.run.folder / "result.json", value=123.0)
    assert next(iter(store)).value == 123.0 != before.value
    (store.runs / before.run.folder / "run.json").unlink()
    with pytest.raises(AlteredError, match=r"run\.json"):
        next(iter(store))


@pytest.mark.parametrize("name", ["weights.safetensors", "samples.npz", "per_example.npz"])
def test_arrays_of_another_run_are_an_error_that_names_the_file(
    name: str, results: Path, genbench
) -> None:
    ours, theirs = sorted(results.rglob(name))[:2]
    ours.write_bytes(theirs.read_bytes())
    ended = genbench("verify", "all")
    assert ended.returncode == 3
    assert str(ours.relative_to(results)) in ended.stdout


def test_arrays_under_another_name_are_an_error_that_names_the_file(
    results: Path, genbench
) -> None:
    for name in ("samples.npz", "per_example.npz"):
        path = next(results.rglob(name))
        (array,), note = files.read_arrays(path)[0].values(), files.read_arrays(path)[1]
        files.write_arrays(path, {"others": array}, note)
        if name == "per_example.npz":
            rewritten(
                path.with_name("result.json"),
                per_example=files.sha256_of_arrays({"others": array}),
            )
    ended = genbench("verify", "all")
    assert ended.returncode == 3
    assert "holds no samples" in ended.stdout
    assert "samples.npz" in ended.stdout


def test_values_of_single_rows_that_are_not_the_result_s_are_an_error(results: Path) -> None:
    store, path = Store(results), next(results.rglob("per_example.npz"))
    arrays, note = files.read_arrays(path)
    files.write_arrays(path, {"values": arrays["values"] + 1}, note)
    with pytest.raises(AlteredError, match="holds other values"):
        _ = [store.per_example(result) for result in store]


@pytest.mark.parametrize(
    "changed",
    [
        {"parts": {}},
        {"revisions": {}},
        {"tuning": {"metric": "parzen"}},
        {"data": {"name": "tiny"}},
    ],
)
def test_a_question_that_lacks_a_part_is_an_error_that_names_it(
    changed: dict, results: Path, genbench
) -> None:
    path = scores(results)[0] / "run.json"
    rewritten(path, **changed)
    for command in (("table",), ("verify", "all")):
        ended = genbench(*command)
        assert ended.returncode in (1, 3)
        assert str(path.parent.relative_to(results / "runs")) in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("value", [None, "nan", "inf"])
def test_a_run_that_is_done_without_a_number_is_an_error(value, results: Path, genbench) -> None:
    path = scores(results)[0] / "result.json"
    rewritten(path, value=value)
    for command in (("table",), ("verify", "all", "--rescore")):
        ended = genbench(*command)
        assert ended.returncode == 3
        assert "gives no number" in ended.stdout + ended.stderr


# --- the log of a training ---


def lines_of(results: Path) -> tuple[Path, list[bytes]]:
    path = next(results.rglob("events.jsonl"))
    return path, path.read_bytes().splitlines(keepends=True)


def nothing(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"null\n", *lines[2:]]


def null_last(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines, b"null\n"]


def seconds(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    record = json.loads(lines[2])
    return [*lines[:2], json.dumps({**record, "seconds": 1e-9}).encode() + b"\n", *lines[3:]]


def seconds_last(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    record = json.loads(lines[-1])
    return [*lines[:-1], json.dumps({**record, "seconds": 1e-9}).encode() + b"\n"]


def not_a_number(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    record = json.loads(lines[-1])
    return [*lines, json.dumps({**record, "seconds": float("nan")}).encode() + b"\n"]


def first_dropped(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return lines[1:]


def one_dropped(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def one_made_unreadable(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"{" + lines[2], *lines[3:]]


def two_swapped(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines[:1], lines[2], lines[1], *lines[3:]]


def one_twice(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[1], *lines[2:]]


def of_another(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return other


def one_of_another(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines[:2], other[2], *lines[3:]]


def bare_value(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines, b"3\n"]


def no_checksum(lines: list[bytes], other: list[bytes]) -> list[bytes]:
    return [*lines, b'{"epoch": 9}\n']


Edit = Callable[[list[bytes], list[bytes]], list[bytes]]
EDITS: list[Edit] = [nothing, null_last, seconds, seconds_last, not_a_number, first_dropped]
EDITS += [one_dropped, one_made_unreadable, two_swapped, one_twice, of_another, one_of_another]
EDITS += [bare_value, no_checksum]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_log_is_an_error_that_names_it(edit: Edit, results: Path, genbench) -> None:
    path, other = sorted(results.rglob("events.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(edit(lines, other.read_bytes().splitlines(keepends=True))))
    ended = genbench("verify", "all")
    assert ended.returncode == 3
    assert f"{path.relative_to(results)} is damaged or was edited" in ended.stdout
    run = Store(results).read(next(path.parent.rglob("result.json")).parent).run
    with pytest.raises(AlteredError, match=r"events\.jsonl is damaged"):  # before it trains
        carried_out([run], results, rerun=True)
    assert not (path.parent / "checkpoint.safetensors").exists()


class Interrupt(KeyboardInterrupt):
    pass


def interrupted(runs: list[Run], folder: Path, rerun: bool = False) -> None:
    """Does runs until the checkpoint of the second epoch is kept."""
    put, calls = Store.put_checkpoint, []

    def counted(self: Store, *arguments) -> None:
        calls.append(1)
        put(self, *arguments)
        if len(calls) == 2:
            raise Interrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "put_checkpoint", counted)
        with pytest.raises(Interrupt):
            carried_out(runs, folder, rerun=rerun)


@pytest.fixture
def half(once: Path, tmp_path: Path, strangers: Path) -> tuple[list[Run], Path, Path]:
    """Runs, what they give, and a folder where their training was killed after two epochs."""
    runs, whole = planned(preset="selected"), once / "whole"
    if not whole.exists():
        carried_out(runs, whole)
        interrupted(runs, once / "half")
    return runs, whole, copied(once / "half", tmp_path / "half")


def test_every_torn_end_of_a_log_is_left_out(half: tuple[list[Run], Path, Path]) -> None:
    runs, _, folder = half
    path, lines = lines_of(folder)
    store, whole = Store(folder), Store(folder).events(runs[0])
    before, last = b"".join(lines[:-1]), lines[-1]
    for length in range(len(last) - 1):
        path.write_bytes(before + last[:length])
        assert store.events(runs[0]) == whole[:-1]
        store.log(runs[0], {"stage": "fit", "done": 1})
        assert store.events(runs[0])[len(whole) - 1 :] == [{"stage": "fit", "done": 1}]
        assert path.read_bytes().startswith(before)
    path.write_bytes(before + last[:-1])  # only the end of the line is missing
    store.log(runs[0], {"stage": "fit", "done": 1})
    assert store.events(runs[0]) == [*whole, {"stage": "fit", "done": 1}]


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_training_whose_log_was_torn_goes_on_to_the_same_bytes(
    part: float, half: tuple[list[Run], Path, Path]
) -> None:
    runs, whole, folder = half
    path, lines = lines_of(folder)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][: int(part * len(lines[-1]))])
    store = carried_out(runs, folder)
    assert answers_of(folder) == answers_of(whole)
    events = store.events(runs[0])
    assert [event["done"] for event in events if event.get("stage") == "fit"] == [0, 2]
    assert [e["epoch"] for e in events if "epoch" in e][-4:] == [3, 4, 5, 6]


def test_a_torn_line_amid_whole_ones_is_left_out(half: tuple[list[Run], Path, Path]) -> None:
    runs, whole, folder = half
    path, _ = lines_of(folder)
    with path.open("ab") as file:
        file.write(b'{"epoch": 3, "los')
    carried_out(runs, folder)
    assert answers_of(folder) == answers_of(whole)
    torn = [line for line in path.read_bytes().splitlines() if not line.endswith(b"}")]
    assert torn == [b'{"epoch": 3, "los']


def test_a_long_log_takes_no_longer_to_add_to_than_to_read(tmp_path: Path) -> None:
    """An added line follows the last one: no line before it is looked at."""
    path = tmp_path / "events.jsonl"
    for epoch in range(3):
        files.append_line(path, {"epoch": epoch}, "seed")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0].replace(b"0", b"9", 1), *lines[1:]]))
    files.append_line(path, {"epoch": 3}, "seed")
    with pytest.raises(AlteredError):
        files.read_lines(path, "seed")


# --- what a kill leaves of a training ---


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that models are trained for, as they are."""
    from stranger.drift import Drift

    fit, epochs = Drift.fit, []

    def counted(self, train, valid):
        for epoch in fit(self, train, valid):
            epochs.append(epoch.index)
            yield epoch

    monkeypatch.setattr(Drift, "fit", counted)
    return epochs


def killed_before_cleaning_up(runs: list[Run], folder: Path, rerun: bool, left: str) -> None:
    """Does runs until the finished weights are written, not what follows."""

    def partly(self: Store, run: Run) -> None:
        path = self.runs / run.fit_folder / "checkpoint.safetensors"
        if path.exists():
            if left == "best":
                path.unlink()
            raise Interrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "drop_checkpoint", partly)
        with pytest.raises(Interrupt):
            carried_out(runs, folder, rerun=rerun)


def left_over(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*.safetensors")} - {"weights.safetensors"}


@pytest.mark.parametrize("left", ["checkpoint", "best"])
@pytest.mark.parametrize("rerun", [False, True], ids=["first", "rerun"])
def test_what_a_kill_left_beside_finished_weights_is_removed(
    rerun: bool, left: str, half: tuple[list[Run], Path, Path], fitted: list[int]
) -> None:
    runs, whole, folder = half
    shutil.rmtree(folder)
    if rerun:
        copied(whole, folder)
    killed_before_cleaning_up(runs, folder, rerun, left)
    assert left_over(folder) >= {f"{left}.safetensors"}
    fitted.clear()
    carried_out(runs, folder, rerun=rerun)
    assert not left_over(folder)
    assert fitted == ([1, 2, 3, 4, 5, 6] if rerun else [])  # it trains again where it is asked to
    assert answers_of(folder) == answers_of(whole)


def test_a_rerun_goes_on_where_it_was_killed(
    half: tuple[list[Run], Path, Path], fitted: list[int]
) -> None:
    """The negative control: a checkpoint of a training in progress is no leftover."""
    runs, whole, folder = half
    shutil.rmtree(folder)
    copied(whole, folder)
    interrupted(runs, folder, rerun=True)
    fitted.clear()
    carried_out(runs, folder, rerun=True)
    assert fitted == [3, 4, 5, 6]
    assert answers_of(folder) == answers_of(whole)


@pytest.mark.parametrize("edited", [False, True])
def test_a_checkpoint_by_other_code_is_not_gone_on_from(
    edited: bool, half: tuple[list[Run], Path, Path], fitted: list[int]
) -> None:
    runs, whole, folder = half
    store = Store(folder)
    found = store.checkpoint(runs[0])
    assert found is not None
    state, note = found
    assert set(note["code"]) == {"model", "select"}
    if edited:
        note["code"]["model"] = "0" * 64
        state = {name: np.full_like(array, 0) for name, array in state.items()}
        store.put_checkpoint(runs[0], state, note)
    carried_out(runs, folder)
    assert fitted == ([1, 2, 3, 4, 5, 6] if edited else [3, 4, 5, 6])
    events = store.events(runs[0])
    assert any("dropped" in event for event in events) == edited
    assert [event["done"] for event in events if "done" in event] == [0, 0 if edited else 2]
    assert answers_of(folder) == answers_of(whole)


def test_a_model_that_was_edited_while_it_trained_is_trained_anew(
    half: tuple[list[Run], Path, Path], fitted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, whole, folder = half
    monkeypatch.setattr(
        training.Bench, "code", lambda _, *roles, of=None: dict.fromkeys(roles, "x")
    )
    carried_out(runs, folder)
    assert fitted == [1, 2, 3, 4, 5, 6]
    assert answers_of(folder) == answers_of(whole)


# --- a folder that an older version wrote is not written to ---


def test_a_folder_of_the_older_layout_takes_no_new_runs(results: Path) -> None:
    store = Store(results)
    store.prepare()
    score = scores(results)[0]
    (score / "run.json").unlink()
    store.prepare()  # that one is missing: whoever reads the result says so
    rewritten(score / "result.json", model="drift")
    with pytest.raises(StoreError, match="genbench rekey"):
        store.prepare()
