"""Restricted Boltzmann machine by contrastive divergence (Hinton 2002; persistent: Tieleman 2008).

p(v, h) = exp(b'v + c'h + v'Wh) / Z over binary v and h. Grey pixels are read as the means of binary
units. The lowest layer of `dbn` is trained the same way; here it is a row of its own, whose log Z
can be enumerated, or bounded, since `boltzmann` shows what it is.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from genbench.protocols import Boltzmann, Epoch

CHUNK = 1000  # rows at a time; the losses of an epoch are of the first so many training rows


def bits(p: Tensor) -> Tensor:
    """Independent units, 1 with probability `p`, else 0."""
    return torch.rand_like(p).lt_(p)


def hidden(v: Tensor, W: Tensor, c: Tensor) -> Tensor:
    """p(h_j = 1 | v) = σ(c_j + (W'v)_j): (n, units)."""
    return torch.addmm(c, v, W).sigmoid_()


def visible(h: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """p(v_i = 1 | h) = σ(b_i + (Wh)_i): (n, d)."""
    return torch.addmm(b, h, W.T).sigmoid_()


def free_energy(v: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """F(v) = -b'v - Σ_j log(1 + exp(c_j + (W'v)_j)), so that p(v) = exp(-F(v)) / Z: (n,)."""
    return -v @ b - softplus(torch.addmm(c, v, W)).sum(dim=1)


def gibbs(h: Tensor, W: Tensor, b: Tensor, c: Tensor, steps: int) -> Tensor:
    """`steps` times v ~ p(v | h), h ~ p(h | v): the last h."""
    for _ in range(steps):
        h = bits(hidden(bits(visible(h, W, b)), W, c))
    return h


def step(
    parameters: Sequence[Tensor],
    velocity: Sequence[Tensor],
    v: Tensor,
    chains: Tensor | None,
    k: int,
    rate: float,
    momentum: float,
) -> Tensor:
    """velocity <- momentum velocity + rate (E_data[-dF] - E_k[-dF]); where the chains are then.

    -dF/dW = v p', -dF/db = v, -dF/dc = p with p = p(h | v). The second mean is of the visible units
    that k Gibbs steps lead to, from the persistent `chains` of hidden units (PCD-k) or, if None,
    from p(h | v) of the data (CD-k).
    """
    W, b, c = parameters
    h = bits(hidden(v, W, c)) if chains is None else chains
    fantasy = bits(visible(gibbs(h, W, b, c, k - 1), W, b))
    rows = torch.cat([v, fantasy])  # the data and the chains share a product
    p = hidden(rows, W, c)
    share = torch.cat(
        [v.new_full((len(v),), 1 / len(v)), v.new_full((len(fantasy),), -1 / len(fantasy))]
    )
    velocity[0].addmm_(rows.T, p * share[:, None], beta=momentum, alpha=rate)
    velocity[1].addmv_(rows.T, share, beta=momentum, alpha=rate)
    velocity[2].addmv_(p.T, share, beta=momentum, alpha=rate)
    return bits(p[len(v) :])


@dataclass(eq=False)
class RBM:
    """`units` hidden units; W from N(0, weight_std²), b the logits of the pixels' means, c = 0.

    visibles: what the data are in an update: "mean", the grey levels themselves, or "binary", bits
        with those means, drawn anew whenever a row is shown.
    persistent: PCD-k with `particles` chains, of which a share `restarts` begins anew at every
        update, else CD-k. rate: falls linearly to 0. momentum: for the first `momentum_epochs`,
        then final_momentum. decay: L2, of W.
    chains, burn_in, thinning: `sample` runs that many chains from fair coin tosses, skips `burn_in`
        Gibbs steps and keeps every `thinning`-th state: the means of the pixels given the hidden
        units, or bits where the data have two levels.
    max_updates: most in an epoch, 0 for no limit.
    """

    shape: tuple[int, ...]
    units: int
    epochs: int
    batch: int
    rate: float
    momentum: float
    final_momentum: float
    momentum_epochs: int
    decay: float
    weight_std: float
    visibles: Literal["mean", "binary"]
    persistent: bool
    particles: int
    restarts: float
    k: int
    chains: int
    burn_in: int
    thinning: int
    max_updates: int = 0
    levels: int | None = None

    revision = 1
    samples = "mean"
    range = (0.0, 1.0)  # of the data that it can model
    sampling = ("chains", "burn_in", "thinning")

    def __post_init__(self) -> None:
        if min(self.units, self.k, self.chains, self.thinning) < 1 or self.burn_in < 0:
            got = f"{self.units}, {self.k}, {self.chains}, {self.thinning} and {self.burn_in}"
            raise ValueError(
                f"units, k, chains and thinning must be >= 1 and burn_in >= 0, got {got}"
            )
        d = math.prod(self.shape)
        self.parameters = (
            self.weight_std * torch.randn(d, self.units),
            torch.zeros(d),
            torch.zeros(self.units),
        )
        self.velocity = tuple(torch.zeros_like(parameter) for parameter in self.parameters)
        self.hidden_chains = torch.zeros(self.particles, self.units)
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        for epoch in range(int(self.epoch), self.epochs):
            if epoch == 0:
                self._start(train)
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            for rows in batches[: self.max_updates or None]:
                self._update(train[rows], epoch)
            self.epoch.fill_(epoch + 1)
            yield Epoch(epoch + 1, self.epochs, self._losses(train[:CHUNK]))

    def _start(self, train: Tensor) -> None:
        """b_i = log m_i / (1 - m_i), m the means of the pixels; chains at fair coin tosses."""
        marginals = train.mean(dim=0, dtype=torch.float64)
        self.parameters[1].copy_(marginals.clamp(1e-4, 1 - 1e-4).logit())
        self.hidden_chains.bernoulli_(0.5)

    def _update(self, v: Tensor, epoch: int) -> None:
        """velocity <- momentum velocity + rate (slope - decay W); θ <- θ + velocity."""
        rate = self.rate * (1 - epoch / self.epochs)
        momentum = self.momentum if epoch < self.momentum_epochs else self.final_momentum
        v = bits(v) if self.visibles == "binary" else v
        chains = self._chains() if self.persistent else None
        h = step(self.parameters, self.velocity, v, chains, self.k, rate, momentum)
        self.velocity[0].sub_(self.parameters[0], alpha=rate * self.decay)
        for parameter, velocity in zip(self.parameters, self.velocity, strict=True):
            parameter.add_(velocity)
        if self.persistent:
            self.hidden_chains.copy_(h)

    def _chains(self) -> Tensor:
        """The persistent chains, of which a share `restarts` begins anew at fair coin tosses."""
        h = self.hidden_chains
        if self.restarts == 0:
            return h
        anew = torch.rand_like(h[:, :1]) < self.restarts
        return torch.where(anew, bits(torch.full_like(h, 0.5)), h)

    def _losses(self, v: Tensor) -> dict[str, float]:
        """-log p(v | p(h | v)) in nats, and how far F of the chains is above F of the data."""
        W, b, c = self.parameters
        logits = torch.addmm(b, hidden(v, W, c), W.T)
        reconstruction = binary_cross_entropy_with_logits(logits, v, reduction="sum") / len(v)
        fantasy = bits(visible(self.hidden_chains, W, b))
        gap = free_energy(fantasy, W, b, c).mean() - free_energy(v, W, b, c).mean()
        reported = torch.stack([reconstruction, gap]).tolist()
        return dict(zip(("reconstruction", "free energy gap"), reported, strict=True))

    def boltzmann(self) -> Boltzmann:
        """W, b and c: log p(v) needs Z, by enumeration where few units are hidden, else bounds."""
        W, b, c = self.parameters
        return Boltzmann((W,), (b, c))

    def sample(self, n: int) -> Tensor:
        """Rows [t chains, (t + 1) chains) are the t-th kept states of all chains, in their order.

        No more chains are run than rows are asked for.
        """
        W, b, c = self.parameters
        h = bits(torch.full_like(c.expand(min(self.chains, n), -1), 0.5))
        h = gibbs(h, W, b, c, self.burn_in)
        kept = []
        for _ in range(math.ceil(n / len(h))):
            h = gibbs(h, W, b, c, self.thinning)
            kept.append(visible(h, W, b))
        means = torch.cat(kept)[:n]
        return bits(means) if self.levels == 2 else means

    def state_dict(self) -> dict[str, Tensor]:
        state = dict(zip("Wbc", self.parameters, strict=True))
        state |= {f"train.velocity.{k}": v for k, v in zip("Wbc", self.velocity, strict=True)}
        return {**state, "train.chains": self.hidden_chains, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch.fill_(self.epochs)  # finished, unless the state says not
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
