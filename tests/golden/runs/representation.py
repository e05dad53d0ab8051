"""Runs of the accuracy of neighbours in an encoder's features, with and without its start."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.metrics.representation import Representation
from genbench.protocols import Labels, Score

from ..fingerprints import Given, refusal
from . import _rows
from ._rows import cloud


class Encoder:
    def encode(self, x: Tensor) -> Tensor:
        return x[:, :2]


class Featured(Encoder):
    def represent(self, x: Tensor) -> Tensor:
        return (x @ cloud(3, 9)).tanh()

    def represent_initial(self, x: Tensor) -> Tensor:
        return x[:, 1:2]  # of which no label knows


class Unchanged(Featured):
    def represent_initial(self, x: Tensor) -> Tensor:
        return self.represent(x)


def numbers(score: Score) -> list[float]:
    assert score.stderr is not None
    found = [score.value, score.stderr, float(len(score.warnings))]
    for note in score.notes.values():
        found += map(float, note.values() if isinstance(note, dict) else [str(note)])
    return found


def scores() -> Given:
    train, test = cloud(80, 1), cloud(60, 2)
    y = [(rows[:, 0] > 0).long() + (rows[:, 2] > 0.5).long() for rows in (train, test)]
    y[0] = torch.where(torch.arange(80) % 5 == 0, -1, y[0])
    labels = Labels(y[0], y[0][:0], y[1])
    found = [Representation()(m, train, test, labels) for m in (Encoder(), Featured(), Unchanged())]
    single = [score.per_example for score in found if score.per_example is not None]
    return {
        "numbers": [number for score in found for number in numbers(score)],
        "single": torch.stack(single),
        "signature": [*Representation.signature({}, 256).values()],
        "errors": [refusal(lambda: Representation()(Encoder(), train, test[:1], labels))],
    }


TOLERANCE = 1e-5
RUNS = (scores, *_rows.READ, *_rows.NEAR)
