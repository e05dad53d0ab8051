"""Probabilistic PCA against scipy, scikit-learn, and the world that it fits exactly."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA, FactorAnalysis

from baselines.probabilistic_pca import ProbabilisticPCA, fitted
from genbench.datasets.linear_gaussian import LinearGaussian


def rows(n=400, d=6):
    random = torch.Generator().manual_seed(1)
    mixing = torch.randn(3, d, generator=random)
    noise = 0.3 * torch.randn(n, d, generator=random)
    return torch.randn(n, 3, generator=random) @ mixing + noise + 2


def fit(x, k=2, **changes):
    model = ProbabilisticPCA((x.shape[1],), k, **{"clip": False, **changes})
    list(model.fit(x, x[:0]))
    return model


def covariance(model):
    return model.W @ model.W.T + model.variance * torch.eye(len(model.W)).double()


def test_log_prob_is_the_gaussian_density_of_scipy():
    x = rows()
    model = fit(x)
    expected = multivariate_normal(model.mean.numpy(), covariance(model).numpy()).logpdf(x.numpy())
    np.testing.assert_allclose(model.log_prob(x).numpy(), expected, rtol=1e-9)


def test_log_prob_is_that_of_scikit_learns_pca_whose_variances_are_n_over_n_minus_1_as_large():
    x, (n, d) = rows(), (400, 6)
    model = fit(x)
    centred = (x.double() - model.mean) * math.sqrt(n / (n - 1))
    peer = PCA(2, svd_solver="full").fit(x.double().numpy())
    expected = peer.score_samples(centred.numpy() + peer.mean_) + d / 2 * math.log(n / (n - 1))
    np.testing.assert_allclose(model.log_prob(x).numpy(), expected, rtol=1e-6)


def test_factor_analysis_which_has_a_variance_for_each_pixel_fits_a_little_better():
    x = rows(4000)
    better = FactorAnalysis(3, tol=1e-6, max_iter=5000).fit(x.double().numpy()).score(x.numpy())
    value = fit(x, k=3).log_prob(x).mean().item()
    assert better - 0.01 < value < better + 1e-6


def test_no_neighbour_is_likelier_than_the_fit():
    x = rows().double()
    model = fit(x)
    best = model.log_prob(x).mean()
    normal = torch.distributions.MultivariateNormal
    for name in ("W", "s2", "mean"):
        kept = getattr(model, name).clone()
        for _ in range(20):
            getattr(model, name).copy_(kept + 0.02 * torch.randn_like(kept))
            moved = normal(model.mean, covariance(model)).log_prob(x).mean()
            assert moved < best
        getattr(model, name).copy_(kept)


def test_the_posterior_is_that_of_the_joint_gaussian():
    x = rows()
    model = fit(x)
    means, deviations = model.posterior(x.double())
    gain = model.W.T @ torch.linalg.inv(covariance(model))
    torch.testing.assert_close(means, (x - model.mean) @ gain.T)
    left = torch.eye(2).double() - gain @ model.W
    torch.testing.assert_close(torch.diag(deviations[0] ** 2), left)
    assert torch.equal(model.encode(x.double()), means)


def test_its_bound_is_the_likelihood_since_the_posterior_is_exact():
    x = rows().double()
    model = fit(x)
    means, deviations = model.posterior(x)
    z = means + deviations * torch.randn(means.shape, dtype=torch.float64)
    normal = torch.distributions.Normal
    joint = normal(model.decode(z), math.sqrt(model.variance)).log_prob(x).sum(dim=1)
    joint += normal(0.0, 1.0).log_prob(z).sum(dim=1)
    bound = joint - normal(means, deviations).log_prob(z).sum(dim=1)
    torch.testing.assert_close(bound, model.log_prob(x))


def test_samples_have_the_fitted_covariance():
    model = fit(rows())
    torch.manual_seed(0)
    x = model.sample(200_000).double()
    assert (x.T.cov() - covariance(model)).abs().max() < 0.02 * covariance(model).abs().max()
    assert (x.mean(dim=0) - model.mean).abs().max() < 0.02
    clipped = fit(rows(), clip=True).sample(100)
    assert clipped.min() == 0
    assert clipped.max() == 1


def test_rows_on_a_line_have_a_density_all_the_same():
    W, variance = fitted(torch.diag(torch.tensor([4.0, 0.0, 0.0], dtype=torch.float64)), 1)
    assert variance > 0
    torch.testing.assert_close(W, torch.tensor([[2.0], [0.0], [0.0]], dtype=torch.float64))


def test_more_components_than_directions_are_none_and_none_at_all_is_refused():
    assert fit(rows(d=3), k=9).W.shape == (3, 2)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        ProbabilisticPCA((3,), 0)


def test_it_fits_the_linear_gaussian_world_to_its_sampling_error():
    world = LinearGaussian(None)
    split = world.split(0)
    model = ProbabilisticPCA(world.shape, 5, clip=False)
    list(model.fit(split.train, split.valid))
    apart = world.density.log_prob(split.test) - model.log_prob(split.test)
    # the parameters that n rows leave to chance cost half a nat each, n times
    parameters, n = 64 * 5 - 10 + 64 + 1, len(split.train)
    assert 0.3 < apart.mean() / (parameters / (2 * n)) < 3
    assert model.variance == pytest.approx(world.std**2, rel=0.01)
