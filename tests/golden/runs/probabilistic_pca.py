"""Runs of probabilistic PCA: what it fits, what it answers of rows, clipped and not."""

from __future__ import annotations

from functools import partial

import torch

from baselines.probabilistic_pca import CHUNK, ProbabilisticPCA

from ..fingerprints import Given, refusal
from ._training import pictures, trained

SHAPE = (1, 2, 2)


def fit() -> Given:
    """On more rows than are looked at at a time."""
    model = ProbabilisticPCA(SHAPE, 2, clip=False)
    given = trained(model, pictures(CHUNK + 10, SHAPE))
    x = pictures(3, SHAPE, seed=2)
    means, deviations = model.posterior(x)
    found = {"W": model.W, "mean": model.mean, "variance": [model.variance]}
    found |= {"means": means, "deviations": deviations, "log_prob": model.log_prob(x)}
    decoded = model.decode(model.code(model.encode(x)))
    return {**given, **found, "decoded": decoded, "samples": model.sample(5)}


def restored_and_clipped() -> Given:
    """More components than directions; restored from its weights, it is finished."""
    first = ProbabilisticPCA(SHAPE, 9)
    trained(first, pictures(20, SHAPE))
    model = ProbabilisticPCA(SHAPE, 9)
    model.load_state_dict({k: v for k, v in first.state_dict().items() if k != "train.epoch"})
    given = trained(model, torch.zeros(3, 4))
    return {**given, "samples": model.sample(20)}


def refusals() -> Given:
    return {"errors": [refusal(partial(ProbabilisticPCA, SHAPE, 0))]}


TOLERANCE = 1e-5
RUNS = (fit, restored_and_clipped, refusals)
