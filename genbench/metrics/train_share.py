# pyright: strict
"""Do samples lie nearer to the rows that were trained on than to rows that were not?

Conventions: T are n training rows, evenly spaced over the file; H are n held-out rows, the test
rows; n is the smaller count, at most 10,000. Distances are Euclidean, between features. Of m
samples x (the first 10,000),
    share = mean over x of [d(x, T) < d(x, H)] + [d(x, T) = d(x, H)] / 2
It is 1/2 in expectation for whatever does not know which rows trained it, however blurred it is,
where training and held-out rows are of one distribution (MNIST's are not quite: other people wrote
them, and its test rows give .528); 1 for copies of T. Copies of all N training rows give
1/2 + n / (2 N), since only n / N of their sources are in T.

A row j of T or H is the nearest of all to a part w_j of the samples. Those stand or fall with
whether j is in T, t_j = 1 or 0, so that over samples and rows drawn anew
    stderr² = sum w_j² (t_j - share)²
Where it does not matter which rows trained, any n of the 2n could be T, and over all choices
    V = (sum w_j² - 1 / 2n) / 4 · 2n / (2n - 1),   z = (share - 1/2) / √V
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._distances import nearest
from genbench.metrics._rows import (
    MOST,
    Features,
    check_counts,
    featured,
    flatness,
    signed,
    spaced,
    two_sided,
)
from genbench.protocols import Score

LEAST = 10  # rows of each kind


class TrainShare:
    """The share of samples that are nearer to training rows than to as many held-out rows.

    Args:
        features: the registered name of what distances are taken between.
    """

    revision = 1
    unit = "share"
    best = 0.5
    orders = ("images", "shifted", "blurred", "binarised", "linear")

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> TrainShare.signature({"features": "digits"}, 256)
        {'f': 'digits', 'most': '10000', 'n': 'equal'}
        """
        return signed(settings, n="equal")

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, train: Tensor, test: Tensor, features: Features) -> Score:
        """samples (m, d), train and test (n, d), features: rows to (n, w).

        Raises ValueError for fewer than 10 rows of a kind, and for features that are not finite.
        """
        n = min(len(train), len(test), MOST)
        check_counts(LEAST, sample=len(samples), training=len(train), test=len(test))
        x = featured(features, samples, MOST)
        t = featured(features, spaced(train, n))
        h = featured(features, spaced(test[:MOST], n))
        (to_t, of_t), (to_h, of_h) = (nearest(x, rows, 1) for rows in (t, h))
        nearer = _nearer(to_t[:, 0], to_h[:, 0])
        share, m = nearer.mean().item(), len(x)
        w = _owned(nearer, of_t[:, 0], n), _owned(1 - nearer, of_h[:, 0], n)
        stderr = math.sqrt(w[0] * (1 - share) ** 2 + w[1] * share**2)
        variance = (w[0] + w[1] - 1 / (2 * n)) / 4 * (2 * n / (2 * n - 1))
        z = (share - 0.5) / math.sqrt(variance)
        notes = {
            "error": "over samples, training rows and test rows",
            "stderr over samples alone": nearer.std(correction=0).item() / math.sqrt(m),
            "p of 1/2": two_sided(z),
            "z of 1/2": z,
            "ties": (to_t == to_h).double().mean().item(),
            "rows": {"samples": m, "train": n, "test": n},
        }
        return Score(
            share, stderr, warnings=flatness(samples=x, training_rows=t, test_rows=h), notes=notes
        )


def _nearer(to_t: Tensor, to_h: Tensor) -> Tensor:
    """1 where the first squared distance is the smaller one, 1/2 where they are equal."""
    return (to_t < to_h).double() + (to_t == to_h).double() / 2


def _owned(share: Tensor, index: Tensor, n: int) -> float:
    """sum w_j² over n rows, of what part of the samples each is nearest to."""
    w = torch.zeros(n, dtype=torch.float64, device=share.device)
    return w.index_add_(0, index, share / len(share)).square().sum().item()
