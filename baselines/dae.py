"""Denoising auto-encoder as a generative model: Bengio, Yao, Alain & Vincent 2013, with walkback.

A net learns to give back an image that was corrupted. Corrupting an image and drawing another from
what the net gives back is one step of a Markov chain whose stationary distribution approaches the
data's. The settings follow the authors' later code (yaoli/GSN, its layers = 1).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from genbench.protocols import Epoch

STARTS = 100  # training rows kept to start chains at


def bits(p: Tensor) -> Tensor:
    """Independent pixels, 1 with probability `p`, else 0."""
    return torch.rand_like(p).lt_(p)


def corrupted(x: Tensor, share: float) -> Tensor:
    """Salt and pepper: each entry of `x` becomes 0 or 1, equally likely, with this probability."""
    u = torch.rand_like(x)
    return torch.where(u < share, (u < share / 2).to(x.dtype), x)


@dataclass(eq=False)
class DAE:
    """One layer of `hidden` sigmoid units, with tied weights:

        h = σ(x W + c),   p(x = 1 | h) = σ(h W' + b)

    and one step of the chain: x~ = corrupted(x),  p = p(x = 1 | h(x~)),  x <- 1 with probability p.

    walkback: steps of the chain in training, which starts at the image; from each of them the clean
        image is to be given back. 1: without walkback.
    corruption: share of salt and pepper.
    rate: times rate_decay every epoch; the descent has no momentum.
    threshold: grey levels above it are taken for 1, others for 0; 0: images stay as they are.
    chains, start, burn_in, thinning: `sample` runs that many chains, skips `burn_in` steps and
        keeps p of every `thinning`-th, all chains' first, then all chains' second. They start at
        training images if `start` is "data", else at pixels drawn independently, 1 as often as on
        average over training images.
    max_updates: most in an epoch, 0 for no limit.

    Validation rows, where the recipe hands it any, are trained on as well.
    """

    shape: tuple[int, ...]
    hidden: int
    epochs: int
    batch: int
    walkback: int
    corruption: float
    rate: float
    rate_decay: float
    threshold: float
    chains: int
    start: Literal["noise", "data"]
    burn_in: int
    thinning: int
    max_updates: int = 0

    revision = 1
    samples = "mean"
    range = (0.0, 1.0)  # of the data that it can model
    sampling = ("chains", "start", "burn_in", "thinning")

    def __post_init__(self) -> None:
        for name in ("hidden", "walkback", "chains", "thinning"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not (0 <= self.corruption <= 1 and 0 <= self.threshold < 1 and self.burn_in >= 0):
            got = f"{self.corruption}, {self.threshold} and {self.burn_in}"
            raise ValueError(
                f"corruption must be in [0, 1], threshold in [0, 1), burn_in at least 0, got {got}"
            )
        d = math.prod(self.shape)
        self.W = torch.empty(d, self.hidden).uniform_(-1, 1).mul_(math.sqrt(6 / (d + self.hidden)))
        self.b, self.c = torch.zeros(d), torch.zeros(self.hidden)
        self.starts, self.mean = torch.zeros(STARTS, d), torch.zeros(d)
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        train = self._seen(torch.cat([train, valid]))
        if self.epoch == 0:
            self.starts.copy_(train[torch.arange(STARTS) % len(train)])
            self.mean.copy_(train.mean(dim=0))
        for epoch in range(int(self.epoch), self.epochs):
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            batches = batches[: self.max_updates or None]
            rate = self.rate * self.rate_decay**epoch
            losses = [self._learn(train[rows], rate) for rows in batches]
            self.epoch.fill_(epoch + 1)
            last = torch.stack(losses).mean().item()
            yield Epoch(epoch + 1, self.epochs, {"reconstruction": last})

    def _seen(self, x: Tensor) -> Tensor:
        """Images as they are trained on."""
        return (x > self.threshold).to(x.dtype) if self.threshold else x

    def _learn(self, x: Tensor, rate: float) -> Tensor:
        """A step down Σ_t mean CE(x, p_t) over the steps of a chain from x; returns the last."""
        parameters = [parameter.requires_grad_(True) for parameter in (self.W, self.b, self.c)]
        losses, at = [], x
        for _ in range(self.walkback):
            a = self._logits(corrupted(at, self.corruption))
            losses.append(binary_cross_entropy_with_logits(a, x))
            at = bits(a.detach().sigmoid())
        gradients = torch.autograd.grad(torch.stack(losses).sum(), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.requires_grad_(False).sub_(gradient, alpha=rate)
        return losses[-1].detach()

    def _logits(self, x: Tensor) -> Tensor:
        """a, where p(x = 1 | h(x)) = σ(a)."""
        h = torch.addmm(self.c, x, self.W).sigmoid()
        return torch.addmm(self.b, h, self.W.T)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """h of clean rows x, (n, hidden)."""
        return torch.addmm(self.c, self._seen(x), self.W).sigmoid()

    def decode(self, h: Tensor) -> Tensor:
        """p(x = 1 | h), (n, d)."""
        return torch.addmm(self.b, h, self.W.T).sigmoid()

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        chains = min(self.chains, n)
        x, kept = bits(self.mean.expand(chains, -1)), []
        if self.start == "data":
            x = self.starts[torch.arange(chains) % STARTS]
        for t in range(1, self.burn_in + math.ceil(n / chains) * self.thinning + 1):
            p = self._logits(corrupted(x, self.corruption)).sigmoid()
            x = bits(p)
            if t > self.burn_in and (t - self.burn_in) % self.thinning == 0:
                kept.append(p)
        return torch.cat(kept)[:n]

    def state_dict(self) -> dict[str, Tensor]:
        weights = {"W": self.W, "b": self.b, "c": self.c}
        return {**weights, "starts": self.starts, "mean": self.mean, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch.fill_(self.epochs)  # finished, unless the state says how far it is
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
