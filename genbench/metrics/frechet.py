"""FID: how far apart two Gaussians are that have the moments of the samples and of the test rows.

    FID = |μ₁ - μ₂|² + tr S₁ + tr S₂ - 2 tr (S₁ S₂)^½
in squared units of the features; 0 at best. Covariances have n - 1. The last trace is the sum of
the singular values of F₁ᵀ F₂, where S = F Fᵀ. All samples and all test rows are read.

Fewer samples give a greater value, by about c / m: `BY_SAMPLES` holds the means over quarters and
over halves of the samples, and the value of all, and the note what a line through them in 1 / m
says of endless samples. Values of other counts, features or files are not comparable.

Source: Heusel et al. 2017, arXiv 1706.08500; the line in 1 / m: Chong and Forsyth 2020, 1911.07023.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.metrics._moments import Moments, Sums, summed
from genbench.metrics._rows import check_count, in_blocks
from genbench.protocols import BY_SAMPLES, JSON, Score

PARTS = ((256, 20), (1024, 8), (math.inf, 4))  # features up to which there are so many parts
SOUND = 8  # parts of which a jackknife is taken, at least
ROUNDING = 1e-13  # of the greatest eigenvalue: smaller ones are 0
EXTRAPOLATED = "at endless samples"


class Frechet:
    """The Fréchet distance between Gaussians fitted to samples and to test rows, in features.

    Args:
        features: the name of the features, for the record: the metric is handed them.
    """

    revision = 2
    unit = "squared distance"
    best = "low"
    orders: tuple[str, ...] = ("shifted", "blurred", "binarised", "linear")
    orders += ("centroids", "repeated", "noise")

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> Frechet.signature({"features": "pixels"}, 256)
        {'f': 'pixels', 'most': 'all'}
        """
        return {"f": str(settings.get("features", "")) or "default", "most": "all"}

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(
        self, samples: Tensor, test: Tensor, features: Callable[[Tensor], Tensor]
    ) -> Score:
        """value = FID(samples, test); stderr over samples, by a jackknife that leaves out parts.

        Raises ValueError for fewer than two rows on a side, test rows whose features are all the
        same, and features that are no finite numbers.
        """
        for rows, what in ((samples, "samples"), (test, "test rows")):
            check_count(len(rows), 2, what, "a covariance")
        real, fake = _sums(samples, test, features)
        one, other = fake.of(fake.parts), real.of(real.parts)
        if float(other.covariance.diagonal().sum()) == 0:
            raise ValueError(
                f"all {other.count:,} test rows have the same features, which tell nothing about "
                "them: choose other features"
            )
        value = distance(one, other)
        halves = _by_samples(fake, other, value)
        stderr, over, notes = _error(fake, real, one, other)
        if len(halves) > 1:
            notes[EXTRAPOLATED] = extrapolated(halves)
        warnings = _warnings(one, other)
        return Score(value, stderr, None, {BY_SAMPLES: halves}, warnings, notes, over)


def distance(one: Moments, other: Moments) -> float:
    """|μ₁ - μ₂|² + tr S₁ + tr S₂ - 2 tr (S₁ S₂)^½, to about 1e-14 of the traces."""
    cross = torch.linalg.svdvals(_factor(one).T @ _factor(other)).sum()
    return max(0.0, _apart(one, other) - 2 * float(cross))


def extrapolated(points: Sequence[tuple[float, float]]) -> float:
    """a of the line a + c / m through points (m, value), by least squares."""
    m, values = np.asarray(points, np.float64).T
    return float(np.polyfit(1 / m, values, 1)[1])


def _sums(samples: Tensor, test: Tensor, features: Callable[[Tensor], Tensor]) -> tuple[Sums, Sums]:
    """Of the test rows and of the samples, about one origin."""
    real = summed(in_blocks(features, test, "test rows"), parts_for)
    return real, summed(in_blocks(features, samples, "samples"), parts_for, real.origin)


def parts_for(width: int) -> int:
    """In how many parts rows are summed up: each holds a square of so many features."""
    return next(parts for most, parts in PARTS if width <= most)


def _apart(one: Moments, other: Moments) -> float:
    """|μ₁ - μ₂|² + tr S₁ + tr S₂."""
    traces = one.covariance.diagonal().sum() + other.covariance.diagonal().sum()
    return float((one.mean - other.mean).square().sum() + traces)


def _factor(moments: Moments) -> Tensor:
    """F (d, r) with S = F Fᵀ; r leaves out what is 0 but for rounding."""
    eigenvalues, vectors = torch.linalg.eigh(moments.covariance)
    kept = eigenvalues > ROUNDING * eigenvalues[-1].clamp_min(0)
    return vectors[:, kept] * eigenvalues[kept].sqrt()


def _near(factor: Tensor, fixed: Moments, moved: Moments) -> float:
    """`distance`, faster where one side stays: (S₁ S₂)^½ has the trace of (Fᵀ S F)^½."""
    eigenvalues = torch.linalg.eigvalsh(factor.T @ moved.covariance @ factor)
    return _apart(fixed, moved) - 2 * float(eigenvalues.clamp_min(0).sqrt().sum())


def _by_samples(fake: Sums, test: Moments, value: float) -> list[tuple[float, float]]:
    """(m, FID): means of the quarters and of the halves that have more samples than features."""
    m, d = sum(fake.counts), len(test.mean)
    factor = _factor(test)
    points: list[tuple[float, float]] = []
    for strides in (4, 2):
        unions = [fake.of(fake.parts[start::strides]) for start in range(strides)] if m >= 8 else []
        if unions and min(part.count for part in unions) > d:
            values = [_near(factor, test, part) for part in unions]
            points.append((m / strides, math.fsum(values) / strides))
    return [*points, (float(m), value)]


def _error(
    fake: Sums, real: Sums, one: Moments, other: Moments
) -> tuple[float | None, str, dict[str, JSON]]:
    """The standard error over samples, or None; how, or why there is none; and notes."""
    parts, d = len(fake.counts), len(one.mean)
    if parts < SOUND:
        return None, f"no error: {d:,} features are too many to leave parts out", {}
    if min(*fake.counts, *real.counts) < 2 or min(one.count, other.count) * (1 - 1 / parts) <= d:
        return None, f"no error: too few rows for {d:,} features to leave parts out", {}
    of_samples = _jackknife(fake, other)
    of_test = _jackknife(real, one)
    how = f"over samples, the test rows held fixed, by leaving out each of {parts} parts"
    both = math.hypot(of_samples, of_test)
    return of_samples, how, {"error over samples and test rows": both}


def _jackknife(sums: Sums, fixed: Moments) -> float:
    """((B - 1) / B sum (θ_b - mean θ)²)^½, θ_b the distance without part b."""
    factor, parts = _factor(fixed), len(sums.counts)
    left = [[part for part in sums.parts if part != b] for b in sums.parts]
    theta = np.asarray([_near(factor, fixed, sums.of(rest)) for rest in left])
    return math.sqrt((parts - 1) / parts * float(((theta - theta.mean()) ** 2).sum()))


def _warnings(one: Moments, other: Moments) -> list[str]:
    d = len(one.mean)
    few = {"samples": one.count, "test rows": other.count}
    return [
        f"{n:,} {what} are no more than the {d:,} features: their covariance is not of full rank, "
        f"and FID is far from what more {what} would give"
        for what, n in few.items()
        if n <= d
    ]
