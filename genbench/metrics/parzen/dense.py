"""All windows of a block, by the cheapest product that is exact enough."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

SLICE = 128  # columns of a float32 product that are summed before the next ones: it errs less
FLOOR = -40.0  # of an exponent below the greatest: p² stays normal, and all m add m e^-40 at most
TOLERANCE = {torch.float32: 1e-2, torch.float64: 1e-8}  # nats per row, by what is worked in


def log_sums(
    rows: Tensor, samples: Tensor, sigmas: list[float], centre: Tensor
) -> Iterator[tuple[list[int], str, Tensor, Tensor]]:
    """log Σ_j p_j and log Σ_j p_j² where p_j = exp(-|x - mu_j|² / 2 sigma²): float64 `(s, n)`.

    Yields them for the widths (by index) that share a product, with its name. `centre` is
    subtracted from both, in its type, which is the type that is worked in.
    """
    near = [part.to(centre.dtype) - centre for part in (rows, samples)]
    reach = sum(torch.linalg.vecdot(part, part).max().item() for part in near)
    kinds = [_product(centre.dtype, reach, rows.shape[1], sigma) for sigma in sigmas]
    for product in dict.fromkeys(kinds):
        widths = [i for i, kind in enumerate(kinds) if kind is product]
        if product is None:
            how, sq_dist = "float64 differences", _differences(rows.double(), samples.double())
        elif product is centre.dtype:
            how, sq_dist = f"{product} product", _expanded(*near)
        else:
            both = (part.to(product) - centre.to(product) for part in (rows, samples))
            how, sq_dist = f"{product} product", _expanded(*both)
        sums = _reduced(sq_dist, [sigmas[i] for i in widths])
        yield widths, how.removeprefix("torch."), *sums


def _reduced(sq_dist: Tensor, sigmas: list[float]) -> tuple[Tensor, Tensor]:
    """The sums of each width, from the nearest window on; overwrites `sq_dist`."""
    least = sq_dist.amin(dim=1, keepdim=True)
    excess = sq_dist.sub_(least)
    p = torch.empty_like(excess)
    sums, squares = [], []
    for sigma in sigmas:
        torch.mul(excess, -0.5 / sigma**2, out=p).clamp_min_(FLOOR).exp_()
        sums.append(p.sum(dim=1))
        squares.append(torch.linalg.vecdot(p, p))
    rate = torch.tensor([-0.5 / sigma**2 for sigma in sigmas], dtype=torch.float64)
    exponent = rate.to(least.device)[:, None] * least.T.double()
    log_sum, log_squares = (torch.stack(part).double().log() for part in (sums, squares))
    return log_sum + exponent, log_squares + 2 * exponent


def _expanded(x: Tensor, mu: Tensor) -> Tensor:
    """|x - mu|² `(n, m)` as |x|² + |mu|² - 2 x·mu; in float32 a slice of the columns at a time."""
    sq_x, sq_mu = (
        torch.linalg.vector_norm(part, dim=1, dtype=torch.float64).square_().to(part.dtype)
        for part in (x, mu)
    )
    step = SLICE if x.dtype is torch.float32 else x.shape[1]
    slices = zip(x.split(step, dim=1), mu.split(step, dim=1), strict=True)
    sq_dist = sq_mu.expand(len(x), -1).clone()
    for columns, same in slices:
        sq_dist.addmm_(columns, same.T, alpha=-2)
    return sq_dist.add_(sq_x[:, None]).clamp_min_(0)


def _differences(x: Tensor, mu: Tensor) -> Tensor:
    return torch.cdist(x, mu, compute_mode="donot_use_mm_for_euclid_dist").square_()


def _product(work: torch.dtype, reach: float, d: int, sigma: float) -> torch.dtype | None:
    """The cheapest product that is exact enough for these data; None where none is."""
    products = (torch.float32, torch.float64) if work is torch.float32 else (torch.float64,)
    errors = {p: rounding_error(p, reach, d, sigma) for p in products}
    return next((p for p in products if errors[p] <= TOLERANCE[work]), None)


def rounding_error(product: torch.dtype, reach: float, d: int, sigma: float) -> float:
    """u (s + d/s + 4) reach / 2 sigma², in nats, where `reach` is the greatest |x|² + |mu|².

    No order of summation errs by more: s products of a slice round s times, the d/s slices as often
    as there are slices, each by at most u of |x| |mu|, and 2 |x| |mu| is at most `reach`; norms and
    sum round four times. A bias is counted: equal terms, as in constant images, round one way.
    Underflow loses up to d tiny.
    """
    info = torch.finfo(product)
    if not reach <= info.max / 8:
        return math.inf
    times = SLICE + d / SLICE if product is torch.float32 else d
    return (info.eps / 2 * (times + 4) * reach + d * info.tiny) / (2 * sigma**2)
