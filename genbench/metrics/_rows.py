# pyright: strict
"""Rows as metrics read them in features: block by block, and checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

BLOCK = 10_000  # rows that are turned into features at a time; what is remembered is by block
MOST = 10_000  # rows that metrics of neighbours and kernels read of samples, and of test rows


def in_blocks(features: Callable[[Tensor], Tensor], rows: Tensor, what: str) -> Iterator[Tensor]:
    """Features (b, width) of rows (n, d), b at most `BLOCK`, in order.

    what: "samples" or "test rows", for the message. Raises ValueError for features that are no
    finite numbers, and for tensors of another shape.
    """
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        yield checked(features(block), len(block), what)


def first(features: Callable[[Tensor], Tensor], rows: Tensor, what: str) -> Tensor:
    """Features (at most MOST, width) of the first rows (n, d); raises as `in_blocks`."""
    return next(in_blocks(features, rows[:MOST], what))


def checked(found: Tensor, n: int, what: str) -> Tensor:
    """`found`; raises ValueError where it is not (n, width), or not of finite numbers."""
    if found.ndim != 2 or len(found) != n or found.shape[1] == 0:
        raise ValueError(f"features of {n:,} {what} must be (n, width), got {tuple(found.shape)}")
    bad = int((~torch.isfinite(found)).any(dim=1).sum())
    if bad:
        raise ValueError(
            f"features must be finite numbers; of {n:,} {what} {bad:,} have NaN or infinity: look "
            "for such numbers in the rows themselves, or choose other features"
        )
    return found


def check_count(n: int, least: int, what: str, why: str) -> None:
    """Raises ValueError where there are fewer than `least` rows."""
    if n < least:
        raise ValueError(f"{why} takes at least {least:,} {what}, got {n:,}")


def check_varied(found: Tensor, what: str) -> None:
    """Raises ValueError where all rows (n, width) have the same features."""
    if bool((found == found[:1]).all()):
        raise ValueError(
            f"all {len(found):,} {what} have the same features, which tell nothing about them: "
            "choose other features"
        )
