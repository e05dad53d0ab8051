"""Runs of what a decoder observes, and of greys made continuous, for the likelihood metrics."""

from __future__ import annotations

import torch

from genbench.likelihood.dequantised import dequantised
from genbench.likelihood.observations import (
    KINDS,
    Decoder,
    OfRows,
    decoder_of,
    drawn,
    expected,
    log_prob,
)

from ..fingerprints import Given, refusal
from ._likelihoods import rounded


class _Plain:
    """A decoder of three pixels by two codes, which names no observation."""

    def prior(self, n: int) -> torch.Tensor:
        return torch.randn(n, 2)

    def code(self, t: torch.Tensor) -> torch.Tensor:
        return t

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return (z @ torch.tensor([[1.0, -0.5, 0.25], [0.3, 0.8, -0.6]])).sigmoid()


class _Named(_Plain):
    def __init__(self, observation: str) -> None:
        self.observation = observation


def observed() -> Given:
    """Means on both sides of 1/2 and at it, where the continuous Bernoulli has a series."""
    m = torch.tensor([[0.2, 0.5, 0.9], [0.5001, 0.7, 0.1]])
    x = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    given: dict[str, torch.Tensor] = {}
    for kind in KINDS:
        rows = drawn(kind, m, 0.1)
        given |= {f"{kind} rows": rows, f"{kind} means": expected(kind, m)}
        given |= {f"{kind} log p": log_prob(kind, x, m, 0.1)}
    return given


def decoded() -> Given:
    """The rows decide where no observation is named; what does not fit is refused."""
    binary, grey = torch.eye(3), torch.full((2, 3), 0.4)
    kinds = [decoder_of(_Plain(), rows) for rows in (binary, grey)]
    value, slope = OfRows(kinds[1], grey, 0.1)(torch.ones(4, 2))
    flat = Decoder(lambda t: torch.ones(len(t), 3), 2)
    refused = [("other", grey), ("gaussian", binary), ("bernoulli", grey)]
    errors = [refusal(lambda o=o, x=x: decoder_of(_Named(o), x)) for o, x in refused]
    errors.append(refusal(lambda: OfRows(flat, grey, 0.1)(torch.ones(2, 2))))
    said = [f"{one.kind} {one.has_variance}" for one in kinds]
    return {"value": value, "slope": slope, "kinds": said, "errors": errors}


def made_continuous() -> Given:
    greys = torch.tensor([[0, 17, 255], [128, 3, 90]]) / 255
    others = torch.tensor([[0.5, 0.1, 0.2]])
    return {"greys": dequantised(greys, "test"), "others": dequantised(others, "test")}


OBSERVED = (observed, decoded, rounded, made_continuous)
