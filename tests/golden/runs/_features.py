"""Rows that metrics score in features: themselves, or their first column as a class."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.protocols import Score

from ..fingerprints import Given


class Features:
    """Rows as they are; the class of a row is its first number, rounded, from 0 to 2."""

    def __call__(self, rows: Tensor) -> Tensor:
        return rows

    def classify(self, rows: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(rows[:, 0].round().clamp(0, 2).long(), 3).float()


def drawn(m: int = 300, n: int = 280, d: int = 6) -> tuple[Tensor, Tensor]:
    """Samples and test rows."""
    return 1.1 * torch.randn(m, d) + 0.2, torch.randn(n, d)


def given(score: Score) -> Given:
    """What a score holds, as numbers."""
    found = {"value": [score.value], "warnings": [float(len(score.warnings))]}
    if score.stderr is not None:
        found["stderr"] = [score.stderr]
    for name, points in score.curves.items():
        found[name] = [number for point in points for number in point]
    for name, note in score.notes.items():
        if isinstance(note, int | float):
            found[name] = [float(note)]
    return found
