"""Runs of the stacked CAE: chains from noise and from data, reconstructions, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from baselines.stacked_cae import KEPT, StackedCAE

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "layers": [5, 4],
    "epochs": 2,
    "batch": 4,
    "rate": 0.1,
    "momentum": 0.5,
    "contraction": 0.7,
    "noise": 0.8,
    "chains": 3,
    "burn_in": 2,
    "thinning": 2,
}


def stacked_cae(shape: tuple[int, ...] = SHAPE, **changes: Any) -> StackedCAE:
    return StackedCAE(shape, **{**SMALL, **changes})


def chains_from_noise() -> Given:
    model = stacked_cae()
    given = trained(model, pictures(10, SHAPE))
    return {**given, **weights(model), "samples": model.sample(7)}


def chains_from_data() -> Given:
    """A copy restored after the first epoch goes on; more chains than images."""
    settings = {"start": "data", "max_updates": 1, "chains": 12}
    first = stacked_cae(**settings)
    train = pictures(10, SHAPE)
    next(first.fit(train, train[:0]))
    model = stacked_cae(**settings)
    model.load_state_dict(first.state_dict())
    given = trained(model, train)
    return {**given, **weights(model), "samples": model.sample(13)}


def many_rows() -> Given:
    """One unit, one chain, on more rows than are kept for sampling."""
    small = {"layers": [1], "epochs": 1, "max_updates": 1}
    model = stacked_cae((1, 1, 2), **small, chains=1, burn_in=0, thinning=1)
    given = trained(model, torch.linspace(0, 1, 2 * KEPT + 200).view(-1, 2))
    return {**given, "kept": model.state_dict()["kept"], "samples": model.sample(4)}


def reconstructions() -> Given:
    """A model restored from its weights alone is finished: it trains no further."""
    trained_one = stacked_cae()
    trained(trained_one, pictures(10, SHAPE))
    state = trained_one.state_dict()
    model = stacked_cae(reconstruct=True)
    model.load_state_dict({k: v for k, v in state.items() if not k.startswith("train.")})
    given = trained(model, pictures(10, SHAPE))
    return {**given, "samples": model.sample(4)}


def refusals() -> Given:
    calls = [
        partial(stacked_cae, layers=[]),
        partial(stacked_cae, thinning=0),
        partial(stacked_cae, burn_in=-1),
    ]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (chains_from_noise, chains_from_data, many_rows, reconstructions, refusals)
