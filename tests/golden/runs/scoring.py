"""Runs of the scoring, of given samples: its seeds, and the way from kept rows to a score."""

from __future__ import annotations

import numpy as np
import torch

from ..fingerprints import Given
from ._running import desk

NOTE = {"kind": "mean", "notes": {}, "tuned": {}, "mixing": {}, "training": {"cut": False}}


def pixels() -> Given:
    return _scored("toy_few", np.arange(80, dtype=np.uint8).reshape(20, 4))


def another_fold() -> Given:
    return _scored("toy_few", np.arange(80, dtype=np.uint8).reshape(20, 4), fold=1)


def numbers_that_are_not_rounded() -> Given:
    return _scored("toy_many", np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2))


def _scored(dataset: str, rows: np.ndarray, fold: int = 0) -> Given:
    with desk(dataset, fold=fold) as work:
        work.store.put_samples(work.run, rows, NOTE, {})
        result = work.executed()
        per_example = work.store.per_example(result)
    assert per_example is not None
    off = float(result.notes["off"])  # the kept numbers are without it
    assert result.value is not None
    assert result.stderr is not None
    numbers = {"value": [result.value], "stderr": [result.stderr]}
    return {**numbers, "per example": torch.from_numpy(per_example) - off}


TOLERANCE = 1e-5
RUNS = (pixels, another_fold, numbers_that_are_not_rounded)
