"""Algorithm 1 of Goodfellow et al. 2014 in plain torch, with the dials that a collapse needs.

For each step:  k times        D ascends    mean log D(x) + mean log(1 - D(G(z)))
                steps_G times  G ascends    mean log D(G(z))

The paper has one step of G. More of them train G too much against a D that stands still, and G maps
many z to the x that this D likes best: the Helvetica scenario. The suite's GAN is the paper's, with
one rate and one step of G; this page is for what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam

from genbench.protocols import Epoch


def net(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    layers = [nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width)]
    return nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Linear(width, outputs))


@dataclass(eq=False)
class Game:
    """Two small nets that play; `fit` and `sample` are those of every model.

    noise: standard deviation of what is added to what D sees, rows and fakes alike.
    """

    d: int
    noise_size: int
    k: int
    steps_G: int
    noise: float
    width: int
    batch: int
    rate: float
    updates: int
    epochs: int

    def __post_init__(self) -> None:
        self.G, self.D = net(self.noise_size, self.width, self.d), net(self.d, self.width, 1)
        adam = {"lr": self.rate, "betas": (0.5, 0.9)}
        self.of_G: Adam = Adam(self.G.parameters(), **adam)
        self.of_D: Adam = Adam(self.D.parameters(), **adam)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        for epoch in range(1, self.epochs + 1):
            for _ in range(self.updates):
                for _ in range(self.k):
                    self._step_D(train[torch.randint(len(train), (self.batch,))])
                for _ in range(self.steps_G):
                    self._step_G()
            yield Epoch(epoch, self.epochs)

    def _step_D(self, x: Tensor) -> None:
        a_real, a_fake = self._seen(x), self._seen(self.sample(len(x)))
        loss = softplus(-a_real).mean() + softplus(a_fake).mean()  # -V
        self.of_D.zero_grad()
        loss.backward()
        self.of_D.step()

    def _step_G(self) -> None:
        loss = softplus(-self._seen(self.G(self._z(self.batch)))).mean()  # -log D(G(z))
        self.of_G.zero_grad()
        loss.backward()
        self.of_G.step()

    def _seen(self, x: Tensor) -> Tensor:
        """D's logits of rows with noise."""
        return self.D(x + self.noise * torch.randn_like(x))

    def _z(self, n: int) -> Tensor:
        return torch.randn(n, self.noise_size)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        return self.G(self._z(n))

    def state_dict(self) -> dict[str, Tensor]:
        nets = {"G": self.G, "D": self.D}
        return {f"{n}.{k}": p for n, one in nets.items() for k, p in one.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, own in self.state_dict().items():
            own.copy_(state[name])
