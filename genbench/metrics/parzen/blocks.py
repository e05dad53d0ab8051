"""One block of rows against one block of windows: the few windows that matter, or all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genbench.metrics.parzen import dense, pruning
from genbench.metrics.parzen.pruning import Outline, Sketch

DROPPED = {torch.float32: 1e-4, torch.float64: 1e-10}  # nats: the most that pruning costs a row
PRUNED = {t: f"pruned, {t} differences".replace("torch.", "") for t in DROPPED}
FEW = 1 / 100  # of the windows of a block: beyond, the whole product is cheaper
LARGE = 8e3  # nats: of greater exponents, differences in float32 may cost 1e-3
PAIR_BYTES = 2**20  # of the differences that are taken at a time, so that they stay in the cache


@dataclass(frozen=True)
class Sizes:
    """Rows of a block: of x, of samples, and of samples where all of them are looked at."""

    rows: int = 512
    samples: int = 16384
    dense: int = 2048

    @classmethod
    def within(cls, memory: int, d: int, copied: bool = False) -> Sizes:
        """The default sizes, or halves of them until a block takes no more than `memory` bytes."""
        sizes = cls()
        while sizes.rows > 1 and sizes.bytes(d, copied) > memory:
            sizes = sizes.halved()
        return sizes

    def halved(self) -> Sizes:
        return Sizes(self.rows // 2, max(self.samples // 2, pruning.GROUP), max(self.dense // 2, 1))

    def bytes(self, d: int, copied: bool) -> int:
        """The most that a block takes, all in float64; more if samples come from another device."""
        few = self.rows * 11 * self.samples + self.samples * 4 * pruning.MOST_COLUMNS
        every = 16 * (self.rows * d + self.dense * d + self.rows * self.dense)
        return max(few, every) + copied * 8 * self.samples * d


@dataclass
class Sums:
    """What n rows have collected so far under s widths, with p_j = exp(-|x - mu_j|² / 2 sigma²).

    sums, squares: log Σ_j p_j and log Σ_j p_j², float64 (s, n). best: the least |x - mu|² that is
    known, float64 (n,). looked_at: windows not pruned, those of several passes counted in each,
    int64 (n,). how: the ways in which distances were computed.
    """

    sums: Tensor
    squares: Tensor
    best: Tensor
    looked_at: Tensor
    how: set[str] = field(default_factory=set)

    @classmethod
    def of_nothing(cls, s: int, x: Tensor) -> Sums:
        n, of = len(x), {"dtype": torch.float64, "device": x.device}
        empty, best = torch.full((s, n), -math.inf, **of), torch.full((n,), math.inf, **of)
        return cls(empty, empty.clone(), best, torch.zeros_like(best, dtype=torch.int64))

    def to(self, device: torch.device) -> Sums:
        known = self.best.to(device), self.looked_at.to(device), self.how
        return Sums(self.sums.to(device), self.squares.to(device), *known)

    def view(self, s: int, rows: slice) -> Sums:
        """Some rows under the first s widths; what is added to them is added here."""
        sums, squares = self.sums[:s, rows], self.squares[:s, rows]
        return Sums(sums, squares, self.best[rows], self.looked_at[rows], self.how)

    def copy(self, widths: list[int]) -> Sums:
        """Some widths as they are now."""
        known = self.best.clone(), self.looked_at.clone(), {*self.how}
        return Sums(self.sums[widths], self.squares[widths], *known)

    def add(self, width: int, sums: Tensor, squares: Tensor) -> None:
        torch.logaddexp(self.sums[width], sums, out=self.sums[width])
        torch.logaddexp(self.squares[width], squares, out=self.squares[width])

    def merge(self, other: Sums) -> None:
        """Adds what the same rows have collected of other samples."""
        torch.logaddexp(self.sums, other.sums, out=self.sums)
        torch.logaddexp(self.squares, other.squares, out=self.squares)
        torch.minimum(self.best, other.best, out=self.best)
        self.looked_at += other.looked_at
        self.how |= other.how


def merged(columns: Iterable[list[Sums]]) -> list[Sums]:
    """The sums by count of several columns of samples, added in their order."""
    total, *others = columns
    for column in others:
        for sums, more in zip(total, column, strict=True):
            sums.merge(more)
    return total


def add_few(
    to: Sums,
    x: Tensor,
    samples: Tensor,
    sketches: tuple[Sketch, Sketch],
    outline: Outline,
    sigmas: list[float],
    m: int,
) -> list[int]:
    """Adds the windows that matter for the widths where they are few; returns the other widths.

    A window is dropped where its exponent lies more than T = log(m / tolerance) below that of one
    that is kept: all m that may be dropped add less than m e^-T = tolerance to log Σ p.
    """
    left, right = sketches
    work = outline.work
    bound = left.columns @ right.columns.T
    groups = pruning.maxima(bound)
    near = pruning.likeliest(bound, groups)
    known = _sq_dist(x, samples, torch.arange(len(x), device=x.device), near, work)
    torch.minimum(to.best, known, out=to.best)
    reach = 2 * math.log(m / DROPPED[work])
    least = [outline.least(left, to.best + sigma**2 * reach) for sigma in sigmas]
    counts = torch.stack([(groups >= limit[:, None]).count_nonzero() for limit in least]).tolist()
    few = [i for i, count in enumerate(counts) if count <= FEW * bound.numel()]
    few.sort(key=lambda i: sigmas[i])
    row = window = near[:0]
    while few:
        row, window = pruning.survivors(bound, groups, least[few[-1]])
        if len(row) <= FEW * bound.numel():
            break
        few.pop()
    else:
        return list(range(len(sigmas)))
    lengths = torch.bincount(row, minlength=len(x))
    to.looked_at.add_(lengths)
    if to.best.max().item() > LARGE * 2 * min(sigmas[i] for i in few) ** 2:
        work = torch.float64
    sq_dist = _sq_dist(x, samples, row, window, work)
    torch.minimum(to.best, _by_row("min", sq_dist, lengths), out=to.best)
    excess = sq_dist - to.best[row]
    for i in few:
        rate = -0.5 / sigmas[i] ** 2
        p = (excess * rate).exp_()
        sums, squares = (_by_row("sum", q, lengths).log() for q in (p, p.square()))
        to.add(i, sums + rate * to.best, squares + 2 * rate * to.best)
    to.how.add(PRUNED[work])
    return [i for i in range(len(sigmas)) if i not in few]


def add_all(
    to: Sums, x: Tensor, samples: Tensor, centre: Tensor, sigmas: list[float], widths: list[int]
) -> None:
    """Adds every window, for some of the widths."""
    chosen = [sigmas[i] for i in widths]
    for part, how, sums, squares in dense.log_sums(x, samples, chosen, centre):
        for width, *sum_of_width in zip(part, sums, squares, strict=True):
            to.add(widths[width], *sum_of_width)
        to.how.add(how)
    to.looked_at.add_(len(samples))


def _sq_dist(x: Tensor, samples: Tensor, row: Tensor, window: Tensor, work: torch.dtype) -> Tensor:
    """|x - mu|² of pairs, from differences in `work`, summed in float64: (pairs,)."""
    found = []
    step = max(1, PAIR_BYTES // (8 * x.shape[1]))
    for rows, windows in zip(row.split(step), window.split(step), strict=True):
        difference = samples.index_select(0, windows).to(work) - x.index_select(0, rows).to(work)
        found.append(torch.linalg.vector_norm(difference, dim=1, dtype=torch.float64))
    return torch.cat(found).square_()


def _by_row(reduce: str, values: Tensor, lengths: Tensor) -> Tensor:
    """The sum or least of the values of each row; 0 or infinite where it has none."""
    initial = {"sum": 0.0, "min": math.inf}[reduce]
    return torch.segment_reduce(values, reduce, lengths=lengths, initial=initial, unsafe=True)
