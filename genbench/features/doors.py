"""What every extractor checks of what it is given, and the rows that one is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from genbench.errors import UsageError


@dataclass(frozen=True)
class Labelled:
    """Rows (n, d), float32, and their classes (n,), int64, to train and to test a network."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


def check_rows(rows: Tensor, d: int) -> None:
    """Raises ValueError for what is no (n, d) of floating-point numbers."""
    if rows.ndim != 2 or rows.shape[1] != d or not rows.is_floating_point():
        came = f"{tuple(rows.shape)} of {rows.dtype}"
        raise ValueError(f"features take rows (n, {d}) of floating-point numbers, got {came}")


def check_shape(name: str, shape: Sequence[int], wanted: tuple[int, ...]) -> None:
    """Raises UsageError where an extractor cannot take rows of `shape`, and says what could."""
    if tuple(shape) != wanted:
        takes, came = ("x".join(map(str, of)) for of in (wanted, shape))
        others = "take features=pixels, or pca64"
        raise UsageError(f"features {name!r} takes rows of shape {takes}, not {came}: {others}")
