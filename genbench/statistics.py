"""Errors of a mean, each over a named population."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean of independent values and its standard error s / √n, s with ddof 1; NaN for one value.

    >>> mean_and_error([1.0, 2.0, 3.0])
    (2.0, 0.5773502691896258)
    """
    mean = math.fsum(values) / len(values)
    return mean, float(stats.sem(values)) if len(values) > 1 else math.nan


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Mean of ours - theirs over the same test rows (n,), and its standard error."""
    if ours.shape != theirs.shape:
        raise ValueError(f"paired values need one shape, got {ours.shape} and {theirs.shape}")
    return mean_and_error((ours - theirs).tolist())
