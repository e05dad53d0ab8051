"""Runs end to end, in process: resumed equals uninterrupted, failures stay their own."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genbench.errors import AlteredError, StoreError
from genbench.plugins import registry
from genbench.records import files
from genbench.records.run import Run, answered
from genbench.records.store import Store
from genbench.running import cost, training, work
from genbench.running.data import Sources
from genbench.running.executors import Spawned
from genbench.running.plan import Question, by_training, pending, plan
from genbench.running.runner import Environment, execute, settle, submit_all
from genbench.samples import chains
from genbench.seeding import seeded

pytestmark = pytest.mark.usefixtures("strangers")


def planned(tmp_path: Path, *models: str, **question) -> list[Run]:
    asked = {"samples": 60, **question}
    metrics, datasets = asked.pop("metrics", ["parzen"]), asked.pop("datasets", ["tiny"])
    return plan(Question(models or ("drift",), datasets, metrics, **asked), tmp_path)


def carried_out(runs: list[Run], results_dir: Path) -> Store:
    for group in by_training(runs):
        execute(group, Environment(results_dir, results_dir, "cpu"))
    return Store(results_dir)


def bytes_of(results_dir: Path) -> dict[str, bytes]:
    """Everything that must be equal: weights, samples, results."""
    kept = ("weights.safetensors", "samples.npz", "per_example.npz", "run.json", "result.json")
    paths = [path for path in results_dir.rglob("*") if path.name in kept]
    return {str(path.relative_to(results_dir)): path.read_bytes() for path in paths}


class Interrupt(KeyboardInterrupt):
    pass


def interrupted_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the store raise, as Ctrl-C would, when it has kept so many epochs."""
    put, kept = Store.put_checkpoint, []

    def put_and_count(self: Store, *arguments) -> None:
        put(self, *arguments)
        kept.append(1)
        if len(kept) == epochs:
            raise Interrupt

    monkeypatch.setattr(Store, "put_checkpoint", put_and_count)


@pytest.mark.parametrize("stop", [1, 3, 6])
@pytest.mark.parametrize("preset", ["paper", "selected"])
def test_a_resumed_run_has_the_bytes_of_an_uninterrupted_one(
    stop: int, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = planned(tmp_path, preset=preset)
    carried_out(runs, tmp_path / "whole")
    with monkeypatch.context() as patched:
        interrupted_after(stop, patched)
        with pytest.raises(Interrupt):
            carried_out(runs, tmp_path / "resumed")
    assert not bytes_of(tmp_path / "resumed").keys() & {"result.json"}
    carried_out(runs, tmp_path / "resumed")
    assert bytes_of(tmp_path / "resumed") == bytes_of(tmp_path / "whole")


def test_what_a_key_holds_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = planned(tmp_path)
    carried_out(runs, tmp_path)
    assert pending(runs, Store(tmp_path)) == []
    monkeypatch.setattr(training, "train", None)  # a training would now raise
    both = planned(tmp_path, metrics=["parzen", "nearness"])
    carried_out(both, tmp_path)
    assert {result.metric for result in Store(tmp_path)} == {"parzen", "nearness"}
    fewer = planned(tmp_path, samples=30)
    carried_out(fewer, tmp_path)
    assert pending(fewer, Store(tmp_path)) == []
    monkeypatch.setattr(work.Work, "samples", lambda self, run: pytest.fail("drawn again"))
    carried_out(runs, tmp_path)


def test_two_folds_share_one_training_and_one_set_of_samples(tmp_path: Path) -> None:
    runs = planned(tmp_path)
    carried_out(runs, tmp_path)
    assert len(runs) == 2
    assert len(list(tmp_path.rglob("weights.safetensors"))) == 1
    assert len(list(tmp_path.rglob("samples.npz"))) == 1
    assert len(list(tmp_path.rglob("result.json"))) == 2


def test_neither_order_nor_company_changes_a_result(tmp_path: Path) -> None:
    runs = planned(tmp_path, "drift", "not_resumable", "walk", seeds=(0, 1))
    carried_out(runs, tmp_path / "one")
    carried_out(runs[::-1], tmp_path / "two")
    carried_out([run for run in runs if run.seed == 1], tmp_path / "three")
    one, two, three = (bytes_of(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert three.items() <= one.items()


def test_the_test_rows_never_reach_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stranger.drift import Drift

    seen = []
    fit = Drift.fit

    def spy(self, train, valid):
        seen.append((len(train), len(valid)))
        yield from fit(self, train, valid)

    monkeypatch.setattr(Drift, "fit", spy)
    carried_out(planned(tmp_path), tmp_path)
    assert seen == [(200, 0)]  # no validation rows either: its recipe does not ask for them


def test_a_metric_that_asks_for_the_training_rows_is_given_them(tmp_path: Path) -> None:
    runs = planned(tmp_path, metrics=["nearness"])
    result = carried_out(runs, tmp_path).result(runs[0])
    assert result is not None
    assert result.notes["train_rows"] == 200
    assert result.best == "low"


def test_samples_are_scored_as_they_are_kept(tmp_path: Path) -> None:
    store = carried_out(runs := planned(tmp_path), tmp_path)
    stored = store.samples(runs[0])
    assert stored is not None
    kept = stored[0]
    assert kept.dtype == np.uint8
    result = store.result(runs[0])
    assert result is not None
    split = registry.load("dataset", "tiny")(tmp_path).split(0)
    metric = registry.load("metric", "parzen")()
    again = metric(torch.from_numpy(kept).float() / 255, split.valid, split.test)
    assert again.value == result.value
    assert result.distinct == len({row.tobytes() for row in kept})


def test_the_epoch_is_chosen_on_validation_rows_that_did_not_choose_sigma(tmp_path: Path) -> None:
    runs = planned(tmp_path, preset="selected")
    result = carried_out(runs, tmp_path).result(runs[0])
    assert result is not None
    training = asdict(result.training)
    epochs, values = zip(*training["curve"], strict=True)
    assert epochs == (2, 4, 6)
    assert training["epoch"] == epochs[int(np.argmax(values))]
    assert result.notes["validation"]["gap"] == pytest.approx(
        result.notes["validation"]["mean"] - result.value
    )


def test_a_run_cut_by_its_budget_is_marked(tmp_path: Path) -> None:
    runs = planned(tmp_path, minutes=1e-9)
    result = carried_out(runs, tmp_path).result(runs[0])
    assert result is not None
    assert result.cut
    assert result.training.epochs == 1
    assert result.overrides["minutes"] == 1e-9


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("not_a_number", "ModelError: not_a_number: 60 of 60 samples hold NaN"),
        ("wrong_shape", r"samples must have the shape \(at most 60, 16\)"),
        ("wrong_range", r"samples must lie in \[0, 1\]"),
        ("too_many", "gave 61 samples where 60 were asked for"),
        ("diverges", "the loss 'distance' became inf in epoch 1 of 3"),
        ("raises", "RuntimeError: the stranger's own mistake"),
    ],
)
def test_a_failure_is_recorded_and_leaves_the_others(
    model: str, reason: str, tmp_path: Path
) -> None:
    import re

    runs = planned(tmp_path, model, "drift")
    store = carried_out(runs, tmp_path)
    for run in runs:
        result = store.result(run)
        assert result is not None
        if run.model == "drift":
            assert result.status == "done"
            continue
        assert result.status == "failed"
        assert re.search(reason, result.error)
        record = store.provenance(run, "score")
        assert record["seconds"]["until_failure"] > 0
        assert str(tmp_path) not in json.dumps(record)
    assert [run.model for run in pending(runs, store)] == [model, model]  # tried again


def test_a_killed_worker_fails_its_own_cell_only(tmp_path: Path) -> None:
    runs = planned(tmp_path, "dies", "drift", "not_resumable", seeds=(0, 1))
    environment = Environment(tmp_path, tmp_path, "cpu")
    with Spawned(workers=2, threads=1) as executor:
        for future, group in submit_all(runs, environment, executor).items():
            settle(future, group, environment)
    store = Store(tmp_path)
    status = {(run.model, result.status) for run in runs if (result := store.result(run))}
    assert status == {("dies", "failed"), ("drift", "done"), ("not_resumable", "done")}
    assert all("worker process died" in r.error for r in store if r.model == "dies")


def test_two_workers_give_the_bytes_of_one(tmp_path: Path) -> None:
    runs = planned(tmp_path, seeds=(0, 1, 2))
    for workers in (1, 2):
        environment = Environment(tmp_path / str(workers), tmp_path, "cpu")
        with Spawned(workers, threads=1) as executor:
            for future, group in submit_all(runs, environment, executor).items():
                settle(future, group, environment)
    assert bytes_of(tmp_path / "1") == bytes_of(tmp_path / "2")


def test_a_full_disk_ends_in_an_error_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = planned(tmp_path)
    carried_out(runs, tmp_path / "whole")
    write = files.write_bytes

    def full(path: Path, content: bytes, check: files.Check = None) -> None:
        if path.name != "checkpoint.safetensors":
            raise StoreError(f"cannot write {path}: No space left on device")
        write(path, content, check)

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_bytes", full)
        with pytest.raises(StoreError, match="No space left"):
            carried_out(runs, tmp_path / "full")
    carried_out(runs, tmp_path / "full")
    assert bytes_of(tmp_path / "full") == bytes_of(tmp_path / "whole")


def test_an_edited_result_is_refused(tmp_path: Path) -> None:
    runs = planned(tmp_path)
    carried_out(runs, tmp_path)
    path = next(tmp_path.rglob("result.json"))
    path.write_text(path.read_text().replace('"status": "done"', '"status": "fine"'))
    with pytest.raises(StoreError, match="was edited"):
        list(Store(tmp_path))


def test_rerun_does_it_again_with_the_same_bytes(tmp_path: Path) -> None:
    runs = planned(tmp_path)
    carried_out(runs, tmp_path)
    first = bytes_of(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    execute(runs, Environment(tmp_path, tmp_path, "cpu", rerun=True))
    assert bytes_of(tmp_path) == first
    assert all(path.stat().st_mtime_ns > stamp for path, stamp in stamps.items())


def test_an_interrupted_rerun_loses_nothing_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = planned(tmp_path)
    carried_out(runs, tmp_path)
    first, again = bytes_of(tmp_path), Environment(tmp_path, tmp_path, "cpu", rerun=True)
    with monkeypatch.context() as patched:
        interrupted_after(3, patched)
        with pytest.raises(Interrupt):
            execute(runs, again)
    assert bytes_of(tmp_path) == first
    execute(runs, again)
    assert bytes_of(tmp_path) == first


@pytest.mark.parametrize("name", ["weights.safetensors", "samples.npz", "result.json"])
def test_whole_files_of_another_run_are_refused(name: str, tmp_path: Path) -> None:
    runs = planned(tmp_path, seeds=(0, 1))
    carried_out(runs, tmp_path)
    one, other = sorted(tmp_path.rglob(name), key=str)[:: len(list(tmp_path.rglob(name))) - 1]
    one.write_bytes(other.read_bytes())
    for path in [*tmp_path.rglob("result.json")] if name != "result.json" else []:
        path.unlink()
    for path in tmp_path.rglob("samples.npz") if name.startswith("weights") else []:
        path.unlink()
    with pytest.raises(AlteredError, match=r"not of this run|does not answer"):
        carried_out(runs, tmp_path)


def test_a_damaged_checkpoint_is_named_and_not_taken_for_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = planned(tmp_path)
    with monkeypatch.context() as patched:
        interrupted_after(3, patched)
        with pytest.raises(Interrupt):
            carried_out(runs, tmp_path)
    path = next(tmp_path.rglob("checkpoint.safetensors"))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(AlteredError, match=r"checkpoint\.safetensors is damaged"):
        carried_out(runs, tmp_path)
    path.unlink()
    carried_out(runs, tmp_path)
    assert pending(runs, Store(tmp_path)) == []


def test_stored_samples_are_scored_without_the_weights(tmp_path: Path) -> None:
    carried_out(planned(tmp_path), tmp_path)
    next(tmp_path.rglob("weights.safetensors")).unlink()
    more = planned(tmp_path, metrics=["nearness"])
    carried_out(more, tmp_path)
    assert pending(more, Store(tmp_path)) == []
    assert not list(tmp_path.rglob("weights.safetensors"))  # nothing was retrained


def test_a_metric_that_draws_draws_the_same_for_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stranger.nearness import Nearness

    score = Nearness.__call__

    def noisy(self, samples, valid, test, train):
        found = score(self, samples, valid, test, train)
        return replace(found, value=found.value + float(torch.rand(())) + np.random.rand())

    monkeypatch.setattr(Nearness, "__call__", noisy)
    runs = planned(tmp_path, metrics=["nearness"])
    carried_out(runs, tmp_path / "one")
    np.random.seed(5)
    carried_out(runs[::-1], tmp_path / "two")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_data_that_change_after_the_plan_are_not_scored_under_its_key(tmp_path: Path) -> None:
    runs = planned(tmp_path)
    other = [replace(run, data=replace(run.data, test="0" * 64)) for run in runs]
    store = carried_out(other, tmp_path)
    results = [store.result(run) for run in other]
    assert all(result and "changed after the run was planned" in result.error for result in results)


def test_where_folds_share_their_images_epochs_are_selected_on_training_rows_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stranger.drift import Drift

    seen = []
    fit = Drift.fit

    def spy(self, train, valid):
        seen.append(len(train))
        yield from fit(self, train, valid)

    monkeypatch.setattr(Drift, "fit", spy)
    carried_out(planned(tmp_path, preset="selected"), tmp_path)
    assert seen == [180]  # one training for both folds, a tenth held out


def test_defaults_written_out_are_the_same_run(tmp_path: Path) -> None:
    plain = planned(tmp_path)
    said = planned(tmp_path, overrides={"drift": {"rate": 0.3, "epochs": 6}})
    assert [run.fit_key for run in plain] == [run.fit_key for run in said]
    assert plain[0].hyperparameters["spread"] == 0.1


def test_provenance_holds_no_host_user_or_path(tmp_path: Path) -> None:
    import getpass
    import socket

    carried_out(planned(tmp_path), tmp_path)
    for path in tmp_path.rglob("provenance.json"):
        text = path.read_text()
        assert socket.gethostname() not in text
        assert str(Path.home()) not in text
        assert str(tmp_path) not in text
        assert f"/{getpass.getuser()}/" not in text


def test_streams_are_named_and_leave_the_callers_generators_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with seeded("gan", "mnist", 0, "sample"):
        first = torch.rand(3), np.random.rand(3)
    with seeded("gan", "mnist", 0, "sample"):
        second = torch.rand(3), np.random.rand(3)
    with seeded("gan", "mnist", 1, "sample"):
        other = torch.rand(3)
    assert torch.equal(first[0], second[0])
    assert (first[1] == second[1]).all()
    assert not torch.equal(first[0], other)
    assert torch.equal(torch.rand(3), expected)


def test_the_cost_of_a_run_is_projected_from_few_batches_and_writes_nothing(tmp_path: Path) -> None:
    run = planned(tmp_path)[0]
    slow = replace(run, hyperparameters={**run.hyperparameters, "pause": 0.05})
    seconds, epochs = cost.projected(slow, Store(tmp_path), Sources(tmp_path), torch.device("cpu"))
    assert epochs == 6
    assert seconds >= 6 * 0.05
    assert not (tmp_path / "runs").exists()


# --- tuning and mixing ---


@dataclass
class Drawn:
    """How a chain model was asked for samples."""

    spread: float
    start: str
    samples: int
    seed: int


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Drawn]:
    """Every call of the chain model's `sample`, in order."""
    from stranger.walk import Walk

    calls: list[Drawn] = []
    sample = Walk.sample

    def spy(self, n):
        calls.append(Drawn(self.spread, self.start, n, torch.initial_seed()))
        return sample(self, n)

    monkeypatch.setattr(Walk, "sample", spy)
    return calls


@pytest.fixture
def one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stranger's dataset with its first fold alone."""
    from stranger.tiny import Tiny

    monkeypatch.setattr(Tiny, "folds", 1)


def details_of(runs: list[Run], folder: Path) -> list[dict[str, Any]]:
    results = [carried_out(runs, folder).result(run) for run in runs]
    assert all(result and result.status == "done" for result in results), results
    return [answered(result) for result in results if result]


@pytest.mark.usefixtures("one_fold")
def test_every_value_is_tried_from_noise_with_one_seed_and_the_best_one_draws(
    tmp_path: Path, drawn: list[Drawn]
) -> None:
    data = {"walk": {"start": "data", "chains": 1}}
    runs = planned(tmp_path, "walk", overrides=data, samples=100)
    tuned = details_of(runs, tmp_path)[0]["tuned"]
    *tried, last = drawn
    assert [call.spread for call in tried] == [0.02, 0.1, 0.5]
    assert {(call.start, call.samples) for call in tried} == {("noise", 40)}
    assert len({call.seed for call in tried}) == 1
    assert (last.spread, last.start, last.samples) == (tuned["value"], "data", 100)


def test_the_chosen_value_and_the_curve_it_tops_are_recorded(tmp_path: Path) -> None:
    details = details_of(planned(tmp_path, "walk"), tmp_path)[0]
    tried, values = zip(*details["tuned"]["curve"], strict=True)
    assert tried == (0.02, 0.1, 0.5)
    assert details["tuned"]["name"] == "spread"
    assert details["tuned"]["value"] == tried[int(np.argmax(values))]
    assert details["sampling"]["spread"] == details["tuned"]["value"]


@pytest.mark.parametrize("role", ["tune", "select"])
def test_a_metric_that_is_better_when_lower_and_asks_for_training_rows_may_choose(
    role: str, tmp_path: Path
) -> None:
    chosen = {"tune_by": "nearness"} if role == "tune" else {"select": "nearness"}
    runs = planned(tmp_path, "walk", overrides={"walk": chosen})
    details = details_of(runs, tmp_path)[0]
    curve, best = details["tuned"]["curve"], details["tuned"]["value"]
    if role == "select":
        curve, best = details["training"]["curve"], details["training"]["epoch"]
    assert best == min(curve, key=lambda point: point[1])[0]


def rows_that_judge(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The rows of every call of the Parzen estimator, those for sigma first."""
    from genbench.metrics.parzen import Parzen

    seen: list[torch.Tensor] = []
    score = Parzen.__call__

    def spy(self, samples, valid, test):
        seen.append(torch.cat([valid, test]))
        return score(self, samples, valid, test)

    monkeypatch.setattr(Parzen, "__call__", spy)
    return seen


@pytest.mark.usefixtures("one_fold")
def test_on_one_fold_the_value_is_chosen_on_the_validation_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = rows_that_judge(monkeypatch)
    carried_out(planned(tmp_path, "walk"), tmp_path)
    valid = registry.load("dataset", "tiny")(tmp_path).split(0).valid
    assert [torch.equal(rows, valid) for rows in seen] == [True] * 3 + [False]


def test_on_several_folds_the_value_is_chosen_on_training_rows_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stranger.walk import Walk

    seen, trained_on = rows_that_judge(monkeypatch), []
    fit = Walk.fit

    def spy(self, train, valid):
        trained_on.append(train)
        yield from fit(self, train, valid)

    monkeypatch.setattr(Walk, "fit", spy)
    carried_out(planned(tmp_path, "walk"), tmp_path)
    train = registry.load("dataset", "tiny")(tmp_path).split(0).train
    assert [torch.equal(rows, train[180:]) for rows in seen] == [True] * 3 + [False] * 2
    assert [torch.equal(rows, train[:180]) for rows in trained_on] == [True]


def test_several_folds_share_a_tuned_set_of_samples(tmp_path: Path, drawn: list[Drawn]) -> None:
    first, second = details_of(planned(tmp_path, "walk"), tmp_path)
    assert len(drawn) == 3 + 1
    assert len(list(tmp_path.rglob("weights.safetensors"))) == 1
    assert len(list(tmp_path.rglob("samples.npz"))) == 1
    assert first["training"]["rows"] == 180
    assert first["tuned"] == second["tuned"]


def test_an_untuned_model_trains_on_every_row(tmp_path: Path) -> None:
    details = details_of(planned(tmp_path, "walk", preset="untuned"), tmp_path)[0]
    assert details["training"]["rows"] == 200
    assert details["tuned"] is None
    assert details["sampling"]["spread"] == 0.2


def test_a_tuned_run_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    runs = planned(tmp_path, "walk")
    carried_out(runs, tmp_path / "one")
    carried_out(runs, tmp_path / "two")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_what_was_tuned_is_not_tuned_again(tmp_path: Path, drawn: list[Drawn]) -> None:
    carried_out(planned(tmp_path, "walk"), tmp_path)
    before = list(drawn)
    carried_out(planned(tmp_path, "walk"), tmp_path)
    carried_out(planned(tmp_path, "walk", metrics=["nearness"]), tmp_path)
    assert drawn == before


def test_rerun_tunes_again_with_the_same_bytes(tmp_path: Path, drawn: list[Drawn]) -> None:
    runs = planned(tmp_path, "walk")
    carried_out(runs, tmp_path)
    first, before = bytes_of(tmp_path), list(drawn)
    execute(runs, Environment(tmp_path, tmp_path, "cpu", rerun=True))
    assert drawn == before * 2
    assert bytes_of(tmp_path) == first


def test_a_run_interrupted_while_it_tunes_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stranger.walk import Walk

    runs = planned(tmp_path, "walk")
    carried_out(runs, tmp_path / "whole")
    sample = Walk.sample

    def stop(self, n):
        if self.spread == 0.1:
            raise Interrupt
        return sample(self, n)

    with monkeypatch.context() as patched:
        patched.setattr(Walk, "sample", stop)
        with pytest.raises(Interrupt):
            carried_out(runs, tmp_path / "resumed")
    monkeypatch.setattr(training, "train", None)  # a training would now raise
    carried_out(runs, tmp_path / "resumed")
    assert bytes_of(tmp_path / "resumed") == bytes_of(tmp_path / "whole")


def test_chains_and_other_samples_are_reported_on(tmp_path: Path) -> None:
    runs = planned(tmp_path, "walk", "drift")
    store = carried_out(runs, tmp_path)
    reports = {r.model: r.mixing and asdict(r.mixing) for r in store}
    assert (reports["walk"]["chains"], reports["walk"]["steps"]) == (10, 3)
    assert (reports["drift"]["chains"], reports["drift"]["steps"]) == (None, None)
    assert reports["drift"]["class_transitions_per_100_steps"] is None
    assert reports["drift"]["distinct_nearest"] > 0


def test_samples_of_what_is_no_image_have_no_nearest_images(tmp_path: Path) -> None:
    details = details_of(planned(tmp_path, "drift", datasets=["ring"]), tmp_path)
    assert [given for given in details if given["mixing"]] == []


def test_the_report_is_of_the_chains_as_they_were_tuned(tmp_path: Path) -> None:
    tuning = {"tune": "chains", "tune_values": [6]}
    runs = planned(tmp_path, "walk", overrides={"walk": tuning})
    details = details_of(runs, tmp_path)[0]
    assert details["sampling"]["chains"] == details["mixing"]["chains"] == 6


def test_the_report_is_the_same_whichever_fold_draws_the_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out: list[torch.Tensor] = []
    monkeypatch.setattr(chains, "report", lambda *given: held_out.append(given[-1]) or {})
    for run in planned(tmp_path, "walk"):
        carried_out([run], tmp_path / str(run.data.fold))
    assert torch.equal(*held_out)


def reported(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What each mixing report is given after the steps between kept states."""
    given: list[tuple] = []
    monkeypatch.setattr(chains, "report", lambda *parts: given.append(parts[3:]) or {})
    return given


def test_the_report_counts_validation_rows_that_were_trained_on_as_training_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = reported(monkeypatch)
    said = {"walk": {"uses_validation": True, "spread": 0.1}}
    carried_out(planned(tmp_path, "walk", overrides=said)[:1], tmp_path)
    (train, labels, held_out) = given[0]
    split = registry.load("dataset", "tiny")(tmp_path).split(0)
    kept = split.train[: len(train) - len(split.valid)]
    assert torch.equal(train, torch.cat([kept, split.valid]))
    assert labels is None or len(labels) == len(train)
    assert len(held_out) == 0


def test_the_report_leaves_out_rows_that_were_held_out_of_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = reported(monkeypatch)
    carried_out(planned(tmp_path, "walk")[:1], tmp_path)
    assert len(given[0][0]) == 180


@pytest.mark.usefixtures("one_fold")
def test_a_score_that_is_no_number_is_never_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genbench.metrics.parzen import Parzen

    score, calls = Parzen.__call__, []

    def first_is_nan(self, samples, valid, test):
        calls.append(score(self, samples, valid, test))
        return calls[-1] if len(calls) > 1 else replace(calls[-1], value=float("nan"))

    monkeypatch.setattr(Parzen, "__call__", first_is_nan)
    tuned = details_of(planned(tmp_path, "walk"), tmp_path)[0]["tuned"]
    assert [*tuned["curve"][0]] == [0.02, None]
    assert tuned["value"] != 0.02


@pytest.mark.cuda
def test_a_gpu_gives_the_same_result_twice_and_nearly_the_cpus(tmp_path: Path) -> None:
    runs = planned(tmp_path)
    for name, device in (("one", "cuda"), ("two", "cuda"), ("cpu", "cpu")):
        execute(runs, Environment(tmp_path / name, tmp_path, device))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    values = [Store(tmp_path / name).result(runs[0]) for name in ("one", "cpu")]
    assert values[0] is not None
    assert values[1] is not None
    assert values[0].value == pytest.approx(values[1].value, abs=5)
