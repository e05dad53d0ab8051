"""Standard errors, intervals and tests against scipy and against cases that are known."""

import math

import numpy as np
import pytest
from scipy import stats

from genbench.comparing import estimates, variance
from genbench.comparing.estimates import METHODS, MODELS, SAMPLES

RNG = np.random.default_rng(0)
SETS = RNG.normal([[100], [105], [98]], 10, (3, 60)) + RNG.normal(0, 50, 60)
SEEDS = RNG.normal(100, 10, (4, 3, 60)) + RNG.normal(0, 50, 60)


def test_the_error_over_examples_is_the_paper_s() -> None:
    found = estimates.of_examples(SETS[0])
    assert found.error == pytest.approx(stats.sem(SETS[0]))
    expected = stats.ttest_1samp(SETS[0], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.population, found.counts["test examples"]) == (SAMPLES, 60)


def test_the_error_by_blocks_is_that_of_the_means_of_blocks() -> None:
    found = estimates.of_examples(SETS[0], block=5)
    means = SETS[0].reshape(12, 5).mean(axis=1)
    assert found.error == pytest.approx(stats.sem(means))
    assert (found.df, found.counts["blocks"]) == (11, 12)


def test_rows_that_do_not_fill_a_block_lengthen_the_others() -> None:
    found = estimates.of_examples(SETS[0][:58], block=5)
    assert found.value == pytest.approx(SETS[0][:58].mean())
    assert found.counts == {"test examples": 58, "blocks": 11}
    blocks = np.split(SETS[0][:58], np.flatnonzero(np.diff(np.arange(58) * 11 // 58)) + 1)
    assert sorted({len(block) for block in blocks}) == [5, 6]
    between = sum(len(block) * (block.mean() - found.value) ** 2 for block in blocks)
    assert found.error**2 == pytest.approx(between / 10 / 58)


def test_neighbours_that_are_alike_make_the_error_grow_with_the_block() -> None:
    rows = np.repeat(RNG.normal(0, 1, 50), 20)
    errors = [each.error for each in estimates.by_blocks(rows, (1, 5, 20)).values()]
    assert errors[1] == pytest.approx(errors[0] * math.sqrt(5), rel=0.05)
    assert errors[2] == pytest.approx(errors[0] * math.sqrt(20), rel=0.05)


def test_a_block_as_long_as_all_rows_has_no_error() -> None:
    found = estimates.by_blocks(SETS[0], (1, 60))
    assert math.isnan(found[60].error)
    assert found[60].counts["blocks"] == 1


@pytest.mark.parametrize(
    ("n", "block"), [(10_000, 100), (2_000, 100), (1_000, 50), (836, 41), (5, 1)]
)
def test_the_block_that_is_used_leaves_20_blocks(n: int, block: int) -> None:
    assert estimates.block_of(n) == block


# --- several sets, several seeds ---


def test_the_error_over_models_adds_sets_and_examples_less_what_is_in_both() -> None:
    sets, n = SETS.shape
    of_sets, of_rows = n * SETS.mean(axis=1).var(ddof=1), sets * SETS.mean(axis=0).var(ddof=1)
    left = SETS - SETS.mean(axis=1, keepdims=True) - SETS.mean(axis=0) + SETS.mean()
    both = (left**2).sum() / ((sets - 1) * (n - 1))
    found = estimates.of_models(SETS)
    assert found.error**2 == pytest.approx((of_sets + of_rows - both) / SETS.size)
    chance = of_sets**2 / 2 + of_rows**2 / 59 + both**2 / 118
    assert found.df == pytest.approx((of_sets + of_rows - both) ** 2 / chance)
    assert found.population == MODELS


def test_an_interaction_that_seems_too_great_by_chance_is_not_subtracted() -> None:
    rows = np.tile([[2.0, -1.0, 0.0], [-1.0, 2.0, 0.0], [-1.0, -1.0, 3.0]], 4)
    found = estimates.of_models(rows)
    assert found.error == pytest.approx(stats.sem(rows.mean(axis=0)))


def test_sets_that_are_all_alike_leave_the_error_over_examples() -> None:
    same = np.repeat(SETS[:1], 4, axis=0)
    assert estimates.of_models(same).error == pytest.approx(stats.sem(SETS[0]))


def test_rows_that_are_all_alike_leave_students_t_over_sets() -> None:
    means = np.array([[1.0], [2.0], [4.0]])
    found = estimates.of_models(np.repeat(means, 50, axis=1))
    expected = stats.ttest_1samp(means[:, 0], 0)
    assert (found.error, found.df) == pytest.approx((stats.sem(means[:, 0]), 2))
    assert estimates.p_value(found) == pytest.approx(expected.pvalue)


def test_what_both_models_find_hard_is_no_difference_between_them() -> None:
    hard = RNG.normal(0, 1000, 60)
    plain, same = (estimates.difference_of_models(SETS + x, SETS - 1 + x) for x in (0, hard))
    assert same.value == pytest.approx(1)
    assert same.error == pytest.approx(plain.error)


def test_a_shift_of_every_score_shifts_the_interval_only() -> None:
    for of, scores in ((estimates.of_models, SETS), (estimates.of_methods_on_other_rows, SEEDS)):
        one, other = of(scores), of(scores + 7)
        assert (other.low - one.low, other.high - one.high) == pytest.approx((7, 7))
        assert other.df == pytest.approx(one.df)


def test_methods_on_other_rows_are_the_means_of_sets_crossed_with_rows() -> None:
    found = estimates.of_methods_on_other_rows(SEEDS, block=5)
    crossed = estimates.of_models(SEEDS.mean(axis=1), block=5)
    assert (found.value, found.error, found.df) == (crossed.value, crossed.error, crossed.df)
    assert found.counts == {"test examples": 60, "blocks": 12, "sample sets": 3, "seeds": 4}
    assert found.population not in (SAMPLES, MODELS, METHODS)


def test_methods_differ_by_welch_s_test() -> None:
    ours, theirs = [1.0, 2.0, 4.0], [3.0, 9.0, 5.0, 8.0]
    found = estimates.difference_of_methods(ours, theirs)
    expected = stats.ttest_ind(ours, theirs, equal_var=False)
    assert estimates.p_value(found) == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)
    ends = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))


def test_a_method_without_any_spread_can_be_compared() -> None:
    found = estimates.difference_of_methods([5.0, 5.0, 5.0], [1.0, 2.0, 3.0])
    assert (found.value, found.df) == pytest.approx((3, 2))
    same = estimates.difference_of_methods([5.0] * 3, [5.0] * 3)
    assert estimates.p_value(same) == 1
    assert estimates.p_value(estimates.difference_of_methods([5.0] * 3, [6.0] * 3)) == 0


def test_two_sets_or_two_seeds_are_too_few_for_a_spread() -> None:
    for call, scores in (
        (estimates.of_models, SETS[:2]),
        (estimates.of_methods, [1.0, 2.0]),
        (estimates.of_methods_on_other_rows, SEEDS[:2]),
    ):
        with pytest.raises(ValueError, match="at least 3"):
            call(scores)
    with pytest.raises(ValueError, match="at least 3"):
        estimates.difference_of_methods([1, 2, 3], [1, 2])


def test_models_scored_on_unlike_rows_are_not_paired() -> None:
    with pytest.raises(ValueError, match="as many rows"):
        estimates.difference_of_models(SETS, SETS[:, 1:])


def test_rows_of_one_block_cannot_tell_how_blocks_vary() -> None:
    with pytest.raises(ValueError, match="no two blocks"):
        estimates.of_models(SETS, block=60)


def test_every_population_has_words_for_print() -> None:
    populations = {SAMPLES, MODELS, METHODS, estimates.METHODS_ON_OTHER_ROWS}
    assert set(estimates.HOLDS_FOR) == populations


# --- decisions ---


def test_holm_s_correction_of_a_textbook_case() -> None:
    assert estimates.holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert estimates.holm([0.9, 0.8]) == [1, 1]
    assert estimates.holm([]) == []


@pytest.mark.parametrize(
    ("higher", "expected"), [(True, {"good", "as good"}), (False, {"bad"})], ids=["more", "less"]
)
def test_the_best_are_those_that_no_other_is_shown_to_beat(
    higher: bool, expected: set[str]
) -> None:
    rows = {"good": [10, 11, 12], "as good": [9, 11, 11.5], "bad": [1, 2, 1.5]}
    assert estimates.best(rows, higher) == expected


def test_no_best_is_marked_with_one_seed_or_one_method() -> None:
    assert estimates.best({"a": [1.0], "b": [9.0]}) == set()
    assert estimates.best({"a": [1.0, 2.0, 3.0], "b": [9.0]}) == set()
    assert estimates.best({}) == set()


def test_a_method_with_few_seeds_takes_no_part_in_the_best() -> None:
    rows = {"a": [1.0, 2.0, 3.0], "b": [1.5, 2.0, 2.5], "c": [100.0, 100.0]}
    assert estimates.best(rows) == {"a", "b"}


def test_tau_is_1_for_one_order_and_minus_1_for_the_reverse() -> None:
    assert estimates.kendall([1, 2, 3, 4], [10, 20, 30, 40]) == 1
    assert estimates.kendall([1, 2, 3, 4], [4, 3, 2, 1]) == -1
    assert estimates.kendall([1, 2, 3], [1, 3, 2]) == pytest.approx(1 / 3)


def test_one_more_seed_is_less_sure_than_the_mean_of_many_more() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    mean = estimates.of_methods(values)
    low, high = estimates.prediction_interval(values)
    reach = stats.t.isf(0.025, 3) * np.std(values, ddof=1) * math.sqrt(1 + 1 / 4)
    assert (low, high) == pytest.approx((2.5 - reach, 2.5 + reach))
    assert estimates.prediction_interval(values, 10**12)[0] == pytest.approx(mean.low)


# --- components ---


def exact(seeds: int, sets: int, n: int) -> np.ndarray:
    """Scores that differ by test example only."""
    return np.broadcast_to(RNG.normal(0, 5, n), (seeds, sets, n))


def test_scores_that_differ_by_example_only_have_no_other_component() -> None:
    rows = exact(3, 3, 40)
    found = variance.components(rows)
    assert found.examples == pytest.approx(rows[0, 0].var(ddof=1))
    assert (found.seeds, found.sample_sets, found.remainder) == pytest.approx((0, 0, 0))
    assert found.blocks is None


def test_scores_that_differ_by_seed_only_have_no_other_component() -> None:
    values = np.array([1.0, 5.0, 6.0])
    rows = np.broadcast_to(values[:, None, None], (3, 2, 40))
    found = variance.components(rows, block=4)
    assert found.seeds == pytest.approx(values.var(ddof=1))
    others = (found.sample_sets, found.examples, found.blocks, found.remainder)
    assert others == pytest.approx((0, 0, 0, 0))


def test_the_luck_of_sample_sets_is_not_taken_for_that_of_seeds() -> None:
    luck = np.array([[-3.0, 3.0], [-1.0, 1.0], [2.0, -2.0]])
    found = variance.components(np.broadcast_to(luck[:, :, None], (3, 2, 40)))
    of_sets = (luck**2).sum() / 3
    assert found.sample_sets == pytest.approx(of_sets)
    assert found.seeds == pytest.approx(-of_sets / 2)
    assert found.shown["seeds"] == 0


def test_blocks_that_differ_are_told_from_examples() -> None:
    values = RNG.normal(0, 5, 10)
    rows = np.broadcast_to(np.repeat(values, 4), (2, 2, 40))
    found = variance.components(rows, block=4)
    assert found.blocks == pytest.approx(values.var(ddof=1))
    assert found.examples == pytest.approx(0)


@pytest.mark.parametrize(("seeds", "sets"), [(1, 1), (1, 4), (4, 1), (3, 2)])
@pytest.mark.parametrize("block", [1, 5])
def test_noise_alone_is_the_remainder_or_where_there_is_none_the_examples(
    seeds: int, sets: int, block: int
) -> None:
    rng = np.random.default_rng([seeds, sets, block])
    found = [variance.components(rng.normal(0, 3, (seeds, sets, 30)), block) for _ in range(400)]
    noise = "remainder" if seeds * sets > 1 else "examples"
    for name, value in found[0].shown.items():
        known = {"seeds": seeds > 1, "sample_sets": sets > 1, "blocks": block > 1}
        known["remainder"] = seeds * sets > 1
        if not known.get(name, True):
            assert value is None
            continue
        values = [getattr(each, name) for each in found]
        assert np.mean(values) == pytest.approx(9 if name == noise else 0, abs=0.9)


def test_a_negative_estimate_is_kept_and_printed_as_0() -> None:
    found = variance.Components(4.0, None, -1.0, 2.0, 3.0, {})
    assert found.sample_sets == -1
    assert found.shown["sample_sets"] == 0
    assert found.shown["blocks"] is None


def test_rows_of_unequal_blocks_are_all_counted() -> None:
    rows = exact(2, 2, 43)
    found = variance.components(rows, block=5)
    assert found.counts["blocks"] == 8
    total = (found.examples or 0) + (found.blocks or 0)
    assert total == pytest.approx(rows[0, 0].var(ddof=1), rel=0.1)
