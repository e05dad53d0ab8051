"""Runs of the semi-supervised GAN: resumed, of finished weights, what it classifies."""

from __future__ import annotations

from functools import partial
from typing import Any

from genbench.models.semi_supervised_gan import SemiSupervisedGAN

from ..fingerprints import Given, refusal
from ._labelled import in_turn, restored, trained_by
from ._training import pictures, weights

SHAPE = (1, 4, 4)
SMALL: dict[str, Any] = {
    "epochs": 3,
    "batch": 5,
    "noise_size": 3,
    "generator": [6, 5],
    "discriminator": [7, 5],
    "input_sigma": 0.3,
    "hidden_sigma": 0.5,
    "unlabelled": 0.8,
    "rate": 0.01,
    "average": 0.3,
}


def gan(**changes: Any) -> SemiSupervisedGAN:
    return SemiSupervisedGAN(SHAPE, **{**SMALL, **changes})


def resumed() -> Given:
    """Trained on by a copy that was restored after the first epoch; validation rows are data."""
    first, train, labels = gan(), pictures(12, SHAPE), in_turn(12, hidden=9)
    valid = pictures(5, SHAPE, seed=2)
    next(first.fit(train, valid, labels))
    model = restored(gan(), first.state_dict())
    given = trained_by(model, train, labels, valid)
    return {**given, **weights(model), **_told(model)}


def finished() -> Given:
    """A model restored from its weights alone classifies, draws, and trains no further."""
    first, train, labels = gan(max_updates=2, batch=2), pictures(12, SHAPE), in_turn(12, 2)
    given = trained_by(first, train, labels)
    kept = {k: v for k, v in first.state_dict().items() if not k.startswith("train.")}
    model = restored(gan(), kept)
    left = trained_by(model, train, labels)["epochs"]
    return {**given, "left": left, **_told(model)}


def _told(model: SemiSupervisedGAN) -> Given:
    x = pictures(6, SHAPE, seed=3)
    found = {"classes": model.classify(x), "classes of the control": model.classify_control(x)}
    return {**found, "samples": model.sample(4)}


def refusals() -> Given:
    """A share of the newest weights in their average that is none."""
    return {"errors": [refusal(partial(gan, average=average)) for average in (0.0, 1.5)]}


TOLERANCE = 1e-4
RUNS = (resumed, finished, refusals)
