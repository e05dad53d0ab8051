# pyright: strict
"""Mean and covariance of features that are read once, block by block, in parts.

Rows are dealt out to B parts by a fixed shuffle, so that parts of sorted rows are alike. Of each
part the sums
    n,   s = sum (x - o),   p = sum (x - o)(x - o)ᵀ
are kept in float64, and added up they give the moments of any union of parts. Products of float32
features are taken in true float32, of at most 1,000 rows at a time: those of whole numbers from 0
to 255 in up to 256 columns are exact, others round by about 1e-7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.metrics._rows import MOST as BLOCK
from genbench.metrics._rows import blocks_of
from genbench.precision import float32_products

FEW = 250  # rows of a product of few columns: 250 · 255² is below 2²⁴
MANY = 1000  # rows of a product of more columns than NARROW, where adding up would cost more
NARROW = 256  # columns


@dataclass(frozen=True)
class Moments:
    """count: rows. mean (d,). covariance (d, d), with n - 1. Both float64."""

    count: int
    mean: Tensor
    covariance: Tensor


class Sums:
    """Sums of `parts` interleaved parts of features (n, d) about the origin o (d,)."""

    def __init__(self, origin: Tensor, parts: int) -> None:
        if BLOCK % parts:
            raise ValueError(f"parts must divide {BLOCK:,}, got {parts}")
        d = len(origin)
        self.origin, self.counts = origin, [0] * parts
        self.sums = torch.zeros(parts, d, dtype=torch.float64, device=origin.device)
        self.products = torch.zeros(parts, d, d, dtype=torch.float64, device=origin.device)

    @property
    def parts(self) -> range:
        return range(len(self.counts))

    def add(self, x: Tensor) -> None:
        """Adds a block of features (b, d); all but the last have a multiple of B rows."""
        wide, dealt = x.shape[1] > NARROW, blocks_of(len(x), len(self.counts), x.device)
        with float32_products():
            for part in self.parts:
                y = x[dealt == part] - self.origin
                self.counts[part] += len(y)
                for z in _split(y, MANY if wide else FEW):
                    self.sums[part] += z.sum(dim=0)
                    _add_upper(self.products[part], z)

    def of(self, parts: Sequence[int]) -> Moments:
        """The moments of a union of parts, which must have two rows at least.

        mean = o + s / n,   covariance = (p - s sᵀ / n) / (n - 1)
        """
        n = sum(self.counts[part] for part in parts)
        s = sum((self.sums[part] for part in parts), torch.zeros_like(self.sums[0]))
        p = sum((self.products[part] for part in parts), torch.zeros_like(self.products[0]))
        upper = torch.triu(p)
        p = upper + torch.triu(upper, 1).T
        return Moments(n, self.origin + s / n, (p - torch.outer(s, s) / n) / (n - 1))


def summed(
    blocks: Iterable[Tensor], parts_for: Callable[[int], int], origin: Tensor | None = None
) -> Sums:
    """The sums of blocks of features (b, d), at least one, in `parts_for(d)` parts; about their
    rough centre, or `origin`.
    """
    iterator: Iterator[Tensor] = iter(blocks)
    one = next(iterator)
    sums = Sums(rough_centre(one) if origin is None else origin.to(one), parts_for(one.shape[1]))
    sums.add(one)
    for block in iterator:
        sums.add(block)
    return sums


def rough_centre(x: Tensor) -> Tensor:
    """The mean of the first rows of x (n, d), rounded so coarsely that whole numbers below 256
    remain whole numbers when it is subtracted.
    """
    least, most = torch.aminmax(x)
    greatest = max(float(most), -float(least))
    step = 2.0 ** (math.ceil(math.log2(greatest)) - 8) if greatest > 0 else 1.0
    mean = x[:MANY].mean(dim=0, dtype=torch.float64)
    return ((mean / step).round() * step).to(x.dtype)


def _add_upper(p: Tensor, z: Tensor) -> None:
    """p += zᵀ z, at least where the column is not left of the row."""
    for i in range(0, z.shape[1], NARROW):
        p[i : i + NARROW, i:] += z[:, i : i + NARROW].T @ z[:, i:]


def _split(y: Tensor, rows: int) -> Iterator[Tensor]:
    return (y[start : start + rows] for start in range(0, len(y), rows))
