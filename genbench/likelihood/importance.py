# pyright: strict
"""Lower bounds of log p(x) from a recognition network's q(t|x) = N(μ(x), σ²(x)), nats per row.

    log w = log N(t; 0, I) + log p(x|t) - log q(t|x),   t ~ q(t|x)
    ELBO   = E log w = E log p(x|t) - KL(q || N(0, I)),   KL = sum (μ² + σ² - 1 - log σ²) / 2
    IWAE_k = E log mean of k w's; it rises with k, from the ELBO to log p(x)
No bound is the truth: where q misses what explains a row, a few draws carry all the weight. The
effective number of draws says how many do.

Sources: Kingma & Welling 2014; Burda, Grosse, Salakhutdinov 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.likelihood.observations import Decoder, OfRows

AT_ONCE = 2**22  # numbers of decoded rows at a time


@dataclass(frozen=True)
class Proposal:
    """q(t|x) of n rows: means and standard deviations, (n, c) each."""

    means: Tensor
    deviations: Tensor

    def __post_init__(self) -> None:
        if self.means.shape != self.deviations.shape or not bool((self.deviations > 0).all()):
            raise ValueError(
                "a posterior must give means and standard deviations above 0, of one shape; got "
                f"{tuple(self.means.shape)} and {tuple(self.deviations.shape)}"
            )

    @property
    def kl(self) -> Tensor:
        """KL(q || N(0, I)), float64 (n,)."""
        squares = self.means.double().square() + self.deviations.double().square()
        return (squares - 1 - 2 * self.deviations.double().log()).sum(dim=1) / 2


@dataclass(frozen=True)
class Importance:
    """Of n rows and k draws. elbo, iwae: float64 (n,); *_stderr: over the draws, (n,).

    effective: how many draws count, from 1 to k, (n,).
    """

    elbo: Tensor
    elbo_stderr: Tensor
    iwae: Tensor
    iwae_stderr: Tensor
    effective: Tensor


@torch.no_grad()
def bounds(
    decoder: Decoder, x: Tensor, proposal: Proposal, draws: int, v: float = 0.0
) -> Importance:
    """Both bounds of rows x (n, d); raises ValueError for fewer than 2 draws."""
    if draws < 2:
        raise ValueError(f"an importance bound with an error takes at least 2 draws, got {draws}")
    parts = [*_log_weights(decoder, x, proposal, draws, v)]
    log_w, log_p = (torch.cat(of) for of in zip(*parts, strict=True))
    elbo, iwae = log_p.mean(dim=0) - proposal.kl, log_w.logsumexp(dim=0) - math.log(draws)
    relative = (log_w - iwae).exp()
    root = math.sqrt(draws)
    return Importance(
        elbo,
        log_p.std(dim=0) / root,
        iwae,
        relative.std(dim=0) / root,
        relative.sum(dim=0).square() / relative.square().sum(dim=0),
    )


def _log_weights(
    decoder: Decoder, x: Tensor, proposal: Proposal, draws: int, v: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """log w and log p(x|t), float64 (k, n) each, of so many draws at a time."""
    of_rows, some = OfRows(decoder, x, v), max(1, AT_ONCE // x.numel())
    mean, deviation = proposal.means, proposal.deviations
    for start in range(0, draws, some):
        k = min(some, draws - start)
        e = torch.randn(k, *mean.shape, device=mean.device, dtype=mean.dtype)
        t = mean + deviation * e
        log_p = of_rows.value(t.flatten(0, 1)).view(k, -1)
        squares = e.double().square() - t.double().square()  # the constants of p and q are the same
        log_w = log_p + (squares / 2 + deviation.double().log()).sum(dim=2)
        yield log_w, log_p
