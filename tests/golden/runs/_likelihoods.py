"""Runs of what bounds a decoder's log p: observations, rows, importance sampling, annealing."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from genbench.likelihood import importance
from genbench.likelihood.dequantised import dequantised
from genbench.likelihood.importance import Proposal
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


class Model:
    """A linear decoder in float64, whose posterior is a guess."""

    def __init__(self, observation: str = "gaussian", variance: float | None = 0.04) -> None:
        draw = torch.Generator().manual_seed(3)
        self.W = torch.randn(2, 6, generator=draw, dtype=torch.float64)
        self.observation, self.variance = observation, variance

    def prior(self, n: int) -> Tensor:
        return torch.randn(n, 2, dtype=torch.float64)

    def code(self, t: Tensor) -> Tensor:
        return t

    def decode(self, z: Tensor) -> Tensor:
        return (z.to(self.W) @ self.W).sigmoid()

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        means = (x.double() - 0.5) @ self.W.T / 2
        return means, torch.full_like(means, 0.4)


def cloud(n: int, seed: int) -> Tensor:
    """Rows (n, 6) in (0, 1), float64."""
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(n, 6, generator=draw, dtype=torch.float64)


def greys(n: int, seed: int) -> Tensor:
    return (cloud(n, seed) * 255).round() / 255


def observations() -> Given:
    m, bits = cloud(4, 1), cloud(4, 2).round()
    rows = [log_prob(kind, bits, m, 0.1) for kind in KINDS]
    near = torch.full((1, 6), 0.5, dtype=torch.float64)
    model = Model()
    value, slope = OfRows(decoder_of(model, m), m, 0.1)(cloud(8, 6)[:, :2])
    flat = OfRows(Decoder(lambda t: torch.ones(len(t), 6), 2), m, 1.0)
    calls = [
        lambda: flat(torch.zeros(4, 2)),
        lambda: decoder_of(model, bits),
        lambda: decoder_of(Model("bernoulli"), m),
        lambda: decoder_of(Model("cross entropy"), m),
    ]
    return {
        "log p": torch.stack([*rows, log_prob("continuous_bernoulli", bits, near, 0).expand(4)]),
        "slope": torch.cat([value[:, None], slope], dim=1),
        "drawn": torch.stack([drawn(kind, m, 0.1).double() for kind in KINDS]),
        "expected": torch.stack([expected(kind, m) for kind in KINDS]),
        "of means near a half": drawn("continuous_bernoulli", near, 0).double(),
        "errors": [refusal(call) for call in calls],
    }


def rounded() -> Given:
    """Slopes of bfloat16 products, which differ between processors: near the true ones."""
    W = torch.tensor([[1.0, -0.5, 0.25], [0.3, 0.8, -0.6]])
    x, t, decoder = torch.full((2, 3), 0.4), torch.ones(4, 2), Decoder(lambda t: t @ W, 2)
    exact, coarse = (
        OfRows(replace(decoder, slopes=slopes), x, 0.1)
        for slopes in (torch.float32, torch.bfloat16)
    )
    near = torch.allclose(exact.slope(t), coarse.slope(t), rtol=0.05, atol=0.05)
    return {
        "value": coarse(t)[0],
        "same": [str(torch.equal(exact(t)[0], coarse(t)[0]))],
        "near": [str(near)],
    }


def rows_with_noise() -> Given:
    k = greys(5, 4)
    return {"test": dequantised(k, "test"), "same": dequantised(cloud(2, 1), "test")}


def proposals() -> Given:
    x, model = cloud(3, 5), Model()
    decoder = Decoder(model.decode, 2)
    found = importance.bounds(decoder, x, Proposal(*model.posterior(x)), 20, 0.04)
    calls = [
        lambda: Proposal(x, 0 * x),
        lambda: importance.bounds(decoder, x, Proposal(*model.posterior(x)), 1, 0.04),
    ]
    return {**vars(found), "errors": [refusal(call) for call in calls]}


SHARED = (observations, rounded, rows_with_noise)
IMPORTANCE = (*SHARED, proposals)
