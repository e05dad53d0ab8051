"""What the board makes of metrics that are planted on a ladder of one-dimensional Gaussians."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from planted_ladders import TRUTHS, values
from scipy import stats

from genbench.errors import UsageError
from genbench.protocols import Best
from genbench.records import files
from genbench.worlds.judging import grading, kept, scores, truths, wording
from genbench.worlds.judging.grading import Estimate, Grade
from genbench.worlds.judging.measured import Measured, Values, measured, resampled
from genbench.worlds.judging.truths import Truths

KL, AT = TRUTHS.kl, {name: r for r, name in enumerate(TRUTHS.names)}


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def graded(mean: np.ndarray, sd: float = 0.0, **more) -> Grade:
    return grading.grade(values(mean, sd, stream(), **more), TRUTHS, stream(1))


def order(grade: Grade) -> Estimate:
    return wording.order_of(grade)


EXACT, REVERSED, NOISE = graded(KL), graded(-KL), graded(0 * KL, 1.0)


# --- planted metrics ---


def test_the_stored_kl_itself_orders_every_pair_that_the_truth_orders() -> None:
    assert order(EXACT) == Estimate(1.0, 1.0, 1.0)
    assert EXACT.bags.mean.value == EXACT.bags.least == 1.0


def test_the_stored_kl_tells_no_two_rungs_of_one_kl_apart() -> None:
    assert EXACT.iso_spread is not None
    assert EXACT.iso_spread.value == 0.0


def test_the_stored_kl_prefers_nothing_to_the_truth_and_the_reversed_one_everything() -> None:
    assert (EXACT.rank, REVERSED.rank) == (1, len(KL))


def test_a_reversed_metric_has_tau_minus_one() -> None:
    assert order(REVERSED) == Estimate(-1.0, -1.0, -1.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_of_a_random_metric_holds_zero_and_it_is_undecided(seed: int) -> None:
    found = grading.grade(values(0 * KL, 1.0, stream(seed + 10)), TRUTHS, stream(seed))
    assert order(found).holds_zero
    assert found.undecided
    assert "undecided" in wording.sentence(found)
    assert wording.failure(found, TRUTHS).startswith("undecided")


def test_a_metric_that_always_says_the_same_is_undecided() -> None:
    found = graded(0 * KL)
    assert found.undecided
    assert order(found).value == 0.0
    assert found.iso_spread is not None
    assert found.iso_spread.value == 0.0


def test_noise_tells_nothing_from_the_truth_and_is_blind_to_all_families() -> None:
    assert np.isinf(NOISE.power_kl.value)
    assert set(NOISE.blind) == set(TRUTHS.members)
    assert NOISE.rank == 1


def test_a_metric_of_a_best_number_is_judged_by_how_near_to_it_a_set_is() -> None:
    shift = np.array([rung if "left" not in name else -rung for name, rung in _shifts()])
    near = graded(0.5 + shift, best=0.5)
    assert near.families["left"] == near.families["right"] == 1.0
    low = graded(0.5 + shift, best="low")
    assert (low.families["left"], low.families["right"]) == (-1.0, 1.0)


def _shifts() -> list[tuple[str, float]]:
    return list(zip(TRUTHS.names, TRUTHS.strengths, strict=True))


def test_a_metric_whose_best_is_real_is_held_against_truth_sets_that_are_in_no_rung() -> None:
    base = values(KL + 3.0, 0.0, stream(), best="real")
    aimed = replace(base, apart=np.array([3.0, 3.0]))
    assert order(grading.grade(aimed, TRUTHS, stream())).value == 1.0
    astray = replace(base, apart=np.array([13.0, 13.0]))
    assert grading.grade(astray, TRUTHS, stream()).rank > 1


# --- the parts of the board ---


def test_tau_is_kendalls_where_nothing_is_tied() -> None:
    random = stream(3)
    g, kl = random.standard_normal(9), random.standard_normal(9)
    found = measured(Values("x", "high", "", tuple(np.full(20, v) for v in g), np.empty(0)))
    o = truths.ordered(kl, np.zeros(9))
    expected = stats.kendalltau(g, -kl).statistic
    assert scores.tau(scores.compared(found), o, range(9)) == pytest.approx(expected)


def test_a_pair_that_noise_decides_counts_little_and_one_beyond_noise_counts_one() -> None:
    sets = (np.linspace(-1, 1, 20), np.linspace(-1, 1, 20) + 0.01, np.linspace(4, 6, 20))
    c = scores.compared(measured(Values("x", "low", "", sets, np.empty(0))))
    assert abs(c[0, 1]) < 0.1
    assert c[0, 2] == c[1, 2] == 1.0


def test_pairs_within_their_monte_carlo_error_are_ordered_by_no_divergence() -> None:
    o = truths.ordered(np.array([0.0, 1.0, 1.5]), np.array([0.0, 0.3, 0.3]))
    assert o[0, 1] == 1
    assert o[1, 2] == 0


def test_exact_divergences_that_differ_by_rounding_alone_are_not_ordered() -> None:
    o = truths.ordered(np.array([0.0, 25.0, 25.0 * (1 + 1.5e-7), 25.1]), np.zeros(4))
    assert (o[1, 2], o[0, 1], o[1, 3]) == (0, 1, 1)


def test_equal_infinite_divergences_are_not_ordered() -> None:
    o = truths.ordered(np.array([0.0, np.inf, np.inf]), np.zeros(3))
    assert (o[0, 1], o[1, 2]) == (1, 0)


def test_a_preferred_rung_is_named_with_its_margin_in_deviations() -> None:
    mean = KL.copy()
    mean[AT["wide_1.2"]] = -1.0
    found = graded(mean, 0.1)
    assert [one.rung for one in found.preferred] == ["wide_1.2"]
    assert found.preferred[0].margin.low < 1 / np.hypot(0.1, 0.1) < found.preferred[0].margin.high
    assert "prefers wide_1.2 to the truth, 0.72 nats away" in wording.failure(found, TRUTHS)
    assert wording.sentence(found).startswith(f"ranks the truth 2nd of {len(KL)}")


def test_no_rung_is_preferred_by_chance_in_nineteen_of_twenty_judgements() -> None:
    alarms = [
        scores.preferred(measured(v), v.sets).any()
        for v in (values(0 * KL, 1.0, stream(seed), sets=3) for seed in range(200))
    ]
    assert sum(alarms) <= 20


def test_truth_against_truth_raises_false_alarms_at_the_level_that_is_stated() -> None:
    alarms = [scores.false_alarms(stream(seed).standard_normal(20)) for seed in range(300)]
    assert sum(k for k, _ in alarms) / sum(n for _, n in alarms) == pytest.approx(0.05, abs=0.015)


def test_power_is_the_least_kl_from_which_on_all_of_a_family_is_noticed() -> None:
    found = _means(KL, 0.05)
    at = scores.limits(found, TRUTHS, 20, truths.KL)
    reach = stats.t.ppf(0.975, 19) * 0.05 * np.sqrt(1 + 1 / 20)
    expected = min(kl for kl in KL[TRUTHS.members["left"]] if kl > reach)
    assert at["left"] == expected
    spoiled = KL.copy()
    spoiled[AT["left_1.2"]] = 0.0  # the strongest is not noticed: nothing of the family is
    assert np.isinf(scores.limits(_means(spoiled, 0.05), TRUTHS, 20, truths.KL)["left"])


def _means(mean: np.ndarray, sd: float) -> Measured:
    rungs = np.arange(len(mean))
    return Measured("low", rungs, mean, mean, np.full(len(mean), sd), np.array([np.nan]))


def test_copies_below_all_innocent_rungs_have_a_roc_area_of_one() -> None:
    mean = np.where(TRUTHS.copies, 5.0, 0.0)
    found = graded(mean, 0.01)
    assert found.copies is not None
    assert found.copies.value == 1.0
    assert found.accused == ()


def test_innocent_rungs_on_the_side_of_the_copies_are_accused() -> None:
    mean = np.where(TRUTHS.copies, 5.0, 0.0)
    mean[AT["narrow_1.2"]], mean[AT["wide_1.2"]] = 2.0, -2.0
    assert graded(mean, 0.01).accused == ("narrow_1.2",)


def test_a_metric_that_does_not_see_copies_is_called_blind_to_them() -> None:
    mean = np.where(TRUTHS.copies, 0.0, np.sqrt(KL))
    found = graded(mean, 0.01)
    assert "blind to copying" in wording.sentence(found)


def test_unanimous_pairs_are_those_that_four_divergences_order_alike() -> None:
    i, j = AT["left_0.1"], AT["left_1.2"]
    assert TRUTHS.unanimous[i, j] == 1
    i, j = AT["narrow_1.2"], AT["wide_0.8"]  # KL puts the second nearer, the reverse KL the first
    assert TRUTHS.unanimous[i, j] == 0
    assert EXACT.accuracy == Estimate(1.0, 1.0, 1.0)


def test_a_bag_has_the_truth_and_one_rung_of_each_family() -> None:
    for bag in scores.bags(TRUTHS, stream(), 20):
        assert [TRUTHS.families[r] for r in bag] == ["truth", *TRUTHS.members]


def test_without_a_family_that_a_metric_gets_wrong_its_tau_in_bags_is_better() -> None:
    mean = KL.copy()
    mean[TRUTHS.members["wide"]] = -1.0
    bags = graded(mean, 0.01).bags
    assert max(bags.without, key=lambda f: bags.without[f]) == "wide"
    assert bags.least < bags.mean.value < bags.greatest


def test_metrics_within_noise_of_each_other_share_a_cluster() -> None:
    assert grading.clustered([0.2, 0.9, 0.85], [0.03, 0.03, 0.03]) == [2, 1, 1]


def test_a_judgement_without_enough_sets_of_the_truth_is_refused() -> None:
    with pytest.raises(UsageError, match="20 sets of the truth, got 5"):
        measured(values(KL, 0.1, stream(), many=5))


def test_a_rung_with_few_sets_has_the_deviation_of_the_measured_rung_nearest_in_value() -> None:
    sd = np.where(KL > 0.5, 2.0, 0.01)
    found = measured(values(KL * 100, sd, stream(), measured=(0, AT["left_1.2"])))
    assert found.deviation[AT["right_1.2"]] > 1.0
    assert found.deviation[AT["right_0.1"]] < 0.1


def test_a_ladder_survives_json_with_its_infinite_divergences() -> None:
    bare = TRUTHS.values.copy()
    bare[0, -1] = np.inf
    one = replace(TRUTHS, values=bare)
    again = truths.from_json(truths.as_json(one))
    assert again.names == one.names
    assert np.array_equal(again.values, one.values)
    assert np.array_equal(again.copies, one.copies)


@pytest.mark.parametrize(("apart", "one"), [(0.04, True), (0.06, False)])
def test_a_family_whose_kls_are_nearly_one_is_a_set_of_one_kl(apart: float, one: bool) -> None:
    near, of = TRUTHS.values.copy(), TRUTHS.members["right"]
    near[0, of] = 7 - 7 * apart * np.linspace(0, 1, len(of))
    found = replace(TRUTHS, values=near)
    assert ("right" not in found.members) == one
    assert (sorted(of) in [sorted(each) for each in found.iso]) == one


# --- intervals ---

BAGS = scores.bags(TRUTHS, stream(5), 40)
KEPT = Path(__file__).parents[2] / "results" / "judgement" / "binary_4x4-2500.json"


def test_the_mean_over_bags_is_that_of_their_taus() -> None:
    many = resampled(values(KL, 0.3, stream(1), sets=3), 7, stream(2))
    c = scores.compared(many)
    taus = scores.tau_of_bags(c, TRUTHS, BAGS)
    assert taus.shape == (7, len(BAGS))
    assert np.allclose(scores.mean_of_bags(c, TRUTHS, BAGS), taus.mean(axis=-1), atol=1e-12)


@dataclass(frozen=True)
class Metric:
    """A metric whose values on the rungs of a ladder are normal, with means and deviations."""

    ladder: Truths
    best: Best
    mean: np.ndarray
    sd: float | np.ndarray
    measured: Sequence[int]

    def values(self, random: np.random.Generator, sets: int, many: int = 20) -> Values:
        how = {"sets": sets, "many": many, "best": self.best, "measured": self.measured}
        return values(self.mean, self.sd, random, **how)

    def scores(self, found: Measured) -> dict[str, np.ndarray]:
        c, bags = scores.compared(found), scores.bags(self.ladder, stream(5), 40)
        of = {"order": scores.order, "accuracy": scores.accuracy, "copies": scores.roc_area}
        each = {name: score(c, self.ladder) for name, score in of.items()}
        return each | {"bags": scores.mean_of_bags(c, self.ladder, bags)}


def planted() -> dict[str, Metric]:
    """Metrics of known worth on the ladder of Gaussians."""
    of: dict[str, tuple[Best, np.ndarray]] = {"shift": ("low", _signed()), "near": (0.5, _signed())}
    of |= {"root of KL": ("low", np.sqrt(KL)), "noise": ("low", 0 * KL)}
    return {name: Metric(TRUTHS, *pair, 0.1, (0, 3, 8, 13)) for name, pair in of.items()}


def _signed() -> np.ndarray:
    """A mean that the rungs have, right and left alike in sign; the wide ones below the truth."""
    sign = np.array([-1.0 if f == "wide" else 1.0 for f in TRUTHS.families])
    return 0.5 + sign * np.array(TRUTHS.strengths) / 2


def judged() -> dict[str, Metric]:
    """The metrics judged on `binary_4x4`, as if their kept means and deviations were the truth."""
    record = files.read_json(KEPT)
    board, every = kept.board(record), kept.values(record)
    at = [board.truths.names.index(name) for name in board.measured]
    found = {name: measured(of) for name, of in every.items()}
    best: dict[str, Best] = {n: f.best for n, f in found.items()}
    best |= {n: float(f.aim[0]) for n, f in found.items() if f.best == "real"}
    return {n: Metric(board.truths, best[n], f.mean, f.deviation, at) for n, f in found.items()}


def coverage(metric: Metric, judgements: int, anew: int) -> dict[str, float]:
    """How often the interval of a score holds the score of very many sets, by score."""
    truth = metric.scores(measured(metric.values(stream(1), sets=100, many=100)))
    truth = {name: float(value) for name, value in truth.items() if np.isfinite(value)}
    random, held = stream(2), dict.fromkeys(truth, 0.0)
    for _ in range(judgements):
        one = metric.values(random, sets=3)
        value = metric.scores(measured(one))
        drawn = metric.scores(resampled(one, anew, random))
        for name in truth:
            found = grading.estimated(float(value[name]), drawn[name], grading.TAU)
            held[name] += (found.low <= truth[name] <= found.high) / judgements
    return held


def held(metrics: Mapping[str, Metric], judgements: int) -> dict[tuple[str, str], float]:
    of = {name: coverage(metric, judgements, 100) for name, metric in metrics.items()}
    return {(name, score): share for name, each in of.items() for score, share in each.items()}


@pytest.mark.parametrize("metrics", [planted, judged])
def test_intervals_hold_what_they_should_in_a_few_judgements(metrics) -> None:
    assert np.mean(list(held(metrics(), 10).values())) > 0.85


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("metrics", [planted, judged])
def test_intervals_hold_what_they_should_in_92_to_98_of_100_judgements(metrics) -> None:
    found = held(metrics(), 1000)
    assert 0.92 <= np.mean(list(found.values())) <= 0.98, found
    assert all(0.9 <= share <= 1 for share in found.values()), found
