"""Are samples too near to training rows? Three published measures, which blur and noise move too.

Conventions: all training rows t, the first 10,000 samples x and test rows y, in features; d is
Euclidean, d(x) = min over t of |x - t|. Training rows are fixed: no error here is over them.

    nn_ratio      median d(x) / median d(y). 1 is right, 0 copies. Blurred samples lie nearer too.
    data_copying  C_T of Meehan, Chaudhuri & Dasgupta (2020): in each of 3 cells of k-means of the
                  training rows, with m samples and n test rows in it,
                      U = #{d(x) > d(y)} + #{d(x) = d(y)} / 2 over pairs,   z = (U - mn/2) / s,
                  s² as Mann and Whitney have it, less for ties; then the mean of z over cells that
                  hold 20 samples and 5 test rows, weighted by their test rows. 0 is right, far
                  below it (-3) are copies, above it lies what is far from all training rows.
                  Blurred and narrow samples of honest models score below -3 as well. As a z it
                  grows with the rows.
    authenticity  AuthPct of Alaa et al. (2022): t* is the row nearest to x; x is authentic if
                  another training row is nearer to t* than x is. 0 % for copies. Real rows have
                  no 100 %, so that the value is held against theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._distances import nearest, sq_distances
from genbench.metrics._rows import (
    MOST,
    Features,
    below,
    blocks_of,
    check_counts,
    featured,
    flatness,
    jackknifed,
    signed,
    spaced,
)
from genbench.protocols import JSON, Score

CELLS = 3
IN_CELL = 20, 5  # samples and test rows that a cell must hold to count
BLOCKS = 40  # of the jackknife, at most: two rows each at least
LEAST = 20  # samples and test rows
ROUNDS = 50  # of k-means, at most
OVER = "over samples and test rows, the training rows fixed: blocks of both, each left out once"
COPIES = ("images", "shifted", "blurred", "binarised", "linear")


class NNRatio:
    """How far samples are from their nearest training rows, over how far test rows are.

    Args:
        features: the registered name of what distances are taken between.
    """

    revision = 2
    unit = "ratio"
    best: float = 1.0
    orders = COPIES

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> NNRatio.signature({}, 256)
        {'f': 'default', 'most': '10000'}
        """
        return signed(settings)

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, train: Tensor, test: Tensor, features: Features) -> Score:
        """samples (m, d), train and test (n, d), features: rows to (n, w).

        Raises ValueError for fewer than 20 samples or test rows, features that are not finite, and
        where half the test rows are training rows.
        """
        check_counts(LEAST, sample=len(samples), test=len(test))
        t = featured(features, train)
        x, y = _both(features, samples, test)
        of_x, of_y = (nearest(rows, t, 1)[0][:, 0].sqrt() for rows in (x, y))
        middle = of_y.quantile(0.5).item()
        if middle == 0:
            raise ValueError(
                "the median test row is at distance 0 from a training row, so that there is no "
                "ratio: score against test rows that are not in the training set"
            )
        value = of_x.quantile(0.5).item() / middle
        left_out = [of_x[i].quantile(0.5) / of_y[j].quantile(0.5) for i, j in _kept(x, y)]
        notes = {"median of test rows": middle, "rows": _rows(of_x, t, of_y)}
        stderr, flat = jackknifed(torch.stack(left_out)), flatness(samples=x, training_rows=t)
        return Score(value, stderr, warnings=flat, notes=notes, over=OVER)


class DataCopying:
    """C_T: are samples nearer to training rows than test rows are, cell by cell?

    Args:
        features: the registered name of what distances are taken between.
    """

    revision = 2
    unit = "z"
    best: float = 0.0
    orders = COPIES

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> DataCopying.signature({}, 256)
        {'f': 'default', 'most': '10000', 'cells': '3'}
        """
        return signed(settings, cells=str(CELLS))

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, train: Tensor, test: Tensor, features: Features) -> Score:
        """samples (m, d), train and test (n, d), features: rows to (n, w).

        Raises ValueError for fewer than 20 samples or test rows, features that are not finite, and
        where no cell holds 20 samples and 5 test rows.
        """
        check_counts(LEAST, sample=len(samples), test=len(test))
        t = featured(features, train)
        x, y = _both(features, samples, test)
        centres = cells(spaced(t, min(len(t), MOST)), CELLS)
        of_x, of_y = (nearest(rows, t, 1)[0][:, 0] for rows in (x, y))
        in_x, in_y = (nearest(rows, centres, 1)[1][:, 0] for rows in (x, y))
        counted = [
            cell
            for cell in range(len(centres))
            if (in_x == cell).sum() >= IN_CELL[0] and (in_y == cell).sum() >= IN_CELL[1]
        ]
        if not counted:
            raise ValueError(
                f"no cell of the training rows holds {_few()}, of {len(x):,} and {len(y):,}: "
                "bring more"
            )

        def c_t(i: Tensor, j: Tensor) -> tuple[float, list[float], Tensor]:
            pairs = [(of_x[i & (in_x == cell)], of_y[j & (in_y == cell)]) for cell in counted]
            z = [mann_whitney(*pair) for pair in pairs]
            w = torch.tensor([len(of_cell) for _, of_cell in pairs], dtype=torch.float64)
            w /= w.sum()
            return float((w * torch.tensor(z, dtype=torch.float64)).sum()), z, w

        value, z, w = c_t(torch.ones_like(in_x).bool(), torch.ones_like(in_y).bool())
        left_out = torch.tensor([c_t(i, j)[0] for i, j in _kept(x, y)], dtype=torch.float64)
        notes: dict[str, JSON] = {
            "p of no copying": below(value / w.square().sum().sqrt().item()),
            "z of each cell": z,
            "share of test rows": w.tolist(),
            "rows": _rows(of_x, t, of_y),
        }
        missing = len(centres) - len(counted)
        few = f"{missing} of {len(centres)} cells hold fewer than {_few()}, and are left out"
        warnings = [*([few] if missing else []), *flatness(samples=x, training_rows=t)]
        return Score(value, jackknifed(left_out), warnings=warnings, notes=notes, over=OVER)


class Authenticity:
    """The share of samples, in percent, that are farther from a training row than its neighbour.

    Args:
        features: the registered name of what distances are taken between.
    """

    revision = 2
    unit = "%"
    best = "real"
    orders = COPIES

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> Authenticity.signature({"features": "pixels"}, None)
        {'f': 'pixels', 'most': '10000'}
        """
        return signed(settings)

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, train: Tensor, features: Features) -> Score:
        """samples (m, d), train (n, d), features: rows to (n, w).

        Raises ValueError for no samples, one training row, and features that are not finite.
        """
        check_counts(1, sample=len(samples))
        check_counts(2, training=len(train))
        x, t = featured(features, samples, MOST), featured(features, train)
        sq_dist, index = nearest(x, t, 1)
        sources, of_source = index[:, 0].unique(return_inverse=True)
        # the nearest of all to a training row is at distance 0: itself, or its equal
        own = nearest(t[sources], t, 2)[0][:, 1][of_source]
        share = (own < sq_dist[:, 0]).double().mean().item()
        stderr = math.sqrt(share * (1 - share) / len(x))
        notes = {
            "rows": {"samples": len(x), "train": len(t), "that are nearest": len(sources)},
        }
        over, flat = "over samples, the training rows fixed", flatness(samples=x, training_rows=t)
        return Score(100 * share, 100 * stderr, warnings=flat, notes=notes, over=over)


def mann_whitney(x: Tensor, y: Tensor) -> float:
    """z of U = #{x > y} + #{x = y} / 2, negative where x (m,) are the smaller; 0 if all are equal.

    s² = mn / 12 · (N + 1 - sum (c³ - c) / (N (N - 1))), N = m + n, c the counts of equal values.
    """
    m, n, total = len(x), len(y), len(x) + len(y)
    ordered = y.sort()[0]
    less, most = (torch.searchsorted(ordered, x, right=right) for right in (False, True))
    u = (less + most).double().sum().item() / 2
    c = torch.cat([x, y]).unique(return_counts=True)[1].double()
    ties = (c**3 - c).sum().item() / (total * (total - 1))
    s = math.sqrt(m * n / 12 * (total + 1 - ties))
    return (u - m * n / 2) / s if s > 0 else 0.0


def cells(rows: Tensor, k: int) -> Tensor:
    """Centres (k, w) of k-means: from means of equal parts along the main direction, no draws."""
    centred = rows - rows.mean(dim=0)
    main = centred[centred.square().sum(dim=1).argmax()]
    for _ in range(ROUNDS):
        main = torch.nn.functional.normalize((centred @ main) @ centred, dim=0)
    order = (centred @ main).argsort(stable=True)
    centres = torch.stack([rows[part].mean(dim=0) for part in order.tensor_split(k)])
    before = None
    for _ in range(ROUNDS):
        cell = torch.cat([sq_dist.argmin(dim=1) for _, sq_dist in sq_distances(rows, centres)])
        if before is not None and torch.equal(cell, before):
            break
        before = cell
        held = [rows[cell == i] for i in range(k)]
        centres = torch.stack(
            [part.mean(dim=0) if len(part) else centres[i] for i, part in enumerate(held)]
        )
    return centres


def _both(features: Features, samples: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    return featured(features, samples, MOST), featured(features, test, MOST)


def _kept(x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Which samples and test rows are left, without each block of both."""
    count = min(BLOCKS, len(x) // 2, len(y) // 2)
    of_x, of_y = (blocks_of(len(rows), count, rows.device) for rows in (x, y))
    return [(of_x != block, of_y != block) for block in range(count)]


def _few() -> str:
    return f"{IN_CELL[0]} samples and {IN_CELL[1]} test rows"


def _rows(x: Tensor, t: Tensor, y: Tensor) -> dict[str, int]:
    return {"samples": len(x), "train": len(t), "test": len(y)}
