# pyright: strict
"""Hamiltonian Monte Carlo: a transition that leaves a density unchanged, for many chains at once.

Of a density π(t) ∝ N(t; 0, I) f(t)^β with ℓ = log f, a chain at t draws u ~ N(0, I) and follows
    U(t) = |t|² / 2 - β ℓ(t),   H(t, u) = U(t) + |u|² / 2
    L times:  u -= ε/2 ∂U/∂t,   t += ε u,   u -= ε/2 ∂U/∂t
    and keeps the new t with probability a = min(1, exp(H before - H after)), else the old one.
A step that suits is found by ε <- ε exp(γ (a - .65)), within [1e-4, .5]. Where ε depends on what
the same chains did before, they no longer leave π unchanged; so it is found in a run of its own.

∂ℓ/∂t may be rounded: a path along any function of t can be gone back and keeps volumes, and a is of
the true H. Slopes that are too far off cost moves, and no more.

Sources: Neal 2011 (MCMC using Hamiltonian dynamics; there also paths along another density); L, the
acceptance and the limits of ε as in Wu, Burda, Salakhutdinov, Grosse 2017, who multiply ε by 1.02
or .98 instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

LEAPFROGS = 10
ACCEPTANCE = 0.65
LEAST, MOST = 1e-4, 0.5  # of a step
GAIN = 0.3  # γ


class Likelihood(Protocol):
    """Of rows t (n, c): ℓ(t), float64 (n,), and its slope.

    slope: ∂ℓ/∂t, (n, c), rounded or not; at one t the same each time.
    """

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]: ...
    def slope(self, t: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Point:
    """Where n chains are: t (n, c), ℓ(t), float64 (n,), and ∂ℓ/∂t (n, c)."""

    t: Tensor
    value: Tensor
    slope: Tensor


def at(t: Tensor, likelihood: Likelihood) -> Point:
    """The chains at t (n, c)."""
    return Point(t, *likelihood(t))


def leapfrog(
    point: Point, u: Tensor, step: Tensor, beta: float, likelihood: Likelihood, times: int
) -> tuple[Point, Tensor]:
    """Where chains with momenta u (n, c) are after `times` steps ε (n,), and their momenta.

    Back again by the momenta with their signs turned.
    """
    step = step.to(u).unsqueeze(1)
    t, slope = point.t, point.slope
    u = u - step / 2 * _uphill(t, slope, beta)
    for _ in range(times - 1):
        t = t + step * u
        # two half steps of u between two of t are a whole one
        u = u - step * _uphill(t, likelihood.slope(t), beta)
    point = at(t + step * u, likelihood)
    return point, u - step / 2 * _uphill(point.t, point.slope, beta)


def transition(
    point: Point,
    step: Tensor,
    beta: float,
    likelihood: Likelihood,
    times: int = LEAPFROGS,
) -> tuple[Point, Tensor]:
    """The chains one transition later, and with what probability each moved, float64 (n,).

    step: ε of each chain, (n,). Draws from torch's global generator.
    """
    u = torch.randn_like(point.t)
    moved, turned = leapfrog(point, u, step, beta, likelihood, times)
    lost = _energy(point, u, beta) - _energy(moved, turned, beta)
    chance = lost.nan_to_num(nan=-torch.inf).clamp(max=0).exp()  # a path that diverged is not taken
    taken = torch.rand_like(chance) < chance
    return _where(taken, moved, point), chance


def adapted(step: Tensor, chance: Tensor) -> Tensor:
    """The next ε (n,), where steps ε moved with these probabilities (n,)."""
    return (step * (GAIN * (chance - ACCEPTANCE)).exp()).clamp(LEAST, MOST)


def _uphill(t: Tensor, slope: Tensor, beta: float) -> Tensor:
    """∂U/∂t = t - β ∂ℓ/∂t."""
    return torch.add(t, slope, alpha=-beta)


def _energy(point: Point, u: Tensor, beta: float) -> Tensor:
    """H = |t|² / 2 - β ℓ(t) + |u|² / 2, float64."""
    squares = point.t.double().square().sum(dim=1) + u.double().square().sum(dim=1)
    return squares / 2 - beta * point.value


def _where(taken: Tensor, moved: Point, point: Point) -> Point:
    rows = taken.unsqueeze(1)
    return Point(
        torch.where(rows, moved.t, point.t),
        torch.where(taken, moved.value, point.value),
        torch.where(rows, moved.slope, point.slope),
    )
