"""What a model must keep of the methods by which its likelihood is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from genbench.protocols import Boltzmann
from genbench.seeding import seeded
from genbench.testing.claims import require, works
from genbench.testing.trial import Trial

DRAWS = 20_000
FARTHEST = 0.033  # between two empirical distributions of so many draws; by chance once in 10⁹


def likelihood_claims(trial: Trial, x: Tensor) -> Iterator[str]:
    """Of `code`, `posterior` and `boltzmann`, where the model has them, on rows x (n, d)."""
    if "code" in trial.can:
        yield from _code_claims(trial)
    if "posterior" in trial.can:
        yield from _posterior_claims(trial, x)
    if "boltzmann" in trial.can:
        yield from _boltzmann_claims(trial)


def _code_claims(trial: Trial) -> Iterator[str]:
    shape = trial.shape
    yield require("prior" in trial.can, f"code has a prior, {shape}", "the model has no prior")
    with works(f"code takes rows of a standard normal, {shape}"), seeded("codes"):
        drawn = trial.model.prior(DRAWS).detach()
        codes = trial.model.code(torch.randn_like(drawn)).detach()
    claim = f"code gives codes as wide as those of prior, {shape}"
    got = f"{tuple(codes.shape)} and {tuple(drawn.shape)}"
    yield require(codes.shape == drawn.shape, claim, got)
    apart = farthest(codes, drawn)
    claim = f"code of normal rows is distributed as prior, number by number, {shape}"
    yield require(apart < FARTHEST, claim, f"their distributions are {apart:.3g} apart")
    if "decode" in trial.can:
        claim = f"decode(code(t)) has slopes with respect to t, {shape}"
        t = torch.randn_like(drawn[:2]).requires_grad_()
        with works(claim):
            decoded = trial.model.decode(trial.model.code(t))
        yield require(decoded.requires_grad, claim, "it was computed without")


def farthest(one: Tensor, other: Tensor) -> float:
    """The greatest distance of the empirical distributions of any column of rows (n, c) each.

    >>> farthest(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]]))
    0.5
    """
    apart = []
    for a, b in zip(one.T.contiguous(), other.T.contiguous(), strict=True):
        places = torch.cat([a, b])
        below = [
            torch.searchsorted(rows.sort().values, places, right=True) / len(rows)
            for rows in (a, b)
        ]
        apart.append(float((below[0] - below[1]).abs().max()))
    return max(apart)


def _posterior_claims(trial: Trial, x: Tensor) -> Iterator[str]:
    claim = f"posterior gives means and deviations, {trial.shape}"
    with works(claim), seeded("posterior"):
        means, deviations = trial.model.posterior(x)
    got = f"got {tuple(means.shape)} and {tuple(deviations.shape)}"
    fits = means.shape == deviations.shape and means.ndim == 2 and len(means) == len(x)
    yield require(fits, claim, got)
    positive = bool((deviations > 0).all())
    claim = f"deviations of posterior are positive, {trial.shape}"
    yield require(positive, claim, f"the least is {float(deviations.min()):.3g}")
    has_code = "code" in trial.can
    yield require(has_code, f"posterior has a code, {trial.shape}", "the model has no code")
    with seeded("posterior"):
        width = trial.model.prior(1).shape[1]
    claim = f"posterior is of codes as wide as those of prior, {trial.shape}"
    yield require(means.shape[1] == width, claim, f"{means.shape[1]} and {width}")


def _boltzmann_claims(trial: Trial) -> Iterator[str]:
    claim = f"boltzmann gives weights and biases, {trial.shape}"
    with works(claim):
        machine = trial.model.boltzmann()
    yield require(isinstance(machine, Boltzmann), claim, f"got {type(machine).__name__}")
    units = [len(b) for b in machine.biases]
    sizes = [tuple(W.shape) for W in machine.weights]
    claim = f"boltzmann has weights between each layer and the next, {trial.shape}"
    fits = len(units) >= 2 and sizes == [*pairwise(units)]
    yield require(fits, claim, f"units {units}, weights {sizes}")
    claim = f"layer 0 of boltzmann is the {trial.rows.shape[1]} numbers of a row, {trial.shape}"
    yield require(units[0] == trial.rows.shape[1], claim, f"it has {units[0]} units")
