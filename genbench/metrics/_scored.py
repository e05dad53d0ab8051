# pyright: strict
"""What the likelihood metrics share: which rows they score, and the window estimate beside them.

Rows of 256 greys are dequantised, all of a part at once and by a stream of its own. So metrics that
score as many rows score the same ones, evenly spaced over the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.likelihood.dequantised import are_greys, dequantised
from genbench.likelihood.observations import Decoder, expected, is_binary
from genbench.metrics._rows import check_counts, spaced
from genbench.metrics.parzen.estimator import Windows
from genbench.metrics.parzen.metric import select_sigma
from genbench.protocols import JSON

WINDOWS = 10_000  # samples behind the window estimate
CHOOSING = 1000  # validation rows that choose its width
WIDTHS = [10 ** (i / 9 - 1) for i in range(10)]  # .1 to 1, as of parzen


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


def variance_of(model: Any, decoder: Decoder, asked: float | None) -> float | None:
    """v as asked, or the model's own; None where it must be chosen, 0 where there is none.

    Raises ValueError for a v that is not above 0.
    """
    if asked is not None and not asked > 0:
        raise ValueError(f"v must be a variance above 0, or None, got {asked}")
    if not decoder.has_variance:
        return 0.0
    return asked if asked is not None else getattr(model, "variance", None)


def windows(decoder: Decoder, rows: Rows) -> dict[str, JSON]:
    """The window estimate of the same rows, by 10,000 means of the model; none of binary rows."""
    if decoder.kind == "bernoulli" or len(rows.valid) == 0:
        return {}
    with torch.no_grad():
        t = rows.test.new_empty(WINDOWS, decoder.width).normal_()
        means = torch.cat([expected(decoder.kind, decoder.means(part)) for part in t.split(1000)])
    means = means.to(rows.test)
    sigma = select_sigma(means, rows.valid[:CHOOSING], WIDTHS)
    ll = Windows(means).score(rows.test, [sigma]).log_likelihood[0]
    return {"parzen of the same rows": {**mean_and_error(ll), "sigma": sigma}}


def mean_and_error(rows: Tensor) -> dict[str, JSON]:
    """The mean over rows (n,) and its standard error."""
    error = rows.double().std().item() / len(rows) ** 0.5
    return {"mean": rows.double().mean().item(), "stderr": error}


def over(rows: Rows) -> str:
    """What the standard error is over."""
    n = len(rows.test)
    return "" if n == rows.all_test else f"over {n:,} of {rows.all_test:,} test rows"


def single(values: Tensor, rows: Rows) -> Tensor | None:
    """The scores of the single rows, where all were scored."""
    return values.cpu() if len(values) == rows.all_test else None
