"""The inner steps of the baselines: 100 rows, d = 784, 1,000 units."""

import pytest
import torch

from baselines import dbn, kmeans, stacked_cae

BATCH, D, UNITS = 100, 784, 1000
pytestmark = pytest.mark.benchmark(group="baselines", warmup=True, min_rounds=10, max_time=0.5)


@pytest.fixture
def rbm() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """W, b and c."""
    return 0.01 * torch.randn(D, UNITS), torch.zeros(D), torch.zeros(UNITS)


def test_rbm_gradient(benchmark, rbm) -> None:
    v, h = torch.rand(BATCH, D), dbn.bits(torch.full((BATCH, UNITS), 0.5))
    sums = [torch.zeros_like(parameter) for parameter in rbm]

    def gradient() -> None:
        terms, _ = dbn.contrast(v, h, *rbm, 1)
        dbn.add_slopes(sums, terms, 0.5, 0.1)

    benchmark(gradient)


def test_rbm_ten_gibbs_steps(benchmark, rbm) -> None:
    h = dbn.bits(torch.full((BATCH, UNITS), 0.5))
    benchmark(dbn.gibbs, h, *rbm, 10)


def test_contractive_slopes(benchmark) -> None:
    coder = 0.01 * torch.randn(D, UNITS), torch.zeros(D), torch.zeros(UNITS)
    sums = [torch.zeros_like(parameter) for parameter in coder]
    benchmark(stacked_cae.add_slopes, sums, torch.rand(BATCH, D), coder, 1.0, 0.5, 0.1)


def test_noise_filtered_by_the_jacobian(benchmark) -> None:
    W, h = 0.01 * torch.randn(D, UNITS), torch.rand(BATCH, UNITS)
    benchmark(stacked_cae.filtered, torch.randn(BATCH, UNITS), h, W)


def test_nearest_of_1000_centroids(benchmark) -> None:
    benchmark(kmeans.nearest, torch.rand(1000, D), torch.rand(1000, D))
