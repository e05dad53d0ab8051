"""Runs of the VAE: every observation, both outputs, what it answers of rows, what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from baselines.vae import VAE

from ..fingerprints import Given, refusal
from ._training import pictures, trained, weights

SHAPE = (1, 3, 3)
SMALL: dict[str, Any] = {
    "latent": 2,
    "encoder": [5, 4],
    "decoder": [6],
    "observation": "gaussian",
    "epochs": 2,
    "batch": 4,
    "rate": 0.05,
}


def vae(**changes: Any) -> VAE:
    return VAE(SHAPE, **{**SMALL, **changes})


def answers(model: VAE) -> Given:
    """Codes of rows, rows of codes, and lines."""
    x = pictures(3, SHAPE, seed=2)
    means, deviations = model.posterior(x)
    decoded = model.decode(model.code(model.encode(x)))
    found = {"means": means, "deviations": deviations, "decoded": decoded}
    return {**found, "lines": model.interpolate(2, 3), "samples": model.sample(5)}


def gaussian() -> Given:
    model = vae(max_updates=1)
    given = trained(model, pictures(8, SHAPE))
    return {**given, **weights(model), **answers(model), "variance": [model.variance]}


def linear() -> Given:
    """A copy restored after the first epoch goes on."""
    settings = {"output": "linear", "first_variance": 0.5}
    first = vae(**settings)
    train = 3 * pictures(8, SHAPE) - 2
    next(first.fit(train, train[:0]))
    model = vae(**settings)
    model.load_state_dict(first.state_dict())
    given = trained(model, train)
    return {**given, **weights(model), "samples": model.sample(4)}


def continuous_bernoulli() -> Given:
    """Logits on both sides of where its series ends; there is no variance."""
    model = vae(observation="continuous_bernoulli")
    given = trained(model, pictures(8, SHAPE, border=True))
    return {**given, **weights(model), **answers(model), "none": [model.variance is None]}


def cross_entropy() -> Given:
    model = vae(observation="cross_entropy")
    takes = [["model"], ["samples"]]
    refused = [bool(model.unmet(of, {"observation": "cross_entropy"}, {})) for of in takes]
    return {**trained(model, pictures(8, SHAPE)), **weights(model), "refused": refused}


def bits() -> Given:
    """Of data of two levels; a model restored from its weights alone is finished."""
    first = vae(observation="bernoulli", levels=2)
    given = trained(first, (pictures(8, SHAPE) > 0.5).float())
    model = vae(observation="bernoulli", levels=2)
    kept = {k: v for k, v in first.state_dict().items() if not k.startswith("train.")}
    model.load_state_dict(kept)
    left = trained(model, torch.zeros(4, 9))
    return {**given, "epochs left": left["epochs"], "samples": model.sample(20)}


def refusals() -> Given:
    calls = [
        partial(vae, observation="bernoulli", levels=256),
        partial(vae, observation="cross_entropy", output="linear"),
    ]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (gaussian, linear, continuous_bernoulli, cross_entropy, bits, refusals)
