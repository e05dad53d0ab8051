"""Runs of the layers and initialisations that nets share, called as they are."""

from __future__ import annotations

from functools import partial

import torch

from genbench.models import layers

from ..fingerprints import Given, refusal


def every_layer() -> Given:
    x = torch.linspace(-1, 1, 64).view(4, 16)
    convolution = layers.MaxoutConvolution((1, 4, 4), 2, 2, 3, 1, 2, 1, 0.7)
    dropout, kept = layers.Dropout(0.5, 16), layers.Dropout(0.0, 16)
    long = torch.ones(2, 3)
    layers.limit_norms(long, 0.9)
    return {
        "convolution": convolution(x),
        "transposed": layers.TransposedConvolution(16, (1, 5, 5), 4, 3, 2, 0.7)(x),
        "dropout": torch.cat([dropout(x), kept(x)]),
        "affine": layers.sparse(16, 3, 2)(layers.uniform(16, 16, 0.7)(x)),
        "maxout": layers.Maxout(2)(x),
        "marginals": layers.logit_of_marginals(x.clamp(min=0)),
        "short": long,
    }


def refused_layers() -> Given:
    calls = [
        partial(layers.Dropout, 1.0, 2),
        partial(layers.MaxoutConvolution, (16,), 2, 2, 2, 1, 2, 2, 0.1),
        partial(layers.windows, 4, 2, 1, 2, 3),
        partial(layers.spread, 4, 3, 2),
        partial(layers.TransposedConvolution, 3, (1, 5, 5), 4, 3, 2, 0.7),
        partial(layers.sparse, 2, 3, 3),
    ]
    return {"errors": [refusal(call) for call in calls]}


def noisy_layers() -> Given:
    """What noise adds, and what goes back through it and through dropout."""
    x = torch.linspace(-1, 1, 64).view(4, 16)
    noise, dropout, kept = layers.Noise(0.3, 16), layers.Dropout(0.5, 16), layers.Dropout(0.0, 16)
    m = dropout.draw(4, x)
    assert m is not None
    back = [kept.back(x.clone(), None), dropout.back(x.clone(), m), noise.back(x, m)]
    still = [noise.disturb(x, None), layers.Noise(0.0, 16)(x)]
    return {
        "noise": noise(x),
        "back": torch.cat(back),
        "still": torch.cat(still),
        "errors": [refusal(partial(layers.Noise, -1.0, 2))],
    }


RUNS = (every_layer, refused_layers, noisy_layers)
