"""Runs of the training: its seeds, the rows that it carves off, the epoch that it chooses."""

from __future__ import annotations

import torch

from ..fingerprints import Given
from ._running import desk


def last_epoch() -> Given:
    return _trained("toy_few")


def with_validation_rows() -> Given:
    return _trained("toy_few", "validated", seed=3)


def a_tenth_is_carved_off() -> Given:
    return _trained("toy_few", "selected", fold=1)


def two_thousand_are_carved_off() -> Given:
    return _trained("toy_many", "selected")


def validation_rows_choose() -> Given:
    return _trained("toy_whole", "selected")


def _trained(dataset: str, preset: str = "paper", fold: int = 0, seed: int = 0) -> Given:
    """The kept weights, how many rows and epochs made them, and what chose the epoch."""
    with desk(dataset, preset, fold, seed=seed) as work:
        work.executed()
        kept = work.store.weights(work.run)
    assert kept is not None
    weights, note = kept
    curve = [float(number) for point in note["curve"] for number in point]
    counts = [float(note[name]) for name in ("rows", "epochs", "epoch")]
    return {"weights": torch.from_numpy(weights["point"]), "counts": counts, "curve": curve}


TOLERANCE = 1e-5
RUNS = (
    *(last_epoch, with_validation_rows, a_tenth_is_carved_off, two_thousand_are_carved_off),
    validation_rows_choose,
)
