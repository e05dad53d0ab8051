"""Deep generative stochastic network: Bengio, Thibodeau-Laufer, Alain & Yosinski 2014.

A Markov chain whose one step corrupts an image, passes it through noisy layers and draws the next
image from its reconstruction; trained so that the chain's stationary distribution is the data's.
The order of the updates follows the authors' code (yaoli/GSN); their settings are a preset.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.adam import adam

from genbench.protocols import Epoch

STARTS = 100  # training rows kept to start chains at


def bits(p: Tensor) -> Tensor:
    """Independent units, 1 with probability `p`, else 0."""
    return torch.rand_like(p).lt_(p)


def salt_and_pepper(x: Tensor, share: float) -> Tensor:
    """Each entry of `x` becomes 0 or 1, equally likely, with probability `share`."""
    u = torch.rand_like(x)
    return torch.where(u < share, (u < share / 2).to(x.dtype), x)


Units = list[Tensor | None]  # of each layer (n, width); None before its first update: all are 0


@dataclass(eq=False)
class DeepGSN:
    """Layers h_1, .., h_K of tanh units, of the widths `layers`, above the image h_0 = x.

        a_i = h_{i-1} W_i + h_{i+1} W_{i+1}' + b_i,   p(x = 1 | h_1) = σ(a_0)
        h_1 = tanh a_1,   h_i = tanh(a_i + ε) + ε',   ε, ε' ~ N(0, noise²) for i >= 2

    An update sets the odd layers, then the even ones, x among them; a chain's layers start at 0.

    walkback: updates of the chain in training; each one's p is to give back the clean image.
    corruption: share of salt and pepper on the image before each update.
    rate: times rate_decay every epoch.
    momentum: m <- momentum m + (1 - momentum) g, and θ <- θ - rate m; where second_momentum is not
        0, Adam's step instead (Kingma & Ba 2014), with v <- second_momentum v + (1 - ..) g².
    pixel_scale: images are multiplied by it inside, and samples divided.
    chains, start, burn_in, thinning: `sample` runs that many chains, skips `burn_in` updates and
        keeps p of every `thinning`-th, all chains' first, then all chains' second. They start at
        training images if `start` is "data", else at pixels drawn independently, 1 as often as on
        average over training images.
    max_updates: most in an epoch, 0 for no limit.

    Validation rows, where the recipe hands it any, are trained on as well.
    """

    shape: tuple[int, ...]
    layers: list[int]
    epochs: int
    batch: int
    walkback: int
    corruption: float
    noise: float
    rate: float
    rate_decay: float
    momentum: float
    chains: int
    start: Literal["noise", "data"]
    burn_in: int
    thinning: int
    second_momentum: float = 0.0
    pixel_scale: float = 1.0
    max_updates: int = 0

    revision = 1
    samples = "mean"
    range = (0.0, 1.0)  # of the data that it can model
    sampling = ("chains", "start", "burn_in", "thinning")

    def __post_init__(self) -> None:
        if min(self.layers, default=0) < 1:
            raise ValueError(
                f"layers must be one width or more, each at least 1, got {self.layers}"
            )
        if min(self.walkback, self.pixel_scale) <= 0:
            got = f"{self.walkback} and {self.pixel_scale}"
            raise ValueError(f"walkback and pixel_scale must be above 0, got {got}")
        if min(self.chains, self.thinning) < 1 or self.burn_in < 0:
            got = f"{self.chains}, {self.thinning} and {self.burn_in}"
            raise ValueError(f"chains and thinning must be >= 1 and burn_in >= 0, got {got}")
        widths = [math.prod(self.shape), *self.layers]
        self.b = [torch.zeros(units) for units in widths]
        self.W = [
            torch.empty(d, units).uniform_(-1, 1).mul_(math.sqrt(6 / (d + units)))
            for d, units in pairwise(widths)
        ]
        self.m = [torch.zeros_like(parameter) for parameter in (*self.W, *self.b)]
        self.v = [torch.zeros_like(parameter) for parameter in (*self.W, *self.b)]
        self.starts, self.mean = torch.zeros(STARTS, widths[0]), torch.zeros(widths[0])
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        train = torch.cat([train, valid])
        if self.epoch == 0:
            self.starts.copy_(train[torch.arange(STARTS) % len(train)])
            self.mean.copy_(train.mean(dim=0))
        for epoch in range(int(self.epoch), self.epochs):
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            rate, losses = self.rate * self.rate_decay**epoch, []
            batches = batches[: self.max_updates or None]
            for t, rows in enumerate(batches, start=epoch * len(batches) + 1):
                losses.append(self._learn(self.pixel_scale * train[rows], rate, t))
            self.epoch.fill_(epoch + 1)
            last = torch.stack(losses).mean().item()
            yield Epoch(epoch + 1, self.epochs, {"reconstruction": last})

    def _learn(self, x: Tensor, rate: float, t: int) -> Tensor:
        """The t-th step down Σ over the walkback of the mean cross entropy; the last update's."""
        parameters = [parameter.requires_grad_(True) for parameter in (*self.W, *self.b)]
        shown, h, losses = x, self._at_rest(), []
        for _ in range(self.walkback):
            a, h = self._update(shown, h)
            losses.append(binary_cross_entropy_with_logits(a, x))
            shown = bits(a.detach().sigmoid())
        total = torch.stack(losses).sum()
        gradients = torch.autograd.grad(total, parameters, materialize_grads=True)
        self._descend(parameters, gradients, rate, t)
        for parameter in parameters:
            parameter.requires_grad_(False)
        return losses[-1].detach()

    @torch.no_grad()
    def _descend(
        self, parameters: list[Tensor], gradients: Sequence[Tensor], rate: float, t: int
    ) -> None:
        """θ <- θ - rate m, or with a second momentum β Adam's t-th step,
        θ <- θ - rate m / (1 - momentum^t) / (√(v / (1 - β^t)) + 1e-8)."""
        if self.second_momentum == 0:
            for parameter, m, g in zip(parameters, self.m, gradients, strict=True):
                m.mul_(self.momentum).add_(g, alpha=1 - self.momentum)
                parameter.sub_(m, alpha=rate)
            return
        adam(
            parameters,
            [g.contiguous() for g in gradients],  # the fused step does not look at strides
            self.m,
            self.v,
            [],
            [b.new_full((), t - 1, dtype=torch.float32) for b in parameters],
            beta1=self.momentum,
            beta2=self.second_momentum,
            lr=rate,
            eps=1e-8,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
            fused=True,
        )

    def _update(self, x: Tensor, h: Units) -> tuple[Tensor, Units]:
        """Odd layers from the image `x`, corrupted, and the even ones; then even ones: a_0, h."""
        h = [salt_and_pepper(x, self.corruption), *h[1:]]
        for i in range(1, len(h), 2):
            h[i] = self._layer(i, h)
        a = self._sum(0, h)
        for i in range(2, len(h), 2):
            h[i] = self._layer(i, h)
        return a, h

    def _at_rest(self) -> Units:
        return [None for _ in self.b]

    def _sum(self, i: int, h: Units) -> Tensor:
        """a_i."""
        neighbours = [(h[i - 1], self.W[i - 1])] if i > 0 else []
        neighbours += [(h[i + 1], self.W[i].T)] if i + 1 < len(h) else []
        n = next(len(part) for part in h if part is not None)
        a = self.b[i].expand(n, -1)
        for units, W in neighbours:
            a = a if units is None else torch.addmm(a, units, W)
        return a

    def _layer(self, i: int, h: Units) -> Tensor:
        """h_i; the noise is of the upper layers only."""
        a = self._sum(i, h)
        if i == 1:
            return a.tanh()
        return (a + self.noise * torch.randn_like(a)).tanh() + self.noise * torch.randn_like(a)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        chains = min(self.chains, n)
        x = bits(self.mean.expand(chains, -1))
        if self.start == "data":
            x = self.pixel_scale * self.starts[torch.arange(chains) % STARTS]
        h, kept = self._at_rest(), []
        for t in range(1, self.burn_in + math.ceil(n / chains) * self.thinning + 1):
            a, h = self._update(x, h)
            p = a.sigmoid()
            x = bits(p)
            if t > self.burn_in and (t - self.burn_in) % self.thinning == 0:
                kept.append((p / self.pixel_scale).clamp_(max=1))
        return torch.cat(kept)[:n]

    def state_dict(self) -> dict[str, Tensor]:
        names = [f"W.{i + 1}" for i in range(len(self.W))] + [f"b.{i}" for i in range(len(self.b))]
        state = dict(zip(names, [*self.W, *self.b], strict=True))
        for name, m, v in zip(names, self.m, self.v, strict=True):
            state |= {f"train.m.{name}": m, f"train.v.{name}": v}
        return {**state, "starts": self.starts, "mean": self.mean, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch.fill_(self.epochs)  # finished, unless the state says how far it is
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
