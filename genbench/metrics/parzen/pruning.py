"""Which windows can matter to a row: an upper bound of every exponent, from a few directions.

For an orthonormal P of k columns, p = P'x and r = |x - P p| (q and s: the same of mu),
    x·mu <= p·q + r s, which is |x - mu|² >= |p - q|² + (r - s)²
As one product of k + 5 columns for all pairs of a block, where h + h' = -|mu|²/2:
    (|x|² - |x - mu|²) / 2 = x·mu - |mu|²/2 <= (p, r, e, |x|, 1, 1)·(q, s, |mu|, f, h, h')
e and f bound what rounding took from (p, r) and (q, s), each as the length of a vector. So the
columns may be as coarse as bfloat16: that prunes less, and nothing wrongly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

GROUP = 16  # windows that share one maximum
CHOOSING = 1024  # samples that choose the centre and the directions
NUMBERS = 2**22  # that they hold at most
TINY = 2.0**-100  # more than products of the coarse types lose by underflow
LEAST_D, MOST_COLUMNS = 256, 256
OF_112 = {2: 32, 4: 20}  # columns for 112 dimensions, by bytes of a number: narrow ones cost less
ROWS = 1024  # sketched at a time
UNIT = 2.0**-24  # float32 rounds by at most this share


@dataclass(frozen=True)
class Sketch:
    """Rows as the bound sees them: `columns` (n, k + 5), and |row|² of each, float32 (n,)."""

    columns: Tensor
    sq_norm: Tensor
    is_finite: bool

    @property
    def bytes(self) -> int:
        return self.columns.nbytes + self.sq_norm.nbytes


class Outline:
    """Centre, scale and main directions of the samples; values depend on them only in rounding.

    Args:
        samples: `(m, d)`.
        work: float32 or float64, what differences are taken in.
        coarse: what the bound is multiplied in.
        device: where.
    """

    def __init__(
        self, samples: Tensor, work: torch.dtype, coarse: torch.dtype, device: torch.device
    ) -> None:
        d = samples.shape[1]
        most = max(1, min(CHOOSING, NUMBERS // d))
        spread = samples[:: -(-len(samples) // most)].to(device, torch.float64)
        centre = spread.mean(dim=0)
        self.centre: Tensor = centre.to(work)
        spread = spread - centre
        reach = spread.abs().max().item() * math.sqrt(d)
        # a power of two, so that scaling rounds nothing
        self.scale: float = 2.0 ** -math.ceil(math.log2(reach)) if reach > 1e-100 else 1.0
        self.work = work
        self.coarse = coarse
        self.doubt: float = d * UNIT  # of a sum of d products, in whatever order
        columns = d // 112 * OF_112[coarse.itemsize]
        self.columns: int = min(MOST_COLUMNS, columns) if d >= LEAST_D else 0
        self._spread = (spread * self.scale).float()

    @cached_property
    def directions(self) -> Tensor:
        """An orthonormal basis (d, k)."""
        return _directions(self._spread, self.columns - 5)

    def pays(self, n: int, m: int) -> bool:
        """Whether so many rows and samples are worth their sketches."""
        return self.columns > 0 and n * m > 4 * self.columns * (n + m)

    def of_rows(self, rows: Tensor) -> Sketch:
        """The left factor."""
        columns, sq_norm = self._empty(len(rows))
        for start in range(0, len(rows), ROWS):
            part = slice(start, min(start + ROWS, len(rows)))
            pair, size, error = self._seen(rows[part], sq_norm[part])
            columns[part, :-4] = pair
            columns[part, -4] = self._above(error)
            columns[part, -3] = self._above(size + error)
            columns[part, -2:] = 1
        return _sketch(columns, sq_norm)

    def of_samples(self, samples: Tensor) -> Sketch:
        """The right factor, with rows that bound nothing added up to a multiple of GROUP."""
        columns, sq_norm = self._empty(len(samples), len(samples) + -len(samples) % GROUP)
        columns[len(samples) :, -2] = -math.inf
        doubt = self.doubt + torch.finfo(self.coarse).eps ** 2
        for start in range(0, len(samples), ROWS):
            part = slice(start, min(start + ROWS, len(samples)))
            pair, size, error = self._seen(samples[part], sq_norm[part])
            half = sq_norm[part] * (-0.5 * (1 - doubt))
            columns[part, :-4] = pair
            columns[part, -4] = self._above(size)
            columns[part, -3] = self._above(error)
            columns[part, -2] = half.to(self.coarse)
            columns[part, -1] = half - columns[part, -2]
        return _sketch(columns, sq_norm)

    def least(self, rows: Sketch, limit: Tensor) -> Tensor:
        """What the bound reaches for every mu with |x - mu|² <= limit; float64 (n,), coarse."""
        limit = limit * (self.scale**2 * (1 + self.doubt))
        return ((rows.sq_norm * (1 - self.doubt) - limit) / 2 - TINY).to(self.coarse)

    def _seen(self, rows: Tensor, sq_norm: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(p, r) in the coarse type, |(p, r)| and a bound of its error; |row|² into `sq_norm`."""
        rows = (rows.to(self.work) - self.centre).mul_(self.scale).float()
        torch.linalg.vecdot(rows, rows, out=sq_norm)
        p = rows @ self.directions
        rest = (sq_norm - torch.linalg.vecdot(p, p)).clamp_min_(0) + self.doubt * sq_norm
        pair = torch.cat([p, rest.sqrt_()[:, None]], dim=1)
        coarse = pair.to(self.coarse)
        size = sq_norm.sqrt() * (1 + self.doubt)
        lost = torch.linalg.vector_norm(pair - coarse, dim=1)
        return coarse, size, lost + size * (self.doubt + self.columns * UNIT)

    def _above(self, lengths: Tensor) -> Tensor:
        return (lengths * (1 + 2 * torch.finfo(self.coarse).eps)).to(self.coarse)

    def _empty(self, n: int, padded: int | None = None) -> tuple[Tensor, Tensor]:
        columns = self.centre.new_zeros(padded or n, self.columns, dtype=self.coarse)
        return columns, self.centre.new_empty(n, dtype=torch.float32)


def _sketch(columns: Tensor, sq_norm: Tensor) -> Sketch:
    return Sketch(columns, sq_norm, bool((sq_norm < 1e30).all()))


def maxima(bound: Tensor) -> Tensor:
    """The greatest bound of each group of windows: (n, m) to (n, m / GROUP)."""
    return bound.view(len(bound), GROUP, -1).amax(dim=1)


def likeliest(bound: Tensor, groups: Tensor) -> Tensor:
    """For each row a window of its greatest bound, (n,)."""
    group = groups.max(dim=1).indices  # as argmax, which takes four times as long in bfloat16
    members = bound.view(len(bound), GROUP, -1)
    rows = torch.arange(len(bound), device=bound.device)
    return members[rows, :, group].max(dim=1).indices * groups.shape[1] + group


def survivors(bound: Tensor, groups: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
    """Row and window of each pair whose bound reaches `least` (n,), in the order of the rows."""
    rows, group = (groups >= least[:, None]).nonzero(as_tuple=True)
    members = bound.view(len(bound), GROUP, -1)[rows, :, group]
    which, member = (members >= least[rows, None]).nonzero(as_tuple=True)
    return rows[which], member * groups.shape[1] + group[which]


def _directions(rows: Tensor, k: int) -> Tensor:
    """An orthonormal basis (d, k) of nearly the leading principal directions of centred rows."""
    start = torch.Generator().manual_seed(0)
    basis = torch.randn(rows.shape[1], k, generator=start).to(rows)
    for _ in range(2):
        basis = torch.linalg.qr(rows.T @ (rows @ basis))[0]
    return torch.linalg.qr(basis.double())[0].float()
