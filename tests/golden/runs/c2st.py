"""Runs of the trained two-sample test."""

from __future__ import annotations

from genbench.metrics.c2st import C2ST
from genbench.protocols import Score

from ..fingerprints import Given
from . import _rows
from ._rows import cloud, same


def scores() -> Given:
    found = [C2ST("f")(far * cloud(100, 1), cloud(120, 2), same) for far in (1.0, 4.0)]
    return {
        "numbers": [number for score in found for number in _numbers(score)],
        "parts": [*C2ST.signature({}, None).values()],
    }


def _numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    return [score.value, score.stderr, float(str(score.notes["p of 1/2"]))]


TOLERANCE = 1e-5
RUNS = (scores, *_rows.READ)
