"""Made-up rows for the two-sample metrics, and redraws of them."""

import os
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from genbench.datasets.mnist import MNIST
from genbench.protocols import Score, Split


def normal(n: int, d: int, seed: int, std: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    """Rows (n, d) of a Gaussian whose spread falls with the column, shifted along the first."""
    rows = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    rows *= std / (1 + torch.arange(d) / 4)
    rows[:, 0] += shift
    return rows


def same(rows: torch.Tensor) -> torch.Tensor:
    """The features that rows themselves are."""
    return rows


def error_over_deviation(score: Callable[[int], Score], redraws: int = 100) -> float:
    """The mean standard error of the redraws, over the deviation of their values."""
    scores = [score(seed) for seed in range(redraws)]
    errors = [s.stderr for s in scores if s.stderr is not None]
    assert len(errors) == redraws
    return statistics.fmean(errors) / statistics.stdev([s.value for s in scores])


def rejected(p: Callable[[int], float], nulls: int = 200) -> float:
    """The share of nulls that a test at 5 % rejects."""
    return sum(p(seed) < 0.05 for seed in range(nulls)) / nulls


def mnist() -> Split:
    """The real digits, where GENBENCH_DATA names a folder that holds them."""
    folder = Path(os.environ.get("GENBENCH_DATA", "absent"))
    if not (folder / "mnist").is_dir():
        pytest.skip("GENBENCH_DATA names no folder that holds mnist/")
    return MNIST(folder).split(0)
