"""Bidirectional GAN (Donahue, Krähenbühl & Darrell 2017), the nets of permutation-invariant MNIST.

D sees pairs: (x, E(x)) of data, and (G(z), z) of noise, z ~ U(-1, 1)^c.
V(D, E, G) = E[log D(x, E(x))] + E[log(1 - D(G(z), z))];  D maximises it. The E and G that minimise
max_D V invert each other. As in the released code (jeffdonahue/bigan) they minimise D's loss with
both terms swapped instead, and one step moves D, E and G from the same pairs.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genbench.models.normalised import Net, alone, any_rows, full_batches
from genbench.models.state import flat, restore
from genbench.protocols import Epoch

CHUNK = 1000  # rows at a time
BETA2 = 0.999  # Kingma & Ba 2015
RECORDED = ("JD", "E/G")  # of an epoch: L_D and L_EG, by the names of the released code


def loss_D(a_real: Tensor, a_fake: Tensor) -> Tensor:
    """L_D = ½ {E[-log D(x, E(x))] + E[-log(1 - D(G(z), z))]}, where D = σ(a); log 2 if D = ½."""
    return (softplus(-a_real).mean() + softplus(a_fake).mean()) / 2


def loss_EG(a_real: Tensor, a_fake: Tensor) -> Tensor:
    """L_EG = ½ {E[-log(1 - D(x, E(x)))] + E[-log D(G(z), z)]}, where D = σ(a)."""
    return (softplus(a_real).mean() + softplus(-a_fake).mean()) / 2


@dataclass(eq=False)
class BiGAN:
    """G: z -> ReLU layers -> σ. E: x -> leaky ReLU layers -> 2 σ - 1. D: (x, z) -> as E's -> a.

    Layers are as wide as `generator`, `encoder` and `discriminator` say. G and D are told z in each
    after the first. All of G's are normalised over the batch, and all but the first of E and D.
    leak: the slope of a leaky ReLU below 0. std: of the first weights; those of D's logit are 0.
    decaying: the last share of the epochs, in which the rate falls exponentially to
        rate · final_rate.
    l2: times the weights, is added to each gradient.
    deploy: batches over which the statistics of normalised layers are averaged at the end;
        deploy_between: after each epoch before. The losses of an epoch are means over these
        batches, the weights held, each batch normalised by itself, as the released code prints.
    max_updates: most in an epoch, 0 for no limit.
    """

    shape: tuple[int, ...]
    latent: int
    generator: list[int]
    encoder: list[int]
    discriminator: list[int]
    leak: float
    std: float
    epochs: int
    batch: int
    rate: float
    decaying: float
    final_rate: float
    beta1: float
    l2: float
    deploy: int
    deploy_between: int
    max_updates: int = 0

    revision = 1
    samples = "mean"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.batch < 2:
            raise ValueError(f"batch must be at least 2, to be normalised over, got {self.batch}")
        if min(self.deploy, self.deploy_between) < 1:
            got = f"{self.deploy} and {self.deploy_between}"
            raise ValueError(f"deploy and deploy_between must be at least 1, got {got}")
        d, c, leak, std = math.prod(self.shape), self.latent, self.leak, self.std
        self.G = Net(c, self.generator, d, std, leak=0.0, codes=c, first=True)
        self.E = Net(d, self.encoder, c, std, leak)
        self.D = Net(d, self.discriminator, 1, std, leak, codes=c, top_std=0.0)
        self.first_E: Net = copy.deepcopy(self.E)
        self.of_D: torch.optim.Optimizer = self._adam(self.D)
        self.of_EG: torch.optim.Optimizer = self._adam(self.E, self.G)
        self.epoch: int = 0

    def _adam(self, *nets: nn.Module) -> torch.optim.Optimizer:
        θ, betas = [p for net in nets for p in net.parameters()], (self.beta1, BETA2)
        return torch.optim.Adam(θ, self.rate, betas, weight_decay=self.l2, fused=True)

    def rate_at(self, epoch: int) -> float:
        """rate · final_rate^(k / K) in the k-th of the last K = decaying · epochs, before rate."""
        K = self.decaying * self.epochs
        k = max(epoch - (self.epochs - K), 0.0)
        return self.rate * self.final_rate ** (k / K) if k > 0 else self.rate

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        nets = self.G, self.E, self.D
        if self.epoch == 0:
            with alone(self.first_E), torch.no_grad():
                for _ in range(self.deploy):
                    self.first_E(any_rows(train, self.batch))
        for epoch in range(self.epoch + 1, self.epochs + 1):
            for of in (self.of_D, self.of_EG):
                of.param_groups[0]["lr"] = self.rate_at(epoch)
            batches = full_batches(len(train), self.batch, train.device)
            with alone(*nets):
                for rows in batches[: self.max_updates or None]:
                    self._update(train[rows])
            count = self.deploy if epoch == self.epochs else self.deploy_between
            with alone(*nets), torch.no_grad():
                each = [self._losses(any_rows(train, self.batch)) for _ in range(count)]
            self.epoch = epoch
            means = torch.tensor(each).mean(dim=0).tolist()
            yield Epoch(epoch, self.epochs, dict(zip(RECORDED, means, strict=True)))

    def _losses(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """L_D and L_EG of rows x and as many draws of z."""
        z = self.prior(len(x))
        a_real, a_fake = self.D(x, self._E(x)), self.D(self._G(z), z)
        return loss_D(a_real, a_fake), loss_EG(a_real, a_fake)

    def _update(self, x: Tensor) -> None:
        """Both gradients at the same weights; then D, E and G move."""
        L_D, L_EG = self._losses(x)
        for of, L in ((self.of_D, L_D), (self.of_EG, L_EG)):
            θ = of.param_groups[0]["params"]
            for p, slope in zip(θ, torch.autograd.grad(L, θ, retain_graph=True), strict=True):
                p.grad = slope
        self.of_D.step()
        self.of_EG.step()

    def _E(self, x: Tensor) -> Tensor:
        return 2 * self.E(x).sigmoid() - 1

    def _G(self, z: Tensor) -> Tensor:
        return self.G(z, z).sigmoid()

    def prior(self, n: int) -> Tensor:
        """n draws of z, (n, latent), uniform on ±1."""
        return next(self.G.parameters()).new_empty(n, self.latent).uniform_(-1, 1)

    def code(self, t: Tensor) -> Tensor:
        """2 Φ(t) - 1, Φ the normal's distribution."""
        return torch.erf(t / math.sqrt(2))

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """E(x), (n, latent)."""
        return torch.cat([self._E(rows) for rows in x.split(CHUNK)])

    def decode(self, z: Tensor) -> Tensor:
        """G(z), (n, d), with slopes where z requires them."""
        with torch.set_grad_enabled(z.requires_grad and torch.is_grad_enabled()):
            return self._G(z)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        return torch.cat([self._G(z) for z in self.prior(n).split(CHUNK)])

    @torch.no_grad()
    def represent(self, x: Tensor) -> Tensor:
        """The last hidden layer of E, (n, its width)."""
        return torch.cat([self.E.hidden(rows) for rows in x.split(CHUNK)])

    @torch.no_grad()
    def represent_initial(self, x: Tensor) -> Tensor:
        """The same of E as it was before training."""
        return torch.cat([self.first_E.hidden(rows) for rows in x.split(CHUNK)])

    @torch.no_grad()
    def discriminate(self, x: Tensor) -> Tensor:
        """D's logit of (x, E(x)), (n,): log D / (1 - D)."""
        return torch.cat([self.D(rows, self._E(rows)) for rows in x.split(CHUNK)])[:, 0]

    @torch.no_grad()
    def interpolate(self, n: int, steps: int) -> Tensor:
        """G on n straight lines between two draws of z: (n steps, d), line by line."""
        start, end = self.prior(2 * n).view(2, n, 1, self.latent)
        share = torch.linspace(0, 1, steps, device=start.device).view(1, steps, 1)
        return self._G(torch.lerp(start, end, share).flatten(0, 1))

    def state_dict(self) -> dict[str, Tensor]:
        return flat(self, "G", "E", "D", "first_E", "of_D", "of_EG", "epoch")

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch = self.epochs  # finished, unless the state says not
        restore(self, state)
