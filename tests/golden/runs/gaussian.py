"""Runs of the Gaussian: of full and of less than full rank, clipped and not."""

from __future__ import annotations

import torch

from baselines.gaussian import CHUNK, Gaussian

from ..fingerprints import Given
from ._training import pictures, trained

SHAPE = (1, 2, 2)


def full_rank() -> Given:
    """Of the root A only A Aᵀ, and of a sample x only |x - mean|: eigenvectors have no sign."""
    model = Gaussian(SHAPE, clip=False)
    trained(model, pictures(CHUNK + 10, SHAPE))
    distances = (model.sample(CHUNK + 2) - model.mean).norm(dim=1)
    covariance = model.root @ model.root.T
    return {"mean": model.mean, "covariance": covariance, "distances": distances}


def less_than_full_rank() -> Given:
    """Three rows span two dimensions."""
    model = Gaussian(SHAPE, clip=False)
    trained(model, pictures(3, SHAPE))
    return {"rank": [float(model.notes()["rank"])], "covariance": model.root @ model.root.T}


def clipped() -> Given:
    """One dimension, whose only eigenvector is 1; restored from its weights, it is finished."""
    first = Gaussian((1, 1, 1))
    trained(first, torch.tensor([[0.0], [1.0], [1.0]]))
    model = Gaussian((1, 1, 1))
    model.load_state_dict({k: v for k, v in first.state_dict().items() if k != "train.epoch"})
    given = trained(model, pictures(3, (1, 1, 1)))
    return {**given, "samples": model.sample(20)}


TOLERANCE = 1e-5
RUNS = (full_rank, less_than_full_rank, clipped)
