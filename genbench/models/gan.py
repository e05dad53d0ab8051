"""Generative adversarial nets: Goodfellow et al. 2014, Algorithm 1.

Where paper and released code (goodfeli/adversarial) differ, the recipes follow the code: G
maximises log D(G(z)), D's loss is half the sum of its two cross entropies, and one step updates
both nets from the same fakes and dropout masks.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genbench.models import layers
from genbench.protocols import Epoch

CHUNK = 1000  # rows sampled at a time
ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "linear": nn.Identity}


def loss_D(a_real: Tensor, a_fake: Tensor) -> Tensor:
    """L_D = ½ {E[-log D(x)] + E[-log(1 - D(G(z)))]}, where D = σ(a); log 2 if D = ½."""
    return (softplus(-a_real).mean() + softplus(a_fake).mean()) / 2


def loss_G(a_fake: Tensor, kind: str) -> Tensor:
    """L_G = E[-log D(G(z))] if "non-saturating", E[log(1 - D(G(z)))] if "minimax"."""
    return softplus(-a_fake).mean() if kind == "non-saturating" else -softplus(a_fake).mean()


@dataclass(eq=False)
class GAN:
    """G: noise -> ReLU or sigmoid layers -> x. D: x -> maxout layers with dropout -> logit a.

    noise: "uniform" on ±√3 or "gaussian", both of unit variance.
    activations: "relu", "sigmoid" or "linear" for each width in `generator`, and for its `output`;
        biases start at `sigmoid_bias` in hidden sigmoid layers, at the logits of the training
        data's means in a sigmoid output, else at 0.
    *_range: r of the first weights, U(-r, r); output_nonzeros: unless 0, the weights of G's last
        layer are instead 0 but for that many from N(0, 1) in each unit.
    update: "simultaneous", or "alternating": k steps of D, then one of G on fresh noise.
    max_norm: longest vector of weights into a unit; max_updates: most in an epoch; 0: no limit.
    """

    shape: tuple[int, ...]
    epochs: int
    batch: int
    noise: Literal["uniform", "gaussian"]
    noise_size: int
    generator: list
    activations: list
    output: Literal["sigmoid", "linear"]
    generator_range: float
    output_range: float
    discriminator: list
    pieces: int
    discriminator_range: float
    dropout_input: float
    dropout_hidden: float
    rate: float
    rate_decay: float
    rate_floor: float
    momentum: float
    final_momentum: float
    momentum_epochs: int
    generator_loss: Literal["non-saturating", "minimax"] = "non-saturating"
    update: Literal["simultaneous", "alternating"] = "simultaneous"
    k: int = 1
    output_nonzeros: int = 0
    sigmoid_bias: float = 0.0
    max_norm: float = 0.0
    max_updates: int = 0

    samples = "mean"

    def __post_init__(self) -> None:
        if self.update == "simultaneous" and self.k != 1:
            raise ValueError(f"k must be 1 where one step updates both nets, got {self.k}")
        self.G, self.D = self._build_G(), self._build_D()
        self.velocity = {
            "G": [torch.zeros_like(p) for p in self.G.parameters()],
            "D": [torch.zeros_like(p) for p in self.D.parameters()],
        }
        self.epoch = torch.zeros((), dtype=torch.int64)

    def _build_G(self) -> nn.Sequential:
        net, inputs, d = nn.Sequential(), self.noise_size, math.prod(self.shape)
        for units, activation in zip(self.generator, self.activations, strict=True):
            bias = self.sigmoid_bias if activation == "sigmoid" else 0.0
            net.append(layers.uniform(inputs, units, self.generator_range, bias))
            net.append(ACTIVATIONS[activation]())
            inputs = units
        if self.output_nonzeros:
            net.append(layers.sparse(inputs, d, self.output_nonzeros))
        else:
            net.append(layers.uniform(inputs, d, self.output_range))
        return net.append(ACTIVATIONS[self.output]())

    def _build_D(self) -> nn.Sequential:
        net, inputs, dropout = nn.Sequential(), math.prod(self.shape), self.dropout_input
        for units in self.discriminator:
            net.append(nn.Dropout(dropout))
            net.append(layers.uniform(inputs, units * self.pieces, self.discriminator_range))
            net.append(layers.Maxout(self.pieces))
            inputs, dropout = units, self.dropout_hidden
        net.append(nn.Dropout(dropout))
        return net.append(layers.uniform(inputs, 1, self.discriminator_range))

    def rate_at(self, t: int) -> float:
        """max(rate / rate_decay^t, rate_floor), t updates having been made."""
        return max(self.rate / self.rate_decay**t, self.rate_floor)

    def momentum_at(self, epoch: int) -> float:
        """From `momentum` in epoch 1 linearly to `final_momentum` in epoch `momentum_epochs`."""
        share = min((epoch - 1) / max(self.momentum_epochs - 1, 1), 1)
        return self.momentum + share * (self.final_momentum - self.momentum)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        if self.epoch == 0 and self.output == "sigmoid":
            *_, bias = self.G.parameters()
            bias.data.copy_(layers.logit_of_marginals(train))
        for epoch in range(int(self.epoch) + 1, self.epochs + 1):
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            batches = batches[: self.max_updates or None]
            momentum, losses = self.momentum_at(epoch), []
            for t, rows in enumerate(batches, start=(epoch - 1) * len(batches)):
                step = self._together if self.update == "simultaneous" else self._in_turn
                losses.append(torch.stack(step(train[rows], t, momentum)))
            self.epoch.fill_(epoch)
            L_D, L_G = torch.stack(losses).mean(dim=0).tolist()
            yield Epoch(epoch, self.epochs, {"discriminator": L_D, "generator": L_G})

    def _together(self, x: Tensor, t: int, momentum: float) -> tuple[Tensor, Tensor]:
        """Both gradients at the same weights, from one pass of D over the fakes; then both move."""
        a_real, a_fake = self.D(x), self.D(self.G(self._noise(len(x))))
        L_D, L_G = loss_D(a_real, a_fake), loss_G(a_fake, self.generator_loss)
        to_D = torch.autograd.grad(L_D, list(self.D.parameters()), retain_graph=True)
        to_G = torch.autograd.grad(L_G, list(self.G.parameters()))
        self._descend("D", to_D, t, momentum)
        self._descend("G", to_G, t, momentum)
        return L_D.detach(), L_G.detach()

    def _in_turn(self, x: Tensor, t: int, momentum: float) -> tuple[Tensor, Tensor]:
        """Algorithm 1: D moves; after every k-th time G does, against the D that moved."""
        a_real, a_fake = self.D(x), self.D(self.sample(len(x)))
        L_D, L_G = loss_D(a_real, a_fake), loss_G(a_fake, self.generator_loss)
        self._descend("D", torch.autograd.grad(L_D, list(self.D.parameters())), t, momentum)
        if (t + 1) % self.k == 0:
            L_G = loss_G(self.D(self.G(self._noise(len(x)))), self.generator_loss)
            self._descend("G", torch.autograd.grad(L_G, list(self.G.parameters())), t, momentum)
        return L_D.detach(), L_G.detach()

    @torch.no_grad()
    def _descend(self, net: str, gradients: tuple[Tensor, ...], t: int, momentum: float) -> None:
        """v <- momentum v - rate g; θ <- θ + v; then the longest weight vectors are cut."""
        parameters = (self.G if net == "G" else self.D).parameters()
        for p, v, g in zip(parameters, self.velocity[net], gradients, strict=True):
            p.add_(v.mul_(momentum).sub_(g, alpha=self.rate_at(t)))
            if self.max_norm and p.dim() == 2:
                layers.limit_norms(p, self.max_norm)

    def _noise(self, n: int) -> Tensor:
        z = next(self.G.parameters()).new_empty(n, self.noise_size)
        return z.normal_() if self.noise == "gaussian" else z.uniform_(-math.sqrt(3), math.sqrt(3))

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        chunks = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
        return torch.cat([self.G(self._noise(rows)) for rows in chunks])

    def state_dict(self) -> dict[str, Tensor]:
        G = {f"G.{name}": p for name, p in self.G.state_dict().items()}
        D = {f"train.D.{name}": p for name, p in self.D.state_dict().items()}
        v = {f"train.velocity.{n}.{i}": v for n in "GD" for i, v in enumerate(self.velocity[n])}
        return {**G, **D, **v, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch.fill_(self.epochs)  # finished, unless the state says how far it is
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
