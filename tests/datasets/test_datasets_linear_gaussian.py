"""The linear-Gaussian world: its density by scipy, and that its rows come from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from genbench.datasets.linear_gaussian import LinearGaussian, loadings
from genbench.errors import DataError


@pytest.fixture(scope="module")
def world():
    return LinearGaussian(None)


def covariance(world):
    W = loadings()
    return W @ W.T + world.std**2 * np.eye(len(W))


def test_the_density_is_scipys(world):
    x = world.split(0).test[:50]
    expected = multivariate_normal(np.full(64, world.mean), covariance(world)).logpdf(x.numpy())
    np.testing.assert_allclose(world.density.log_prob(x).numpy(), expected, rtol=1e-9)


def test_the_factors_are_orthogonal_and_of_different_lengths():
    gram = loadings().T @ loadings()
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-12)
    assert len(set(np.diag(gram).round(6))) == 5


def test_rows_and_draws_have_the_mean_and_covariance_of_the_density(world):
    torch.manual_seed(0)
    for x in (world.split(0).train, world.density.draw(50_000)):
        found = x.double().T.cov().numpy()
        true = covariance(world)
        stderr = np.sqrt((np.outer(np.diag(true), np.diag(true)) + true**2) / 50_000)
        assert (np.abs(found - true) < 5 * stderr).all()
        apart = (x.double().mean(dim=0) - world.mean).numpy()
        assert (np.abs(apart) < 5 * np.sqrt(np.diag(true) / 50_000)).all()


def test_it_is_the_same_every_time_in_parts_of_50000_10000_and_10000_rows(world):
    other = LinearGaussian("elsewhere")
    assert other.digest == world.digest
    split = other.split(0)
    assert [len(part) for part in (split.train, split.valid, split.test)] == [
        50_000,
        10_000,
        10_000,
    ]
    assert torch.equal(split.test, world.split(0).test)
    with pytest.raises(DataError, match="fold"):
        other.split(1)
