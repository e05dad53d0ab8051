"""Runs of the held-out rows: all but those that choose, few rows, and what is refused."""

from __future__ import annotations

from baselines.held_out import HeldOut

from ..fingerprints import Given
from ._training import pictures

SHAPE = (1, 2, 2)


def the_rows_that_chose_nothing() -> Given:
    """The first 1,000 choose if nothing is said."""
    model, valid = HeldOut(SHAPE), pictures(1010, SHAPE)
    for _ in model.fit(valid[:0], valid):
        pass
    return {"samples": model.sample(20), "count": [float(len(model.sample(20)))]}


def finished() -> Given:
    """A model restored from its weights alone is finished: it keeps what it has."""
    model = HeldOut(SHAPE, skip=0)
    model.load_state_dict({"rows": pictures(5, SHAPE)})
    for _ in model.fit(pictures(3, SHAPE), pictures(3, SHAPE, seed=2)):
        pass
    return {"samples": model.sample(9), "state": [float(len(model.state_dict()))]}


def few_rows() -> Given:
    """Fewer than twice as many as choose are kept; a metric that chooses by them is refused."""
    model, valid = HeldOut(SHAPE, skip=3), pictures(5, SHAPE)
    for _ in model.fit(valid[:0], valid):
        pass
    takes, rows = {"valid"}, {"train": 0, "valid": 5, "test": 0}
    said = [HeldOut.unmet(takes, {"skip": skip}, rows) for skip in (3, 2)]
    return {"samples": model.sample(9), "words": said}


def many_rows() -> Given:
    model, valid = HeldOut(SHAPE, skip=3), pictures(7, SHAPE)
    for _ in model.fit(valid[:0], valid):
        pass
    return {"samples": model.sample(9)}


TOLERANCE = 1e-6
RUNS = (the_rows_that_chose_nothing, finished, few_rows, many_rows)
