"""Hamiltonian Monte Carlo: reversible paths, an unchanged density, steps that suit."""

import math

import torch

from genbench.likelihood import hmc

BETA, PRECISION, CENTRE = 0.7, 4.0, 2.0


def log_f(t):
    """Of a Gaussian around CENTRE in each direction, and its slope."""
    gap = t - CENTRE
    return -PRECISION / 2 * gap.double().square().sum(dim=1), -PRECISION * gap


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


def test_transitions_leave_the_density_as_it_is() -> None:
    torch.manual_seed(1)
    n = 4000
    draws, mean, deviation = exact(n)
    point, first = hmc.at(draws, log_f), draws
    step = torch.full((n,), 0.45)  # coarse, so that moves are refused
    chances = []
    for _ in range(10):
        point, chance = hmc.transition(point, step, BETA, log_f, 3)
        chances.append(chance.mean().item())
    assert 0.5 < min(chances) < 0.98
    assert (point.t == first).double().mean() < 0.01
    z = (point.t - mean) / deviation
    assert z.mean(dim=0).abs().max() < 4 / math.sqrt(n)
    assert (z.square().mean(dim=0) - 1).abs().max() < 4 * math.sqrt(2 / n)


def test_a_step_that_adapts_meets_its_acceptance() -> None:
    torch.manual_seed(2)
    point = hmc.at(exact(200)[0], lambda t: tuple(100 * part for part in log_f(t)))
    step = torch.full((200,), hmc.MOST)
    late = []
    for i in range(120):
        point, chance = hmc.transition(
            point, step, BETA, lambda t: tuple(100 * p for p in log_f(t))
        )
        step = hmc.adapted(step, chance)
        late += [chance.mean().item()] if i >= 60 else []
    assert abs(sum(late) / len(late) - hmc.ACCEPTANCE) < 0.05
    assert step.min() > hmc.LEAST
    assert step.max() < hmc.MOST


def test_a_path_that_leaves_the_numbers_is_not_taken() -> None:
    point = hmc.at(torch.zeros(3, 1), lambda t: (t.double().sum(dim=1), torch.ones_like(t)))

    def lost(t):
        return t.double().sum(dim=1) * math.nan, t * math.nan

    after, chance = hmc.transition(point, torch.full((3,), 0.1), 1.0, lost)
    assert torch.equal(after.t, point.t)
    assert chance.tolist() == [0, 0, 0]
