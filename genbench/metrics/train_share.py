# pyright: strict
"""Do samples lie nearer to the rows that were trained on than to rows that were not?

Conventions: T are N training rows, all of them or 50,000, evenly spaced over the file; H are n
held-out rows, the first 10,000 test rows. Distances are Euclidean, between features. Of m samples x
(the first 10,000),
    p = mean over x of [d(x, T) < d(x, H)] + [d(x, T) = d(x, H)] / 2
is N / (N + n) in expectation for whatever does not know which rows trained it, however blurred it
is. Counted for as many rows on either side,
    share = (p / N) / (p / N + (1 - p) / n)
is 1/2 for it, where training and held-out rows are of one distribution (MNIST's are not quite:
other people wrote its test rows), and 1 for copies of training rows, whichever they are.

A row j of T or H is the nearest of all to a part w_j of the samples. Those stand or fall with
whether j is in T, t_j = 1 or 0, so that over samples and rows drawn anew
    stderr of p² = sum w_j² (t_j - p)²,   stderr = stderr of p · d share / d p
    d share / d p = 1 / (N n (p / N + (1 - p) / n)²)
Where it does not matter which rows trained, any N of the N + n could be T, and over all choices
    V = (sum w_j² - 1 / (N + n)) · N n / ((N + n) (N + n - 1)),   z = (p - N / (N + n)) / √V
As many rows as 1 / sum w_j² of one weight decide. Where they are few, as of samples that are all
alike, the share may be 1 by chance, and its stderr 0: z is right there, and a warning says so.
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
FEW = 10  # rows that decide, below which the share says little
MOST_TRAIN = 50_000  # training rows that are read
OVER = "over samples, training rows and test rows"


class TrainShare:
    """The share of samples that are nearer to training rows than to held-out rows, at even counts.

    Args:
        features: the registered name of what distances are taken between.
    """

    revision = 1
    unit = "share"
    best: float = 0.5
    orders: tuple[str, ...] = ("images", "shifted", "blurred", "binarised", "linear")

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> TrainShare.signature({"features": "digits"}, 256)
        {'f': 'digits', 'most': '10000', 'train': '50000'}
        """
        return signed(settings, train=str(MOST_TRAIN))

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, train: Tensor, test: Tensor, features: Features) -> Score:
        """samples (m, d), train and test (n, d), features: rows to (n, w).

        Raises ValueError for fewer than 10 rows of a kind, and for features that are not finite.
        """
        check_counts(LEAST, sample=len(samples), training=len(train), test=len(test))
        x, h = featured(features, samples, MOST), featured(features, test, MOST)
        t = featured(features, spaced(train, min(len(train), MOST_TRAIN)))
        big, n = len(t), len(h)
        (to_t, of_t), (to_h, of_h) = (nearest(x, rows, 1) for rows in (t, h))
        nearer = _nearer(to_t[:, 0], to_h[:, 0])
        p, w_t, w_h = nearer.mean().item(), _owned(nearer, of_t, big), _owned(1 - nearer, of_h, n)
        even = p / big + (1 - p) / n
        slope = 1 / (big * n * even**2)
        owned = w_t + w_h
        z = (p - big / (big + n)) / math.sqrt(_variance(owned, big, n))
        notes = {
            "p of 1/2": two_sided(z),
            "z of 1/2": z,
            "stderr over samples alone": slope * nearer.std(correction=0).item() / len(x) ** 0.5,
            "nearer to training rows": p,
            "ties": (to_t == to_h).double().mean().item(),
            "rows": {"samples": len(x), "train": big, "test": n},
        }
        stderr = slope * math.sqrt(w_t * (1 - p) ** 2 + w_h * p**2)
        warnings = flatness(samples=x, training_rows=t, test_rows=h) or _few(owned, z)
        return Score(p / big / even, stderr, warnings=warnings, notes=notes, over=OVER)


def _few(owned: float, z: float) -> list[str]:
    """A warning where few rows decide; owned: sum w_j²."""
    said = (
        f"the samples are nearest to few rows, as if to {1 / owned:.1f} of one weight: the share "
        f"and its error say little; z of 1/2 is {z:.2f}"
    )
    return [said] if owned * FEW > 1 else []


def _variance(owned: float, big: int, n: int) -> float:
    """V: of p over which `big` of big + n rows are the training rows; owned: sum w_j²."""
    both = big + n
    return (owned - 1 / both) * big * n / (both * (both - 1))


def _nearer(to_t: Tensor, to_h: Tensor) -> Tensor:
    """1 where the first squared distance is the smaller one, 1/2 where they are equal."""
    return (to_t < to_h).double() + (to_t == to_h).double() / 2


def _owned(share: Tensor, index: Tensor, n: int) -> float:
    """sum w_j² over n rows, of what part of the samples each is nearest to."""
    w = torch.zeros(n, dtype=torch.float64, device=share.device)
    return w.index_add_(0, index[:, 0], share / len(share)).square().sum().item()
