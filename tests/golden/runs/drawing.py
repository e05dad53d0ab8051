"""Runs of the drawing, from given weights: its seeds, what it tunes, how it rounds."""

from __future__ import annotations

import numpy as np
import torch

from ..fingerprints import Given
from ._running import desk


def pixels() -> Given:
    return _drawn("toy_few")


def numbers_that_are_not_rounded() -> Given:
    return _drawn("toy_many")


def a_further_set() -> Given:
    return _drawn("toy_few", sample_set=2)


def tuned() -> Given:
    return _drawn("toy_few", "tuned")


def tuned_on_validation_rows() -> Given:
    return _drawn("toy_whole", "tuned")


def _drawn(dataset: str, preset: str = "paper", sample_set: int = 0) -> Given:
    """The kept samples, and the values that were tried for what is tuned."""
    with desk(dataset, preset, sample_set=sample_set) as work:
        point = np.linspace(0.2, 0.6, 2 if dataset == "toy_many" else 4, dtype=np.float32)
        training = {"epochs": 1, "epoch": 1, "cut": False, "curve": [], "rows": 1}
        work.store.put_weights(work.run, {"point": point}, training, {})
        work.executed()
        kept = work.store.samples(work.run)
    assert kept is not None
    rows, note = kept
    tuned = note["tuned"] or {}
    curve = tuned.get("curve", [])
    return {
        "samples": torch.from_numpy(rows),
        "first samples": rows[:2].flatten().tolist(),
        "curve": [float(number) for point in curve for number in point],
        "chosen": [float(tuned.get("value", 0))],
    }


TOLERANCE = 1e-5
RUNS = (pixels, numbers_that_are_not_rounded, a_further_set, tuned, tuned_on_validation_rows)
