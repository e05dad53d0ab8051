"""Divergences: closed sums are right, and what is measured lies within its own error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from small_worlds import covariances, mixture

from genbench.worlds.divergences import closed, exact, matched, measured, stratified
from genbench.worlds.mixture import Blend, Mixture, single
from genbench.worlds.streams import stream

FAR, NEAR = mixture(apart=30.0), mixture(apart=0.8)


def found(p, q, points=(20_000, 20_000)):
    of_p = stratified(p, points[0], stream("p"))
    return measured(p, [q], of_p, [stream("q")], points[1])[0]


def near(divergence, value):
    """Within four standard errors, or 1e-6 of it where it is called exact."""
    error = 1e-6 * abs(value) + 1e-9 if divergence.stderr is None else 4 * divergence.stderr
    return divergence.value == pytest.approx(value, abs=error)


def by_matrices(m, other):
    """sum_k pi_k (log pi_k/pi'_k + KL(N_k || N'_k)), with whole covariances."""
    total = 0.0
    for k, (c, c2) in enumerate(zip(covariances(m), covariances(other), strict=True)):
        apart, inverse = m.means[k] - other.means[k], np.linalg.inv(c2)
        inner = np.trace(inverse @ c) + apart @ inverse @ apart - len(c)
        inner += np.linalg.slogdet(c2)[1] - np.linalg.slogdet(c)[1]
        total += m.weights[k] * (inner / 2 + math.log(m.weights[k] / other.weights[k]))
    return total


def test_the_closed_sum_is_that_of_the_whole_covariances():
    other = mixture(seed=5, s2=0.7)
    assert closed(NEAR, other) == pytest.approx(by_matrices(NEAR, other), rel=1e-12)


def test_axes_that_are_shared_read_as_equal_ones():
    shared = replace(NEAR, means=NEAR.means + 0.1, lam=1.3 * NEAR.lam, s2=0.8 * NEAR.s2)
    equal = replace(shared, axes=NEAR.axes.copy())
    assert closed(NEAR, shared) == pytest.approx(closed(NEAR, equal), rel=1e-12)


@pytest.mark.parametrize("a", [1.05, 0.95, 1.5])
def test_a_scaled_covariance_has_the_closed_divergence(a):
    q = replace(FAR, lam=a**2 * FAR.lam, s2=a**2 * FAR.s2)
    both = found(FAR, q)
    assert both.kl.stderr is both.reverse_kl.stderr is None
    assert both.kl.value == pytest.approx(5 * (math.log(a) + (a**-2 - 1) / 2), rel=1e-6)
    assert both.reverse_kl.value == pytest.approx(5 * ((a**2 - 1) / 2 - math.log(a)), rel=1e-6)


def test_a_lost_mode_has_closed_divergences_but_for_the_one_that_it_makes_large():
    m = FAR.weights[1]
    weights = np.where([False, True, False], 0, FAR.weights)
    four, a = found(FAR, replace(FAR, weights=weights / weights.sum())), 1 - m
    jsd = (m * math.log(2) + a * math.log(2 * a / (1 + a)) + math.log(2 / (1 + a))) / 2
    expected = [(four.reverse_kl, -math.log(a)), (four.jsd, jsd), (four.tv, m)]
    for divergence, value in expected:
        assert divergence.stderr is None
        assert divergence.value == pytest.approx(value, rel=1e-9)
    assert four.kl.stderr is not None
    assert four.kl.value > 10


def test_other_weights_have_the_divergences_of_the_two_discrete_laws():
    weights = np.array([0.2, 0.3, 0.5])
    four, law = found(FAR, replace(FAR, weights=weights)), exact(FAR.weights, weights)
    for name in ("kl", "reverse_kl", "jsd", "tv"):
        assert getattr(four, name).stderr is None
        assert getattr(four, name).value == pytest.approx(getattr(law, name).value, rel=1e-9)


def test_components_that_overlap_are_measured_and_not_called_exact():
    q = replace(NEAR, lam=1.5 * NEAR.lam, s2=1.5 * NEAR.s2)
    x, _ = NEAR.sample(200_000, stream("plain"))
    ratio = NEAR.log_prob(x) - q.log_prob(x)
    kl = found(NEAR, q).kl
    assert kl.stderr is not None
    error = math.hypot(kl.stderr, ratio.std() / math.sqrt(len(x)))
    assert kl.value == pytest.approx(ratio.mean(), abs=4 * error)
    assert kl.value < closed(NEAR, q)


def on_a_line(weights, means, deviations):
    k = len(weights)
    none = np.zeros((k, 1, 0))
    s2 = np.square(np.array(deviations))
    return Mixture(np.array(weights), np.array(means)[:, None], none, none[:, 0], s2)


def test_on_the_line_all_four_are_those_of_a_sum_over_a_fine_grid():
    p = on_a_line([0.4, 0.6], [0.0, 2.0], [1.0, 0.5])
    q = on_a_line([0.7, 0.3], [0.5, 2.5], [1.2, 0.8])
    x = np.linspace(-12, 14, 200_001)
    law_p, law_q = (np.exp(m.log_prob(x[:, None])) * (x[1] - x[0]) for m in (p, q))
    assert law_p.sum() == pytest.approx(1, abs=1e-9)
    expected, four = exact(law_p, law_q), found(p, q)
    for name in ("kl", "reverse_kl", "jsd", "tv"):
        assert near(getattr(four, name), getattr(expected, name).value)


def test_junk_far_away_costs_the_log_of_what_is_left_and_its_share():
    q = Blend(((0.75, FAR), (0.25, single(np.full(5, 500.0), 1.0))))
    four = found(FAR, q)
    assert four.kl.value == pytest.approx(-math.log(0.75), rel=1e-6)
    assert four.tv.value == pytest.approx(0.25, rel=1e-6)


def test_the_truth_is_at_no_distance_from_itself():
    four = found(FAR, replace(FAR, lam=1.0 * FAR.lam))
    for name in ("kl", "reverse_kl", "jsd", "tv"):
        assert getattr(four, name).stderr is None
        assert getattr(four, name).value == pytest.approx(0, abs=1e-12)


def test_mixtures_match_where_no_component_of_the_first_is_missing_in_the_second():
    without = replace(FAR, weights=np.array([0.5, 0.5, 0.0]))
    assert matched(without, FAR)
    assert not matched(FAR, without)
    assert not matched(FAR, mixture(k=4))


def test_rows_in_strata_estimate_a_mean_with_the_error_that_it_has():
    m = on_a_line([0.5, 0.5], [-5.0, 5.0], [1.0, 1.0])
    means = []
    for seed in range(60):
        points = stratified(m, 400, stream("strata", seed))
        means.append(points.mean(points.x[:, 0]))
    values = np.array([mean.value for mean in means])
    assert values.std() == pytest.approx(np.mean([mean.stderr for mean in means]), rel=0.3)
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(60)


def test_exact_divergences_of_two_laws_are_those_of_their_definitions():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    four = exact(p, q)
    assert four.kl.value == pytest.approx(0.5 * math.log(2), abs=1e-15)
    assert four.reverse_kl.value == math.inf
    assert four.tv.value == pytest.approx(0.25, abs=1e-15)
    jsd = (0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2)) / 2
    assert four.jsd.value == pytest.approx(jsd, abs=1e-15)


def test_the_normal_law_of_scipy_is_the_one_of_the_line():
    one = on_a_line([1.0], [0.3], [0.7])
    assert one.log_prob(np.array([[1.0]])) == pytest.approx(norm(0.3, 0.7).logpdf(1.0), abs=1e-13)
