"""Runs of the maximum mean discrepancy."""

from __future__ import annotations

import torch

from genbench.metrics.mmd import MMD
from genbench.protocols import Score

from ..fingerprints import Given, refusal
from . import _rows
from ._rows import cloud, same


def scores() -> Given:
    found = [MMD("f")(far * cloud(100, 1), cloud(90, 3), cloud(120, 2), same) for far in (1, 2)]
    flat = torch.ones(90, 3)
    return {
        "numbers": [number for score in found for number in _numbers(score)],
        "parts": [*MMD.signature({}, None).values()],
        "errors": [refusal(lambda: MMD()(flat, flat, flat, same))],
    }


def _numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    noted = [score.notes[name] for name in ("p by permutation", "bandwidth")]
    return [score.value, score.stderr, *(float(str(number)) for number in noted)]


TOLERANCE = 1e-4  # of a difference of means of float32 kernels
RUNS = (scores, *_rows.READ, *_rows.NEAR)
