"""Runs of the DBN: both contrastive divergences, both starts of the chains, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from baselines.dbn import CHUNK, DBN

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "layers": [4, 3],
    "epochs": 2,
    "batch": 4,
    "rate": 0.1,
    "momentum": 0.5,
    "final_momentum": 0.9,
    "momentum_epochs": 1,
    "decay": 0.01,
    "weight_std": 1.0,
    "persistent": True,
    "particles": 6,
    "restarts": 0.5,
    "k": 2,
    "chains": 3,
    "burn_in": 2,
    "thinning": 2,
}


def dbn(**changes: Any) -> DBN:
    return DBN(SHAPE, **{**SMALL, **changes})


def persistent_chains() -> Given:
    model = dbn(layers=[4, 3, 2], epochs=1, chains=5)
    given = trained(model, pictures(8, SHAPE))
    return {**given, **weights(model), "samples": model.sample(7)}


def chains_from_data() -> Given:
    """CD-2, no restart; a copy restored after the first epoch goes on."""
    settings = {"persistent": False, "start": "data", "max_updates": 1}
    first = dbn(**settings)
    train = pictures(8, SHAPE)
    next(first.fit(train, train[:0]))
    model = dbn(**settings)
    model.load_state_dict(first.state_dict())
    given = trained(model, train)
    return {**given, **weights(model), "samples": model.sample(4)}


def many_rows() -> Given:
    """PCD-1 without restarts, on more rows than are looked at at a time; constant pixels."""
    model = dbn(layers=[1], restarts=0.0, k=1, max_updates=1)
    given = trained(model, pictures(CHUNK + 10, SHAPE, border=True))
    return {**given, **weights(model), "samples": model.sample(2)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it draws, and trains no further."""
    state = {k: v for k, v in dbn().state_dict().items() if not k.startswith("train.")}
    model = dbn(chains=20, burn_in=0, thinning=1)
    model.load_state_dict(state)
    given = trained(model, pictures(8, SHAPE))
    return {**given, "samples": model.sample(20)}


def refusals() -> Given:
    calls = [partial(dbn, layers=[]), partial(dbn, thinning=0), partial(dbn, burn_in=-1)]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (persistent_chains, chains_from_data, many_rows, finished, refusals)
