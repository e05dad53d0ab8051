"""Runs of the replay: as many rows as it keeps, and fewer."""

from __future__ import annotations

import torch

from baselines.replay import Replay

from ..fingerprints import Given
from ._training import pictures, trained

SHAPE = (1, 2, 2)


def the_first_rows() -> Given:
    """It keeps 10,000 if nothing is said."""
    model = Replay((1, 1, 1))
    trained(model, torch.linspace(0, 1, 10_100).view(-1, 1))
    return {"count": [float(len(model.sample(20_000)))], "samples": model.sample(20_000)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it keeps what it has."""
    first = Replay(SHAPE, rows=3)
    trained(first, pictures(5, SHAPE))
    model = Replay(SHAPE, rows=3)
    model.load_state_dict({"rows": first.state_dict()["rows"]})
    trained(model, pictures(5, SHAPE, seed=2))
    return {"count": [float(len(model.sample(9)))], "samples": model.sample(2)}


TOLERANCE = 1e-6
RUNS = (the_first_rows, finished)
