# pyright: strict
"""How many test rows a model classifies wrongly that has seen few labels.

    value = 100/n #{i: argmax_k classify(x_i)_k ≠ y_i}     %, over n test rows
    stderr = √(p (100 - p) / n), over test rows; what other labelled rows would give is seen by
    seeds, each of which shows other ones
A control, where the model has trained one beside itself, is the same classifier by the labelled
rows alone: the notes have its error, and by how much it errs more often, in pairs over the same
rows, with the standard error of that difference. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genbench.protocols import JSON, Labels, Score

ROWS = 1000  # of a block that a model is given
Z = 1.959963984540054  # of the standard normal distribution 2.5 % lie above


class SemiSupervisedError:
    """The share of test rows that are classified wrongly, in percent; the control's beside it."""

    revision = 1
    unit = "%"
    best = "low"
    requires: tuple[str, ...] = ("labelled", "classify")

    def __call__(self, model: Any, test: Tensor, labels: Labels) -> Score:
        """test (n, d)."""
        wrong = _wrong(model.classify, test, labels.test)
        value, n = wrong.mean().item(), len(wrong)
        notes: dict[str, JSON] = {
            "wrong": int((wrong > 0).sum()),
            "interval": _interval(wrong),
            "labels": int((labels.train >= 0).sum()),
            "training rows": len(labels.train),
        }
        if callable(getattr(model, "classify_control", None)):
            control = _wrong(model.classify_control, test, labels.test)
            more = control - wrong
            notes |= {
                "control": control.mean().item(),
                "control's interval": _interval(control),
                "control's more": more.mean().item(),
                "stderr of that": more.std(correction=0).item() / math.sqrt(n),
            }
        return Score(value, wrong.std(correction=0).item() / math.sqrt(n), wrong, notes=notes)


def _wrong(classify: Callable[[Tensor], Tensor], rows: Tensor, labels: Tensor) -> Tensor:
    """100 for each row (n, d) that is classified wrongly, else 0: float64 (n,)."""
    classes = [classify(block).argmax(dim=1) for block in torch.split(rows, ROWS)]
    return 100 * (torch.cat(classes) != labels).double().cpu()


def _interval(wrong: Tensor) -> list[float]:
    """Wilson's 95 % of the share, in percent, of which no end lies beyond 0 or 100.

    (p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n)
    """
    n, p = len(wrong), wrong.mean().item() / 100
    middle = p + Z**2 / (2 * n)
    half = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return [100 * (middle + side * half) / (1 + Z**2 / n) for side in (-1, 1)]
