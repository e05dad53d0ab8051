# pyright: strict
"""Bidirectional Monte Carlo: how far apart two bounds of log p(x) are, on simulated rows only.

Of x drawn from the model with its own t, t is an exact draw of p(t|x). So a reverse run started
there bounds log p(x) from above, a forward run bounds it from below, and
    gap = mean of (upper - lower)
bounds the error of both on such rows. Real rows may be harder: nobody has an exact draw for them.

Source: Grosse, Ghahramani, Adams 2015 (Sandwiching the marginal likelihood).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.likelihood import decoders
from genbench.likelihood.annealing import last
from genbench.likelihood.doubling import Plan, stderr
from genbench.likelihood.jobs import Jobs
from genbench.likelihood.observations import Decoder, OfRows, drawn


@dataclass(frozen=True)
class Gap:
    """Of n simulated rows: bounds of log p(x), float64 (n,) each."""

    lower: Tensor
    upper: Tensor

    @property
    def value(self) -> float:
        """The mean of upper - lower, nats."""
        return (self.upper - self.lower).mean().item()

    @property
    def stderr(self) -> float | None:
        """Over the rows."""
        return stderr(self.upper - self.lower)


def simulated(decoder: Decoder, n: int, v: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """t ~ N(0, I), (n, c), and x ~ p(x|t), (n, d), on the device and of the type of `like`."""
    t = like.new_empty(n, decoder.width).normal_()
    with torch.no_grad():
        return t, drawn(decoder.kind, decoder.means(t), v)


def gap(
    of_rows: OfRows, truth: Tensor, T: int, chains: int, seed: int, jobs: Jobs | None = None
) -> Gap:
    """Both runs over T distributions, on n rows that were drawn with t = `truth` (n, c).

    seed: of the runs; it must not be what the rows were drawn by.
    """
    low = (jobs or Jobs()).bound("simulated", of_rows, Plan(chains, T, T, seed))
    high = last(decoders.reverse(of_rows, T, chains, seed, low.steps, truth))
    return Gap(low.rows, -decoders.lower(high.log_weights.view(chains, -1)))
