"""A linear decoder with Gaussian noise, as a model: log p(x) and p(t|x) are known exactly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbench.likelihood.observations import Decoder


class Linear:
    """x = middle + W t + √v e, in 5 dimensions from 2."""

    observation = "gaussian"

    def __init__(self, v: float = 0.05) -> None:
        draw = torch.Generator().manual_seed(0)
        self.W = torch.randn(5, 2, generator=draw) / 2
        self.middle = torch.rand(5, generator=draw)
        self.variance = v

    def prior(self, n: int) -> Tensor:
        return torch.randn(n, 2)

    def code(self, t: Tensor) -> Tensor:
        return t

    def decode(self, z: Tensor) -> Tensor:
        return self.middle + z @ self.W.T

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The means of p(t|x), and the deviations of its marginals."""
        covariance = torch.linalg.inv(torch.eye(2) + self.W.T @ self.W / self.variance)
        means = (x - self.middle) @ self.W @ covariance / self.variance
        return means, covariance.diagonal().sqrt().expand_as(means)

    def draw(self, n: int) -> Tensor:
        return self.decode(self.prior(n)) + math.sqrt(self.variance) * torch.randn(n, 5)

    def log_prob(self, x: Tensor) -> Tensor:
        W = self.W.double()
        covariance = W @ W.T + self.variance * torch.eye(5, dtype=torch.float64)
        normal = torch.distributions.MultivariateNormal(self.middle.double(), covariance)
        return normal.log_prob(x.double())

    @property
    def decoder(self) -> Decoder:
        return Decoder(lambda t: self.decode(self.code(t)), 2)


class Diagonal(Linear):
    """Its columns are orthogonal, so that p(t|x) has independent entries: q can be exact."""

    def __init__(self, v: float = 0.05) -> None:
        super().__init__(v)
        self.W = torch.linalg.qr(self.W)[0] * torch.tensor([1.0, 0.5])
