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
from genbench.likelihood.decoders import Steps
from genbench.likelihood.doubling import stderr
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


def gap(of_rows: OfRows, truth: Tensor, T: int, chains: int, seed: int, steps: Steps) -> Gap:
    """Both runs over T distributions, on n rows that were drawn with t = `truth` (n, c).

    steps: of HMC, from a pilot run on other rows. seed: not what the rows were drawn by.
    """
    steps = steps.of_any_row()
    low = last(decoders.forward(of_rows, T, chains, seed, steps)).log_weights
    high = last(decoders.reverse(of_rows, T, chains, seed, steps, truth)).log_weights
    return Gap(*(sign * decoders.lower(w.view(chains, -1)) for sign, w in ((1, low), (-1, high))))
