"""Runs of the denoising auto-encoder: with and without walkback, both starts, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from baselines.dae import DAE

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "hidden": 5,
    "epochs": 2,
    "batch": 4,
    "walkback": 3,
    "corruption": 0.4,
    "rate": 1.0,
    "rate_decay": 0.9,
    "threshold": 0.0,
    "chains": 3,
    "start": "noise",
    "burn_in": 1,
    "thinning": 2,
}


def dae(**changes: Any) -> DAE:
    return DAE(SHAPE, **{**SMALL, **changes})


def with_walkback() -> Given:
    model, train = dae(), pictures(10, SHAPE)
    given = trained(model, train)
    codes = model.encode(train)
    again = {"codes": codes, "rows": model.decode(codes)}
    return {**given, **weights(model), **again, "samples": model.sample(5)}


def of_one_step() -> Given:
    """Black and white, validation rows, chains from data; restored after the first epoch."""
    settings = {"walkback": 1, "threshold": 0.5, "max_updates": 2, "start": "data", "burn_in": 0}
    first = dae(**settings)
    train, valid = pictures(8, SHAPE), pictures(3, SHAPE, seed=2)
    next(first.fit(train, valid))
    model = dae(**settings)
    model.load_state_dict(first.state_dict())
    given = trained(model, train, valid)
    again = {"codes": model.encode(train)}
    return {**given, **weights(model), **again, "samples": model.sample(5)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it draws, and trains no further."""
    state = {k: v for k, v in dae().state_dict().items() if not k.startswith("train.")}
    model = dae(thinning=1)
    model.load_state_dict(state)
    given = trained(model, pictures(8, SHAPE))
    return {**given, "samples": model.sample(2)}


def refusals() -> Given:
    calls = [partial(dae, hidden=0), partial(dae, corruption=1.5), partial(dae, burn_in=-1)]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (with_walkback, of_one_step, finished, refusals)
