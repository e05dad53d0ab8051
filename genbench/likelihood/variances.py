# pyright: strict
"""The variance v of x given its code, for a decoder that has none of its own: a model's parameter.

    v = argmax over the grid of mean log p_v(x) on validation rows, by annealing
among those at which doubling the distributions changes the mean by less than a nat: at a small v
the posterior is narrow, the bound loose, and a loose bound speaks for a large v.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.likelihood import decoders
from genbench.likelihood.doubling import TOLERANCE, Plan
from genbench.likelihood.jobs import Jobs
from genbench.likelihood.observations import Decoder, OfRows

LEAST, MOST, SIZE = 0.0025, 0.1, 7
GRID = [LEAST * (MOST / LEAST) ** (i / (SIZE - 1)) for i in range(SIZE)]


@dataclass(frozen=True)
class Chosen:
    """v; curve: (v, mean bound) of the grid; moved: what doubling changed at each v, nats."""

    v: float
    curve: list[tuple[float, float]]
    moved: list[float]

    @property
    def settled(self) -> bool:
        """Whether any v could be judged; if none could, the greatest was taken."""
        return any(abs(change) < TOLERANCE for change in self.moved)

    @property
    def at_the_edge(self) -> bool:
        return self.v in (self.curve[0][0], self.curve[-1][0])


def choose(decoder: Decoder, valid: Tensor, T: int, chains: int, seed: int, jobs: Jobs) -> Chosen:
    """v for rows (n, d), by T and 2T distributions; all of the grid at once, as rows of one run."""
    x = valid.repeat(len(GRID), 1)
    v = torch.tensor(GRID, dtype=torch.float64, device=x.device).repeat_interleave(len(valid))
    found = jobs.bound("variance", OfRows(decoder, x, v), Plan(chains, T, 2 * T, seed))
    means = [_by_v(decoders.lower(found.by_T[T_])) for T_ in sorted(found.by_T)]
    before, after = means if len(means) == 2 else (means[0], means[0])
    moved = [now - then for then, now in zip(before, after, strict=True)]
    curve = list(zip(GRID, after, strict=True))
    settled = [point for point, change in zip(curve, moved, strict=True) if abs(change) < TOLERANCE]
    best = max(settled, key=lambda point: point[1]) if settled else curve[-1]
    return Chosen(best[0], curve, moved)


def _by_v(rows: Tensor) -> list[float]:
    """The mean over the rows of each v."""
    return [part.mean().item() for part in rows.view(len(GRID), -1)]
