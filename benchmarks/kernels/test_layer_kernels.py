"""The layers of the paper's networks, at its sizes: 100 rows, forwards and backwards."""

import pytest
import torch
from torch import Tensor

from genbench.models import layers

BATCH = 100
pytestmark = pytest.mark.benchmark(group="layers", warmup=True, min_rounds=10, max_time=0.5)


def both_ways(layer: torch.nn.Module, x: Tensor) -> None:
    layer(x).sum().backward()


def test_maxout(benchmark) -> None:
    x = torch.randn(BATCH, 240 * 5, requires_grad=True)
    benchmark(both_ways, layers.Maxout(5), x)


def test_maxout_convolution(benchmark) -> None:
    layer = layers.MaxoutConvolution((3, 32, 32), 32, 2, 8, 4, 4, 2, width=0.005)
    benchmark(both_ways, layer, torch.rand(BATCH, 3 * 32 * 32))


def test_transposed_convolution(benchmark) -> None:
    layer = layers.TransposedConvolution(8000, (3, 32, 32), 80, 5, 3, width=0.05)
    benchmark(both_ways, layer, torch.randn(BATCH, 8000))


def test_limit_norms(benchmark) -> None:
    benchmark(layers.limit_norms, torch.randn(1200, 784), 1.9365)


def test_logit_of_marginals(benchmark) -> None:
    benchmark(layers.logit_of_marginals, torch.rand(10_000, 784))
