"""Stacked contractive auto-encoders: Rifai et al. 2011, sampled as in Rifai et al. 2012.

h = f(x) = σ(W'x + c),   g(h) = σ(Wh + b),   J = dh/dx = diag(s) W' with s = h (1 - h)
loss(x) = cross entropy of x and g(f(x)), summed over its entries, + contraction |J|²
chain     v <- g(h + J J'ε), h = f(v), ε ~ N(0, noise² I): noise along what h is sensitive to
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from genbench.protocols import Epoch

KEPT = 10_000  # training rows that sampling needs, as k / 255
CHUNK = 1000  # of them encoded at a time


def encode(x: Tensor, W: Tensor, c: Tensor) -> Tensor:
    """f(x) = σ(W'x + c): (n, units)."""
    return torch.addmm(c, x, W).sigmoid()


def decode(h: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """g(h) = σ(Wh + b): (n, d)."""
    return torch.addmm(b, h, W.T).sigmoid_()


def add_slopes(
    sums: Sequence[Tensor],
    x: Tensor,
    coder: Sequence[Tensor],
    contraction: float,
    momentum: float,
    rate: float,
) -> Tensor:
    """s <- momentum s - rate dloss/dθ for W, b, c; the cross entropy and |J|² of the rows `x`,
    means over them.

    With n rows, a = W'x + c, delta = dloss/d(Wh + b) = (g(h) - x) / n and |W_j|² = Σ_i W_ij²,
        alpha = dloss/da = s (W'delta + 2 contraction s (1 - 2h) |W_j|² / n)
        dW = x alpha' + delta h' + 2 contraction W diag(mean s²),   db = Σ delta,   dc = Σ alpha
    """
    (W, b, c), (s_W, s_b, s_c) = coder, sums
    h = encode(x, W, c)
    logits = torch.addmm(b, h, W.T)
    s, sq_norm = h * (1 - h), torch.linalg.vecdot(W, W, dim=0)
    mean_sq = s.square().mean(dim=0)
    entropy = binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    losses = torch.stack([entropy, mean_sq @ sq_norm])
    delta = logits.sigmoid_().sub_(x).div_(len(x))
    bend = (2 * contraction / len(x)) * sq_norm
    alpha = torch.addmm(s * (1 - 2 * h) * bend, delta, W).mul_(s)
    rows, codes = torch.cat([x, delta]), torch.cat([alpha, h])
    s_W.addmm_(rows.T, codes, beta=momentum, alpha=-rate)
    s_W.addcmul_(W, mean_sq, value=-rate * 2 * contraction)
    s_b.mul_(momentum).sub_(delta.sum(dim=0), alpha=rate)
    s_c.mul_(momentum).sub_(alpha.sum(dim=0), alpha=rate)
    return losses


def filtered(noise: Tensor, h: Tensor, W: Tensor) -> Tensor:
    """J J'ε = s W'W s ε, as two matrix-vector products for each row: (n, units)."""
    s = h * (1 - h)
    return s * ((s * noise) @ W.T @ W)


@dataclass(eq=False)
class StackedCAE:
    """Auto-encoders of the widths `layers`, each trained for `epochs` on the code of the one below.

    contraction: the weight of |J|². rate: falls linearly to 0 over a layer's epochs.
    noise, chains, start, burn_in, thinning: `sample` runs that many chains through the top
        auto-encoder, skips `burn_in` steps and keeps every `thinning`-th, all chains' first, then
        all chains' second; each is decoded to the means of the pixels. They start at codes of
        training images if `start` is "data", else at codes whose units are drawn independently,
        1 as often as on average over training images.
    reconstruct: `sample` instead gives g(f(x)) of the first training images, decoded from the top:
        what a chain that stands still would score.
    max_updates: most in an epoch, 0 for no limit.
    """

    shape: tuple[int, ...]
    layers: list[int]
    epochs: int
    batch: int
    rate: float
    momentum: float
    contraction: float
    noise: float
    chains: int
    burn_in: int
    thinning: int
    start: Literal["noise", "data"] = "noise"
    reconstruct: bool = False
    max_updates: int = 0

    revision = 1
    samples = "mean"
    range = (0.0, 1.0)  # of the data that it can model
    sampling = ("noise", "chains", "start", "burn_in", "thinning", "reconstruct")

    def __post_init__(self) -> None:
        if min(self.layers, default=0) < 1:
            raise ValueError(
                f"layers must be one width or more, each at least 1, got {self.layers}"
            )
        if min(self.chains, self.thinning) < 1 or self.burn_in < 0:
            got = f"{self.chains}, {self.thinning} and {self.burn_in}"
            raise ValueError(f"chains and thinning must be >= 1 and burn_in >= 0, got {got}")
        widths = [math.prod(self.shape), *self.layers]
        self.coders = [
            [_uniform(d, units), torch.zeros(d), torch.zeros(units)]  # W, b, c
            for d, units in pairwise(widths)
        ]
        self.velocity = [[torch.zeros_like(p) for p in coder] for coder in self.coders]
        self.kept = torch.zeros(0, widths[0], dtype=torch.uint8)
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        self.kept = (train[:KEPT] * 255).round().to(torch.uint8)
        total = self.epochs * len(self.layers)
        for done in range(int(self.epoch), total):
            layer, epoch = divmod(done, self.epochs)
            rate = self.rate * (1 - epoch / self.epochs)
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            losses = [
                self._descend(layer, self._up(train[rows], layer), rate)
                for rows in batches[: self.max_updates or None]
            ]
            self.epoch.fill_(done + 1)
            reconstruction, jacobian = torch.stack(losses).mean(dim=0).tolist()
            name = f"layer {layer + 1}"
            reported = {f"{name} reconstruction": reconstruction, f"{name} |J|²": jacobian}
            yield Epoch(done + 1, total, reported)

    def _descend(self, layer: int, x: Tensor, rate: float) -> Tensor:
        """v <- momentum v - rate g; θ <- θ + v. The cross entropy and |J|², means over the rows."""
        coder, velocity = self.coders[layer], self.velocity[layer]
        losses = add_slopes(velocity, x, coder, self.contraction, self.momentum, rate)
        for parameter, v in zip(coder, velocity, strict=True):
            parameter.add_(v)
        return losses

    def _up(self, x: Tensor, layers: int) -> Tensor:
        """The code of the rows `x` above the lowest `layers` auto-encoders."""
        for W, _, c in self.coders[:layers]:
            x = encode(x, W, c)
        return x

    def _down(self, h: Tensor, layers: int) -> Tensor:
        """The means of the pixels, given the code above the lowest `layers` auto-encoders."""
        for W, b, _ in self.coders[:layers][::-1]:
            h = decode(h, W, b)
        return h

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        top = len(self.layers)
        if self.reconstruct:
            return self._down(self._codes(self.kept[:n]), top)
        chains = min(self.chains, n)
        h = self._walk(self._first(chains), self.burn_in)
        kept = []
        for _ in range(math.ceil(n / chains)):
            h = self._walk(h, self.thinning)
            kept.append(self._down(h, top))
        return torch.cat(kept)[:n]

    def _first(self, chains: int) -> Tensor:
        """The codes that the chains start at."""
        u = torch.rand_like(self.coders[-1][2].expand(chains, -1))
        if self.start == "data":
            return self._codes(self.kept[torch.arange(chains) % len(self.kept)])
        sums = [
            self._codes(rows).sum(dim=0, dtype=torch.float64) for rows in self.kept.split(CHUNK)
        ]
        return (u < torch.stack(sums).sum(dim=0) / len(self.kept)).to(u)

    def _codes(self, kept: Tensor) -> Tensor:
        """The code above all auto-encoders of rows as they are kept."""
        return self._up(kept.to(self.coders[0][0]) / 255, len(self.layers))

    def _walk(self, h: Tensor, steps: int) -> Tensor:
        """`steps` times v = g(h), h = f(v), h <- h + J J'ε: the chain, seen between g and f."""
        W, b, c = self.coders[-1]
        for _ in range(steps):
            h = encode(decode(h, W, b), W, c)
            h = h + filtered(self.noise * torch.randn_like(h), h, W)
        return h

    def state_dict(self) -> dict[str, Tensor]:
        state = {"kept": self.kept, "train.epoch": self.epoch}
        for i, (coder, velocity) in enumerate(zip(self.coders, self.velocity, strict=True)):
            for name, p, v in zip("Wbc", coder, velocity, strict=True):
                state |= {f"{name}.{i}": p, f"train.velocity.{name}.{i}": v}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.kept = state["kept"]
        self.epoch.fill_(self.epochs * len(self.layers))  # finished, unless the state says not
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])


def _uniform(d: int, units: int) -> Tensor:
    """U(-r, r), r = 4 √(6 / (d + units)): (d, units). Glorot & Bengio 2010, for sigmoid units."""
    return torch.empty(d, units).uniform_(-4, 4).mul_(math.sqrt(6 / (d + units)))
