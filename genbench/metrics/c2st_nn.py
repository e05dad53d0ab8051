# pyright: strict
"""Can a nearest neighbour tell samples from test rows? Both sides apart, since errors cancel.

Conventions: n test rows and n samples, n the smaller count, at most the first 10,000 of each, in
features. Every row is given the label of its nearest other row, Euclidean (Lopez-Paz & Oquab,
2017, leave one out):
    a_real, a_generated = the share of each side whose label is right
    score = max(|a_real - 1/2|, |a_generated - 1/2|)
0 is what two sets of one distribution tend to; 1/2 is a side that is told apart wholly, or mistaken
wholly. a_real .78 and a_generated .22 have the mean .5 and the score .28: such samples lie around
the data. Exact copies of test rows mislead both sides.

p: the neighbours are held, the 2n labels permuted, 999 times; as Phipson & Smyth (2010) count,
p = (1 + #{permuted score >= score}) / (1 + 999). Rows are shuffled first, so that which of equally
near rows is taken does not hang on the side; draws come from torch's global generator.

stderr: where p >= .05, the deviation of the permuted scores; else, over samples and test rows, of
the side that decides, with r_i = [label i is right] - a and i ~ j where one is the other's
neighbour or both have the same,
    stderr² = sum over i, and pairs i ~ j, of r_i r_j / n²
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._distances import nearest
from genbench.metrics._rows import MOST, Features, check_counts, featured, flatness, signed
from genbench.protocols import Score

PERMUTATIONS = 999
AT_ONCE = 2**21  # labels that are permuted at a time
LEAST = 10  # rows of each side


class C2STNN:
    """How well a nearest neighbour tells samples from test rows, on its worse side; 0 is the null.

    Args:
        features: the registered name of what distances are taken between.
    """

    revision = 1
    unit = "accuracy off 1/2"
    best = "low"
    orders: tuple[str, ...] = (
        *("shifted", "blurred", "binarised", "linear"),
        *("centroids", "covariance", "repeated", "noise"),
    )

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> C2STNN.signature({"features": "digits"}, 256)
        {'f': 'digits', 'most': '10000', 'k': '1', 'n': 'equal'}
        """
        return signed(settings, k="1", n="equal")

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, test: Tensor, features: Features) -> Score:
        """samples (m, d), test (n, d), features: rows to (n, w).

        Raises ValueError for fewer than 10 rows of a side, and features that are not finite.
        """
        n = min(len(samples), len(test), MOST)
        check_counts(LEAST, sample=len(samples), test=len(test))
        x, y = featured(features, samples, n), featured(features, test, n)
        order = torch.randperm(2 * n).to(x.device)
        rows = torch.cat([y, x])[order]
        neighbour = nearest(rows, rows, 1, excluding_self=True)[1][:, 0]
        real = order < n
        sides = accuracies(real[None], neighbour)[:, 0]
        off = (sides - 0.5).abs()
        permuted = _permuted(real, neighbour)
        p = (1 + int((permuted >= off.max() - 1e-12).sum())) / (1 + PERMUTATIONS)
        worse = real if off[0] >= off[1] else ~real
        rejected = p < 0.05
        stderr = _graph_error(real, neighbour, worse) if rejected else permuted.std().item()
        how = "over samples and test rows, on the side that decides"
        over = how if rejected else "of scores whose labels are permuted, since p >= .05"
        notes = {
            "accuracy on real rows": sides[0].item(),
            "accuracy on generated rows": sides[1].item(),
            "p by permutation": p,
            "score of permuted labels": permuted.mean().item(),
            "rows": {"samples": n, "test": n},
        }
        flat = flatness(samples=x, test_rows=y)
        return Score(off.max().item(), stderr, warnings=flat, notes=notes, over=over)


def accuracies(real: Tensor, neighbour: Tensor) -> Tensor:
    """(2, P): on real and on generated rows, for labels (P, N), bool, and neighbours (N,)."""
    right = real == real[:, neighbour]
    shares = [(right & side).sum(dim=1).double() / side.sum(dim=1) for side in (real, ~real)]
    return torch.stack(shares)


def _permuted(real: Tensor, neighbour: Tensor) -> Tensor:
    """Scores (PERMUTATIONS,) of permuted labels, float64."""
    rows = max(1, AT_ONCE // len(real))
    found: list[Tensor] = []
    for start in range(0, PERMUTATIONS, rows):
        count = min(rows, PERMUTATIONS - start)
        orders = torch.stack([torch.randperm(len(real)) for _ in range(count)]).to(real.device)
        found.append((accuracies(real[orders], neighbour) - 0.5).abs().amax(dim=0))
    return torch.cat(found)


def _graph_error(real: Tensor, neighbour: Tensor, side: Tensor) -> float:
    """The standard error of the accuracy on the rows of `side` (N,), bool."""
    right = (real == real[neighbour]).double()
    r = torch.where(side, right - right[side].mean(), 0.0)
    by_neighbour = torch.zeros_like(r).index_add_(0, neighbour, r)
    own = torch.arange(len(r), device=r.device)
    mutual = neighbour[neighbour] == own
    linked = r * r[neighbour] * torch.where(mutual, 0.5, 1.0)
    total = by_neighbour.square().sum() + 2 * linked.sum()
    return math.sqrt(max(total.item(), 0.0)) / int(side.sum())
