# pyright: strict
"""What the likelihood metrics share: which rows they score, and what they say of errors.

Rows of 256 greys are dequantised, all of a part at once and by a stream of its own. So metrics that
score as many rows score the same ones, evenly spaced over the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from genbench.likelihood.dequantised import are_greys, dequantised
from genbench.likelihood.observations import Decoder, is_binary
from genbench.metrics._rows import check_counts, spaced


@dataclass(frozen=True)
class Rows:
    """The rows that are scored and those that choose, (n, d); what was done to them, in words."""

    test: Tensor
    valid: Tensor
    all_test: int
    treated: str


def rows_of(test: Tensor, valid: Tensor, n: int) -> Rows:
    """n of the test rows, all of them where there are fewer; raises ValueError for n < 2."""
    check_counts(2, scored=min(n, len(test)))
    greys = are_greys(test)
    treated = "dequantised: (k + u) / 256" if greys else "binary" if is_binary(test) else "as given"
    chosen = spaced(dequantised(test, "test"), n)
    return Rows(chosen, dequantised(valid, "valid"), len(test), treated)


def variance_of(model: Any, decoder: Decoder, given: float | None) -> float | None:
    """v as given, or the model's own; None where it must be chosen, 0 where there is none.

    Raises ValueError for a v that is not above 0.
    """
    if given is not None and not given > 0:
        raise ValueError(f"v must be a variance above 0, or None, got {given}")
    if not decoder.has_variance:
        return 0.0
    return given if given is not None else getattr(model, "variance", None)


def over(rows: Rows) -> str:
    """What the standard error is over."""
    n = len(rows.test)
    return "" if n == rows.all_test else f"over {n:,} of {rows.all_test:,} test rows"


def single(values: Tensor, rows: Rows) -> Tensor | None:
    """The scores of the single rows, where all were scored."""
    return values.cpu() if len(values) == rows.all_test else None
