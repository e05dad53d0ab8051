"""Runs of the measures of copying, which share a file."""

from __future__ import annotations

from typing import Any

import torch

from genbench.metrics.copying import Authenticity, DataCopying, NNRatio, cells, mann_whitney
from genbench.protocols import Score

from ..fingerprints import Given, refusal
from . import _rows
from ._rows import cloud, same


def scores() -> Given:
    train, test = cloud(300, 1), cloud(120, 2)
    given: dict[str, list[float | str]] = {}
    for name, samples in (("free", cloud(100, 3)), ("copies", train[:100] + 0.01)):
        found = [
            NNRatio("f")(samples, train, test, same),
            DataCopying("f")(samples, train, test, same),
            Authenticity("f")(samples, train, same),
        ]
        given[name] = [number for score in found for number in _numbers(score)]
    return given


def cells_and_ranks() -> Given:
    rows = torch.cat([cloud(50, 1), cloud(30, 2) + 9])
    few = DataCopying()(rows[:1] + 0.01 * cloud(90, 3), rows, rows, same)
    return {
        "centres": cells(rows, 3),
        "ranks": [mann_whitney(rows[:, 0].round(), rows[:9, 1]), mann_whitney(*torch.ones(2, 3))],
        "warnings": [float(len(few.warnings))],
    }


def what_is_refused() -> Given:
    rows = cloud(100, 1)
    calls = [
        lambda: NNRatio()(rows, rows, rows, same),
        lambda: DataCopying()(rows + 99, torch.cat([rows, rows + 99]), rows, same),
        lambda: Authenticity()(rows, rows[:1], same),
    ]
    return {
        "errors": [refusal(call) for call in calls],
        "parts": [
            float(len(metric.signature({}, None)))
            for metric in (NNRatio, DataCopying, Authenticity)
        ],
    }


def _numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    notes: Any = score.notes
    return [score.value, score.stderr, notes.get("p of no copying", 0.0)]


TOLERANCE = 1e-5
RUNS = (scores, cells_and_ranks, what_is_refused, *_rows.READ, *_rows.NEAR)
