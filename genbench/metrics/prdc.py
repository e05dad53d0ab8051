# pyright: strict
"""Precision, recall, density and coverage: which rows lie in the balls of which.

The ball of a row has the distance to its k-th nearest other row of the same set as its radius; a
row lies in it where it is strictly nearer. With m samples y_j and n test rows x_i, in features:
    precision = (1/m) #{j: y_j lies in the ball of a test row}
    recall    = (1/n) #{i: x_i lies in the ball of a sample}
    density   = (1/(k m)) #{(i, j): y_j lies in the ball of x_i}
    coverage  = (1/n) #{i: the ball of x_i holds a sample}
Precision and density ask of each sample whether it is real; recall and coverage of each test row
whether it is reached. A generator that repeats one good row has precision near 1, recall near 0.

The first 10,000 samples and the first 10,000 test rows are read. Real rows do not get 1 either:
density has mean 1, coverage about 1 - 2^-k for as many samples as test rows, and precision and
recall hang on the dimension; so compare with the row of held-out data. Rows that are k times
repeated have balls that hold nothing. (torch-fidelity counts rows at the radius itself too, `<=`,
so that it gives 1 where all rows are equal; k = 3 is its default.)

Sources: Kynkäänniemi et al. 2019, arXiv 1904.06991; Naeem et al. 2020, arXiv 2002.09797, whose
package `prdc` takes k = 5 and `<`, as here.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from genbench.metrics._balls import balls
from genbench.metrics._rows import MOST, check_count, check_varied, first
from genbench.protocols import JSON, Score

OVER_SAMPLES = "over samples, the test rows held fixed"
HANGS = (
    "no error is known: whether a test row is reached hangs on samples that others hang on too, "
    "and neither leaving out parts nor binomial counts give the deviation of other samples"
)

Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Counts:
    """balls: in how many balls of test rows each sample lies, int64 (m,). held: how many samples
    the ball of each test row holds, int64 (n,). reached: in how many balls of samples each test
    row lies, int64 (n,). empty: samples, and test rows, whose ball has no size.
    """

    k: int
    balls: Tensor
    held: Tensor
    reached: Tensor
    empty: tuple[int, int]


_LAST: dict[tuple[str, str, int], Counts] = {}  # of one pair of sets, since four metrics read it


def counts(samples: Tensor, test: Tensor, k: int) -> Counts:
    """Counts of samples (m, width) and test rows (n, width), features; remembered for one pair.

    Raises ValueError for k or fewer rows on a side, and test rows that are all the same.
    """
    for rows, what in ((samples, "samples"), (test, "test rows")):
        check_count(len(rows), k + 1, what, f"a {k}-th nearest other row")
    check_varied(test, "test rows")
    key = (_digest(samples), _digest(test), k)
    if key not in _LAST:
        found = _counted(samples, test, k)
        _LAST.clear()
        _LAST[key] = found
    return _LAST[key]


def _counted(samples: Tensor, test: Tensor, k: int) -> Counts:
    found = balls(samples, test, k)
    empty = tuple(int((radius == 0).sum()) for radius in (found.sq_radius_x, found.sq_radius_y))
    return Counts(k, found.of_x, found.held_y, found.of_y, (empty[0], empty[1]))


def _digest(rows: Tensor) -> str:
    data = rows.detach().cpu().contiguous().numpy()
    return f"{hashlib.blake2b(data.data, digest_size=16).hexdigest()} {data.dtype} {data.shape}"


class _Balls:
    """What the four have in common.

    Args:
        k: whose distance is the radius, of the nearest other rows.
        features: the name of the features, for the record: the metric is handed them.
    """

    def __init__(self, k: int = 5, features: str = "") -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.k = k
        self.features = features

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> Precision.signature({"features": "pixels"}, 256)
        {'f': 'pixels', 'k': '5', 'ties': 'out', 'most': '10000'}
        """
        name = str(settings.get("features", "")) or "default"
        return {"f": name, "k": str(settings.get("k", 5)), "ties": "out", "most": str(MOST)}

    def _counts(self, samples: Tensor, test: Tensor, features: Features) -> Counts:
        fake, real = first(features, samples, "samples"), first(features, test, "test rows")
        return counts(fake, real, self.k)


class Precision(_Balls):
    """The share of samples that lie in the ball of a test row: what is drawn looks real."""

    revision = 1
    unit = "share"
    best = "high"
    orders: tuple[str, ...] = ("shifted", "binarised", "covariance", "noise")

    def __call__(self, samples: Tensor, test: Tensor, features: Features) -> Score:
        """Raises ValueError for k or fewer rows on a side, and features that tell nothing."""
        found = self._counts(samples, test, features)
        return _mean_over_samples((found.balls > 0).double(), found)


class Density(_Balls):
    """How many balls of test rows a sample lies in, by k: 1 for real rows, more for typical."""

    revision = 1
    unit = "ratio"
    best: float = 1.0
    orders: tuple[str, ...] = ("shifted", "blurred", "binarised", "linear")
    orders += ("covariance", "repeated", "noise")

    def __call__(self, samples: Tensor, test: Tensor, features: Features) -> Score:
        """Raises ValueError for k or fewer rows on a side, and features that tell nothing."""
        found = self._counts(samples, test, features)
        return _mean_over_samples(found.balls.double() / found.k, found)


class Recall(_Balls):
    """The share of test rows that lie in the ball of a sample: what is real is drawn."""

    revision = 1
    unit = "share"
    best = "high"
    orders: tuple[str, ...] = ("blurred", "linear", "centroids", "repeated", "noise")

    def __call__(self, samples: Tensor, test: Tensor, features: Features) -> Score:
        """Raises ValueError for k or fewer rows on a side, and features that tell nothing."""
        found = self._counts(samples, test, features)
        reached = (found.reached > 0).double()
        over_test = {"error over test rows": _stderr(reached)}
        return Score(
            float(reached.mean()),
            warnings=_warnings(found),
            notes={**_noted(found), **over_test},
            over=HANGS,
        )


class Coverage(_Balls):
    """The share of test rows whose ball holds a sample: each kind of row is drawn."""

    revision = 1
    unit = "share"
    best = "high"
    orders: tuple[str, ...] = ("shifted", "binarised", "covariance", "repeated", "noise")

    def __call__(self, samples: Tensor, test: Tensor, features: Features) -> Score:
        """Raises ValueError for k or fewer rows on a side, and features that tell nothing."""
        found = self._counts(samples, test, features)
        value = float((found.held > 0).double().mean())
        return Score(value, warnings=_warnings(found), notes=_noted(found), over=HANGS)


def _mean_over_samples(values: Tensor, found: Counts) -> Score:
    """Samples are independent where test rows are held fixed: stderr = deviation / √m."""
    value, stderr, warnings = float(values.mean()), _stderr(values), _warnings(found)
    return Score(value, stderr, None, {}, warnings, _noted(found), OVER_SAMPLES)


def _stderr(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))


def _noted(found: Counts) -> dict[str, JSON]:
    return {"rows": {"samples": len(found.balls), "test": len(found.held)}}


def _warnings(found: Counts) -> list[str]:
    sizes = {"samples": len(found.balls), "test rows": len(found.held)}
    return [
        f"{empty:,} of {n:,} {what} have {found.k} copies or more of themselves, so that their "
        "balls hold nothing"
        for (what, n), empty in zip(sizes.items(), found.empty, strict=True)
        if empty
    ]
