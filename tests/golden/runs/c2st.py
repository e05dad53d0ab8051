"""Runs of the trained two-sample test."""

from __future__ import annotations

from unittest.mock import patch

import torch

from genbench.metrics import c2st
from genbench.metrics.c2st import C2ST
from genbench.protocols import Score

from ..fingerprints import Given
from . import _rows
from ._rows import cloud, same


def after_a_few_steps() -> Given:
    """Logits, and the score of rows far apart: 500 steps for near ones hang on the processor."""
    rows = torch.cat([cloud(100, 1), cloud(120, 2)])
    with patch("genbench.metrics.c2st.STEPS", 20):
        logits = c2st._trained(rows, torch.arange(len(rows)) < 100)(rows)
    far = C2ST("f")(4.0 * cloud(100, 1), cloud(120, 2), same)
    return {
        "logits": logits,
        "numbers": _numbers(far),
        "parts": [*C2ST.signature({}, None).values()],
    }


def _numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    return [score.value, score.stderr, float(str(score.notes["p of 1/2"]))]


TOLERANCE = 1e-5
RUNS = (after_a_few_steps, *_rows.READ)
