"""Runs of the GAN: both updates, both noises, both stages, convolutions, and what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch

import torch

from genbench.models import layers
from genbench.models.gan import CHUNK, GAN

from ..fingerprints import Given, refusal
from . import _training
from ._training import pictures

SHAPE = (1, 4, 4)
COARSE = "genbench.models.backward.coarse_dtype"
SMALL: dict[str, Any] = {
    "epochs": 2,
    "batch": 4,
    "noise": "uniform",
    "noise_size": 3,
    "generator": [5],
    "activations": ["relu"],
    "output": "sigmoid",
    "generator_range": 0.7,
    "output_range": 0.7,
    "discriminator": [4, 3],
    "pieces": 2,
    "discriminator_range": 0.7,
    "dropout_input": 0.2,
    "dropout_hidden": 0.5,
    "rate": 0.3,
    "rate_decay": 1.1,
    "rate_floor": 0.01,
    "momentum": 0.5,
    "final_momentum": 0.7,
    "momentum_epochs": 3,
}
DEEP: dict[str, Any] = {
    "epochs": 3,
    "deepen_after": 1,
    "deepening": [4, 3],
    "deepening_activations": ["relu", "sigmoid"],
    "sigmoid_bias": -2.0,
    "output_nonzeros": 5,
}
CONVOLUTIONAL: dict[str, Any] = {
    "transposed_convolution": [2, 2, 2],
    "generator": [8],
    "activations": ["sigmoid"],
    "convolutions": [[3, 4, 2, 2, 1], [2, 2, 1, 2, 2]],
    "discriminator": [4],
}


trained = partial(_training.trained, only=("discriminator", "generator"))


def gan(**changes: Any) -> GAN:
    return GAN(SHAPE, **{**SMALL, **changes})


def weights(model: GAN) -> Given:
    """Of G alone; D shows in the losses, and in what it says of rows."""
    return {kind: value for kind, value in _training.weights(model).items() if kind != "D"}


def simultaneous() -> Given:
    """Uniform noise, a sigmoid output, dropout; more samples than are drawn at a time."""
    model = gan()
    given = trained(model, pictures(10, SHAPE))
    return {**given, **weights(model), "samples": model.sample(CHUNK + 2)}


def alternating() -> Given:
    """Gaussian noise, the minimax loss, sparse and linear output, short weights, no dropout."""
    model = gan(
        update="alternating",
        epochs=3,
        momentum_epochs=2,
        k=3,
        noise="gaussian",
        generator_loss="minimax",
        activations=["linear"],
        output="linear",
        output_nonzeros=2,
        max_norm=0.9,
        max_updates=4,
        dropout_input=0.0,
        dropout_hidden=0.0,
        rate_floor=0.25,
    )
    given = trained(model, pictures(20, SHAPE))
    return {**given, **weights(model), "lines": model.interpolate(2, 3)}


def deepened() -> Given:
    """Two stages; the second is trained by a copy that was restored after the first."""
    first = gan(**DEEP)
    train = pictures(10, SHAPE)
    next(first.fit(train, train[:0]))
    model = gan(**DEEP)
    model.load_state_dict(first.state_dict())
    given = trained(model, train)
    return {**given, **weights(model), "samples": model.sample(5)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it draws, and trains no further."""
    state = {k: v for k, v in gan(**DEEP).state_dict().items() if not k.startswith("train.")}
    model = gan(**DEEP)
    model.load_state_dict(state)
    given = trained(model, pictures(10, SHAPE))
    return {**given, "stage": [float(model.stage)], "samples": model.sample(5)}


def critic() -> Given:
    """What D says of rows, its dropout off, and what G makes of codes, after restoring."""
    first = gan(epochs=1)
    given = trained(first, pictures(10, SHAPE))
    model = gan(epochs=1)
    model.load_state_dict({k: v for k, v in first.state_dict().items() if "train." not in k})
    rows = model.decode(model.prior(4))
    logits = model.discriminate(torch.cat([pictures(5, SHAPE), rows]))
    return {**given, "rows": rows, "logits": logits}


def codes() -> Given:
    """What normal rows are codes of, by both noises."""
    t = torch.randn(4, 3)
    return {noise: gan(noise=noise).code(t) for noise in ("uniform", "gaussian")}


def critic_in_training() -> Given:
    """What D, called as a module, says of rows: its dropout is on."""
    return {"logits": gan().D(pictures(10, SHAPE))}


def without_its_critic() -> Given:
    """Weights that were kept without D draw all the same."""
    first = gan(epochs=1)
    given = trained(first, pictures(10, SHAPE))
    model = gan(epochs=1)
    model.load_state_dict({k: v for k, v in first.state_dict().items() if k[0] in "Gs"})
    error = refusal(partial(model.discriminate, pictures(5, SHAPE)))
    return {**given, **weights(model), "samples": model.sample(5), "errors": [error]}


def means_of_the_critic() -> Given:
    """What D says of the data and of the fakes while it trains, by both updates."""
    given = [
        _training.trained(gan(update=update), pictures(10, SHAPE), only=("D(x)", "D(G(z))"))
        for update in ("simultaneous", "alternating")
    ]
    return {"means": torch.cat([each["losses"] for each in given])}


def convolutional() -> Given:
    model = gan(**CONVOLUTIONAL)
    given = trained(model, pictures(10, SHAPE))
    return {**given, **weights(model), "samples": model.sample(5)}


def constant_pixels() -> Given:
    """The output's bias starts at the logits of means of 0 and 1, which are clipped."""
    model = gan(epochs=1, max_updates=1)
    given = trained(model, pictures(10, SHAPE, border=True))
    return {**given, "bias": list(model.G.parameters())[-1]}


def coordinated() -> Given:
    """Two rates, instance noise, what G draws inside its layers, and D of other units."""
    inside = {"generator_noise": 0.3, "generator_dropout": 0.4}
    changes: dict[str, dict[str, Any]] = {
        "two rates": {"rate_ratio": 0.5},
        "in turn": {"update": "alternating", "instance_noise": 0.4, "rate_ratio": 2.0},
        "blurred": {"instance_noise": 0.4},
        "noise inside": {"generator_noise": 0.3},
        "dropout inside": {"generator_dropout": 0.4},
        "both inside": inside,
        "relu": {"discriminator_activation": "relu"},
        "sigmoid": {"discriminator_activation": "sigmoid"},
    }
    given: dict[str, Any] = {}
    for name, change in changes.items():
        model = gan(**change)
        given[f"{name}, losses"] = trained(model, pictures(10, SHAPE))["losses"]
        given[f"{name}, G"] = weights(model)["G"]
        given[f"{name}, samples"] = model.sample(5)
    given["unmet"] = [GAN.unmet({"model"}, inside, {}), GAN.unmet({"model"}, {}, {})]
    given["errors"] = [refusal(partial(gan, generator_noise=-1.0))]
    return given


def odd() -> Given:
    """Units of G that are as often negative as positive."""
    model = gan(activations=["tanh"])
    given = trained(model, pictures(10, SHAPE))
    return {**given, **weights(model), "samples": model.sample(5)}


def rounded() -> Given:
    """Products of factors in bfloat16, by the type itself and by float32, are near unrounded ones.

    Their own numbers hang on the processor: a last bit may decide how a factor is rounded.
    """
    kinds = {"float32": torch.float32, "bfloat16": torch.float32, "native": torch.bfloat16}
    losses: dict[str, Any] = {}
    for name, kind in kinds.items():
        with torch.random.fork_rng(devices=[]), patch(COARSE, lambda device, kind=kind: kind):
            model = gan(precision="float32" if name == "float32" else "bfloat16")
            losses[name] = trained(model, pictures(10, SHAPE))["losses"]
    apart = [float((losses[name] - losses["float32"]).abs().max() < 0.05) for name in kinds]
    errors = [refusal(partial(gan, precision="bfloat16", **CONVOLUTIONAL))]
    return {"near": apart, "errors": errors}


def refusals() -> Given:
    calls = [
        partial(gan, k=2),
        partial(gan, activations=[]),
        partial(gan, deepen_after=1),
        partial(gan, dropout_input=1.0),
        partial(gan, output_nonzeros=6),
        partial(gan, transposed_convolution=[2, 2]),
        partial(gan, transposed_convolution=[2, 3, 2]),
        partial(gan, transposed_convolution=[2, 6, 2]),
        partial(gan, transposed_convolution=[2, 2, 0]),
        partial(gan, transposed_convolution=[2, 2, 2]),
        partial(gan, convolutions=[[2, 2, 1, 2, 3]]),
        partial(layers.MaxoutConvolution, (16,), 2, 2, 2, 1, 2, 2, 0.1),
    ]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (simultaneous, alternating, deepened, finished, convolutional, constant_pixels, refusals)
RUNS += (critic, critic_in_training, without_its_critic, codes, means_of_the_critic, coordinated)
RUNS += (rounded, odd)
