"""`genbench rekey`: results of before revisions are carried over, and nothing is lost.

tests/fixtures/before_revisions was written by the last commit before revisions, a529489, run on
the strangers' package as it was there, with one thread on a CPU:

    genbench run -m gan -d tiny --samples 20 --no-references --preset smoke (with small nets)
    genbench run -m drift -d tiny --samples 20 --no-references --preset selected
    genbench run -m walk -d tiny --samples 20 --no-references --set walk.chains=2
    genbench run -m walk -d tiny --samples 20 --no-references --set walk.chains=2 walk.spread=0.3
    genbench run -m raises -d tiny --samples 20 --no-references

Each on two folds; of the last there are failures only. It cannot be made again by the code of now.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import ANSWER, answers_of, bytes_of, carried_out, copied, planned, rewritten

from genbench.records import files, lock, rekeyed, rekeying
from genbench.records.rekeying import rekey
from genbench.records.store import Store

COMMITTED = Path(__file__).parents[1] / "fixtures" / "before_revisions"
RESULTS = 10
pytestmark = pytest.mark.usefixtures("strangers")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A copy of the committed results, where a command looks for results."""
    return copied(COMMITTED, tmp_path / "results")


def older(results: Path) -> dict[str, Path]:
    """The folder of each older result by its key."""
    found = {}
    for name in ("result.json", "failed.json"):
        found |= {files.read_json(path)["key"]: path.parent for path in results.rglob(name)}
    return found


def arrays_of(path: Path) -> dict[str, tuple[Any, ...]]:
    """The arrays of a file to the last bit."""
    read = files.read_arrays if path.suffix == ".npz" else files.read_tensors
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in read(path)[0].items()}


def test_the_committed_results_are_small() -> None:
    assert sum(map(len, bytes_of(COMMITTED).values())) < 100_000


# --- before ---


@pytest.mark.parametrize(
    "command",
    [
        ("table",),
        ("table", "--robustness"),
        ("list", "runs"),
        ("run", "-m", "drift", "-d", "tiny", "--samples", "20", "--no-references"),
        ("verify", "all"),
        ("verify", "all", "--rescore"),
        ("report", "--no-figures"),
        ("lock",),
        ("compare", "gan", "drift"),
        ("score", "--protocols"),
    ],
    ids=" ".join,
)
def test_an_older_folder_gives_one_sentence_that_says_what_to_do(
    command: tuple[str, ...], results: Path, genbench
) -> None:
    before = bytes_of(results)
    ended = genbench(*command)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("Error: ")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.count("`genbench rekey`") == 1
    assert bytes_of(results) == before


def test_one_older_result_among_new_ones_is_said_too(results: Path, genbench) -> None:
    rekey(results)
    score = next(COMMITTED.rglob("result.json")).parent
    copied(score, results / "runs" / score.relative_to(COMMITTED / "runs"))
    for command in (("table",), ("verify", "all")):
        assert "genbench rekey" in genbench(*command).stderr


# --- what is carried over ---


def test_every_number_and_array_is_carried_over_to_the_last_bit(results: Path) -> None:
    known = rekey(results)
    now = {result.key: result for result in Store(results)}
    assert len(now) == len(older(COMMITTED)) == RESULTS
    for key, folder in older(COMMITTED).items():
        result = now[known["keys"][key]]
        name = "result.json" if result.status == "done" else "failed.json"
        then = files.read_json(folder / name)
        for field in ("status", "value", "stderr", "kind", "error", "unit"):
            assert getattr(result, field) == then[field]
        details = then["details"]
        assert {**result.notes}.items() <= details.items()
        assert [*result.warnings] == details.get("warnings", [])
        assert result.distinct == details.get("distinct", 0)
        for field in ("model", "dataset", "fold", "folds", "seed", "preset", "overrides", "metric"):
            assert getattr(result, field) == then[field]
        for field in ("samples", "recipe", "digest", "caveat", "sample_set", "protocol"):
            assert getattr(result, field) == then[field]
        place = results / "runs" / result.run.folder
        for path in (folder / "per_example.npz", folder.parent / "samples.npz"):
            where = place if path.parent == folder else place.parent
            assert path.exists() == (where / path.name).exists() == (result.status == "done")
            if path.exists():
                assert arrays_of(where / path.name) == arrays_of(path)
        weights = folder.parents[1] / "weights.safetensors"
        if weights.exists():
            assert arrays_of(place.parents[1] / weights.name) == arrays_of(weights)


def test_what_was_recorded_of_each_stage_is_carried_over(results: Path) -> None:
    known, store = rekey(results), Store(results)
    now = {result.key: result for result in store}
    for key, folder in older(COMMITTED).items():
        records = store.records(now[known["keys"][key]])
        places = {"fit": folder.parents[1], "sample": folder.parent, "score": folder}
        for stage, place in places.items():
            then = place / "provenance.json"
            if not then.exists():
                assert records[stage] == {}
                continue
            left_out = {"keys", "data", "hyperparameters", "settings", "selection", "tuning"}
            left_out |= {"seed", "preset", "overrides", "minutes", "dataset_digest", "code"}
            left_out |= {"protocol", "sample_set"}
            for name, value in files.read_json(then).items():
                assert name in left_out or records[stage][name] == value
        recorded = {
            role: sha for one in records.values() for role, sha in one.get("code", {}).items()
        }
        assert recorded.items() <= files.read_json(folder / "provenance.json")["code"].items()
        log = (folder.parents[1] / "events.jsonl").read_bytes().splitlines()
        assert store.events(now[known["keys"][key]].run) == [json.loads(line) for line in log]


def test_results_with_new_keys_hold_and_give_a_table(results: Path, genbench) -> None:
    assert genbench("rekey").returncode == 0
    ended = genbench("verify", "all")
    assert (ended.returncode, f"{RESULTS} of {RESULTS} records hold" in ended.stdout) == (
        0,
        True,
    ), ended.stdout
    ended = genbench("verify", "all", "--rescore")
    assert f"{RESULTS - 2} of {RESULTS} numbers hold" in ended.stdout  # two failed then
    table = genbench("table").stdout
    for key, folder in older(COMMITTED).items():
        path = folder / "result.json"
        assert not path.exists() or files.read_json(path)["model"] in table, key


def test_our_own_parts_get_their_revision_and_a_stranger_s_their_digest(results: Path) -> None:
    rekey(results)
    for result in Store(results):
        model, metric = result.run.parts["model"], result.run.parts["metric"]
        assert (metric.distribution, metric.revision, metric.digest) == ("genbench", 1, "")
        assert (model.revision == 1) == (model.distribution == "genbench") == (model.digest == "")


def test_the_installed_code_goes_on_from_results_of_our_own_parts(results: Path) -> None:
    rekey(results)
    store = Store(results)
    (result, _) = [result for result in store if result.model == "gan"]
    assert result.run in store
    assert store.weights(result.run) is not None
    assert store.samples(result.run) is not None


# --- which became which ---


def test_every_older_key_and_file_is_said_to_have_become_what(results: Path) -> None:
    rekey(results)
    known = rekeyed.read(results)
    assert known["keys"].keys() == older(COMMITTED).keys()
    assert {*known["keys"].values()} == {result.key for result in Store(results)}
    then, now = bytes_of(COMMITTED), bytes_of(results)
    assert known["files"].keys() == then.keys()
    for path, place in known["files"].items():
        assert place["sha256"] == lock.sha256_of(COMMITTED / path)
        assert path.rpartition("/")[2] == place["now"].rpartition("/")[2]
        assert place["now"] in now
    new = {path for path in now if path.startswith("runs/") and not path.endswith("run.json")}
    assert {place["now"] for place in known["files"].values()} == new


@pytest.mark.parametrize("digits", [64, 12, 8])
def test_an_older_key_finds_the_result(digits: int, results: Path, genbench) -> None:
    known = rekey(results)["keys"]
    for then, now in known.items():
        ended = genbench("verify", then[:digits], "--json")
        assert [one["key"] for one in json.loads(ended.stdout)["runs"]] == [now]


def test_the_older_folder_is_kept_as_it_was(results: Path) -> None:
    rekey(results)
    assert bytes_of(results / "runs.before") == bytes_of(COMMITTED / "runs")
    assert {path.name for path in results.iterdir()} == {"runs", "runs.before", "rekeyed.json"}


def test_the_lock_of_the_older_folder_is_kept(results: Path) -> None:
    lock.write(results, {})
    before = (results / lock.NAME).read_bytes()
    rekey(results)
    assert (results / rekeying.OLD_LOCK).read_bytes() == before


# --- what is refused ---


def refused(results: Path, genbench, code: int) -> str:
    """What `genbench rekey` says when it refuses; nothing that was there may have changed."""
    before = bytes_of(results)
    ended = genbench("rekey")
    assert ended.returncode == code, ended
    assert ended.stderr.startswith("Error: ")
    assert ended.stderr.count("\n") == 1
    assert {k: v for k, v in bytes_of(results).items() if not k.startswith(".rekeyed")} == before
    return ended.stderr


def test_a_second_time_there_is_nothing_to_do(results: Path, genbench) -> None:
    said = genbench("rekey").stdout
    assert said.startswith(f"{RESULTS} results have new keys; ")
    assert "was written before results had revisions" in refused(results, genbench, 2)


def test_a_folder_without_results_has_nothing_to_do(tmp_path: Path, genbench) -> None:
    assert "no result in" in refused(tmp_path, genbench, 2)
    assert not list(tmp_path.iterdir())


def value(folder: Path) -> None:
    path = folder / "result.json"
    path.write_text(path.read_text().replace('"value": ', '"value": 1'))


def recipe(folder: Path) -> None:
    rewritten(folder / "result.json", recipe={})


def hyperparameters(folder: Path) -> None:
    kept = files.read_json(folder / "provenance.json")["hyperparameters"]
    rewritten(folder / "provenance.json", hyperparameters={**kept, "rate": 9.0})


def code_of_the_model(folder: Path) -> None:
    kept = files.read_json(folder / "result.json")["code"]
    rewritten(folder / "result.json", code={**kept, "model": "0" * 64})


def key(folder: Path) -> None:
    rewritten(folder / "result.json", key="0" * 64)


def key_of_the_training(folder: Path) -> None:
    kept = files.read_json(folder / "provenance.json")["keys"]
    rewritten(folder / "provenance.json", keys={**kept, "fit": "0" * 64})


def another_provenance(folder: Path) -> None:
    other = next(
        path for path in sorted(folder.parent.iterdir()) if path.is_dir() and path != folder
    )
    shutil.copy(other / "provenance.json", folder)


def no_provenance(folder: Path) -> None:
    (folder / "provenance.json").unlink()


def damaged_rows(folder: Path) -> None:
    path = folder / "per_example.npz"
    path.write_bytes(path.read_bytes()[:-100])


def rows_of_another(folder: Path) -> None:
    other = next(
        path for path in sorted(folder.parent.iterdir()) if path.is_dir() and path != folder
    )
    shutil.copy(other / "per_example.npz", folder)


def other_samples(folder: Path) -> None:
    path = folder.parent / "samples.npz"
    files.write_arrays(path, {"samples": np.zeros((2, 16))}, {"key": "0" * 64})


def damaged_weights(folder: Path) -> None:
    path = folder.parents[1] / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4])


EDITS = [
    value,
    recipe,
    hyperparameters,
    code_of_the_model,
    key,
    key_of_the_training,
    another_provenance,
    no_provenance,
]
EDITS += [damaged_rows, rows_of_another, other_samples, damaged_weights]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_record_is_refused_and_nothing_has_changed(
    edit: Callable[[Path], None], results: Path, genbench
) -> None:
    folder = sorted(results.rglob("result.json"))[-1].parent
    edit(folder)
    said = refused(results, genbench, 1 if edit is no_provenance else 3)
    assert folder.parents[1].name in said


def test_a_copy_of_a_result_is_no_second_one(results: Path) -> None:
    copied(results / "runs/tiny/gan", results / "runs/tiny/gan.bak")
    known = rekey(results)
    assert len(list(Store(results))) == len(known["keys"]) == RESULTS


def test_a_copy_with_another_number_is_refused_with_both_places(results: Path, genbench) -> None:
    copy = copied(results / "runs/tiny/gan", results / "runs/tiny/gan.bak")
    path = next(copy.rglob("result.json"))
    rewritten(path, value=999.0)
    said = refused(results, genbench, 3)
    assert "two answers to one question" in said
    assert str(path.parent.relative_to(results)) in said
    assert str(path.parent.relative_to(results)).replace("gan.bak", "gan") in said


def test_what_an_earlier_call_left_is_never_overwritten(results: Path, genbench) -> None:
    (results / "runs.before").mkdir()
    (results / "runs.before" / "mine").write_text("only copy")
    assert "runs.before is in the way" in refused(results, genbench, 2)
    assert (results / "runs.before" / "mine").read_text() == "only copy"


def test_a_model_that_is_no_longer_registered_is_named(results: Path, genbench) -> None:
    for path in results.rglob("result.json"):
        if files.read_json(path)["model"] == "drift":
            rewritten(path, model="glide")
    assert "'glide'" in refused(results, genbench, 2)


# --- killed ---

WRITES = ("write_bytes", "append_line", "move", "remove_folder")


class Killed(KeyboardInterrupt):
    """What nothing may catch."""


def writes_of(results: Path, killed_at: int = 0) -> int:
    """How often `rekey` writes, moves or removes; it is killed as it is about to for the n-th time.

    `killed_at`: 0 for never.
    """
    calls = 0
    with pytest.MonkeyPatch.context() as patched:
        for name in WRITES:
            act = getattr(files, name)

            def counted(*arguments: Any, act: Callable[..., Any] = act) -> Any:
                nonlocal calls
                calls += 1
                if calls == killed_at:
                    raise Killed
                return act(*arguments)

            patched.setattr(files, name, counted)
        with suppress(Killed):
            rekey(results)
    return calls


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_loses_nothing_and_the_next_call_goes_on(
    step: int, results: Path, tmp_path: Path
) -> None:
    """Every `step`-th moment while it writes, and each while it puts what it wrote in place."""
    lock.write(results, {})
    whole, then = copied(results, tmp_path / "whole"), bytes_of(COMMITTED / "runs")
    calls = writes_of(whole)
    wanted = bytes_of(whole)
    for call in [*range(1, calls - 10, step), *range(calls - 10, calls + 1)]:
        folder = copied(results, tmp_path / "killed")
        assert writes_of(folder, call) == call
        there = [folder / "runs", folder / "runs.before"]
        assert any(place.exists() and bytes_of(place) == then for place in there), call
        rekey(folder)
        assert bytes_of(folder) == wanted, call
        shutil.rmtree(folder)


def test_new_runs_that_were_made_after_a_kill_are_kept(results: Path, tmp_path: Path) -> None:
    runs, move, calls = planned("drift"), files.move, []

    def once(path: Path, place: Path) -> None:
        if calls:
            raise Killed
        calls.append(path)
        move(path, place)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "move", once)
        with pytest.raises(Killed):
            rekey(results)
    assert not (results / "runs").exists()  # as bad as it can be
    carried_out(runs, results)
    made = answers_of(results / "runs")
    rekey(results)
    assert made.items() <= answers_of(results / "runs").items()
    assert len(list(Store(results))) == RESULTS + 2


# --- older and new ones in one folder ---


def made_by(results: Path) -> dict[Path, bytes]:
    """What new results consist of, trainings included."""
    new = [path for path in Store(results).folders() if (path / "run.json").exists()]
    paths = {path for folder in new for path in folder.parents[1].rglob("*.*")}
    return {path: path.read_bytes() for path in paths if path.name != ".lock"}


def test_new_results_beside_older_ones_are_kept_as_they_are(results: Path) -> None:
    carried_out(planned("drift", "walk"), results)
    made = made_by(results)
    assert sum(path.name == "result.json" for path in made) == 4
    rekey(results)
    assert all(path.read_bytes() == content for path, content in made.items())
    assert len(list(Store(results))) == RESULTS + 4
    assert bytes_of(results / "runs.before") == bytes_of(COMMITTED / "runs")


def test_where_both_have_a_key_the_new_result_is_kept(results: Path, tmp_path: Path) -> None:
    known = rekey(copied(results, tmp_path / "other"))
    (result, _) = [r for r in Store(tmp_path / "other") if r.model == "gan"]
    carried_out([result.run], results)
    made = made_by(results)
    assert {path.name for path in made} >= {*ANSWER}
    assert rekey(results) == known
    assert all(path.read_bytes() == content for path, content in made.items())
    store = Store(results)
    assert len(list(store)) == RESULTS  # the other fold is the older one's
    assert store.events(result.run)


def test_a_training_in_progress_is_kept(results: Path) -> None:
    runs, put, calls = planned("drift"), Store.put_checkpoint, []

    def once(self: Store, *arguments: Any) -> None:
        put(self, *arguments)
        calls.append(1)
        if len(calls) == 2:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "put_checkpoint", once)
        with pytest.raises(Killed):
            carried_out(runs, results)
    rekey(results)
    carried_out(runs, results)
    starts = [e["done"] for e in Store(results).events(runs[0]) if e.get("stage") == "fit"]
    assert starts == [0, 2]
