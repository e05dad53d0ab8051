"""Runs of the DBM: mean and drawn visibles, with and without restarts, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from baselines.dbm import DBM

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "units": [4, 3],
    "epochs": 2,
    "batch": 4,
    "rate": 0.1,
    "momentum": 0.5,
    "decay": 0.01,
    "weight_std": 1.0,
    "hidden_bias": -0.5,
    "sliding": 0.1,
    "mean_field": 3,
    "visibles": "mean",
    "particles": 6,
    "restarts": 0.5,
    "k": 2,
    "chains": 3,
    "burn_in": 2,
    "thinning": 2,
}


def dbm(**changes: Any) -> DBM:
    return DBM(SHAPE, **{**SMALL, **changes})


def machine(model: DBM) -> Given:
    """Its weights and biases without offsets."""
    found = model.boltzmann()
    layers = {f"weights {i}": W for i, W in enumerate(found.weights)}
    return {**layers, **{f"biases {i}": b for i, b in enumerate(found.biases)}}


def restarted_chains() -> Given:
    model = dbm(chains=5)
    given = trained(model, pictures(8, SHAPE, border=True))
    return {**given, **weights(model), **machine(model), "samples": model.sample(7)}


def drawn_bits() -> Given:
    """No restarts; a copy restored after the first epoch goes on."""
    settings = {"visibles": "binary", "restarts": 0.0, "k": 1, "mean_field": 1, "max_updates": 1}
    first = dbm(**settings)
    train = pictures(8, SHAPE)
    next(first.fit(train, train[:0]))
    model = dbm(**settings, levels=2)
    model.load_state_dict(first.state_dict())
    given = trained(model, train)
    return {**given, **weights(model), "samples": model.sample(20)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it draws, and trains no further."""
    state = {k: v for k, v in dbm().state_dict().items() if not k.startswith("train.")}
    model = dbm(chains=20, burn_in=0, thinning=1)
    model.load_state_dict(state)
    given = trained(model, pictures(8, SHAPE))
    return {**given, "samples": model.sample(20)}


def refusals() -> Given:
    calls = [partial(dbm, units=[3]), partial(dbm, mean_field=0), partial(dbm, burn_in=-1)]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (restarted_chains, drawn_bits, finished, refusals)
