"""Can a trained classifier tell samples from test rows? The strong-discriminator test.

Conventions: n samples (label 1) and n test rows (label 0), the smaller count, at most the first
10,000 of each, in features; both are quantised alike before they come here, since grey levels
between those of the data would give samples away. Lopez-Paz & Oquab (2017): half of each side
trains a classifier, the others test it,
    score = the share of the N held-out rows whose label is right
    p = P(N(1/2, 1 / 4N) >= score)
1/2 is what samples of the data's distribution give, 1 those that are always told apart. Whatever
the classifier is, a low p is evidence; a high one says only that this one found nothing.

The classifier: features standardised by the training half, one hidden layer of 128 rectified
units, cross-entropy, 500 steps of AdamW on at most 256 rows. Draws come from torch's global
generator. stderr = √(score (1 - score) / N) is over held-out rows, the classifier given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from genbench.metrics._rows import MOST, Features, below, check_counts, featured, flatness, signed
from genbench.precision import float32_products
from genbench.protocols import Score

HIDDEN, STEPS, BATCH = 128, 500, 256
RATE, DECAY = 3e-3, 1e-2
LEAST = 20  # rows of each side


class C2ST:
    """The held-out accuracy of a classifier that is trained to tell samples from test rows.

    Args:
        features: the registered name of what it is shown.
    """

    revision = 1
    unit = "accuracy"
    best: float = 0.5
    orders: tuple[str, ...] = (
        *("shifted", "blurred", "binarised", "linear"),
        *("centroids", "covariance", "repeated", "noise"),
    )

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> C2ST.signature({"features": "digits"}, 256)
        {'f': 'digits', 'most': '10000', 'net': 'mlp128', 'n': 'equal'}
        """
        return signed(settings, net=f"mlp{HIDDEN}", n="equal")

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, test: Tensor, features: Features) -> Score:
        """samples (m, d), test (n, d), features: rows to (n, w).

        Raises ValueError for fewer than 20 rows of a side, and features that are not finite.
        """
        n = min(len(samples), len(test), MOST)
        check_counts(LEAST, sample=len(samples), test=len(test))
        x, y = featured(features, samples, n), featured(features, test, n)
        order_x, order_y = (torch.randperm(n).to(x.device) for _ in range(2))
        half = n // 2
        train = torch.cat([x[order_x[:half]], y[order_y[:half]]])
        net = _trained(train, torch.arange(2 * half, device=x.device) < half)
        right_x = net(x[order_x[half:]]) > 0
        right_y = ~(net(y[order_y[half:]]) > 0)
        held_out = len(right_x) + len(right_y)
        score = torch.cat([right_x, right_y]).double().mean().item()
        notes = {
            "accuracy on real rows": right_y.double().mean().item(),
            "accuracy on generated rows": right_x.double().mean().item(),
            "p of 1/2": below(-2 * math.sqrt(held_out) * (score - 0.5)),
            "rows": {"train": 2 * half, "held out": held_out},
        }
        stderr = math.sqrt(score * (1 - score) / held_out)
        over = "over held-out rows, the classifier given"
        flat = flatness(samples=x, test_rows=y)
        return Score(score, stderr, warnings=flat, notes=notes, over=over)


class _Classifier:
    """A logit (n,) for each row (n, w), greater for what it takes for samples."""

    def __init__(self, rows: Tensor) -> None:
        self.mean = rows.double().mean(dim=0)
        self.std = rows.double().std(dim=0, correction=0)
        width = rows.shape[1]
        self.net = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        self.net.to(rows.device)

    def standardised(self, rows: Tensor) -> Tensor:
        """Float32; a column that is constant in the training half is left at 0 there."""
        std = torch.where(self.std > 1e-6 * self.mean.abs(), self.std, 1.0)
        return ((rows.double() - self.mean) / std).clamp(-100, 100).float()

    def __call__(self, rows: Tensor) -> Tensor:
        with torch.no_grad(), float32_products():
            return self.net(self.standardised(rows)).squeeze(1)


def _trained(rows: Tensor, labels: Tensor) -> _Classifier:
    found = _Classifier(rows)
    rows, targets = found.standardised(rows), labels.float()
    steps = torch.optim.AdamW(found.net.parameters(), lr=RATE, weight_decay=DECAY)
    with torch.enable_grad(), float32_products():
        for _ in range(STEPS):
            batch = torch.randint(len(rows), (min(BATCH, len(rows)),)).to(rows.device)
            logits = found.net(rows[batch]).squeeze(1)
            loss = nn.functional.binary_cross_entropy_with_logits(logits, targets[batch])
            steps.zero_grad()
            loss.backward()
            steps.step()
    return found
