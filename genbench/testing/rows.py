"""What parts are tried on: made-up rows of two kinds that lie far apart, or a dataset's own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.protocols import Dataset
from genbench.seeding import seeded

SHAPES = ((1, 4, 4), (1, 5, 6))
PIXELS = (0.0, 1.0)  # the range of pictures
UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Examples:
    """Rows (n, d) that a model is tried on, in a range, and the labels of all but the `other`.

    other: rows that come from elsewhere, as many as `train`. Labels are None where there are none.
    """

    shape: tuple[int, ...]
    range: tuple[float, float]
    levels: int | None
    train: Tensor
    valid: Tensor
    other: Tensor
    labels: Tensor | None
    valid_labels: Tensor | None

    @property
    def classes(self) -> int:
        """How many labels there are: the greatest, and 1."""
        return 0 if self.labels is None else int(self.labels.max()) + 1


def kinds(shape: tuple[int, ...], n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n rows (n, d) around two points in [0, 1]^d, and which one each is around, int64 (n,)."""
    with seeded("pictures", seed):
        d = math.prod(shape)
        points = torch.rand(2, d)
        labels = torch.randint(2, (n,))
        return points[labels] + 0.1 * torch.randn(n, d), labels


def pictures(shape: tuple[int, ...], n: int, seed: int) -> Tensor:
    """n made-up 8-bit pictures (n, d) in [0, 1]: two kinds of blob with a constant border."""
    return _as_pictures(kinds(shape, n, seed)[0])


def _as_pictures(rows: Tensor) -> Tensor:
    rows[:, 0], rows[:, -1] = 0.0, 1.0
    return (rows.clamp(0, 1) * 255).round() / 255


def made_up(
    shape: tuple[int, ...], within: tuple[float, float] = PIXELS, n: int = 60, n_valid: int = 20
) -> Examples:
    """Pictures in [0, 1], or rows that look alike in another range; two classes."""
    rows, labels = kinds(shape, n + n_valid, 0)
    train, valid = _into(within, rows).split((n, n_valid))
    other = _mirrored(within, _into(within, kinds(shape, n, 2)[0]))
    levels = 256 if within == PIXELS else None
    return Examples(shape, within, levels, train, valid, other, labels[:n], labels[n:])


def _into(within: tuple[float, float], rows: Tensor) -> Tensor:
    """Rows around points of the unit cube, brought into a range; four times as wide if infinite."""
    low, high = within
    if math.isfinite(low) and math.isfinite(high):
        return (low + (high - low) * _as_pictures(rows)).clamp(low, high)
    if math.isfinite(low):
        return low + (4 * rows).abs()
    return high - (4 * rows).abs() if math.isfinite(high) else 4 * rows - 2


def _mirrored(within: tuple[float, float], rows: Tensor) -> Tensor:
    """Rows upside down, or where a range has only one end, twice as far from it."""
    low, high = within
    if math.isfinite(low) and math.isfinite(high):
        return low + high - rows
    ends = [end for end in within if math.isfinite(end)]
    return 2 * rows - ends[0] if ends else 1 - rows


def first_rows(dataset: Dataset, n: int = 60, n_valid: int = 20) -> Examples:
    """The first rows of a dataset, and their labels where it has them."""
    split: Any = dataset.split(0)
    train, valid = split.train[:n], split.valid[:n_valid]
    labels, valid_labels = split.train_labels, split.valid_labels
    if labels is not None:
        labels, valid_labels = labels[:n], None if valid_labels is None else valid_labels[:n_valid]
    other = _mirrored(dataset.range, train)
    found = tuple(dataset.shape), dataset.range, dataset.levels
    return Examples(*found, train, valid, other, labels, valid_labels)
