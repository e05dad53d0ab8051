"""Variational auto-encoder (Kingma & Welling 2014), by Adam on its bound of log p(x).

q(z | x) = N(μ(x), diag s(x)²), p(z) = N(0, I), and p(x | z) as `observation` says:
log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z)).
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from genbench.protocols import Epoch

CHUNK = 1000  # rows decoded at a time
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba 2015
SMALL = 0.02  # logits nearer to 0 are in the series of the continuous Bernoulli


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, s²) || N(0, I)) = -½ Σ_j (1 + log s_j² - μ_j² - s_j²), nats: (n,)."""
    return -(1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1) / 2


def log_bernoulli(x: Tensor, a: Tensor) -> Tensor:
    """Σ_i x_i log y_i + (1 - x_i) log(1 - y_i), y = σ(a): of bits x a log mass, nats: (n,)."""
    return -binary_cross_entropy_with_logits(a, x, reduction="none").sum(dim=1)


def log_continuous_bernoulli(x: Tensor, a: Tensor) -> Tensor:
    """Log density Σ_i log C(a_i) + x_i log y_i + (1 - x_i) log(1 - y_i), y = σ(a), x in [0, 1].

    C(a) = a / tanh(a / 2), which is 2 at a = 0 (Loaiza-Ganem & Cunningham 2019): (n,), nats.
    """
    large = torch.where(a.abs() < SMALL, 1.0, a.abs())
    # log(a / tanh(a / 2)) = log a + log(1 + e^-a) - log(1 - e^-a), and 2 + a² / 6 near 0
    far = large.log() + softplus(-large) - torch.log1p(-torch.exp(-large))
    near = math.log(2) + torch.log1p(a.square() / 12)
    return log_bernoulli(x, a) + torch.where(a.abs() < SMALL, near, far).sum(dim=1)


def mean_of_continuous_bernoulli(a: Tensor) -> Tensor:
    """E[x] = 1 / (1 - e^-a) - 1 / a, and ½ + a / 12 near a = 0: (n, d)."""
    large = torch.where(a.abs() < SMALL, 1.0, a)
    return torch.where(a.abs() < SMALL, 0.5 + a / 12, -1 / torch.expm1(-large) - 1 / large)


def log_gaussian(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(x; mean, v I) = -½ Σ_i (x_i - mean_i)² / v + log(2π v), nats: (n,)."""
    constant = log_variance + math.log(2 * math.pi)
    sq_dist = (x - mean).square().sum(dim=1)
    return -(sq_dist * (-log_variance).exp() + x.shape[1] * constant) / 2


def mlp(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLUs between them, started as torch does."""
    layers: list[nn.Module] = []
    for below, above in pairwise(widths):
        layers += [nn.Linear(below, above), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@dataclass(eq=False)
class VAE:
    """x -> layers as wide as `encoder` -> `latent` codes -> layers as wide as `decoder` -> x.

    observation: p(x | z), a the decoder's output and y = σ(a), or y = a where `output` is "linear".
        "bernoulli": bits of means y; for data of two levels.
        "continuous_bernoulli": densities on [0, 1] of logits a.
        "gaussian": N(y, v I), one v for all, learnt from `first_variance` on.
        "cross_entropy": the Bernoulli's formula on grey levels. It is no density, so that there is
        no likelihood, but is what many papers train.
    max_updates: most in an epoch, 0 for no limit.
    """

    shape: tuple[int, ...]
    latent: int
    encoder: list[int]
    decoder: list[int]
    observation: Literal["bernoulli", "continuous_bernoulli", "gaussian", "cross_entropy"]
    epochs: int
    batch: int
    rate: float
    output: Literal["sigmoid", "linear"] = "sigmoid"
    first_variance: float = 0.05
    max_updates: int = 0
    levels: int | None = None

    revision = 1
    samples = "mean"

    def __post_init__(self) -> None:
        if self.observation == "bernoulli" and self.levels not in (None, 2):
            raise ValueError(
                f"observation = 'bernoulli' is of bits, and the data have {self.levels} levels: "
                "take 'continuous_bernoulli' or 'gaussian', or 'cross_entropy' for no density"
            )
        if self.output == "linear" and self.observation != "gaussian":
            raise ValueError(f"output = 'linear' is for 'gaussian', not {self.observation!r}")
        d = math.prod(self.shape)
        self.encoder_net = mlp([d, *self.encoder, 2 * self.latent])
        self.decoder_net = mlp([self.latent, *self.decoder, d])
        self.log_variance = nn.Parameter(torch.tensor(self.first_variance).log())
        self.moments = [
            (torch.zeros_like(p), torch.zeros_like(p)) for p in self._parameters().values()
        ]
        self.updates = torch.zeros((), dtype=torch.int64)
        self.epoch = torch.zeros((), dtype=torch.int64)

    @staticmethod
    def unmet(
        takes: Collection[str], hyperparameters: Mapping[str, Any], rows: Mapping[str, int]
    ) -> str:
        """Why it cannot be judged by a metric that takes these; empty where it can."""
        crossed = "model" in takes and hyperparameters["observation"] == "cross_entropy"
        return "a cross-entropy of grey levels is no density" if crossed else ""

    @property
    def variance(self) -> float | None:
        """v of a Gaussian observation; None of the others."""
        return float(self.log_variance.detach().exp()) if self.observation == "gaussian" else None

    def _parameters(self) -> dict[str, Tensor]:
        nets = {"encoder": self.encoder_net, "decoder": self.decoder_net}
        named = {f"{n}.{k}": p for n, net in nets.items() for k, p in net.named_parameters()}
        return {**named, "log_variance": self.log_variance}

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        for epoch in range(int(self.epoch), self.epochs):
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            batches = batches[: self.max_updates or None]
            losses = torch.stack([self._update(train[rows]) for rows in batches])
            self.epoch.fill_(epoch + 1)
            bound, to_prior = losses.mean(dim=0).tolist()
            density = self.observation != "cross_entropy"
            name = "negative bound" if density else "cross-entropy and KL"
            yield Epoch(epoch + 1, self.epochs, {name: bound, "KL": to_prior})

    def losses(self, x: Tensor, noise: Tensor) -> Tensor:
        """-log p(x | z) + KL, and KL, means over rows x, with z = μ(x) + s(x) noise: (2,)."""
        mean, log_variance = self.encoder_net(x).chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * noise
        to_prior = kl(mean, log_variance)
        return torch.stack([to_prior - self.log_likelihood(x, z), to_prior]).mean(dim=1)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z), nats, (n,); with "cross_entropy" the Bernoulli's formula."""
        a = self.decoder_net(z)
        if self.observation == "gaussian":
            return log_gaussian(x, self._mean(a), self.log_variance)
        if self.observation == "continuous_bernoulli":
            return log_continuous_bernoulli(x, a)
        return log_bernoulli(x, a)

    def _mean(self, a: Tensor) -> Tensor:
        """y of the decoder's output a."""
        return a if self.output == "linear" else a.sigmoid()

    def _update(self, x: Tensor) -> Tensor:
        """One step of Adam; the losses before it.

        m <- β1 m + (1 - β1) g;  v <- β2 v + (1 - β2) g²;
        θ <- θ - rate m / (1 - β1^t) / (√(v / (1 - β2^t)) + ε).
        """
        losses = self.losses(x, torch.randn(len(x), self.latent).to(x))
        parameters = [*self._parameters().values()]
        slopes = torch.autograd.grad(losses[0], parameters, allow_unused=True)
        t = int(self.updates.add_(1))
        with torch.no_grad():
            for p, g, (m, v) in zip(parameters, slopes, self.moments, strict=True):
                if g is None:  # the variance of an observation that has none
                    continue
                m.lerp_(g, 1 - BETA1)
                v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                scale = (v / (1 - BETA2**t)).sqrt_().add_(EPSILON)
                p.addcdiv_(m, scale, value=-self.rate / (1 - BETA1**t))
        return losses.detach()

    @torch.no_grad()
    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means μ(x) and deviations s(x) of the codes of rows x, (n, latent) each."""
        mean, log_variance = self.encoder_net(x).chunk(2, dim=1)
        return mean, (log_variance / 2).exp()

    def encode(self, x: Tensor) -> Tensor:
        """μ(x), (n, latent)."""
        return self.posterior(x)[0]

    def prior(self, n: int) -> Tensor:
        """n draws of z, (n, latent)."""
        return self.log_variance.new_empty(n, self.latent).normal_()

    def code(self, t: Tensor) -> Tensor:
        """The prior is the standard normal: t itself."""
        return t

    def decode(self, z: Tensor) -> Tensor:
        """y = σ(a), or a, (n, d), which p(x | z) is made of; slopes where z requires them."""
        with torch.set_grad_enabled(z.requires_grad and torch.is_grad_enabled()):
            return self._mean(self.decoder_net(z))

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """E[x | z] of draws of z, (n, d), or where the data have two levels bits of that mean."""
        x = torch.cat([self._means(z) for z in self.prior(n).split(CHUNK)])
        return torch.rand_like(x).lt_(x) if self.levels == 2 else x

    def _means(self, z: Tensor) -> Tensor:
        """E[x | z], (n, d)."""
        if self.observation == "continuous_bernoulli":
            return mean_of_continuous_bernoulli(self.decoder_net(z))
        return self.decode(z)

    @torch.no_grad()
    def interpolate(self, n: int, steps: int) -> Tensor:
        """What n straight lines between two draws of z decode to: (n steps, d), line by line."""
        start, end = self.prior(2 * n).view(2, n, 1, self.latent)
        share = torch.linspace(0, 1, steps, device=start.device).view(1, steps, 1)
        return self._means(torch.lerp(start, end, share).flatten(0, 1))

    def state_dict(self) -> dict[str, Tensor]:
        state = {name: parameter.detach() for name, parameter in self._parameters().items()}
        for name, (m, v) in zip(self._parameters(), self.moments, strict=True):
            state |= {f"train.m.{name}": m, f"train.v.{name}": v}
        return {**state, "train.updates": self.updates, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch.fill_(self.epochs)  # finished, unless the state says not
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
