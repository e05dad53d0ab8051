"""Runs of the nearest-neighbour two-sample test."""

from __future__ import annotations

from genbench.metrics.c2st_nn import C2STNN
from genbench.protocols import Score

from ..fingerprints import Given
from . import _rows
from ._rows import cloud, same


def scores() -> Given:
    """Of equal distributions, of wide and narrow samples."""
    found = [C2STNN("f")(far * cloud(100, 1), cloud(120, 2), same) for far in (1.0, 2.0, 0.3)]
    return {
        "numbers": [number for score in found for number in _numbers(score)],
        "parts": [*C2STNN.signature({}, None).values()],
    }


def _numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    notes = score.notes
    sides = (notes["accuracy on real rows"], notes["accuracy on generated rows"])
    noted = (*sides, notes["p by permutation"])
    return [score.value, score.stderr, *(float(str(number)) for number in noted)]


TOLERANCE = 1e-5
RUNS = (scores, *_rows.READ, *_rows.NEAR)
