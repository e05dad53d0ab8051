"""Features: which a metric is given, that they are in its key, and that they are computed once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.held_out import HeldOut
from genbench import testing
from genbench.defaults import DEFAULTS
from genbench.features.digits import Digits
from genbench.plugins.code import FEATURES, Part
from genbench.records.run import Run
from genbench.running.data import Sources
from genbench.running.plan import Question, plan, renewed
from genbench.running.runner import Environment, execute


def planned(*metrics: str, dataset: str = "mnist5k", **asked) -> list[Run]:
    return plan(Question(["replay"], [dataset], metrics, samples=200, **asked), Path("none"))


def test_where_none_are_named_they_are_the_usual_ones_of_the_dataset() -> None:
    (run,) = planned("train_share")
    assert run.settings[FEATURES] == DEFAULTS.features_of("mnist5k") == "digits"
    assert run.parts[FEATURES] == Part("genbench", "digits", revision=1)
    assert run.score_reads[FEATURES] == Digits((1, 28, 28), Path()).digest


def test_named_ones_are_a_setting_and_another_column() -> None:
    (run,) = planned("train_share", overrides={"train_share": {FEATURES: "pixels"}})
    assert (run.settings[FEATURES], run.overrides) == ("pixels", {"train_share.features": "pixels"})
    assert run.sample_key == planned("train_share")[0].sample_key
    assert run.score_key != planned("train_share")[0].score_key


@pytest.mark.parametrize("what", ["revision", "weights"])
def test_another_network_is_another_score_of_the_same_samples(what: str) -> None:
    (run,) = planned("train_share")
    if what == "revision":
        other = replace(run, parts={**run.parts, FEATURES: Part("genbench", "digits", revision=2)})
    else:
        other = replace(run, score_reads={FEATURES: "another digest"})
    assert other.sample_key == run.sample_key
    assert other.score_key != run.score_key


def test_a_stored_score_by_other_weights_is_not_what_would_be_asked_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (run,) = planned("train_share")
    assert renewed(run, Sources(tmp_path)).score_key == run.score_key
    monkeypatch.setattr(Digits, "digest", property(lambda self: "x", lambda self, _: None), False)
    assert renewed(run, Sources(tmp_path)).score_key != run.score_key


def test_weights_that_change_after_the_plan_are_not_scored_under_its_key(tmp_path: Path) -> None:
    (run,) = planned("train_share")
    other = replace(run, score_reads={**run.score_reads, FEATURES: "0" * 64})
    environment = Environment(tmp_path, tmp_path, "cpu")
    execute([other], environment)
    result = environment.store.result(other)
    assert result
    assert "the weights of features 'digits', which train_share takes, changed" in result.error


def test_a_metric_without_features_has_none_in_its_key() -> None:
    (run,) = planned("parzen")
    assert FEATURES not in {**run.parts, **run.score_reads, **run.settings}


def test_rows_that_features_cannot_be_had_of_leave_the_cell_empty_and_say_why() -> None:
    chosen = {"train_share": {FEATURES: "digits"}}
    (run,) = planned("train_share", dataset="ring", overrides=chosen)
    assert run.unmet == (
        "train_share on ring: features 'digits' takes rows of shape 1x28x28, not 2: "
        "take features=pixels, or pca64"
    )


def test_an_unknown_name_gets_the_nearest_one(genbench) -> None:
    done = genbench("run", "-m", "replay", "--metrics", "mmd", "--set", "mmd.features=digit")
    assert done.returncode == 2
    assert "did you mean 'digits'" in done.stderr


def test_metrics_share_one_computation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    computed = []
    usual = Digits.__call__
    monkeypatch.setattr(
        Digits, "__call__", lambda self, rows: computed.append(len(rows)) or usual(self, rows)
    )
    runs = planned("train_share", "nn_ratio", "authenticity")
    execute(runs, Environment(tmp_path, tmp_path, "cpu"))
    assert sorted(computed) == [200, 500, 4000]  # samples, test and training rows: once each


def test_what_was_computed_once_is_read_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    split = Sources(tmp_path).split("mnist5k", 0)
    of = Sources(tmp_path).featured("mnist5k", "digits", tmp_path / FEATURES)
    first = of.of(split)(split.test)
    monkeypatch.setattr(Digits, "__call__", lambda self, rows: pytest.fail("computed again"))
    assert of.of(split)(split.test).equal(first)


def test_a_group_is_its_metrics() -> None:
    metrics = [run.metric for run in planned("copying", "parzen")]
    assert metrics == [*DEFAULTS.groups["copying"], "parzen"]


# --- the row of real data ---


def held_out(*metrics: str, dataset: str = "mnist5k") -> list[Run]:
    return plan(Question(["held_out"], [dataset], metrics, samples=300), Path("none"))


def test_validation_rows_that_choose_for_a_metric_are_not_shown_to_it() -> None:
    empty, shown = held_out("parzen", "train_share")
    reason = "its 500 validation rows choose, and are too few to be shown too"
    assert empty.unmet == f"held_out by parzen on mnist5k: {reason}"
    assert not shown.unmet


def test_rows_that_choose_come_first_and_are_left_out(tmp_path: Path) -> None:
    valid = Sources(tmp_path).split("ring", 0).valid
    model = HeldOut((2,), skip=1000)
    for _ in model.fit(valid[:0], valid):
        pass
    assert model.sample(10_000).equal(valid[1000:])


def test_few_rows_are_shown_whole_to_metrics_that_choose_nothing() -> None:
    valid = torch.rand(1999, 2)
    model = HeldOut((2,), skip=1000)
    for _ in model.fit(valid[:0], valid):
        pass
    assert model.sample(10_000).equal(valid)


def test_it_keeps_the_contract_of_models() -> None:
    assert testing.check_model("held_out")


def test_metrics_of_a_file_share_one_computation_too(
    monkeypatch: pytest.MonkeyPatch, genbench, tmp_path: Path
) -> None:
    computed = []
    usual = Digits.__call__
    monkeypatch.setattr(
        Digits, "__call__", lambda self, rows: computed.append(len(rows)) or usual(self, rows)
    )
    monkeypatch.setattr("genbench.running.data.Sources.featured", _unkept(Sources.featured))
    np.save(tmp_path / "x.npy", Sources(tmp_path).split("mnist5k", 0).test[:60].numpy())
    done = genbench(
        *("score", "x.npy", "-d", "mnist5k", "--no-references"),
        *("--metrics", "nn_ratio,authenticity"),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(computed) == [60, 500, 4000]


def _unkept(usual):
    """Features that no file keeps, so that only memory can share them."""
    return lambda self, name, features, folder=None: usual(self, name, features)
