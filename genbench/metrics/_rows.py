# pyright: strict
"""Which rows the metrics read, in features; and errors of what is computed from them.

A delete-block jackknife gives the standard error: of values θ_b, each without one of B blocks of
rows,
    stderr² = (B - 1) / B · sum (θ_b - mean θ_b)²
Rows are never drawn again with replacement, since equal rows shrink distances to neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

MOST = 10_000  # samples and test rows that are read; and rows that features are given at a time
Features: TypeAlias = Callable[[Tensor], Tensor]


def in_blocks(features: Features, rows: Tensor, what: str = "rows") -> Iterator[Tensor]:
    """Features (b, w) of rows (n, d) in order, b at most `MOST`: what is remembered is by block.

    what: "samples" or "test rows", for the message. Raises ValueError for features that are not
    (b, w), or not finite.
    """
    for start in range(0, len(rows), MOST):
        block = rows[start : start + MOST]
        yield checked(features(block), len(block), what)


def featured(features: Features, rows: Tensor, most: int | None = None) -> Tensor:
    """Features (n, w) of rows (n, d), or of the first `most`; raises as `in_blocks`."""
    parts = [*in_blocks(features, rows if most is None else rows[:most])]
    return torch.cat(parts) if parts else torch.empty(0, 1)


def first(features: Features, rows: Tensor, what: str) -> Tensor:
    """Features (at most MOST, w) of the first rows (n, d); raises as `in_blocks`."""
    found = next(in_blocks(features, rows[:MOST], what))
    return torch.cat([found])  # plain numbers, where rows are converted where they are used


def checked(found: Tensor, n: int, what: str) -> Tensor:
    """`found`; raises ValueError where it is not (n, w), or not of finite numbers."""
    if found.ndim != 2 or len(found) != n or found.shape[1] == 0:
        raise ValueError(f"features of {n:,} {what} must be ({n:,}, w), got {tuple(found.shape)}")
    sound = math.isfinite(float(found.sum()))  # one pass: no sum with NaN or infinity is finite
    bad = 0 if sound else int((~torch.isfinite(found)).any(dim=1).sum())
    if bad:
        raise ValueError(
            f"features must be finite numbers, got {bad:,} of {n:,} {what} with NaN or infinity: "
            "look for such numbers in the rows themselves, or choose other features"
        )
    return found


def spaced(rows: Tensor, n: int) -> Tensor:
    """n of the rows, evenly spaced over the file, since some files are sorted."""
    return rows[torch.arange(n) * len(rows) // n] if n < len(rows) else rows


def check_counts(least: int, **counts: int) -> None:
    """Raises ValueError where there are fewer rows of a kind than a metric needs."""
    for kind, n in counts.items():
        if n < least:
            raise ValueError(f"at least {least} {kind} rows are needed, got {n}: bring more")


def check_count(n: int, least: int, what: str, why: str) -> None:
    """Raises ValueError where there are fewer than `least` rows."""
    if n < least:
        raise ValueError(f"{why} takes at least {least:,} {what}, got {n:,}")


def check_varied(found: Tensor, what: str) -> None:
    """Raises ValueError where all rows (n, w) have the same features."""
    if bool((found == found[:1]).all()):
        raise ValueError(
            f"all {len(found):,} {what} have the same features, which tell nothing about them: "
            "choose other features"
        )


def flatness(**features: Tensor) -> list[str]:
    """A warning for each kind of rows whose features (n, w), n above 1, are all equal."""
    flat = [
        kind for kind, rows in features.items() if len(rows) > 1 and bool((rows == rows[0]).all())
    ]
    return [
        f"all {kind.replace('_', ' ')} have equal features, so that the score says little: use "
        "other features, or look at the rows"
        for kind in flat
    ]


def signed(settings: Mapping[str, Any], **more: str) -> dict[str, str]:
    """Fields of a signature: f, the features; most, rows that are read; and a metric's own."""
    return {"f": settings.get("features", "") or "default", "most": str(MOST), **more}


def blocks_of(n: int, count: int, device: torch.device) -> Tensor:
    """The block of each of n rows, int64 (n,), of sizes that differ by one at most.

    Dealt out by a fixed hash of the row's number, so that blocks are alike where a file is sorted,
    and where its rows alternate, as MNIST's do: every other row is of other writers.
    """
    i = torch.arange(n, device=device) * 2135587861 % 2**32
    i = ((i >> 16) ^ i) * 73244475 % 2**32
    return ((i >> 16) ^ i).argsort(stable=True).argsort() % count


def jackknifed(left_out: Tensor) -> float:
    """The standard error by values without each block, (B,)."""
    n = len(left_out)
    spread = (left_out.double() - left_out.double().mean()).square().sum().item()
    return math.sqrt((n - 1) / n * spread)


def two_sided(z: float) -> float:
    """P(|N(0, 1)| >= |z|)."""
    return math.erfc(abs(z) / math.sqrt(2))


def below(z: float) -> float:
    """P(N(0, 1) <= z)."""
    return math.erfc(-z / math.sqrt(2)) / 2
