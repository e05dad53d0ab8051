"""Runs of the BiGAN: a falling rate, a few updates, restored in the middle, and what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from genbench.models.bigan import BiGAN

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "latent": 2,
    "generator": [6, 5],
    "encoder": [7, 4],
    "discriminator": [5, 6],
    "leak": 0.2,
    "std": 0.5,
    "epochs": 3,
    "batch": 6,
    "rate": 0.01,
    "decaying": 0.5,
    "final_rate": 0.1,
    "beta1": 0.5,
    "l2": 0.01,
    "deploy": 3,
    "deploy_between": 2,
}


def bigan(**changes: Any) -> BiGAN:
    return BiGAN(SHAPE, **{**SMALL, **changes})


def resumed() -> Given:
    """A copy restored after the first epoch goes on."""
    train, first = pictures(20, SHAPE), bigan()
    next(first.fit(train, train[:0]))
    model = bigan()
    model.load_state_dict(first.state_dict())
    given = trained(model, train)
    return {**given, **weights(model), "samples": model.sample(5)}


def answers() -> Given:
    """What a trained model says of rows and codes."""
    train, model = pictures(20, SHAPE), bigan(max_updates=2, decaying=0.0)
    given, x = trained(model, train), pictures(4, SHAPE, seed=2)
    features = {"represented": model.represent(x), "at first": model.represent_initial(x)}
    decoded = model.decode(model.code(torch.randn(3, 2)))
    said = {"codes": model.encode(x), "logits": model.discriminate(x), "decoded": decoded}
    return {**given, **features, **said, "lines": model.interpolate(2, 3)}


def finished() -> Given:
    """A model restored from its weights alone trains no further."""
    state = {k: v for k, v in bigan().state_dict().items() if not k.startswith("train.")}
    model = bigan()
    model.load_state_dict(state)
    return {**trained(model, pictures(8, SHAPE)), "samples": model.sample(3)}


def refusals() -> Given:
    return {"errors": [refusal(partial(bigan, batch=1)), refusal(partial(bigan, latent="2"))]}


def refused_statistics() -> Given:
    """Batches for statistics there must be."""
    calls = [partial(bigan, deploy=0), partial(bigan, deploy_between=0)]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (resumed, answers, finished, refusals, refused_statistics)
