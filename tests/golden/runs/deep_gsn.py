"""Runs of the deep GSN: both steps of the descent, both starts of the chains, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from baselines.deep_gsn import DeepGSN

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "layers": [5, 4, 3, 1],
    "epochs": 2,
    "batch": 4,
    "walkback": 3,
    "corruption": 0.4,
    "noise": 0.5,
    "rate": 0.05,
    "rate_decay": 0.9,
    "momentum": 0.6,
    "chains": 3,
    "start": "noise",
    "burn_in": 1,
    "thinning": 2,
}


def deep_gsn(**changes: Any) -> DeepGSN:
    return DeepGSN(SHAPE, **{**SMALL, **changes})


def momentum_alone() -> Given:
    model = deep_gsn()
    given = trained(model, pictures(10, SHAPE))
    return {**given, **weights(model), "samples": model.sample(5)}


def second_momentum() -> Given:
    """Adam, validation rows, chains from data; a copy restored after the first epoch goes on."""
    settings = {
        "layers": [4],
        "rate": 0.01,
        "momentum": 0.9,
        "second_momentum": 0.99,
        "pixel_scale": 0.9,
        "max_updates": 1,
        "start": "data",
        "burn_in": 0,
        "thinning": 1,
    }
    first = deep_gsn(**settings)
    train, valid = pictures(8, SHAPE), pictures(3, SHAPE, seed=2)
    next(first.fit(train, valid))
    model = deep_gsn(**settings)
    model.load_state_dict(first.state_dict())
    given = trained(model, train, valid)
    return {**given, **weights(model), "samples": model.sample(5)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it draws, and trains no further."""
    state = {k: v for k, v in deep_gsn().state_dict().items() if not k.startswith("train.")}
    state["b.0"][0] = 9.0  # a pixel that is white
    model = deep_gsn(burn_in=0, thinning=1, pixel_scale=0.9)
    model.load_state_dict(state)
    given = trained(model, pictures(8, SHAPE))
    return {**given, "samples": model.sample(2)}


def refusals() -> Given:
    calls = [
        partial(deep_gsn, layers=[]),
        partial(deep_gsn, walkback=0),
        partial(deep_gsn, pixel_scale=0.0),
        partial(deep_gsn, chains=0),
        partial(deep_gsn, burn_in=-1),
    ]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (momentum_alone, second_momentum, finished, refusals)
