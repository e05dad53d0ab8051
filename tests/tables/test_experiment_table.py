"""The table of an experiment against planted scores whose answer is known by hand."""

import math
from dataclasses import replace

import pytest
from scipy import stats

from genbench.plugins.experiments import Experiment
from genbench.records.experiments import Record, Trial
from genbench.tables import experiment_frames, experiments
from genbench.tables.experiments import SECONDS, UPDATES

SEEDS = (0, 1, 2)
# value of rate -> the scores of the seeds, by arm
PARZEN = {
    "recipe": {0.1: (10.0, 12.0, 11.0), 0.2: (20.0, 21.0, 22.0)},
    "better": {0.1: (30.0, 31.5, 31.0), 0.2: (25.0, 26.0, 27.0)},
    "torn": {0.1: (None, 50.0, 50.0), 0.2: (19.0, 20.0, 21.5)},
    "broken": {0.1: (None, 1.0, 1.0), 0.2: (1.0, None, 1.0)},
}
SECONDS_OF = {"recipe": 10.0, "better": 20.0, "torn": 10.0, "broken": 10.0}


def made() -> Record:
    """Four arms; curves rise by a tenth of the score an epoch, so that half the epochs are half."""
    arms = {arm: {"k": i} for i, arm in enumerate(PARZEN)}
    asked = Experiment(
        "toy",
        "",
        "gan",
        "ring",
        "smoke",
        ["parzen", "frechet"],
        100,
        SEEDS,
        "rate",
        (0.1, 0.2),
        arms,
    )
    trials = [
        Trial(
            arm,
            value,
            seed,
            "",
            10,
            100,
            SECONDS_OF[arm],
            [(e, None if score is None else e * score / 10) for e in (5, 10)],
            {"parzen": score, "frechet": None if score is None else -score},
            "" if score is not None else "it failed",
        )
        for arm, by_value in PARZEN.items()
        for value, scores in by_value.items()
        for seed, score in zip(SEEDS, scores, strict=True)
    ]
    best = {"parzen": "high", "frechet": "low"}
    return Record(asked, trials, best, "parzen", "a machine", [*arms])


RECORD = made()


def of(arm: str, metric: str = "parzen", at: str = UPDATES):
    return next(
        one
        for one in experiments.shown(RECORD)
        if (one.arm, one.metric, one.at) == (arm, metric, at)
    )


@pytest.mark.parametrize("metric", ["parzen", "frechet"])
def test_an_arm_shows_its_best_value_that_has_every_seed(metric: str) -> None:
    sign = 1 if metric == "parzen" else -1
    assert (of("recipe", metric).value, of("recipe", metric).mean) == (0.2, 21.0 * sign)
    assert of("better", metric).value == 0.1
    assert of("torn", metric).value == 0.2, "one of its seeds at the other value failed"
    assert of("broken", metric).mean is None


def test_an_arm_whose_trainings_are_not_all_done_is_not_shown() -> None:
    fewer = [trial for trial in RECORD.trials if (trial.arm, trial.value) != ("better", 0.2)]
    found = experiments.shown(replace(RECORD, trials=fewer))
    assert {one.mean for one in found if one.arm == "better"} == {None}
    assert "3 trainings are not done" in experiment_frames.notes(replace(RECORD, trials=fewer))[-1]


def test_the_seconds_of_an_arm_are_those_of_its_quickest_training() -> None:
    slow = replace(RECORD.trials[0], seconds=99.0)
    assert experiments.seconds(replace(RECORD, trials=[slow, *RECORD.trials])) == SECONDS_OF


def test_differences_from_the_recipe_are_paired_by_seed() -> None:
    better, found = PARZEN["better"][0.1], of("better").difference
    peer = stats.ttest_rel(better, PARZEN["recipe"][0.2])
    assert found.value == pytest.approx(10.0 - 1 / 6, abs=1e-9)
    low, high = peer.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert of("recipe").difference is None
    assert of("broken").difference is None


def test_p_values_are_holms_over_all_differences_that_are_shown() -> None:
    shown = [one for one in experiments.shown(RECORD) if one.difference is not None]
    assert len(shown) == 6  # two arms by two metrics, and at equal seconds
    peers = {
        arm: stats.ttest_rel(PARZEN[arm][value], PARZEN["recipe"][0.2]).pvalue
        for arm, value in (("better", 0.1), ("torn", 0.2))
    }
    assert of("better").p == pytest.approx(min(1, 6 * min(peers.values())))


def test_at_equal_seconds_an_arm_that_costs_twice_as_much_is_read_at_half_its_epochs() -> None:
    assert of("recipe", at=SECONDS).mean == pytest.approx(21.0)
    assert of("better", at=SECONDS).mean == pytest.approx(of("better").mean / 2)


def test_a_curve_is_read_at_its_best_look_up_to_then() -> None:
    trial = Trial("a", 0.1, 0, "", 10, 1, 1.0, [(2, 5.0), (4, None), (6, 3.0), (8, 9.0)], {})
    read = [experiments._curve_at(share, "high")(trial) for share in (0.1, 0.6, 1.0)]
    assert read == [None, 5.0, 9.0]


def test_the_costs_are_of_each_arm_and_failures_are_counted() -> None:
    cost = dict(experiment_frames.frames(RECORD))["cost"].set_index("arm")
    assert cost.loc["better", "time / recipe's"] == "2.00"
    assert cost.loc["broken", "failed"] == "2"
    assert cost.loc["recipe", "updates"] == "100"


def test_only_what_chance_explains_too_poorly_is_bold_and_the_notes_say_what_is_shown() -> None:
    title, frame = experiment_frames.frames(RECORD)[0]
    assert title == "parzen, at equal updates"
    bold = {frame.arm[i] for i, _ in frame.attrs["best"]}
    assert bold == {one.arm for one in map(of, PARZEN) if one.p is not None and one.p < 0.05}
    notes = " ".join(experiment_frames.notes(RECORD))
    assert "rate 0.1, 0.2 with seeds 0, 1, 2" in notes
    assert "the quickest arm (recipe)" in notes


def test_numbers_have_a_row_for_each_arm_metric_and_basis() -> None:
    numbers = experiment_frames.numbers(RECORD)
    assert len(numbers) == 4 * 3
    assert not math.isnan(numbers.set_index("arm")["mean"]["better"].iloc[0])


@pytest.mark.parametrize("other", ["a machine, 2 threads", ""])
def test_seconds_of_different_machines_are_not_compared(other: str) -> None:
    trials = [replace(trial, made_on="a machine, 1 thread") for trial in RECORD.trials]
    alike = replace(RECORD, trials=trials)
    assert any(one.at == SECONDS for one in experiments.shown(alike))
    apart = replace(alike, trials=[replace(trials[0], made_on=other), *trials[1:]])
    assert not any(one.at == SECONDS for one in experiments.shown(apart))
    cost = dict(experiment_frames.frames(apart))["cost"]
    assert {*cost["time / recipe's"]} == {"–"}
    notes = " ".join(experiment_frames.notes(apart))
    assert "nothing is shown at equal seconds" in notes
    assert "the quickest arm" not in notes
    untimed = replace(trials[0], seconds=0.0, made_on=other)
    alike = replace(alike, trials=[untimed, *trials[1:]])
    assert any(one.at == SECONDS for one in experiments.shown(alike)), "it has no seconds"


@pytest.mark.parametrize(
    ("path", "name"),
    [("my/toy.toml", "my/toy.toml"), ("experiments/toy.toml", "toy"), ("", "toy")],
)
def test_what_is_not_done_is_made_by_a_command_that_finds_the_file(path: str, name: str) -> None:
    asked = replace(RECORD.experiment, path=path)
    left = replace(RECORD, experiment=asked, trials=RECORD.trials[1:])
    assert experiment_frames.notes(left)[-1].endswith(f": genbench experiment run {name}")


def test_a_table_of_an_older_version_of_the_file_says_so() -> None:
    note = experiment_frames.notes(RECORD, "my/toy.toml")[-1]
    assert note.startswith("this is the table of an older version of my/toy.toml")
    assert experiment_frames.as_json(RECORD, "my/toy.toml")["notes"][-1] == note
    assert "older" not in " ".join(experiment_frames.notes(RECORD))


def test_the_columns_say_what_is_beside_the_recipe() -> None:
    frames = dict(experiment_frames.frames(RECORD))
    assert "difference from recipe" in frames["parzen, at equal updates"]
    assert "time / recipe's" in frames["cost"]
