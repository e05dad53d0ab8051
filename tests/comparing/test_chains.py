"""How many independent rows chains are worth, and the exact interval of a share."""

import numpy as np
import pytest
from scipy import stats

from genbench.comparing.chains import effective_rows
from genbench.comparing.counts import clopper_pearson


def autoregressive(chains: int, steps: int, rho: float, d: int = 30) -> np.ndarray:
    """x_t = ρ x_(t-1) + √(1 - ρ²) ε_t from its stationary distribution, rows step by step."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(chains, d))
    rows = [x]
    for _ in range(steps - 1):
        x = rho * x + (1 - rho**2) ** 0.5 * draw.normal(size=(chains, d))
        rows.append(x)
    return np.concatenate(rows)


def worth(chains: int, steps: int, rho: float) -> float:
    """n / (1 + 2 Σ (1 - k/t) ρ^k)."""
    k = np.arange(1, steps)
    return chains * steps / (1 + 2 * ((1 - k / steps) * rho**k).sum())


@pytest.mark.parametrize(
    ("chains", "steps", "rho"), [(200, 20, 0.9), (200, 20, 0.5), (100, 50, 0.0), (1, 20_000, 0.9)]
)
def test_states_are_worth_as_many_rows_as_their_autocorrelation_says(
    chains: int, steps: int, rho: float
) -> None:
    found = effective_rows(autoregressive(chains, steps, rho), chains)
    assert found == pytest.approx(worth(chains, steps, rho), rel=0.12)


def test_chains_that_stand_still_are_worth_their_number() -> None:
    still = np.tile(np.random.default_rng(0).normal(size=(50, 8)), (10, 1))
    assert effective_rows(still, 50) == pytest.approx(50, rel=0.03)


def test_few_states_are_refused_and_none_are_worth_more_than_they_are() -> None:
    assert effective_rows(np.ones((40, 3)), 20) == 40
    with pytest.raises(ValueError, match="too few"):
        effective_rows(np.ones((1, 3)), 1)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 5), (3, 7), (5, 5)])
def test_the_interval_of_a_share_is_scipys_exact_one(k: int, n: int) -> None:
    peer = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(k, n) == pytest.approx((peer.low, peer.high), abs=1e-9)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_no_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="such as 0 of 5"):
        clopper_pearson(k, n)
