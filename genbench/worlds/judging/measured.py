"""What a metric gave on the rungs of a ladder: single values, means, measured deviations, goodness.

Conventions
    There are R rungs; the truth is rung 0. A set is N rows drawn anew from a rung, and a value is
    what the metric says of one set; rung r has S_r of them. All n = sum S_r values lie in one
    array, and `of` (n,) says of which rung each is.
    mean (R,): of the values of a rung. deviation (R,): the standard deviation of one value. Where a
    rung has SETS values or more it is theirs, with ddof 1; any other rung has that of the measured
    rung whose mean is nearest, since the noise of a metric goes with its value. What the metric
    claims of its own error is not read.
    goodness of a value v, by the metric's `best`, greater is better:
        "high" v, "low" -v, a number a: -|v - a|, "real": -|v - a|, a the mean of truth sets that
        are in no rung.
Judgements that are drawn anew have one more axis, in front: (B, n), (B, R).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genbench.errors import UsageError
from genbench.protocols import Best

SETS = 20  # values from which on a rung's deviation is its own


@dataclass(frozen=True)
class Values:
    """What a metric said of each set: of each rung an array (S_r,), of the further truth sets one.

    apart: values of truth sets that are in no rung, empty unless `best` is "real".
    """

    metric: str
    best: Best
    unit: str
    of_rungs: tuple[np.ndarray, ...]
    apart: np.ndarray

    @property
    def sets(self) -> np.ndarray:
        """S_r (R,)."""
        return np.array([len(of) for of in self.of_rungs])

    @property
    def owners(self) -> np.ndarray:
        """Of each rung the one whose deviation it has, (R,).

        Raises UsageError where the truth has fewer than SETS values.
        """
        sets = self.sets
        known = np.flatnonzero(sets >= SETS)
        if 0 not in known:
            raise UsageError(f"a judgement needs {SETS} sets of the truth, got {sets[0]}")
        mean = np.array([of.mean() for of in self.of_rungs])
        nearest = known[np.abs(mean[:, None] - mean[known]).argmin(axis=1)]
        return np.where(sets >= SETS, np.arange(len(sets)), nearest)


@dataclass(frozen=True)
class Measured:
    """A judgement, or B of them: value (..., n), mean and deviation (..., R), aim (..., 1).

    aim: what is best, NaN where `best` is a direction.
    """

    best: Best
    of: np.ndarray
    value: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    aim: np.ndarray

    def good(self, value: np.ndarray) -> np.ndarray:
        """The goodness of values (..., k)."""
        if self.best in ("high", "low"):
            return value if self.best == "high" else -value
        return -np.abs(value - self.aim)

    @property
    def goodness(self) -> np.ndarray:
        """Of the means, (..., R)."""
        return self.good(self.mean)


def measured(values: Values) -> Measured:
    """The judgement of some values; raises UsageError where the truth has fewer than SETS."""
    of = np.repeat(np.arange(len(values.of_rungs)), values.sets)
    return _of(values, of, np.concatenate(values.of_rungs), np.array([_aim(values)]))


def _of(values: Values, of: np.ndarray, value: np.ndarray, aim: np.ndarray) -> Measured:
    """mean = sum v / S,  deviation² = sum (v - mean)² / (S - 1), of its owner."""
    sums = (of[:, None] == np.arange(len(values.sets))).astype(float)
    mean = value @ sums / values.sets
    squares = (value - mean[..., of]) ** 2 @ sums
    deviation = np.sqrt(squares / np.maximum(values.sets - 1, 1))[..., values.owners]
    return Measured(values.best, of, value, mean, deviation, aim)


def _aim(values: Values) -> float:
    if values.best == "real":
        return float(values.apart.mean()) if len(values.apart) else float("nan")
    return float("nan") if isinstance(values.best, str) else float(values.best)


def resampled(values: Values, count: int, random: np.random.Generator) -> Measured:
    """`count` judgements of as many sets drawn anew: normal values, v* = mean + deviation z.

    A rung with one set cannot be drawn from its own; what it varies by is measured elsewhere.
    """
    found = measured(values)
    z = random.standard_normal((count, len(found.of)))
    value = found.mean[found.of] + found.deviation[found.of] * z
    aim = np.repeat(found.aim[None], count, axis=0)
    if values.best == "real" and len(values.apart):
        spread = found.deviation[0] / np.sqrt(len(values.apart))
        aim = aim + spread * random.standard_normal((count, 1))
    return _of(values, found.of, value, aim)


def spreading(kl: Sequence[float], copies: Sequence[bool], wanted: int = 3) -> list[int]:
    """Which rungs get SETS sets beside the truth: innocent ones, evenly by the rank of their KL.

    >>> spreading([0.0, 5.0, 1.0, 9.0, 3.0, 7.0], [False] * 6)
    [4, 1, 3]
    """
    innocent = [r for r in range(1, len(kl)) if not copies[r] and np.isfinite(kl[r])]
    order = sorted(innocent, key=lambda r: (kl[r], r))
    places = [round((i + 1) * len(order) / (wanted + 1)) for i in range(wanted)]
    return list(dict.fromkeys(order[min(place, len(order) - 1)] for place in places if order))
