"""What every extractor checks of what it is given."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from genbench.errors import UsageError


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
