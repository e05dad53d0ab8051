# pyright: strict
"""Whether samples are of the class that was asked for.

    value = (1/m) #{j: c(x_j) = y_j}      of m samples x_j that were asked to be of class y_j
c(x) is the class of the greatest logit of the features' own classifier, which errs on real rows
too: the notes have its share of right test rows, which samples as good as real ones would reach.
    stderr = √(p (1 - p) / m)

It says nothing of how varied the samples of a class are, and a classifier puts noise into some
class as well. All samples and all test rows are read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._rows import check_count, in_blocks
from genbench.protocols import JSON, Labels, Points, Score


class ClassFidelity:
    """The share of samples that a classifier finds to be of the class that was asked for.

    Args:
        features: the registered name of the features whose classifier it is.
    """

    revision = 1
    unit = "share"
    best = "high"
    orders: tuple[str, ...] = ()

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> ClassFidelity.signature({"features": "digits"}, 256)
        {'f': 'digits', 'most': 'all'}
        """
        return {"f": str(settings.get("features", "")) or "default", "most": "all"}

    def __init__(self, features: str = "") -> None:
        self.features = features

    @staticmethod
    def unmet(features: Any, density: Any) -> str:
        """Why no class can be told; empty where it can."""
        if callable(getattr(features, "classify", None)):
            return ""
        return "these features have no classes: choose features that have"

    def __call__(
        self, samples: Tensor, sample_labels: Tensor, test: Tensor, labels: Labels, features: Any
    ) -> Score:
        """samples (m, d), sample_labels int64 (m,), test (n, d).

        Raises ValueError without samples, for features without classes, and for logits that are no
        finite numbers.
        """
        if lack := self.unmet(features, None):
            raise ValueError(lack)
        check_count(len(samples), 1, "samples", "a share")
        right = _right(features, samples, sample_labels, "samples")
        real = _right(features, test, labels.test, "test rows")
        p, m = right.mean().item(), len(right)
        by_class, real_by_class = _by_class(right, sample_labels), _by_class(real, labels.test)
        hardest = min(by_class, key=lambda point: point[1])
        notes: dict[str, JSON] = {
            "of test rows": real.mean().item(),
            "lowest class": int(hardest[0]),
            "its share": hardest[1],
            "by class": {str(int(label)): share for label, share in by_class},
        }
        curves: dict[str, Points] = {
            "share right by class: samples": by_class,
            "share right by class: test rows": real_by_class,
        }
        stderr = math.sqrt(p * (1 - p) / m)
        return Score(p, stderr, curves=curves, notes=notes, over="over samples")


def _right(features: Any, rows: Tensor, labels: Tensor, what: str) -> Tensor:
    """1 for each row (n, d) that is found to be of its class, else 0: float64 (n,)."""
    classes = [logits.argmax(dim=1) for logits in in_blocks(features.classify, rows, what)]
    return (torch.cat(classes) == labels).double()


def _by_class(right: Tensor, labels: Tensor) -> list[tuple[float, float]]:
    """Each class that occurs, and the mean over its rows."""
    of_class = ((c, right[labels == c]) for c in range(int(labels.max()) + 1))
    return [(float(c), found.mean().item()) for c, found in of_class if len(found)]
