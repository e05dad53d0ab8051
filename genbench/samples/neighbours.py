"""The training image nearest to each image: pixel by pixel, and with small shifts allowed.

Distances are Euclidean, in the units of the data. A copy that is shifted by one pixel is far from
its original pixel by pixel; the second distance tries every shift of up to `reach` pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from genbench.samples.chains import nearest as nearest_rows

REACH = 2  # pixels
COPIES = 4096  # shifted images that are compared at a time


@dataclass(frozen=True)
class Neighbours:
    """rows: index of the training row nearest to each image. distances: to it, float64.

    shifts: (down, right), in pixels, by which each image was shifted to be so near.
    """

    rows: Tensor
    distances: Tensor
    shifts: Tensor


def nearest(x: Tensor, train: Tensor, shape: Sequence[int], reach: int = 0) -> Neighbours:
    """argmin over j and shifts s of |s(x) - y_j|, |s| <= reach in each direction, for each row x.

    A shift repeats the pixels at the edge that it leaves. Of equal distances, the least shift.

    Args:
        x: `(n, d)`. train: `(m, d)`. shape: of one image, (channels, height, width).

    Raises:
        ValueError: where rows are not images of this shape, there are none, or reach is no shift.
    """
    _check(x, train, shape, reach)
    offsets = _offsets(reach)
    parts = x.split(max(1, COPIES // len(offsets)))
    found = [_nearest(part, train, shape, offsets) for part in parts]
    joined = (torch.cat([getattr(part, name) for part in found]) for name in _FIELDS)
    return Neighbours(*joined)


_FIELDS = ("rows", "distances", "shifts")


def _nearest(
    x: Tensor, train: Tensor, shape: Sequence[int], offsets: Sequence[tuple[int, int]]
) -> Neighbours:
    """All shifts of a few images at once, so that the training rows are read once for them."""
    copies = torch.cat([shifted(x, shape, *offset) for offset in offsets])
    every_row, every_distance = nearest_rows(copies, train)
    rows, distances = every_row[: len(x)], every_distance[: len(x)]
    shifts = torch.zeros(len(x), 2, dtype=torch.int64)
    for i, offset in enumerate(offsets[1:], start=1):
        own = slice(i * len(x), (i + 1) * len(x))
        nearer = every_distance[own] < distances
        rows = torch.where(nearer, every_row[own], rows)
        distances = torch.where(nearer, every_distance[own], distances)
        shifts[nearer.cpu()] = torch.tensor(offset)
    return Neighbours(rows, distances, shifts)


def _offsets(reach: int) -> list[tuple[int, int]]:
    """All shifts, the least first."""
    steps = range(-reach, reach + 1)
    every = [(down, right) for down in steps for right in steps]
    return sorted(every, key=lambda offset: (offset[0] ** 2 + offset[1] ** 2, offset))


def shifted(x: Tensor, shape: Sequence[int], down: int, right: int) -> Tensor:
    """Rows (n, d) moved down and to the right, the pixels at the edge repeated."""
    _, height, width = shape
    images = x.reshape(len(x), *shape)
    sides = (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0))
    wider = pad(images, sides, mode="replicate")
    top, left = max(-down, 0), max(-right, 0)
    return wider[:, :, top : top + height, left : left + width].reshape(len(x), -1)


def _check(x: Tensor, train: Tensor, shape: Sequence[int], reach: int) -> None:
    if len(shape) != 3 or reach < 0 or reach >= min(shape[1:]):
        raise ValueError(f"reach must be a shift inside images, got {reach} for {tuple(shape)}")
    for name, rows in (("x", x), ("train", train)):
        if rows.ndim != 2 or rows.shape[1] != math.prod(shape) or len(rows) == 0:
            wanted = f"(n, {math.prod(shape)}), at least one row"
            raise ValueError(f"{name} must be {wanted}, got {tuple(rows.shape)}")
