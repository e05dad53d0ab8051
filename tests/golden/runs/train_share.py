"""Runs of the share of samples that lie nearer to training rows."""

from __future__ import annotations

import torch

from genbench.metrics.train_share import TrainShare
from genbench.protocols import Score

from ..fingerprints import Given
from . import _rows
from ._rows import cloud, same


def shares() -> Given:
    train, test = cloud(300, 1), cloud(120, 2)
    sets = cloud(100, 3), torch.cat([train[::5], cloud(40, 3)]), test[:50]
    scores = [TrainShare("f")(samples, train, test, same) for samples in sets]
    return {
        "numbers": [number for score in scores for number in _numbers(score)],
        "parts": [*TrainShare.signature({}, None).values()],
    }


def _numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    noted = [score.notes[name] for name in ("stderr over samples alone", "z of 1/2", "ties")]
    return [score.value, score.stderr, *(float(str(number)) for number in noted)]


TOLERANCE = 1e-5
RUNS = (shares, *_rows.READ, *_rows.NEAR)
