"""Runs of the latent regressor: both noises, restored in either stage; and all runs of the GAN."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

from genbench.models.latent_regressor import LatentRegressor

from ..fingerprints import Given, refusal
from . import gan
from ._training import pictures, trained

SHAPE = (1, 4, 4)
OWN: dict[str, Any] = {
    "encoder": [6, 5],
    "leak": 0.2,
    "std": 0.5,
    "encoder_epochs": 2,
    "encoder_batch": 6,
    "encoder_rate": 0.01,
    "encoder_beta1": 0.5,
    "encoder_l2": 0.01,
    "deploy": 3,
}


def regressor(**changes: Any) -> LatentRegressor:
    return LatentRegressor(SHAPE, **{**gan.SMALL, **OWN, **changes})


def answers(model: LatentRegressor) -> Given:
    x = pictures(4, SHAPE, seed=2)
    features = {"represented": model.represent(x), "at first": model.represent_initial(x)}
    return {**features, "codes": model.encode(x), "samples": model.sample(3)}


def resumed(done: int, **changes: Any) -> Given:
    """A copy restored after so many epochs goes on."""
    train, first = pictures(10, SHAPE), regressor(**changes)
    list(islice(first.fit(train, train[:0]), done))
    model = regressor(**changes)
    model.load_state_dict(first.state_dict())
    return {**trained(model, train, only=("generator", "encoder")), **answers(model)}


def restored_as_a_gan() -> Given:
    return resumed(1)


def restored_with_its_encoder() -> Given:
    return resumed(3, noise="gaussian", max_updates=1)


def weights_alone() -> Given:
    """A model restored from its weights alone trains no further."""
    kept = {k: v for k, v in regressor().state_dict().items() if not k.startswith("train.")}
    model = regressor()
    model.load_state_dict(kept)
    return {**trained(model, pictures(8, SHAPE)), "samples": model.sample(3)}


def refused() -> Given:
    return {"errors": [refusal(partial(regressor, encoder_batch=1))]}


TOLERANCE = 1e-5
RUNS = (restored_as_a_gan, restored_with_its_encoder, weights_alone, refused, *gan.RUNS)
