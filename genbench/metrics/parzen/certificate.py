"""A certificate: some rows of a score, computed again by the definition, in float64.

It shares nothing with the estimator but the inputs: direct differences, all windows, no centre,
no product. A score whose certificate fails is an error, not a number.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from genbench.errors import GenbenchError

RANDOM, LOWEST, MOST, EDGES = 8, 4, 4, 16  # how many rows of each kind
BLOCK = 1024  # rows whose first and last are looked at
NUMBERS = 2**16  # of the samples that are looked at at a time, so that they stay in the cache
EACH, MEAN, RELATIVE = 1e-2, 1e-3, 1e-7  # of "auto": nats, or of the value where that is more
FLOAT64, FLOAT64_RELATIVE = 1e-8, 1e-9


class CertificateError(GenbenchError):
    """Recomputed rows differ from a score by more than its precision allows."""


@torch.no_grad()
def certify(
    samples: Tensor,
    x: Tensor,
    sigma: float,
    log_likelihood: Tensor,
    looked_at: Tensor,
    exact: bool = False,
) -> dict[str, Any]:
    """Compares rows of `log_likelihood` (n,) with the definition.

    The rows: random ones, those with the lowest values, those with the most windows looked at
    (`looked_at` (n,)), the first and last of blocks.

    Returns:
        rows: how many; worst, mean: of the absolute errors, nats;
        tolerance: that was allowed to the worst.

    Raises:
        CertificateError: where an error is greater than 1e-2 nats, or their mean than 1e-3, or
            1e-7 of the values where that is more; with `exact`, than 1e-8 + 1e-9 of the value.
    """
    if not (finite := log_likelihood.isfinite()).all():
        row = int(finite.logical_not().nonzero()[0])
        raise CertificateError(
            f"the certificate of a log-likelihood failed: row {row} is {log_likelihood[row].item()}"
        )
    rows = _chosen(log_likelihood, looked_at).to(x.device)
    truth = definition(samples, x[rows], sigma)
    error = (log_likelihood[rows] - truth).abs()
    if exact:
        allowed = FLOAT64 + FLOAT64_RELATIVE * truth.abs()
        allowed_mean = allowed.mean()
    else:
        allowed = (RELATIVE * truth.abs()).clamp_min(EACH)
        allowed_mean = (RELATIVE * truth.abs().mean()).clamp_min(MEAN)
    worst = int((error / allowed).argmax())
    if not ((error <= allowed).all() and error.mean() <= allowed_mean):  # which nan fails too
        raise CertificateError(
            f"the certificate of a log-likelihood failed: row {int(rows[worst])} is "
            f"{log_likelihood[rows[worst]].item():.6g} nats, and {truth[worst].item():.6g} by the "
            f"definition in float64 ({error.mean().item():.2g} off in the mean of {len(rows)} "
            "rows); precision=float64 avoids every float32 product"
        )
    return {
        "rows": len(rows),
        "worst": error.max().item(),
        "mean": error.mean().item(),
        "tolerance": allowed[worst].item(),
    }


def definition(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    """LL of each row of `x` in float64, from direct differences to all samples: (n,)."""
    total = x.new_full((len(x),), -math.inf, dtype=torch.float64)
    rows = x.double()
    for mu in samples.split(max(1, NUMBERS // samples.shape[1])):
        mu = mu.to(x.device).double()
        distance, difference = rows.new_empty(len(rows), len(mu)), torch.empty_like(mu)
        for row, to_each in zip(rows, distance, strict=True):
            torch.sub(mu, row, out=difference)
            torch.linalg.vector_norm(difference, dim=1, out=to_each)
        exponent = distance.square_().mul_(-0.5 / sigma**2)
        total = torch.logaddexp(total, exponent.logsumexp(dim=1))
    m, d = samples.shape
    return total - math.log(m) - d * math.log(sigma * math.sqrt(2 * math.pi))


def _chosen(log_likelihood: Tensor, looked_at: Tensor) -> Tensor:
    """The rows that are computed again, in order, each once."""
    n = len(log_likelihood)
    draw = torch.Generator().manual_seed(n)
    edges = torch.arange(0, n, BLOCK)
    edges = torch.cat([edges, (edges + BLOCK).clamp_max(n) - 1])
    kinds = [
        torch.randperm(n, generator=draw)[:RANDOM],
        log_likelihood.argsort()[:LOWEST].cpu(),
        looked_at.argsort(descending=True)[:MOST].cpu(),
        edges[torch.randperm(len(edges), generator=draw)[:EDGES]],
    ]
    return torch.cat(kinds).unique()
