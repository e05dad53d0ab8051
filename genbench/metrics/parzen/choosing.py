"""The width that suits validation rows best: of a grid, or of what lies between its points.

A width that cannot be the best is not computed. Let f_j = exp(-|x - mu_j|² / 2 sigma²), and let s
be a greater width, t = sigma² / s² < 1. As u^t is concave, mean_j f_j^t <= (mean_j f_j)^t, so with
C(sigma) = d log(sigma √(2 pi)), of each row and so of the mean over rows

    LL(s) <= t (LL(sigma) + C(sigma)) - C(s)

Near the best sigma it is tight enough to rule out all of the paper's grid above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genbench.metrics.parzen.certificate import EACH, RELATIVE
from genbench.metrics.parzen.estimator import Windows

BETWEEN = 7  # widths tried around the best one of a grid
LEAST = 2  # widths of a grid that are computed at a time: one is no curve

Curve = list[tuple[float, float]]  # (sigma, mean LL on the validation rows)


@dataclass(frozen=True)
class Tried:
    """The widths that were tried on validation rows for one count of samples.

    grid, between: of the grid, and between its points, as far as they were computed. beaten: of
    the grid, a bound of the mean in its place, below the greatest of the grid.
    """

    grid: Curve
    between: Curve = field(default_factory=list)
    beaten: Curve = field(default_factory=list)

    @property
    def best(self) -> tuple[float, float]:
        """Of the grid and of what was tried between its points."""
        return best(self.grid + self.between)

    def around(self) -> list[float]:
        """New widths between the best and its neighbours, evenly spaced in logs."""
        known = sorted(sigma for sigma, _ in self.grid + self.between + self.beaten)
        at = known.index(self.best[0])
        low, high = known[max(at - 1, 0)], known[min(at + 1, len(known) - 1)]
        ends = math.log(low), math.log(high)
        steps = torch.linspace(*ends, BETWEEN + 2, dtype=torch.float64)[1:-1].exp().tolist()
        return [sigma for sigma in steps if all(abs(sigma / s - 1) > 1e-9 for s in known)]


def best(curve: Curve) -> tuple[float, float]:
    """The greatest point; of equals that of the least sigma."""
    return max(curve, key=lambda point: (point[1], -point[0]))


def best_of_grid(windows: Windows, valid: Tensor, grid: Sequence[float]) -> list[Tried]:
    """The grid for each count of samples, from its least widths on, half of those left at a time.

    The least come first, as few windows matter to them and they cost little. What cannot be the
    best for any count is then left out.
    """
    d, left = valid.shape[1], sorted(grid)
    curves: list[Curve] = [[] for _ in windows.counts]
    while left:
        half = max(LEAST, -(-len(left) // 2))
        now, left = left[:half], left[half:]
        for curve, points in zip(curves, _points(windows, valid, [now] * len(curves)), strict=True):
            curve += points
        left = [sigma for sigma in left if any(may_be_best(curve, sigma, d) for curve in curves)]
    found = []
    for curve in curves:
        computed = {sigma for sigma, _ in curve}
        others = [sigma for sigma in sorted(grid) if sigma not in computed]
        found.append(Tried(curve, beaten=[(s, at_most(curve, s, d)) for s in others]))
    return found


def refined(
    windows: Windows, valid: Tensor, found: list[Tried], rounds: Sequence[int]
) -> list[Tried]:
    """Points between the best and its neighbours, nearer to it in each of so many rounds."""
    for done in range(max(rounds)):
        new = [t.around() if done < n else [] for t, n in zip(found, rounds, strict=True)]
        if not any(new):
            break
        added = _points(windows, valid, new)
        found = [
            Tried(tried.grid, sorted(tried.between + points), tried.beaten)
            for tried, points in zip(found, added, strict=True)
        ]
    return found


def at_most(curve: Curve, sigma: float, d: int) -> float:
    """The bound of the mean LL at `sigma`, by the points at lesser widths: nats."""
    lesser = [(s, mean) for s, mean in curve if s < sigma]
    bounds = [(s / sigma) ** 2 * (mean + _log_norm(s, d)) for s, mean in lesser]
    return min(bounds, default=math.inf) - _log_norm(sigma, d)


def may_be_best(curve: Curve, sigma: float, d: int) -> bool:
    """Whether the bound leaves room above the curve, with twice what a mean may be off."""
    greatest = best(curve)[1]
    off = max(EACH, RELATIVE * max(abs(mean) for _, mean in curve))
    return at_most(curve, sigma, d) + 2 * off >= greatest


def _log_norm(sigma: float, d: int) -> float:
    return d * math.log(sigma * math.sqrt(2 * math.pi))


def _points(windows: Windows, valid: Tensor, sigmas: Sequence[Sequence[float]]) -> list[Curve]:
    """The means at the widths of each count."""
    scored = windows.score_by_count(valid, sigmas)
    means = [one.log_likelihood.mean(dim=1).tolist() for one in scored]
    return [list(zip(map(float, s), m, strict=True)) for s, m in zip(sigmas, means, strict=True)]
