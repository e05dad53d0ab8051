"""What about the values of samples makes one ask whether they are the ones that were meant."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genbench.protocols import Dataset
from genbench.samples.pixels import Deferred, as_scored, levels_of

LOOKED_AT = 2000  # samples, spread evenly, whose values are compared with test rows'
NARROW = 0.05  # of the data's standard deviation


def spread_evenly(rows: np.ndarray, dataset: Dataset) -> Tensor:
    """Some kept rows (m, d), spread evenly, as a metric is given them."""
    some = np.ascontiguousarray(rows[:: max(1, len(rows) // LOOKED_AT)])
    return as_scored(torch.from_numpy(some), levels_of(dataset))


def doubts(samples: Tensor, test: Tensor) -> list[str]:
    """What of the values of samples (m, d) makes one ask whether they are what was meant.

    Of deferred test rows some are looked at, spread evenly.

    >>> doubts(torch.zeros(3, 4), torch.rand(5, 4))
    ['all samples are one and the same: every value is 0']
    """
    low, high = float(samples.min()), float(samples.max())
    if low == high:
        return [f"all samples are one and the same: every value is {low:g}"]
    if len(samples) > 1 and bool((samples == samples[0]).all()):
        return ["all samples are one and the same row"]
    if samples.shape[1] > 1 and bool((samples == samples[:, :1]).all()):
        return ["every sample is of one value throughout"]
    if isinstance(test, Deferred):
        test = test[:: max(1, len(test) // LOOKED_AT)]
    ours, theirs = float(samples.double().std()), float(test.double().std())
    if ours >= NARROW * theirs:
        return _inverted(float(samples.double().mean()), test, theirs)
    twice = "; were they divided by 255 twice?" if high <= 1.5 * float(test.max()) / 255 else ""
    spread = f"a standard deviation of {ours:.2g}, test rows one of {theirs:.2g}"
    return [f"the samples' values lie in [{low:.2g}, {high:.2g}] and have {spread}{twice}"]


def _inverted(mean: float, test: Tensor, spread: float) -> list[str]:
    """Whether samples of this mean look like 1 - x of what was meant: black ink, not white."""
    usual = float(test.double().mean())
    if float(test.min()) < 0 or float(test.max()) > 1 or abs(mean - usual) <= spread:
        return []
    if abs(mean - (1 - usual)) > spread / 4:
        return []
    return [f"the samples' mean is {mean:.2g}, test rows' {usual:.2g}; is 1 - x what you mean?"]
