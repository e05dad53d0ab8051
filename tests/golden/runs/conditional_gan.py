"""Runs of the conditional GAN: resumed, of finished weights, of rows whose label is hidden."""

from __future__ import annotations

from typing import Any

from genbench.models.conditional_gan import CHUNK, ConditionalGAN

from ..fingerprints import Given
from . import _layers
from ._labelled import in_turn, restored, trained_by
from ._training import pictures, weights

SHAPE = (1, 4, 4)
SMALL: dict[str, Any] = {
    "epochs": 3,
    "batch": 4,
    "noise_size": 3,
    "generator": [5, 3, 6],
    "discriminator": [4, 2, 3],
    "pieces": [2, 3, 2],
    "generator_range": 0.7,
    "discriminator_range": 0.7,
    "label_range": 0.9,
    "generator_dropout": 0.5,
    "discriminator_dropout": 0.5,
    "rate": 0.3,
    "rate_decay": 1.1,
    "rate_floor": 0.1,
    "momentum": 0.5,
    "final_momentum": 0.7,
    "momentum_epochs": 2,
}


def gan(**changes: Any) -> ConditionalGAN:
    return ConditionalGAN(SHAPE, **{**SMALL, **changes})


def resumed() -> Given:
    """Trained on by a copy that was restored after the first epoch; two rows have no label."""
    first, train, labels = gan(), pictures(12, SHAPE), in_turn(12, hidden=2)
    next(first.fit(train, train[:0], labels))
    model = restored(gan(), first.state_dict())
    given = trained_by(model, train, labels)
    return {**given, **weights(model), "samples": model.sample(CHUNK + 2, in_turn(CHUNK + 2))}


def finished() -> Given:
    """A model restored from its weights alone draws, and trains no further."""
    first, train, labels = (
        gan(generator_dropout=0.0, max_updates=2),
        pictures(12, SHAPE),
        in_turn(12, 2),
    )
    given = trained_by(first, train, labels)
    model = restored(gan(), weights_of(first))
    left = trained_by(model, train, labels)["epochs"]
    return {**given, "left": left, "samples": model.sample(5, in_turn(5, 2))}


def weights_of(model: ConditionalGAN) -> dict[str, Any]:
    return {k: v for k, v in model.state_dict().items() if not k.startswith("train.")}


TOLERANCE = 1e-5
RUNS = (resumed, finished, *_layers.RUNS)
