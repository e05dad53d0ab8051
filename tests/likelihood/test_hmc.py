"""Hamiltonian Monte Carlo: reversible paths, an unchanged density, steps that suit."""

import math

import pytest
import torch

from genbench.likelihood import hmc

BETA, PRECISION, CENTRE = 0.7, 4.0, 2.0


class Gaussian:
    """`scale` times ℓ of a Gaussian around CENTRE; slopes are `off` times the true ones."""

    def __init__(self, scale=1.0, off=1.0):
        self.scale, self.off = scale, off

    def __call__(self, t):
        squares = (t - CENTRE).double().square().sum(dim=1)
        return -self.scale * PRECISION / 2 * squares, self.slope(t)

    def slope(self, t):
        return -self.scale * self.off * PRECISION * (t - CENTRE)


class Lost:
    """No path along it has numbers."""

    def __call__(self, t):
        return t.double().sum(dim=1) * math.nan, self.slope(t)

    def slope(self, t):
        return t * math.nan


log_f = Gaussian()


def exact(n):
    """Draws of π ∝ N(0, I) f^β, its mean and its deviation."""
    precision = 1 + BETA * PRECISION
    mean, deviation = BETA * PRECISION * CENTRE / precision, precision**-0.5
    return mean + deviation * torch.randn(n, 2, dtype=torch.float64), mean, deviation


def test_a_path_with_turned_momenta_leads_back() -> None:
    torch.manual_seed(0)
    start = hmc.at(exact(20)[0], log_f)
    u, step = torch.randn(20, 2, dtype=torch.float64), torch.full((20,), 0.1)
    there, turned = hmc.leapfrog(start, u, step, BETA, log_f, 10)
    back, momenta = hmc.leapfrog(there, -turned, step, BETA, log_f, 10)
    assert (there.t - start.t).abs().min() > 1e-3
    torch.testing.assert_close(back.t, start.t, rtol=0, atol=1e-12)
    torch.testing.assert_close(-momenta, u, rtol=0, atol=1e-12)


@pytest.mark.parametrize("off", [1.0, 1.4, 0.7])
def test_transitions_leave_the_density_as_it_is_by_slopes_however_rounded(off: float) -> None:
    torch.manual_seed(1)
    log_f = Gaussian(off=off)
    n = 4000
    draws, mean, deviation = exact(n)
    point, first = hmc.at(draws, log_f), draws
    step = torch.full((n,), 0.45)  # coarse, so that moves are refused
    chances = []
    for _ in range(10):
        point, chance = hmc.transition(point, step, BETA, log_f, 3)
        chances.append(chance.mean().item())
    assert 0.4 < min(chances) < 0.98
    assert (point.t == first).double().mean() < 0.01
    z = (point.t - mean) / deviation
    assert z.mean(dim=0).abs().max() < 4 / math.sqrt(n)
    assert (z.square().mean(dim=0) - 1).abs().max() < 4 * math.sqrt(2 / n)


def test_a_step_that_adapts_meets_its_acceptance() -> None:
    torch.manual_seed(2)
    point = hmc.at(exact(200)[0], Gaussian(100.0))
    step = torch.full((200,), hmc.MOST)
    late = []
    for i in range(120):
        point, chance = hmc.transition(point, step, BETA, Gaussian(100.0))
        step = hmc.adapted(step, chance)
        late += [chance.mean().item()] if i >= 60 else []
    assert abs(sum(late) / len(late) - hmc.ACCEPTANCE) < 0.05
    assert step.min() > hmc.LEAST
    assert step.max() < hmc.MOST


def test_a_path_that_leaves_the_numbers_is_not_taken() -> None:
    point = hmc.at(torch.zeros(3, 1), log_f)
    after, chance = hmc.transition(point, torch.full((3,), 0.1), 1.0, Lost())
    assert torch.equal(after.t, point.t)
    assert chance.tolist() == [0, 0, 0]
