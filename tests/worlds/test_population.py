"""Population values of metrics: what finite samples tend to."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_worlds import mixture, pictures

from genbench.metrics.parzen import Parzen
from genbench.worlds import defects
from genbench.worlds.defects import Ground
from genbench.worlds.mixture import copies, moments, single
from genbench.worlds.population import frechet, mmd, parzen
from genbench.worlds.streams import stream

P, Q = mixture(apart=1.0), mixture(apart=1.0, seed=2, q=3)


def test_the_frechet_distance_of_two_round_gaussians_is_closed():
    p, q = single(np.zeros(4), 1.0), single(np.full(4, 0.5), 4.0)
    assert frechet(p, q) == pytest.approx(4 * 0.25 + 4 * (2 - 1) ** 2, rel=1e-12)


def test_the_frechet_distance_sees_no_more_than_mean_and_covariance():
    ground = Ground(pictures(), (1,))
    assert frechet(ground.p, defects.gaussian(ground, 1)) == pytest.approx(0, abs=1e-6)


def test_the_moments_of_the_gaussian_are_those_of_the_truth():
    ground = Ground(pictures(), (1,))
    for one, other in zip(moments(ground.p), moments(defects.gaussian(ground, 1)), strict=True):
        assert other == pytest.approx(one, abs=1e-9)


def test_the_mmd_is_what_many_samples_say():
    n, width = 1000, 2.0
    (x, _), (y, _) = P.sample(n, stream("x")), Q.sample(n, stream("y"))

    def kernel(a, b):
        sq = np.square(a[:, None] - b[None]).sum(axis=2)
        return np.exp(-sq / (2 * width**2))

    off = ~np.eye(n, dtype=bool)
    estimate = kernel(x, x)[off].mean() + kernel(y, y)[off].mean() - 2 * kernel(x, y).mean()
    assert mmd(P, Q, width) == pytest.approx(estimate, abs=0.02)
    assert mmd(P, P, width) == pytest.approx(0, abs=1e-12)


def test_the_mmd_of_two_round_gaussians_is_closed():
    p, q, width = single(np.zeros(3), 1.0), single(np.ones(3), 1.0), 1.5
    same = (width**2 / (2 + width**2)) ** 1.5
    cross = same * math.exp(-3 / (2 * (2 + width**2)))
    assert mmd(p, q, width) == pytest.approx(2 * same - 2 * cross, rel=1e-12)


def test_parzens_score_tends_to_that_of_infinite_samples():
    x, _ = P.sample(50, stream("x"))
    y, _ = Q.sample(50_000, stream("y"))
    sigma = 1.0
    limit = parzen(x, Q, sigma)
    sq = np.square(x[:, None, :]).sum(2) - 2 * x @ y.T + np.square(y).sum(1)
    estimate = np.log(np.exp(-sq / 2).mean(axis=1)) - 2.5 * math.log(2 * math.pi)
    assert limit == pytest.approx(estimate, abs=0.25)


@pytest.mark.parametrize("sigma", [0.1, 0.2154, 1.0])
def test_parzens_score_of_samples_is_the_truths_cross_entropy_with_copies_of_them(sigma):
    """The Parzen LL of rows is E_p log q of the generator that copies them with noise sigma."""
    world = pictures(apart=1.0)
    samples, test = world.first("train", 500), world.first("test", 300)
    score = Parzen(sigma=sigma, precision="float64")(
        torch.from_numpy(samples), torch.from_numpy(test[:0]), torch.from_numpy(test)
    )
    copier = copies(samples, sigma**2).log_prob(test)
    assert score.value == pytest.approx(copier.mean(), rel=1e-9)


def test_the_limit_of_a_widened_generator_is_its_own_with_a_wider_window():
    x, _ = P.sample(20, stream("x"))
    wider = replace(P, lam=P.lam + 0.3, s2=P.s2 + 0.3)
    assert parzen(x, P, math.sqrt(0.7)) == pytest.approx(
        parzen(x, wider, math.sqrt(0.4)), abs=1e-12
    )
