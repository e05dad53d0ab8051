"""The inner loops of the estimator: a block of 512 rows against 2,048 windows, d = 784."""

import pytest
import torch

from genbench.metrics.parzen import dense, pruning
from genbench.metrics.parzen.pruning import Outline
from genbench.precision import coarse_dtype

SIGMA, ROWS, WINDOWS, D = 0.2, 512, 2048, 784
CPU = torch.device("cpu")
pytestmark = pytest.mark.benchmark(group="parzen", warmup=True, min_rounds=10, max_time=0.5)


@pytest.fixture
def block() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and windows near 20 prototypes, in [0, 1]."""
    prototypes = torch.rand(20, D)
    both = (prototypes[torch.randint(20, (n,))] for n in (ROWS, WINDOWS))
    x, samples = ((rows + 0.1 * torch.randn_like(rows)).clamp(0, 1) for rows in both)
    return x, samples


@pytest.fixture
def outline(block) -> Outline:
    return Outline(block[1], torch.float32, coarse_dtype(CPU), CPU)


@pytest.mark.parametrize("widths", [1, 10])
def test_dense_log_sums(benchmark, block, outline, widths: int) -> None:
    sigmas = [SIGMA * (i + 1) for i in range(widths)]
    benchmark(lambda: list(dense.log_sums(*block, sigmas, outline.centre)))


def test_outline_directions(benchmark, block) -> None:
    samples = block[1]
    benchmark(lambda: Outline(samples, torch.float32, torch.float32, CPU).directions)


def test_outline_of_rows(benchmark, block, outline) -> None:
    assert outline.directions.shape[0] == D  # computed once, outside the measurement
    benchmark(outline.of_rows, block[0])


def test_outline_of_samples(benchmark, block, outline) -> None:
    assert outline.directions.shape[0] == D
    benchmark(outline.of_samples, block[1])


def test_bound(benchmark, block, outline) -> None:
    left, right = outline.of_rows(block[0]), outline.of_samples(block[1])
    benchmark(lambda: pruning.maxima(left.columns @ right.columns.T))


def test_survivors(benchmark, block, outline) -> None:
    left, right = outline.of_rows(block[0]), outline.of_samples(block[1])
    bound = left.columns @ right.columns.T
    groups = pruning.maxima(bound)
    least = groups.amax(dim=1)
    benchmark(pruning.survivors, bound, groups, least)
