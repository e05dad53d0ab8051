"""Widths that cannot be the best are not computed, and nothing that is chosen depends on it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_parzen import PAPER_GRID, images, seeded
from told import told

from genbench.metrics.parzen import Parzen, Windows, choosing, select_sigma
from genbench.metrics.parzen.choosing import Tried, at_most, best, best_of_grid, may_be_best
from genbench.metrics.parzen.metric import BY_SIGMA


def truth(mu: torch.Tensor, x: torch.Tensor, sigma: float) -> float:
    """The mean log-likelihood by the definition, in float64."""
    sq_dist = (x.double()[:, None] - mu.double()).square().sum(dim=2)
    norm = math.log(len(mu)) + x.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))
    return (-sq_dist / (2 * sigma**2)).logsumexp(dim=1).mean().item() - norm


def cloud(spread: float, m: int = 300, n: int = 50, d: int = 20):
    """Samples of one cloud, validation and test rows of another spread."""
    samples = 0.3 * torch.randn(m, d, generator=seeded(1))
    return samples, *(spread * torch.randn(n, d, generator=seeded(s)) for s in (2, 3))


# --- the bound -------------------------------------------------------------------------------


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    m=st.integers(1, 30),
    n=st.integers(1, 6),
    d=st.integers(1, 40),
    sigma=st.floats(0.05, 2),
    wider=st.floats(1.001, 20),
    far=st.floats(0, 3),
    seed=st.integers(0, 2**31 - 1),
)
def test_the_bound_is_never_below_the_mean_at_a_greater_width(m, n, d, sigma, wider, far, seed):
    draw = torch.Generator().manual_seed(seed)
    mu, x = torch.randn(m, d, generator=draw), torch.randn(n, d, generator=draw) + far
    curve = [(s, truth(mu, x, s)) for s in (sigma / 3, sigma)]
    value = truth(mu, x, sigma * wider)
    assert at_most(curve, sigma * wider, d) >= value - 1e-9 * (1 + abs(value))


def test_the_bound_is_the_value_where_all_windows_are_equally_far():
    mu, x = torch.ones(5, 8), torch.zeros(1, 8)
    curve = [(0.3, truth(mu, x, 0.3))]
    for sigma in (0.31, 0.5, 4.0):
        assert at_most(curve, sigma, 8) == pytest.approx(truth(mu, x, sigma), rel=1e-12)


def test_nothing_bounds_a_width_below_all_that_were_computed():
    assert at_most([(0.3, 5.0)], 0.3, 8) == math.inf
    assert at_most([], 0.3, 8) == math.inf


def test_a_bound_within_what_means_may_be_off_rules_nothing_out():
    d, sigma = 4, 1.0
    bound = at_most([(0.5, -100.0)], sigma, d)
    assert may_be_best([(0.5, -100.0), (2.0, bound + 0.0199)], sigma, d)
    assert not may_be_best([(0.5, -100.0), (2.0, bound + 0.0201)], sigma, d)
    large = [(0.5, -3e6), (2.0, at_most([(0.5, -3e6)], sigma, d) + 0.5)]
    assert may_be_best(large, sigma, d)  # 1e-7 of the value is more


# --- what is chosen --------------------------------------------------------------------------

SPREADS = [0.01, 0.1, 0.2, 0.3, 0.5, 0.8, 1.5, 30.0]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("grid", [PAPER_GRID, [0.05, 0.7, 10.0], [1.0, 2.0], [0.3]], ids=len)
def test_the_best_of_a_grid_is_that_of_all_its_widths_for_every_count(spread, grid):
    samples, valid, _ = cloud(spread)
    tried = best_of_grid(Windows(samples, "float64", strides=(4, 2)), valid, grid)
    for part, found in zip((samples[::4], samples[::2], samples), tried, strict=True):
        every = [(sigma, truth(part, valid, sigma)) for sigma in grid]
        assert best(found.grid) == pytest.approx(best(every), rel=1e-9)
        assert sorted(s for s, _ in found.grid + found.beaten) == grid
        assert len(found.grid) >= min(2, len(grid))  # a curve
        exact = dict(every)
        assert all(mean == pytest.approx(exact[s], rel=1e-9) for s, mean in found.grid)
        assert all(exact[s] <= most < best(every)[1] for s, most in found.beaten)


def test_of_the_papers_grid_the_upper_half_is_not_computed_where_images_are_near():
    samples, valid = images(2000, 784, 1, 300), images(100, 784, 2, 300)
    (tried,) = best_of_grid(Windows(samples), valid, PAPER_GRID)
    assert [s for s, _ in tried.beaten] == PAPER_GRID[5:]
    assert [s for s, _ in tried.grid] == PAPER_GRID[:5]


def test_a_width_that_is_the_best_for_one_count_alone_is_computed():
    """Every second sample lies on the rows, and those that a half and a quarter take lie far."""
    valid = 0.01 * torch.randn(50, 20, generator=seeded(1))
    samples = 0.7 * torch.randn(400, 20, generator=seeded(2))
    samples[1::2] = valid.repeat(4, 1)
    tried = best_of_grid(Windows(samples, strides=(4, 2)), valid, PAPER_GRID)
    for part, found in zip((samples[::4], samples[::2], samples), tried, strict=True):
        every = [(sigma, truth(part, valid, sigma)) for sigma in PAPER_GRID]
        assert found.best[0] == best(every)[0]
    assert tried[0].best[0] > PAPER_GRID[5] > tried[-1].best[0]


@pytest.mark.parametrize("order", [[2, 0, 1, 1], [1, 1, 0, 2]])
def test_a_grid_may_come_in_any_order_and_twice(order):
    samples, valid, _ = cloud(0.3)
    grid = [[0.1, 0.35, 3.0][i] for i in order]
    assert select_sigma(samples, valid, grid) == 0.35


@pytest.mark.parametrize("search", ["grid", "refine"])
@pytest.mark.parametrize(
    "grid", [{}, {"grid_start": 0.05, "grid_stop": 10.0, "grid_size": 3}, {"grid_size": 2}], ids=str
)
@pytest.mark.parametrize("spread", SPREADS)
def test_a_score_is_that_of_a_grid_of_which_every_width_is_computed(
    spread, grid, search, monkeypatch
):
    rows = cloud(spread)
    metric = Parzen(**grid, sigma_search=search, precision="float64")
    ours = metric(*rows)
    monkeypatch.setattr(choosing, "may_be_best", lambda *_: True)
    whole = metric(*rows)
    assert told(whole)["not_computed"] == {}
    assert len(told(whole)["curve"]) == len(metric.grid)
    assert ours.value == pytest.approx(whole.value, abs=1e-9)
    assert ours.warnings == whole.warnings
    for name in ("sigma", "n_valid"):
        assert told(ours)[name] == told(whole)[name]
    for name in ("between", "by_count"):
        for point, same in zip(told(ours)[name], told(whole)[name], strict=True):
            assert point == pytest.approx(same, rel=1e-9)


# --- what is said of it ----------------------------------------------------------------------


def test_widths_that_are_not_computed_have_no_point_and_a_bound_in_the_notes():
    rows = cloud(0.3)
    score = Parzen()(*rows)
    details = told(score)
    computed = [sigma for sigma, _ in score.curves[f"{BY_SIGMA}: grid"]]
    others = Parzen().grid[len(computed) :]
    assert others
    assert [*details["not_computed"]] == [f"{sigma:.4g}" for sigma in others]
    for sigma, most in zip(others, details["not_computed"].values(), strict=True):
        assert truth(rows[0], rows[1], sigma) <= most < details["valid"]


def test_where_every_width_may_be_the_best_nothing_is_said_of_bounds():
    score = Parzen()(*cloud(30.0))
    assert not any("not computed" in name for name in score.notes)
    assert [sigma for sigma, _ in score.curves[f"{BY_SIGMA}: grid"]] == Parzen().grid


def test_the_neighbours_of_the_best_count_though_they_are_not_computed():
    """So what lies between reaches up to a neighbour that is ruled out."""
    tried = Tried([(0.1, -5.0), (0.2, 3.0)], beaten=[(0.4, 1.0), (0.8, -2.0)])
    new = tried.around()
    assert 0.1 < min(new) < 0.2 < max(new) < 0.4
    assert len(new) == 6
    assert Tried([(0.2, 3.0)]).around() == []
