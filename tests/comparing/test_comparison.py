"""Two rows are compared at each level that they allow, and what cannot be paired is refused."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
from made import altered, made

from genbench.comparing import comparison, estimates
from genbench.comparing.comparison import compare, pairs, verdict
from genbench.comparing.estimates import METHODS, MODELS, SAMPLES
from genbench.errors import UsageError
from genbench.records.run import Result

GAN = made(
    model="gan",
    dataset="mnist",
    fold=0,
    folds=1,
    seed=0,
    preset="paper",
    overrides={},
    metric="parzen",
    samples=10_000,
    status="done",
    key="gan",
    code={"model": "aaaaaaaa", "metric": "bbbbbbbb"},
    recipe={},
    digest="d",
    caveat="",
    value=220.0,
    stderr=2.0,
    unit="nats",
    kind="mean",
    scored=10_000,
)
HARD = np.random.default_rng(1).normal(0, 50, 400)  # what a test example is for every model


class Rows:
    """Results of made-up scores, and the scores themselves as a store gives them."""

    def __init__(self) -> None:
        self.scores: dict[str, np.ndarray] = {}
        self.rng = np.random.default_rng(2)

    def one(self, model: str, mean: float, seed: int = 0, sample_set: int = 0, **more) -> Result:
        """A result whose test examples score about `mean`, with a seed's and a set's own luck."""
        luck = np.random.default_rng([seed, len(model)]).normal(0, 1)
        luck += np.random.default_rng([seed, sample_set, len(model)]).normal(0, 0.3)
        found = mean + luck + HARD + self.rng.normal(0, 5, len(HARD))
        key = f"{model}-{seed}-{sample_set}-{len(self.scores)}"
        self.scores[key] = found
        value = {"value": float(found.mean())} | more
        names = {"model": model, "seed": seed, "sample_set": sample_set, "key": key}
        return altered(GAN, **names, **value)

    def grid(self, model: str, mean: float, seeds: int, sets: int = 1) -> list[Result]:
        return [self.one(model, mean, seed, k) for seed in range(seeds) for k in range(sets)]

    def per_example(self, result: Result) -> np.ndarray | None:
        return self.scores.get(result.key)


@pytest.fixture
def rows() -> Rows:
    return Rows()


def levels(seeds: int, sets: int, others: int | None = None) -> set[str]:
    """The levels at which rows of so many seeds and sets are compared."""
    made = Rows()
    a, b = made.grid("gan", 230, seeds, sets), made.grid("dbn", 200, others or seeds, sets)
    return set(compare(a, b, made.per_example).differences)


@pytest.mark.parametrize(
    ("seeds", "sets", "expected"),
    [
        (1, 1, {SAMPLES}),
        (2, 2, {SAMPLES}),
        (1, 3, {SAMPLES, MODELS}),
        (3, 1, {SAMPLES, METHODS}),
        (3, 3, {SAMPLES, MODELS, METHODS}),
    ],
)
def test_each_level_takes_three_of_what_varies(seeds: int, sets: int, expected: set[str]) -> None:
    assert levels(seeds, sets) == expected


def test_both_sides_must_have_the_seeds() -> None:
    assert levels(3, 1, others=2) == {SAMPLES}


def test_test_examples_are_paired_in_blocks(rows: Rows) -> None:
    a, b = rows.one("gan", 230), rows.one("dbn", 200)
    found = compare([a], [b], rows.per_example).differences[SAMPLES]
    gaps = rows.scores[a.key] - rows.scores[b.key]
    assert found.estimate == estimates.of_examples(gaps, 20)
    assert found.estimate.error < 1  # unpaired: 50 √(2 / 400) = 3.5


def test_models_are_compared_by_the_first_seed_that_has_the_sets(rows: Rows) -> None:
    few, three = rows.grid("gan", 230, 1), [rows.one("gan", 230, 1, k) for k in range(3)]
    other = rows.grid("dbn", 200, 1, 3)
    found = compare([*few, *three], other, rows.per_example).differences[MODELS]
    ours, theirs = (np.array([rows.scores[r.key] for r in side]) for side in (three, other))
    assert found.estimate == estimates.difference_of_models(ours, theirs, 20)


def test_methods_are_compared_by_the_mean_of_each_seed(rows: Rows) -> None:
    a, b = rows.grid("gan", 230, 3, 2), rows.grid("dbn", 200, 4)
    found = compare(a, b, rows.per_example).differences[METHODS]
    ours = np.reshape([r.value for r in a], (3, 2)).mean(axis=1)
    theirs = [r.value for r in b if r.value is not None]
    expected = estimates.difference_of_methods(ours.tolist(), theirs)
    assert found.estimate.value == pytest.approx(expected.value)
    assert found.estimate.error == pytest.approx(expected.error)


def test_a_model_does_not_differ_from_itself(rows: Rows) -> None:
    a = rows.grid("gan", 230, 3, 3)
    found = compare(a, a, rows.per_example)
    assert [each.estimate.value for each in found.differences.values()] == [0, 0, 0]
    assert not any(each.shown for each in found.differences.values())
    assert (found.ours, found.theirs) == ("gan (first)", "gan (second)")


def folds(model: str, values: Mapping[int, float], seed: int = 0, sample_set: int = 0) -> list:
    one = altered(GAN, model=model, folds=5, seed=seed, sample_set=sample_set)
    return [altered(one, fold=i, value=value + seed + sample_set) for i, value in values.items()]


OURS = dict(enumerate([2000.0, 2050.0, 2100.0, 1990.0, 2080.0]))
THEIRS = dict(enumerate([1900.0, 1960.0, 1990.0, 1900.0, 1970.0]))


def test_several_folds_are_paired_by_fold_with_students_t(rows: Rows) -> None:
    found = compare(folds("gan", OURS), folds("dbn", THEIRS), rows.per_example)
    estimate = found.differences[SAMPLES].estimate
    assert (estimate.value, estimate.df, estimate.counts) == (100.0, 4, {"folds": 5})
    assert estimate.error == pytest.approx(np.std([100, 90, 110, 90, 110], ddof=1) / 5**0.5)
    assert "these samples: other folds only" in verdict(found)


def test_sample_sets_of_several_folds_are_crossed_with_the_folds(rows: Rows) -> None:
    a, b = ([r for k in range(3) for r in folds(m, v, 0, k)] for m, v in GAN_AND_DBN)
    estimate = compare(a, b, rows.per_example).differences[MODELS].estimate
    assert estimate.value == pytest.approx(100)
    assert estimate.counts == {"folds": 5, "sample sets": 3}


GAN_AND_DBN = (("gan", OURS), ("dbn", THEIRS))


def test_a_missing_fold_or_a_failed_seed_is_refused(rows: Rows) -> None:
    with pytest.raises(UsageError, match=r"gan: seed 0 has 4 of 5 folds"):
        compare(folds("gan", OURS)[:4], folds("dbn", THEIRS), rows.per_example)
    failed = altered(GAN, seed=1, status="failed", value=None, error="ModelError: NaN")
    with pytest.raises(UsageError, match=r"gan: seed 1 failed: ModelError"):
        compare([GAN, failed], [rows.one("dbn", 200)], rows.per_example)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"dataset": "tfd"}, "dataset (mnist, tfd)"),
        ({"digest": "e"}, "dataset digest (d, e)"),
        ({"metric": "fid"}, "metric (parzen, fid)"),
        ({"scored": 5000}, "samples (10000, 5000)"),
        ({"kind": "binary"}, "kind (mean, binary)"),
        ({"protocol": "sigma .2"}, "protocol (the usual one, sigma .2)"),
        ({"folds": 5}, "folds (1, 5)"),
        ({"overrides": {"parzen.sigma": 0.2}}, "the metric's settings (default, parzen.sigma=0.2)"),
        ({"code": {"metric": "c"}}, "the metric's code (bbbbbbbb, c)"),
    ],
    ids=str,
)
def test_what_cannot_be_paired_is_refused_with_the_field_that_differs(
    other: dict, said: str, rows: Rows
) -> None:
    with pytest.raises(UsageError) as refused:
        compare([GAN], [altered(GAN, model="dbn", **other)], rows.per_example)
    assert said in str(refused.value)
    assert "gan and dbn" in str(refused.value)


def test_other_hyperparameters_presets_and_model_code_are_what_is_compared(rows: Rows) -> None:
    other = altered(rows.one("gan", 200), preset="quick", overrides={"rate": 0.1})
    other = altered(other, code={"model": "x", "metric": "bbbbbbbb"}, recipe={"rate": 0.1})
    assert compare([rows.one("gan", 230)], [other], rows.per_example).differences


def test_p_values_are_corrected_over_the_pairs_of_their_level(rows: Rows) -> None:
    named = {name: rows.grid(name, mean, 3) for name, mean in (("gan", 230), ("dbn", 229.5))}
    named["cae"] = rows.grid("cae", 200, 1)
    found = {(one.ours, one.theirs): one.differences for one in pairs(named, rows.per_example)}
    assert list(found) == [("gan", "dbn"), ("gan", "cae"), ("dbn", "cae")]
    of_samples = [each[SAMPLES] for each in found.values()]
    assert [each.corrected for each in of_samples] == estimates.holm([e.p for e in of_samples])
    assert {each.pairs for each in of_samples} == {3}
    alone = found["gan", "dbn"][METHODS]
    assert (alone.corrected, alone.pairs) == (alone.p, 1)


# --- words ---


def test_the_verdict_names_difference_interval_p_and_population(rows: Rows) -> None:
    a, b = rows.grid("gan", 230, 3), rows.grid("dbn", 200, 3)
    found = compare(a, b, rows.per_example)
    estimate = found.differences[METHODS].estimate
    said = verdict(found)
    assert said.startswith(f"gan scores {estimate.value:.2f} nats more than dbn (95 % interval ")
    assert said.endswith("this holds for these methods: other seeds, on these test examples")
    reverse = verdict(compare(b, a, rows.per_example))
    assert reverse.startswith("dbn scores ")
    assert "nats less than gan (95 % interval -" in reverse


def test_one_seed_holds_for_these_samples_only_and_says_what_gives_more(rows: Rows) -> None:
    said = verdict(compare([rows.one("gan", 230)], [rows.one("dbn", 200)], rows.per_example))
    assert "this holds for these samples: other test examples only" in said
    assert "--sample-sets 3" in said
    assert "--seeds 0,1,2" in said
    said = verdict(
        compare(rows.grid("gan", 230, 1, 3), rows.grid("dbn", 200, 1, 3), rows.per_example)
    )
    assert "this holds for these models" in said
    assert "--sample-sets 3" not in said
    assert "--seeds 0,1,2" in said


def test_what_is_not_shown_is_not_called_a_difference(rows: Rows) -> None:
    said = verdict(compare(rows.grid("gan", 230, 3), rows.grid("dbn", 230, 3), rows.per_example))
    assert said.startswith("gan and dbn are not shown to differ: gan scores ")
    assert "holds" not in said


def test_several_pairs_say_that_p_is_corrected(rows: Rows) -> None:
    named = {name: rows.grid(name, 200, 3) for name in ("gan", "dbn", "cae")}
    assert all("after Holm over 3 pairs" in verdict(one) for one in pairs(named, rows.per_example))


def test_without_stored_scores_there_is_nothing_to_say_of_one_seed() -> None:
    found = compare([GAN], [altered(GAN, model="dbn")], lambda result: None)
    assert found.differences == {}
    assert "no scores of test examples are stored" in verdict(found)
    assert comparison.frame([found]).empty


def test_where_less_is_better_it_is_said() -> None:
    made = Rows()
    a, b = ([altered(made.one(m, 9), best="low")] for m in ("gan", "dbn"))
    assert "lower is better" in verdict(compare(a, b, made.per_example))


def test_the_frame_has_a_line_for_each_pair_and_level(rows: Rows) -> None:
    named = {name: rows.grid(name, mean, 3, 3) for name, mean in (("gan", 230), ("dbn", 200))}
    shown = comparison.frame(pairs(named, rows.per_example))
    assert list(shown["holds for"]) == [SAMPLES, MODELS, METHODS]
    assert set(shown["pair"]) == {"gan − dbn"}
    assert all(" ± " in text for text in shown["difference"])
    assert set(shown["p"]) == {"below .001"}


def test_the_record_is_json_without_numbers_that_are_none(rows: Rows) -> None:
    rows.scores["flat"] = np.full(400, np.nan)
    flat = altered(GAN, model="flat", key="flat")
    (one,) = pairs({"gan": [rows.one("gan", 230)], "flat": [flat]}, rows.per_example)
    record = json.loads(json.dumps(comparison.as_record(one), allow_nan=False))
    assert record["levels"][0]["difference"] is None
    assert {"population", "error", "low", "high", "p", "p_holm", "df"} <= set(record["levels"][0])


# --- the grid of a model's results ---


def test_a_full_grid_of_seeds_and_sets_is_a_matrix(rows: Rows) -> None:
    results = rows.grid("gan", 230, 2, 3)
    found = comparison.matrix(results[::-1], rows.per_example)
    assert found is not None
    assert found.shape == (2, 3, 400)
    assert (found[1, 2] == rows.scores[results[-1].key]).all()


def test_a_grid_with_a_hole_is_none(rows: Rows) -> None:
    results = rows.grid("gan", 230, 2, 2)
    assert comparison.matrix(results[:3], rows.per_example) is None
    assert comparison.matrix(results, lambda result: None) is None
    assert comparison.matrix([], rows.per_example) is None
    assert comparison.matrix(folds("gan", OURS), rows.per_example) is None
