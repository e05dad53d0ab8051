# pyright: strict
"""KID: how differently samples and test rows lie, by a cubic kernel on features.

    k(a, b) = (a·b / d + 1)³
    KID = mean k(y_i, y_j), i ≠ j  +  mean k(x_i, x_j), i ≠ j  -  2 mean k(y_i, x_j)
over the first 10,000 samples y and the first 10,000 test rows x: the full U-statistic, no subsets.
It is 0 on average where both come from one distribution, whatever their number, and can be
negative. A cube is dominated by its greatest features, so all are first multiplied by the power of
two 2^p that brings the mean square of the test rows' features nearest to 1. p is in the notes, and
values on features that are scaled otherwise are not comparable.

Standard error: with f(y) = mean_j k(y, y_j) - mean_j k(y, x_j), and V the mean square of the
kernel after the means of its rows and columns are taken off,
    var over samples = (4 / m) (var f - V_yy / m) + 2 V_yy / m²
and over both sides the same of x, and 4 V_xy / (m n), with the noise V_xy of either side's mean
taken off var f. The terms in V remain where both distributions are one.

Source: Bińkowski et al. 2018, arXiv 1801.01401.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._rows import MOST, check_count, check_varied, first
from genbench.precision import float32_products
from genbench.protocols import JSON, Score

ROWS = 500  # of a block of the kernel
OVER = "over samples, the test rows held fixed"
LEAST = 4  # rows on a side, of which a standard error is taken


@dataclass(frozen=True)
class Kernel:
    """Of k between two sets, or within one, without its diagonal: the mean of each row and column,
    float64 (m,) and (n,), and the mean of all and of all squares.
    """

    rows: Tensor
    columns: Tensor
    mean: float
    square: float

    @property
    def spread(self) -> float:
        """V: the mean of (k_ij - r_i - c_j + mean)²."""
        own = float(self.rows.square().mean() + self.columns.square().mean())
        return max(0.0, self.square - own + self.mean**2)


class KernelDistance:
    """The kernel distance between samples and test rows, in features, without bias.

    Args:
        features: the name of the features, for the record: the metric is handed them.
    """

    revision = 1
    unit = "MMD²"
    best = "low"
    orders: tuple[str, ...] = ("shifted", "blurred", "binarised", "centroids", "repeated", "noise")

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> KernelDistance.signature({"features": "pixels"}, 256)
        {'f': 'pixels', 'k': 'cubic', 'scale': 'power-of-2', 'est': 'u', 'most': '10000'}
        """
        name = str(settings.get("features", "")) or "default"
        how = {"k": "cubic", "scale": "power-of-2", "est": "u"}
        return {"f": name, **how, "most": str(MOST)}

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(
        self, samples: Tensor, test: Tensor, features: Callable[[Tensor], Tensor]
    ) -> Score:
        """value = KID; stderr over samples, the test rows held fixed; over both in the notes.

        Raises ValueError for fewer than two rows on a side, test rows whose features are all the
        same, and features that are no finite numbers.
        """
        y, x = first(features, samples, "samples"), first(features, test, "test rows")
        for rows, what in ((y, "samples"), (x, "test rows")):
            check_count(len(rows), 2, what, "a mean over pairs")
        check_varied(x, "test rows")
        power = power_of_two(x)
        y, x = y * 2.0**power, x * 2.0**power
        yy, xx, yx = kernel(y), kernel(x), kernel(y, x)
        value = yy.mean + xx.mean - 2 * yx.mean
        notes: dict[str, JSON] = {
            "features times 2 to the": power,
            "rows": {"samples": len(y), "test": len(x)},
        }
        if min(len(y), len(x)) < LEAST:
            return Score(value, notes=notes, over=f"no error is known of fewer than {LEAST} rows")
        over_samples, over_both = errors(yy, xx, yx)
        notes["error over samples and test rows"] = over_both
        return Score(value, over_samples, notes=notes, over=OVER)


def power_of_two(x: Tensor) -> int:
    """p with the mean square of 2^p x nearest to 1, in logs; 0 where x is 0."""
    square = float(x.double().square().mean())
    return -round(math.log2(square) / 2) if square > 0 else 0


def kernel(y: Tensor, x: Tensor | None = None) -> Kernel:
    """k between rows y (m, d) and x (n, d); without x, between different rows of y.

    Products are taken in the features' own precision, sums in float64.
    """
    other = y if x is None else x
    m, n, d = len(y), len(other), y.shape[1]
    rows = torch.empty(m, dtype=torch.float64, device=y.device)
    columns, square = torch.zeros(n, dtype=torch.float64, device=y.device), 0.0
    for start in range(0, m, ROWS):
        part = slice(start, min(start + ROWS, m))
        with float32_products():
            k = (y[part] @ other.T).div_(d).add_(1)
        k = k.square().mul_(k)
        if x is None:
            k.diagonal(start).zero_()
        rows[part] = k.sum(dim=1, dtype=torch.float64)
        columns += k.sum(dim=0, dtype=torch.float64)
        square += float(k.square_().sum(dtype=torch.float64))
    across, down = (n, m) if x is not None else (m - 1, m - 1)
    mean = float(rows.sum()) / (m * across)
    return Kernel(rows / across, columns / down, mean, square / (m * across))


def errors(yy: Kernel, xx: Kernel, yx: Kernel) -> tuple[float, float]:
    """Standard errors over samples, the test rows held fixed, and over both."""
    m, n = len(yy.rows), len(xx.rows)
    f, g = float((yy.rows - yx.rows).var()), float((xx.rows - yx.columns).var())
    v_yy, v_xx, v_yx = yy.spread, xx.spread, yx.spread
    of_samples = 4 / m * max(0.0, f - v_yy / m) + 2 * v_yy / m**2
    both = (
        4 / m * max(0.0, f - v_yy / m - v_yx / n)
        + 4 / n * max(0.0, g - v_xx / n - v_yx / m)
        + 2 * v_yy / m**2
        + 2 * v_xx / n**2
        + 4 * v_yx / (m * n)
    )
    return math.sqrt(of_samples), math.sqrt(both)
