"""Mixtures of low-rank Gaussians: their algebra is that of the whole covariances."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from small_worlds import covariances, mixture

from genbench.worlds.fitting import fitted, refitted
from genbench.worlds.mixture import (
    Blend,
    copies,
    entropy_given,
    log_probs,
    moments,
    single,
)
from genbench.worlds.streams import stream


def dense(m, x):
    """log pi_k N(x; mu_k, C_k), (n, K), by scipy."""
    parts = [
        np.log(w) + multivariate_normal(mu, c).logpdf(x)
        for w, mu, c in zip(m.weights, m.means, covariances(m), strict=True)
    ]
    return np.stack(parts, axis=1)


def test_log_prob_is_that_of_the_whole_covariances():
    m = mixture()
    x, _ = m.sample(50, stream(0))
    assert m.log_prob(x) == pytest.approx(logsumexp(dense(m, x), axis=1), abs=1e-11)


def test_the_posterior_is_that_of_the_whole_covariances():
    m = mixture(apart=0.7)
    x, _ = m.sample(50, stream(0))
    joint = dense(m, x)
    expected = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    assert m.posterior(x) == pytest.approx(expected, abs=1e-12)


def test_many_rows_in_blocks_are_as_each_alone():
    m, wide = mixture(), mixture(k=1, d=5, q=0)
    x, _ = m.sample(500, stream(0))
    together = log_probs(x, [m, m.widened(0.5), wide, copies(x[:300], 0.1)])
    assert together[0] == pytest.approx(m.log_prob(x), abs=1e-10)
    assert together[1] == pytest.approx(m.widened(0.5).log_prob(x), abs=1e-10)
    assert together[2] == pytest.approx(wide.log_prob(x), abs=1e-10)


def test_a_widened_mixture_has_the_noise_in_every_direction():
    m = mixture()
    wide = m.widened(0.25)
    assert covariances(wide) == pytest.approx(covariances(m) + 0.25 * np.eye(5), abs=1e-12)


def test_draws_have_the_moments():
    m = mixture()
    x, k = m.sample(200_000, stream(0))
    mean, covariance = moments(m)
    scale = np.sqrt(np.diag(covariance).max() / len(x))
    assert x.mean(axis=0) == pytest.approx(mean, abs=5 * scale)
    assert np.cov(x.T) == pytest.approx(covariance, rel=0.02, abs=0.1)
    inside = covariances(m)[1]
    assert np.cov(x[k == 1].T) == pytest.approx(inside, abs=0.02)


def test_the_entropy_of_a_row_and_its_component_is_closed():
    m = mixture(apart=1.0)
    x, _ = m.sample(100_000, stream(0))
    share = m.posterior(x)
    unsure = -np.where(share > 0, share * np.log(np.maximum(share, 1e-300)), 0).sum(axis=1)
    parts = m.log_prob(x) - unsure
    error = parts.std() / math.sqrt(len(x))
    assert entropy_given(m) == pytest.approx(-parts.mean(), abs=4 * error)


def test_a_blend_is_the_mixture_of_its_parts():
    m, noise = mixture(), single(np.ones(5), 4.0)
    blend = Blend(((0.25, m), (0.75, noise)))
    x, _ = blend.sample(40, stream(0))
    expected = np.logaddexp(np.log(0.25) + m.log_prob(x), np.log(0.75) + noise.log_prob(x))
    assert blend.log_prob(x) == pytest.approx(expected, abs=1e-12)
    drawn, part = blend.sample(40_000, stream(1))
    assert part.mean() == pytest.approx(0.75, abs=0.01)
    assert drawn.mean(axis=0) == pytest.approx(moments(blend)[0], abs=0.1)


def test_components_that_never_occur_change_nothing():
    m = mixture()
    none = replace(m, weights=np.array([0.5, 0.0, 0.5]))
    kept = none.only(np.array([0, 2]))
    x, k = none.sample(100, stream(0))
    assert set(k) == {0, 2}
    assert none.log_prob(x) == pytest.approx(kept.log_prob(x), abs=1e-12)
    assert moments(none)[1] == pytest.approx(moments(kept)[1], abs=1e-12)


def test_a_stream_is_the_same_for_the_same_key_and_no_other():
    assert stream(1, "a").random() == stream(1, "a").random()
    assert len({stream(1, "a").random(), stream(1, "b").random(), stream(2, "a").random()}) == 3


# --- fitting ---


@pytest.fixture(scope="module")
def labelled():
    m = mixture(k=4, d=5, q=2)
    rows, k = m.sample(2000, stream(0))
    return rows, k // 2


def test_a_fit_keeps_the_mean_and_the_trace(labelled):
    rows, labels = labelled
    m, classes = fitted(rows, labels, 2, 2)
    mean, covariance = moments(m)
    assert len(classes) == 8
    assert mean == pytest.approx(rows.mean(axis=0), abs=1e-12)
    assert np.trace(covariance) == pytest.approx(np.trace(np.cov(rows.T, ddof=0)), rel=1e-9)


def test_a_fit_gives_each_class_its_share(labelled):
    rows, labels = labelled
    m, classes = fitted(rows, labels, 1, 2)
    assert np.bincount(classes, m.weights) == pytest.approx(np.bincount(labels) / len(labels))


def test_a_fit_does_not_hang_on_the_order_of_the_rows(labelled):
    rows, labels = labelled
    order = stream(3).permutation(len(rows))
    one, other = fitted(rows, labels, 2, 2)[0], fitted(rows[order], labels[order], 2, 2)[0]
    assert other.means == pytest.approx(one.means, abs=1e-9)
    assert other.log_prob(rows) == pytest.approx(one.log_prob(rows), abs=1e-8)


@pytest.mark.parametrize("sizes", [(4, 4), (2, 300), (300, 300)])
def test_few_rows_are_fitted_as_by_their_covariance(labelled, sizes):
    rows, labels = labelled
    groups = [rows[labels == c][:n] for c, n in enumerate(sizes)]
    by_covariance = fitted(np.concatenate(groups), np.repeat([0, 1], sizes), 0, 2)[0]
    by_rows = refitted(groups, np.array(sizes) / sum(sizes), 2)
    assert by_rows.lam == pytest.approx(by_covariance.lam, abs=1e-9)
    assert by_rows.log_prob(rows) == pytest.approx(by_covariance.log_prob(rows), rel=1e-7)
