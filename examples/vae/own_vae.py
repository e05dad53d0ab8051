"""Auto-encoding variational Bayes: Kingma & Welling 2014, Algorithm 1, for images in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from genbench import Epoch
from genbench.models import state


class OwnVAE:
    """q(z|x) = N(μ(x), σ²(x)) and p(x|z) = Bernoulli(f(z)), each a net of one hidden tanh layer."""

    samples = "mean"
    revision = 1

    def __init__(
        self, shape: tuple, epochs: int, hidden: int, latent: int, batch: int, rate: float
    ) -> None:
        d = math.prod(shape)
        self.epochs, self.batch, self.latent = epochs, batch, latent
        self.encoder = nn.Sequential(nn.Linear(d, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, d))
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.adam = torch.optim.Adam(parameters, lr=rate)
        self.epoch = 0

    def loss(self, x: Tensor) -> Tensor:
        """-L = E_q[-log p(x|z)] + KL(q(z|x) || N(0, 1)), nats per row, by one z for each x."""
        mu, log_var = self.encoder(x).chunk(2, dim=1)
        z = mu + (log_var / 2).exp() * torch.randn_like(mu)  # the reparametrisation trick
        kl = (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1) / 2
        nll = binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(dim=1)
        return (nll + kl).mean()

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        while self.epoch < self.epochs:
            losses = []
            for rows in torch.randperm(len(train)).split(self.batch):
                loss = self.loss(train[rows])
                self.adam.zero_grad()
                loss.backward()
                self.adam.step()
                losses.append(loss.detach())
            self.epoch += 1
            yield Epoch(self.epoch, self.epochs, {"-ELBO": torch.stack(losses).mean().item()})

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        return self.decode(self.prior(n))

    def prior(self, n: int) -> Tensor:
        """z ~ N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, device=self.decoder[0].weight.device)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """The means f(z) of p(x|z), (n, d)."""
        return self.decoder(z).sigmoid()

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """μ(x), (n, latent)."""
        return self.encoder(x)[:, : self.latent]

    def state_dict(self) -> dict[str, Tensor]:
        return state.flat(self, "encoder", "decoder", "adam", "epoch")

    def load_state_dict(self, given: Mapping[str, Tensor]) -> None:
        state.restore(self, given)
