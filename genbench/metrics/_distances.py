# pyright: strict
"""Squared distances between rows of features: the nearest rows, and rows within a radius.

    |x - y|² = |y|² - 2 x·y + |x|²
is taken for all pairs of a block by one true float32 product, after both sets were moved by y's
mean and scaled by a power of two. It rounds by at most e = (w + 8) 2⁻²⁴ (|x| + |y|)²; integers
whose sums stay below 2²⁴ round by nothing, so they are neither moved nor scaled. What is returned,
and whatever lies within e, is decided by sum (x - y)² in float64. Where that leaves doubt, which
neighbours there are is decided by float64 products: neighbours whose distances differ by less than
about 1e-12 of (|x| + |y|)² may change places then; distances themselves are right to 1e-13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from genbench.precision import float32_products

BLOCK = 2**24  # numbers of a block of distances, 64 MiB in float32
DIRECT = 2**22  # numbers of a block of differences, 32 MiB
EXTRA = 8  # candidates beyond k that are compared directly


def nearest(
    x: Tensor, y: Tensor, k: int, *, excluding_self: bool = False, block: int = BLOCK
) -> tuple[Tensor, Tensor]:
    """The k nearest rows of y for each row of x, nearest first.

    Args:
        x: (n, w), of any float type, finite; `y` (m, w).
        excluding_self: x is y, and no row is its own neighbour. Other rows that equal it are.
        block: how many distances are held at a time.

    Returns squared distances, float64 (n, k), and indices into y, int64 (n, k). Which of equally
    near rows is taken is not said. Raises ValueError for fewer than k rows, or rows that are not
    finite.
    """
    _check(x, y)
    found = len(y) - excluding_self
    if not 1 <= k <= found:
        raise ValueError(f"k must be from 1 to the {found:,} rows that can be neighbours, got {k}")
    if excluding_self and len(x) != len(y):
        raise ValueError(f"excluding_self means x is y, got {len(x):,} and {len(y):,} rows")
    selves = torch.arange(len(x), device=x.device) if excluding_self else None
    sq_dist, index, sure = _candidates(x, y, k, selves, torch.float32, block)
    rest = (~sure).nonzero().squeeze(1)
    if len(rest):
        selves = None if selves is None else selves[rest]
        sq_dist[rest], index[rest], _ = _candidates(x[rest], y, k, selves, torch.float64, block)
    return sq_dist, index


def sq_radii(x: Tensor, k: int, *, block: int = BLOCK) -> Tensor:
    """The squared distance of each row of x (n, w) to its k-th nearest other row, float64 (n,)."""
    return nearest(x, x, k, excluding_self=True, block=block)[0][:, -1].contiguous()


def within(
    x: Tensor, y: Tensor, sq_radius: Tensor, *, closed: bool = False, block: int = BLOCK
) -> tuple[Tensor, Tensor]:
    """Which x lie in which balls: |x_i - y_j|² < sq_radius_j, or <= where `closed`.

    x (n, w); y (m, w) are the centres; sq_radius float64 (m,). Returns in how many balls each x
    lies, int64 (n,), and how many x each ball holds, int64 (m,). Every pair is decided as float64
    differences decide it. Raises ValueError for rows that are not finite.
    """
    _check(x, y)
    of_x = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    of_y = torch.zeros(len(y), dtype=torch.int64, device=x.device)
    pairs = _Pairs(x, y, torch.float32)
    radius = sq_radius * pairs.scale**2
    if not closed:
        radius = radius.masked_fill(sq_radius <= 0, -math.inf)  # such a ball holds nothing
    ones = [torch.ones(n, 1, device=x.device) for n in (len(y), len(x))]
    for part, coarse in pairs.blocks(block):
        gap = coarse.sub_(radius.to(coarse.dtype)).add_(pairs.sq_norm[part, None])
        error = pairs.error[part, None]
        surely = (gap <= 0) if closed and pairs.exact else (gap < -error)
        inside = surely.float()
        if not pairs.exact:
            maybe = gap.abs_().le_(error)
            crowded = (maybe @ ones[0]).squeeze(1).nonzero().squeeze(1)
            i, j = maybe[crowded].nonzero(as_tuple=True)
            i = crowded[i]
            sq_dist = _direct(x[part], y, i, j)
            inside[i, j] = (sq_dist <= sq_radius[j] if closed else sq_dist < sq_radius[j]).float()
        of_x[part] = (inside @ ones[0]).squeeze(1).long()
        of_y += (ones[1][: len(inside)].T @ inside).squeeze(0).long()
    return of_x, of_y


def sq_distances(x: Tensor, y: Tensor, *, block: int = BLOCK) -> Iterator[tuple[slice, Tensor]]:
    """Rows of x in order, and their squared distances to all y, float32 (rows, m), at least 0.

    Each is wrong by at most e, see above: for kernels, not for near ties.
    """
    _check(x, y)
    pairs = _Pairs(x, y, torch.float32)
    for part, coarse in pairs.blocks(block):
        sq_dist = coarse.add_(pairs.sq_norm[part, None]).clamp_min_(0)
        yield part, sq_dist.div_(pairs.scale**2)


class _Pairs:
    """Both sets as they are multiplied; `error` (n,) bounds what rounding changes for each x."""

    def __init__(self, x: Tensor, y: Tensor, dtype: torch.dtype) -> None:
        whole = _whole(x) and (y is x or _whole(y))
        self.exact = whole and (_longest(x) + _longest(y)) ** 2 <= 2**24
        self.scale, centre = 1.0, y.new_zeros(y.shape[1])
        if not self.exact:
            centre = y.mean(dim=0, dtype=torch.float64).to(y.dtype)
            reach = max((x - centre).abs().max().item(), (y - centre).abs().max().item())
            self.scale = 2.0 ** -math.ceil(math.log2(reach)) if reach > 1e-150 else 1.0
        self.x, self.y = (((rows - centre) * self.scale).to(dtype) for rows in (x, y))
        self.sq_norm, self._sq_norm_y = ((rows * rows).sum(dim=1) for rows in (self.x, self.y))
        longest = self._sq_norm_y.max().sqrt()
        unit = torch.finfo(dtype).eps / 2
        self.error = (x.shape[1] + 8) * unit * (self.sq_norm.sqrt() + longest) ** 2
        if self.exact:
            self.error.zero_()

    def blocks(self, block: int) -> Iterator[tuple[slice, Tensor]]:
        """Rows of x, and |y|² - 2 x·y (rows, m), scaled."""
        rows = max(1, block // len(self.y))
        for start in range(0, len(self.x), rows):
            part = slice(start, min(start + rows, len(self.x)))
            with float32_products():
                yield part, torch.addmm(self._sq_norm_y, self.x[part], self.y.T, alpha=-2)


def _candidates(
    x: Tensor, y: Tensor, k: int, selves: Tensor | None, dtype: torch.dtype, block: int
) -> tuple[Tensor, Tensor, Tensor]:
    """As `nearest`, and of which rows no other neighbour can be nearer, (n,)."""
    pairs, take = _Pairs(x, y, dtype), min(k + EXTRA, len(y))
    sq_dist = torch.empty(len(x), k, dtype=torch.float64, device=x.device)
    index = torch.empty(len(x), k, dtype=torch.int64, device=x.device)
    sure = torch.ones(len(x), dtype=torch.bool, device=x.device)
    for part, coarse in pairs.blocks(block):
        if selves is not None:
            coarse.scatter_(1, selves[part, None], math.inf)
        least, which = coarse.topk(take, dim=1, largest=False)
        rows = torch.arange(len(which), device=x.device).repeat_interleave(take)
        direct = _direct(x[part], y, rows, which.flatten()).view(which.shape)
        direct[least.isinf()] = math.inf
        direct, order = direct.sort(dim=1, stable=True)
        sq_dist[part], index[part] = direct[:, :k], which.gather(1, order)[:, :k]
        if take < len(y):
            beyond = least[:, -1] + pairs.sq_norm[part] - pairs.error[part]
            last = direct[:, k - 1]
            sure[part] = (beyond.double() >= last * pairs.scale**2) | (last == 0)
    return sq_dist, index, sure


def _direct(x: Tensor, y: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """sum (x_i - y_j)² of pairs (p,), float64 (p,)."""
    found = torch.empty(len(i), dtype=torch.float64, device=x.device)
    step = max(1, DIRECT // x.shape[1])
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        difference = x[i[part]].double() - y[j[part]].double()
        found[part] = difference.square_().sum(dim=1)
    return found


def _whole(rows: Tensor) -> bool:
    """Whether all are whole numbers; the first rows mostly tell."""
    return all(bool((part == part.round()).all()) for part in (rows[:64], rows))


def _longest(rows: Tensor) -> float:
    return rows.double().square().sum(dim=1).max().sqrt().item()


def _check(x: Tensor, y: Tensor) -> None:
    """Raises ValueError for sets that are not comparable."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or 0 in (*x.shape, *y.shape):
        got = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"features must be (n, w) and (m, w) with rows and columns, got {got}")
    for rows in (x, y):
        bad = int((~rows.isfinite()).any(dim=1).sum())
        if bad:
            raise ValueError(
                f"features must be finite numbers, got {bad:,} of {len(rows):,} rows with NaN or "
                "infinity: look for such numbers in the samples"
            )
