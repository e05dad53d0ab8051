"""An experiment is refused where its table would be wrong; its trials are of what was done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from made import altered, made

from genbench.errors import UsageError
from genbench.plugins.experiments import Experiment
from genbench.records.experiments import Record, check_place, put
from genbench.records.observed import Training
from genbench.records.run import Result, Run
from genbench.running import cost, experiments
from genbench.running.experiments import Arm, planned, record

TOY = Experiment(
    name="toy",
    about="",
    model="gan",
    dataset="gaussian_1d",
    preset="smoke",
    metrics=["parzen"],
    samples=60,
    seeds=[0, 1, 2],
    tune="rate",
    tune_values=[0.02],
    arms={"recipe": {}},
)


class Folded:
    """Sources of a dataset with ten folds."""

    def dataset(self, name: str) -> Any:
        return type("Ten", (), {"folds": 10})


def test_a_dataset_of_several_folds_is_refused() -> None:
    sources: Any = Folded()
    with pytest.raises(UsageError, match=r"experiment toy: gaussian_1d has 10 folds.*one fold"):
        planned(TOY, Path(), sources)


def test_a_metric_whose_best_value_is_that_of_real_rows_is_refused(tmp_path: Path) -> None:
    one = altered(TOY, metrics=["parzen", "authenticity"])
    with pytest.raises(UsageError, match="best value of authenticity is that of the held-out"):
        planned(one, tmp_path)


MADE = {"cpu": "a processor", "threads": 1, "device": "cpu", "seconds_per_epoch": {"median": 2.0}}
TRAINED = Training(epochs=10, epoch=10, rows=100, curve=[(10, 1.0)])


@dataclass
class Kept:
    """A store of one training and its results, by metric."""

    results: dict[str, Result]
    made: dict[str, Any]

    def result(self, run: Run) -> Result | None:
        return self.results[run.metric]

    def provenance(self, run: Run, stage: str) -> dict[str, Any]:
        return self.made


def recorded(*results: Result, **provenance: Any) -> Any:
    store: Any = Kept({result.metric: result for result in results}, {**MADE, **provenance})
    arm = Arm("recipe", 0.02, [result.run for result in results])
    return record(altered(TOY, metrics=[r.metric for r in results]), [arm], store)


DONE = made(metric="parzen", value=3.0, training=TRAINED, hyperparameters={"batch": 50})


@pytest.mark.parametrize("status", ["failed", "unmet"])
def test_what_a_trial_cost_is_told_by_a_result_that_is_done(status: str) -> None:
    first = altered(DONE, metric="elbo", status=status, value=None, training=Training(), error="x")
    (trial,) = recorded(first, DONE).trials
    assert (trial.epochs, trial.updates, trial.seconds) == (10, 20, 20.0)
    assert trial.curve == [(10, 1.0)]
    assert trial.scores == {"elbo": None, "parzen": 3.0}
    assert trial.error == ("x" if status == "failed" else ""), "unmet is no failure"


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        ({}, "a processor, 1 thread"),
        ({"threads": 2}, "a processor, 2 threads"),
        ({"device": "cuda:1", "gpus": ["one", "another"]}, "another, 1 thread"),
        ({"resumed_on": ["cpu, 1 thread", "cuda:0, 1 thread"]}, "a processor, 1 thread (resumed: "),
        ({"cpu": None}, ""),
    ],
)
def test_a_trial_says_what_it_was_made_on(provenance: dict[str, Any], said: str) -> None:
    found = recorded(DONE, **provenance)
    assert found.trials[0].made_on.startswith(said)
    assert found.made_on == found.trials[0].made_on


def test_the_sources_that_are_given_are_those_that_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(experiments, "plan", lambda *of: seen.append(of[2]) or [])
    sources = experiments.Sources(tmp_path)
    planned(TOY, tmp_path, sources)
    assert seen == [sources]


def test_a_record_of_another_file_of_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine" / "toy.toml", tmp_path / "theirs" / "toy.toml"
    for path in (mine, theirs):
        path.parent.mkdir()
        path.touch()
    kept, other = altered(TOY, path=str(mine)), altered(TOY, path=str(theirs))
    check_place(kept, tmp_path)
    put(Record(kept, [], {}, "", "", ["recipe"]), tmp_path)
    check_place(kept, tmp_path)
    with pytest.raises(UsageError, match=r"mine/toy.toml, and .*theirs/toy.toml has the same name"):
        check_place(other, tmp_path)
    mine.unlink()
    check_place(other, tmp_path)  # it was moved


class Trained:
    """A store without scores, which holds the weights of some seeds."""

    def __init__(self, seeds: set[int]) -> None:
        self.seeds = seeds

    def __contains__(self, run: Run) -> bool:
        return False

    def borrows(self, run: Run) -> bool:
        return False

    def weights(self, run: Run) -> Any:
        return ({}, {}) if run.seed in self.seeds else None

    def keeps_samples(self, run: Run) -> bool:
        return False


def test_the_trainings_that_are_left_are_those_without_weights() -> None:
    runs = [made(seed=seed, metric=m).run for seed in range(4) for m in ("parzen", "elbo")]
    runs = [altered(run, unmet="it cannot") if run.seed == 3 else run for run in runs]
    store: Any = Trained({0, 2})
    assert cost.untrained(runs, store) == [runs[2:4]]
