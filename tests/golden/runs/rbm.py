"""Runs of the RBM: both contrastive divergences, both kinds of visibles, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from baselines.rbm import RBM

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "units": 4,
    "epochs": 2,
    "batch": 4,
    "rate": 0.1,
    "momentum": 0.5,
    "final_momentum": 0.9,
    "momentum_epochs": 1,
    "decay": 0.01,
    "weight_std": 1.0,
    "visibles": "mean",
    "persistent": True,
    "particles": 6,
    "restarts": 0.5,
    "k": 2,
    "chains": 3,
    "burn_in": 2,
    "thinning": 2,
}


def rbm(**changes: Any) -> RBM:
    return RBM(SHAPE, **{**SMALL, **changes})


def persistent_chains() -> Given:
    model = rbm(chains=5)
    given = trained(model, pictures(8, SHAPE, border=True))
    (W,), (b, c) = model.boltzmann().weights, model.boltzmann().biases
    machine = {"weights": W, "visible": b, "hidden": c}
    return {**given, **weights(model), **machine, "samples": model.sample(7)}


def chains_from_data() -> Given:
    """CD-2 on drawn bits; a copy restored after the first epoch goes on."""
    settings = {"persistent": False, "visibles": "binary", "max_updates": 1}
    first = rbm(**settings)
    train = pictures(8, SHAPE)
    next(first.fit(train, train[:0]))
    model = rbm(**settings)
    model.load_state_dict(first.state_dict())
    given = trained(model, train)
    return {**given, **weights(model), "samples": model.sample(4)}


def no_restarts() -> Given:
    """PCD-1; of data of two levels samples are bits."""
    model = rbm(restarts=0.0, k=1, epochs=1, levels=2)
    given = trained(model, pictures(8, SHAPE))
    return {**given, **weights(model), "samples": model.sample(20)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it draws, and trains no further."""
    state = {k: v for k, v in rbm().state_dict().items() if not k.startswith("train.")}
    model = rbm(chains=20, burn_in=0, thinning=1)
    model.load_state_dict(state)
    given = trained(model, pictures(8, SHAPE))
    return {**given, "samples": model.sample(20)}


def refusals() -> Given:
    calls = [partial(rbm, units=0), partial(rbm, thinning=0), partial(rbm, burn_in=-1)]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (persistent_chains, chains_from_data, no_restarts, finished, refusals)
