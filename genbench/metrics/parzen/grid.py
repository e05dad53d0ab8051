"""The grid of a score that is too large for one pass: blocks of rows by blocks of samples.

Over the columns c of samples, each with its own L_c(x) = log Σ_(j in c) p_j(x),
    log Σ_j p_j(x) = log Σ_c exp L_c(x)
What a block is hangs on the counts of rows and samples alone, and columns are added in their order.
So wherever blocks were computed, and whenever, the sum is the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from genbench.metrics.parzen.blocks import Sums, merged
from genbench.metrics.parzen.counts import Asked
from genbench.metrics.parzen.estimator import MEMORY, Windows

COLUMN = 2**18  # samples of a block
VALID, TEST = "valid", "test"

Packed = tuple[Mapping[str, Tensor], Any]
Spread = Callable[[Sequence[Any]], Iterable[Packed]]


@dataclass(frozen=True)
class Block:
    """Plain data that say what is computed: of some rows, what they collect of some samples.

    of: which rows, `VALID` or `TEST`. rows, samples: from which on, and up to which one; samples in
    the order of the pass, see counts. sigmas: the widths of each count.
    """

    of: str
    rows: Sequence[int]
    samples: Sequence[int]
    sigmas: Sequence[Sequence[float]]


class Grid(Windows):
    """Windows of a grid whose blocks somebody else computes; other arguments as of `Windows`.

    test: the test rows; any others are the validation rows. spread: is given blocks as plain data
        and gives what `packed` makes of each, in their order.
    """

    def __init__(
        self,
        samples: Tensor,
        test: Tensor,
        spread: Spread,
        grid: tuple[int, int],
        precision: str = "auto",
        memory: int = MEMORY,
        strides: Sequence[int] = (),
    ) -> None:
        super().__init__(samples, precision, memory, strides=strides, grid=grid)
        self._test, self._spread = test, spread

    def _shards(self, x: Tensor, asked: Asked, work: torch.dtype) -> list[list[list[Sums]]]:
        of, step = TEST if x is self._test else VALID, self.grid[0]
        sigmas = [[asked.sigmas[i] for i in own] for own in asked.own]
        rows = [(start, min(start + step, len(x))) for start in range(0, len(x), step)]
        blocks = [Block(of, part, column, sigmas) for part in rows for column in self.columns]
        found = (unpacked(one, x.device) for one in self._spread([asdict(one) for one in blocks]))
        return [[merged(next(found) for _ in self.columns) for _ in rows]]


def packed(by_count: Sequence[Sums]) -> Packed:
    """The sums of each count of samples as tensors by name, and the ways of each."""
    tensors = {
        f"{count}.{field.name}": getattr(sums, field.name)
        for count, sums in enumerate(by_count)
        for field in fields(sums)
        if field.name != "how"
    }
    return tensors, [sorted(sums.how) for sums in by_count]


def unpacked(one: Packed, device: torch.device) -> list[Sums]:
    """The sums that `packed` was given, on a device."""
    tensors, ways = one
    names = [field.name for field in fields(Sums) if field.name != "how"]
    return [
        Sums(*(tensors[f"{count}.{name}"].to(device) for name in names), how={*how})
        for count, how in enumerate(ways)
    ]
