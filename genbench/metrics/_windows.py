# pyright: strict
"""The window estimate of the rows that a bound of log p is of, to stand beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.likelihood.observations import Decoder, expected
from genbench.metrics._scored import Rows
from genbench.metrics.parzen.estimator import Windows
from genbench.metrics.parzen.metric import select_sigma
from genbench.protocols import JSON

WINDOWS = 10_000  # samples behind the estimate
AT_ONCE = 1000  # of them
CHOOSING = 1000  # validation rows that choose its width
WIDTHS = [10 ** (i / 9 - 1) for i in range(10)]  # .1 to 1, as of the Parzen metric


def windows(decoder: Decoder, rows: Rows) -> dict[str, JSON]:
    """The window estimate of the same rows, by 10,000 means of the model; none of binary rows."""
    if decoder.kind == "bernoulli" or len(rows.valid) == 0:
        return {}
    with torch.no_grad():
        t = rows.test.new_empty(WINDOWS, decoder.width).normal_()
        parts = (t[start : start + AT_ONCE] for start in range(0, WINDOWS, AT_ONCE))
        means = torch.cat([expected(decoder.kind, decoder.means(part)) for part in parts])
    means = means.to(rows.test)
    sigma = select_sigma(means, rows.valid[:CHOOSING], WIDTHS)
    ll = Windows(means).score(rows.test, [sigma]).log_likelihood[0]
    return {"parzen of the same rows": {**mean_and_error(ll), "sigma": sigma}}


def mean_and_error(rows: Tensor) -> dict[str, JSON]:
    """The mean over rows (n,) and its standard error."""
    error = rows.double().std().item() / len(rows) ** 0.5
    return {"mean": rows.double().mean().item(), "stderr": error}
