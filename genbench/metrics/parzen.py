"""Parzen-window log-likelihood: how probable the test rows are under smoothed samples.

Conventions
    Samples `(m, d)` are the centres mu of m equal Gaussian windows of one width sigma:
        p(x) = 1/m Σ_j N(x; mu_j, sigma² I)
    Natural logarithms: nats per row, of the whole row (not per dimension). Higher is better.
    A density in the units of the data as they are given, and sigma in the same: multiplying
    data and sigma by a shifts every value by -d log a.
    sigma is chosen on validation rows, never on test rows. The standard error is over the test
    rows alone, for this one set of samples.

Precision
    Within 1e-2 nats a row for float32 data (and half precision, pixels), 1e-8 for float64 data
    (or 1e-12 of the value): the cheapest product whose rounding error stays below is used.
    Memory stays within a few blocks of QUERIES x SAMPLES numbers, whatever n and m.

Sources: Breuleux et al. 2011; Goodfellow et al. 2014, section 5, and its parzen_ll.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from genbench.precision import float32_products
from genbench.protocols import Score

QUERIES, SAMPLES = 2048, 4096  # rows of a block; a float32 sum of 4,096 terms is good to 1e-6
LARGEST = 1e150  # its square is a float64 still
TOLERANCE = {torch.float32: 1e-2, torch.float64: 1e-8}  # nats per row, by the type of the data


@torch.no_grad()
def log_likelihood(samples: Tensor, x: Tensor, sigma: float | Sequence[float] | Tensor) -> Tensor:
    """LL(x) = log Σ_j exp(-|x - mu_j|² / 2 sigma²) - log m - d log(sigma √(2 pi)), nats per row.

    Args:
        samples: the centres mu, `(m, d)`; any real type, on the device of `x`.
        x: rows to score, `(n, d)`.
        sigma: the width, or a sequence of s widths, which then share one set of distances.

    Returns:
        float64 on the device of `x`, in the order of its rows: `(n,)`, or `(s, n)` for a sequence.

    Raises:
        ValueError: on empty, mismatched or non-finite rows, or a sigma that is not > 0.

    >>> ll = log_likelihood(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [3.0, 4.0]]), 1.0)
    >>> [round(nats, 4) for nats in ll.tolist()]  # -log 2 pi, and 5² / 2 less
    [-1.8379, -14.3379]
    """
    _check_rows(samples, x)
    sigmas = _check_sigma(sigma).to(x.device)
    m, d = samples.shape
    centre = torch.stack([mu.double().sum(dim=0) for mu in samples.split(SAMPLES)]).sum(dim=0) / m
    reach = max(_reach(mu, centre) for mu in samples.split(SAMPLES))
    with float32_products():
        chunks = [_log_sum_exp(samples, rows, sigmas, centre, reach) for rows in x.split(QUERIES)]
    log_norm = math.log(m) + d * torch.log(sigmas * math.sqrt(2 * math.pi))
    ll = torch.cat(chunks, dim=1) - log_norm[:, None]
    return ll if torch.as_tensor(sigma).ndim else ll[0]


def _log_sum_exp(
    samples: Tensor, rows: Tensor, sigmas: Tensor, centre: Tensor, reach: float
) -> Tensor:
    """log Σ_j exp(-|x - mu_j|² / 2 sigma²) of one block of rows x: float64 `(s, n)`.

    Each block of samples adds, in logs, exp(-least / 2 sigma²) Σ exp(-excess / 2 sigma²).
    """
    product = _product(samples, rows, _reach(rows, centre) + reach, sigmas.min().item())
    dtype = product or torch.float64
    origin = (centre if product else torch.zeros_like(centre)).to(dtype)
    x = rows.to(dtype) - origin
    rate = -0.5 / sigmas**2
    total = rate.new_full((len(sigmas), len(x)), -math.inf)
    for block in samples.split(SAMPLES):
        sq_dist = _sq_dist(x, block.to(dtype) - origin, expanded=product is not None)
        least = sq_dist.amin(dim=1, keepdim=True)
        excess = sq_dist.sub_(least)
        sums = torch.stack([(excess * r).exp_().sum(dim=1) for r in rate.tolist()])
        total = torch.logaddexp(total, rate[:, None] * least.T.double() + sums.double().log())
    return total


def _sq_dist(x: Tensor, mu: Tensor, expanded: bool) -> Tensor:
    """|x - mu|² `(n, m)`: as |x|² + |mu|² - 2 x·mu, or from the differences."""
    if not expanded:
        return torch.cdist(x, mu, compute_mode="donot_use_mm_for_euclid_dist").square_()
    sq_dist = torch.addmm(mu.square().sum(dim=1), x, mu.T, alpha=-2)
    return sq_dist.add_(x.square().sum(dim=1, keepdim=True)).clamp_min_(0)


def _product(samples: Tensor, x: Tensor, reach: float, sigma: float) -> torch.dtype | None:
    """The cheapest product that is exact enough for these data; None where none is."""
    types = samples.dtype, x.dtype
    fits_float32 = all(t == torch.float32 or t.itemsize <= 2 for t in types)
    data = torch.float32 if fits_float32 else torch.float64
    products = (torch.float32, torch.float64) if fits_float32 else (torch.float64,)
    errors = {p: _rounding_error(p, reach, x.shape[1], sigma) for p in products}
    return next((p for p in products if errors[p] <= TOLERANCE[data]), None)


def _rounding_error(product: torch.dtype, reach: float, d: int, sigma: float) -> float:
    """u (√d + 4) reach / 2 sigma², in nats, where `reach` is the greatest |x|² + |mu|².

    Three standard deviations: d roundings by at most u walk to u/√3 √(d/3) x·mu, and 2 x·mu is
    at most `reach`; the norms and the sum round four times more. Underflow loses up to d tiny.
    """
    info = torch.finfo(product)
    if reach > info.max / 8:
        return math.inf
    return (info.eps / 2 * (math.sqrt(d) + 4) * reach + d * info.tiny) / (2 * sigma**2)


def _reach(rows: Tensor, centre: Tensor) -> float:
    return (rows.double() - centre).square().sum(dim=1).max().item()


def _check_rows(samples: Tensor, x: Tensor) -> None:
    for name, rows in (("samples", samples), ("x", x)):
        if rows.ndim != 2 or rows.numel() == 0 or rows.is_complex():
            got = f"{tuple(rows.shape)} of {rows.dtype}"
            raise ValueError(f"{name} must be real (rows, d), at least one of each, got {got}")
    if samples.shape[1] != x.shape[1]:
        got = f"d = {samples.shape[1]} and {x.shape[1]}"
        raise ValueError(f"samples and x must have rows of equal length, got {got}")
    if samples.device != x.device:
        raise ValueError(f"samples and x must share a device, got {samples.device}, {x.device}")
    for name, rows in (("samples", samples), ("x", x)):
        sane = torch.cat([(b.double().abs() < LARGEST).all(dim=1) for b in rows.split(SAMPLES)])
        if not sane.all():
            row = int(sane.logical_not().nonzero()[0])
            raise ValueError(f"{name} must be finite, row {row} holds nan, inf or over {LARGEST:g}")


def _check_sigma(sigma: float | Sequence[float] | Tensor) -> Tensor:
    sigmas = torch.as_tensor(sigma, dtype=torch.float64)
    if sigmas.ndim > 1 or sigmas.numel() == 0:
        raise ValueError(f"sigma must be a number or a sequence, got shape {tuple(sigmas.shape)}")
    sigmas = sigmas.reshape(-1)
    for width in sigmas.tolist():
        if not 1 / LARGEST < width < LARGEST:  # which nan fails too
            raise ValueError(f"sigma must be finite and > 0, and so its square, got {width}")
    return sigmas


def validation_curve(
    samples: Tensor, valid: Tensor, grid: Sequence[float]
) -> list[tuple[float, float]]:
    """(sigma, mean LL on `valid`) for each sigma of the grid, in its order."""
    means = log_likelihood(samples, valid, grid).mean(dim=1).tolist()
    return list(zip(map(float, grid), means, strict=True))


def select_sigma(samples: Tensor, valid: Tensor, grid: Sequence[float]) -> float:
    """The sigma of the grid with the greatest mean LL on `valid`; of equals the least."""
    return _best(validation_curve(samples, valid, grid))[0]


def _best(curve: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return max(curve, key=lambda point: (point[1], -point[0]))


class Parzen:
    """Mean Parzen log-likelihood of the test rows, in nats.

    Args:
        sigma: a fixed width; None chooses it on the first `n_valid` validation rows.
        grid_start, grid_stop, grid_size: the widths tried, evenly spaced in logs.
        n_valid: how many validation rows choose; all, where there are fewer.
    """

    unit = "nats"
    higher_is_better = True

    def __init__(
        self,
        sigma: float | None = None,
        grid_start: float = 0.1,
        grid_stop: float = 1.0,
        grid_size: int = 10,
        n_valid: int = 1000,
    ) -> None:
        if sigma is not None:
            _check_sigma(sigma)
        if not (0 < grid_start <= grid_stop < math.inf and grid_size >= 1):
            got = f"{grid_size} from {grid_start} to {grid_stop}"
            raise ValueError(f"the grid must have 0 < start <= stop and a size >= 1, got {got}")
        if n_valid < 1:
            raise ValueError(f"n_valid must be at least 1, got {n_valid}")
        self.sigma, self.n_valid = sigma, n_valid
        ends = math.log10(grid_start), math.log10(grid_stop)
        self.grid: list[float] = torch.logspace(*ends, grid_size, dtype=torch.float64).tolist()

    def __call__(self, samples: Tensor, valid: Tensor, test: Tensor) -> Score:
        """value = mean LL(test); stderr = std / √n_test, with n in the variance, as parzen_ll.py.

        Raises ValueError where there are no validation rows to choose sigma on.
        """
        choosing = valid[: self.n_valid]
        if self.sigma is None and len(choosing) == 0:
            raise ValueError("sigma is chosen on validation rows, got none: fix it with sigma=")
        grid = self.grid if self.sigma is None else [float(self.sigma)]
        curve = validation_curve(samples, choosing, grid) if len(choosing) else []
        sigma, mean_valid = _best(curve) if curve else (grid[0], None)
        ll = log_likelihood(samples, test, sigma).cpu()
        value = ll.mean().item()
        details = {
            "sigma": sigma,
            "valid": mean_valid,
            "gap": None if mean_valid is None else mean_valid - value,
            "curve": [list(point) for point in curve],
            "n_samples": len(samples),
            "n_valid": len(choosing),
            "n_test": len(test),
            "warnings": _edge_warnings(sigma, grid),
        }
        stderr = ll.std(correction=0).item() / math.sqrt(len(test))
        return Score(value, stderr, per_example=ll, details=details)


def _edge_warnings(sigma: float, grid: Sequence[float]) -> list[str]:
    if len(grid) == 1 or min(grid) < sigma < max(grid):
        return []
    ends = f"{min(grid):.4g} to {max(grid):.4g}"
    return [f"sigma {sigma:.4g} is at the edge of its grid ({ends}): a better one may lie outside"]
