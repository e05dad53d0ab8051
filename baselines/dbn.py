"""Deep belief network: RBMs trained one upon the other (Hinton, Osindero & Teh 2006).

p(x, h_1, .., h_L) = p(x | h_1) .. p(h_{L-2} | h_{L-1}) p(h_{L-1}, h_L), the last two layers being
one RBM of energy E(v, h) = -b'v - c'h - v'Wh. Pixels are read as the means of binary units.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from genbench.protocols import Epoch

CHUNK = 1000  # rows at a time; the losses of an epoch are of the first so many training rows
START_ROWS = 100  # training rows kept with the weights, for chains that start at them


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


Terms = tuple[Tensor, Tensor, Tensor]  # rows v, their p(h | v), the share (n,) of each in a sum


def add_slopes(sums: Sequence[Tensor], terms: Terms, momentum: float, rate: float) -> None:
    """s <- momentum s + rate Σ share (-dF/dθ), where -dF/dW = v p', -dF/db = v, -dF/dc = p."""
    (W, b, c), (v, p, share) = sums, terms
    W.addmm_(v.T, p * share[:, None], beta=momentum, alpha=rate)
    b.addmv_(v.T, share, beta=momentum, alpha=rate)
    c.addmv_(p.T, share, beta=momentum, alpha=rate)


def gibbs(h: Tensor, W: Tensor, b: Tensor, c: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """`steps` times v ~ p(v | h), h ~ p(h | v); the last v, its p(h | v), and h.

    Without a step there is neither v nor p: both are h.
    """
    v = p = h
    for _ in range(steps):
        v = bits(visible(h, W, b))
        p = hidden(v, W, c)
        h = bits(p)
    return v, p, h


def contrast(
    v: Tensor, h: Tensor | None, W: Tensor, b: Tensor, c: Tensor, k: int
) -> tuple[Terms, Tensor]:
    """Contrastive divergence: the terms of E_data[-dF] - E_k[-dF]; and where the chains are.

    The second mean is of the visible units that k Gibbs steps lead to, from the persistent
    chains' hidden units `h` (PCD-k) or, if None, from p(h | v) (CD-k).
    """
    if h is None:
        p = hidden(v, W, c)
        fantasy, p_fantasy, h = gibbs(bits(p), W, b, c, k)
        rows, units = torch.cat([v, fantasy]), torch.cat([p, p_fantasy])
    else:  # the last step of the chains and the data share a product
        _, _, h = gibbs(h, W, b, c, k - 1)
        rows = torch.cat([v, bits(visible(h, W, b))])
        units = hidden(rows, W, c)
        h = bits(units[len(v) :])
    share = v.new_full((len(v),), 1 / len(v)), h.new_full((len(h),), -1 / len(h))
    return (rows, units, torch.cat(share)), h


def cycled(rows: Tensor, n: int) -> Tensor:
    """The first n rows, from the top again where there are fewer: (n, d)."""
    return rows[torch.arange(n, device=rows.device) % len(rows)]


@dataclass(eq=False)
class DBN:
    """Binary layers of the widths `layers`; each RBM is trained for `epochs`, the lowest first.

    An RBM above another sees units sampled from it, drawn anew whenever a row is shown.

    persistent: PCD-k with `particles` chains, of which a share `restarts` begins anew at every
        update, else CD-k. rate: falls linearly to 0 over an RBM's epochs. momentum: for the first
        `momentum_epochs`, then final_momentum. decay: L2, of W.
    chains, burn_in, thinning: `sample` runs that many chains of the top RBM, skips `burn_in` Gibbs
        steps and keeps every `thinning`-th state; going down, units are sampled, but of the pixels
        the means are taken.
    start: where the chains start: "noise", at fair coin tosses; "data", chain i at units sampled
        upward from training row i mod START_ROWS.
    max_updates: most in an epoch, 0 for no limit.
    """

    shape: tuple[int, ...]
    layers: list[int]
    epochs: int
    batch: int
    rate: float
    momentum: float
    final_momentum: float
    momentum_epochs: int
    decay: float
    weight_std: float
    persistent: bool
    particles: int
    restarts: float
    k: int
    chains: int
    burn_in: int
    thinning: int
    start: Literal["noise", "data"] = "noise"
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
        if min(self.chains, self.thinning) < 1 or self.burn_in < 0:
            got = f"{self.chains}, {self.thinning} and {self.burn_in}"
            raise ValueError(f"chains and thinning must be >= 1 and burn_in >= 0, got {got}")
        widths = [math.prod(self.shape), *self.layers]
        self.rbms = [
            [self.weight_std * torch.randn(d, units), torch.zeros(d), torch.zeros(units)]
            for d, units in pairwise(widths)
        ]
        self.velocity = [[torch.zeros_like(parameter) for parameter in rbm] for rbm in self.rbms]
        self.hidden_chains = [torch.zeros(self.particles, units) for units in self.layers]
        self.starts = torch.zeros(START_ROWS, widths[0])
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        total = self.epochs * len(self.layers)
        for done in range(int(self.epoch), total):
            if done == 0:
                self.starts.copy_(cycled(train, START_ROWS))
            layer, epoch = divmod(done, self.epochs)
            if epoch == 0:
                self._start(layer, train)
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            for rows in batches[: self.max_updates or None]:
                self._update(layer, self._up(train[rows], layer), epoch)
            self.epoch.fill_(done + 1)
            yield Epoch(done + 1, total, self._losses(layer, self._up(train[:CHUNK], layer)))

    def _up(self, x: Tensor, layer: int) -> Tensor:
        """What RBM number `layer` sees of the rows `x`: units sampled from the RBMs below it."""
        for W, _, c in self.rbms[:layer]:
            x = bits(hidden(x, W, c))
        return x

    def _start(self, layer: int, train: Tensor) -> None:
        """b_i = log m_i / (1 - m_i), m the mean of what is seen; chains at fair coin tosses."""
        sums = [
            self._up(rows, layer).sum(dim=0, dtype=torch.float64) for rows in train.split(CHUNK)
        ]
        marginals = torch.stack(sums).sum(dim=0) / len(train)
        self.rbms[layer][1].copy_(marginals.clamp(1e-7, 1 - 1e-7).logit())
        self.hidden_chains[layer].bernoulli_(0.5)

    def _update(self, layer: int, v: Tensor, epoch: int) -> None:
        """velocity <- momentum velocity + rate (slope - decay W); θ <- θ + velocity."""
        rate = self.rate * (1 - epoch / self.epochs)
        momentum = self.momentum if epoch < self.momentum_epochs else self.final_momentum
        W, b, c = self.rbms[layer]
        chains = self._chains(layer) if self.persistent else None
        terms, h = contrast(v, chains, W, b, c, self.k)
        add_slopes(self.velocity[layer], terms, momentum, rate)
        self.velocity[layer][0].sub_(W, alpha=rate * self.decay)
        for parameter, velocity in zip((W, b, c), self.velocity[layer], strict=True):
            parameter.add_(velocity)
        if self.persistent:
            self.hidden_chains[layer].copy_(h)

    def _chains(self, layer: int) -> Tensor:
        """The persistent chains, of which a share `restarts` begins anew at fair coin tosses."""
        h = self.hidden_chains[layer]
        if self.restarts == 0:
            return h
        anew = torch.rand_like(h[:, :1]) < self.restarts
        return torch.where(anew, bits(torch.full_like(h, 0.5)), h)

    def _losses(self, layer: int, v: Tensor) -> dict[str, float]:
        """-log p(v | p(h | v)) in nats, and how far F of the chains is above F of the data."""
        W, b, c = self.rbms[layer]
        logits = torch.addmm(b, hidden(v, W, c), W.T)
        reconstruction = binary_cross_entropy_with_logits(logits, v, reduction="sum") / len(v)
        fantasy = bits(visible(self.hidden_chains[layer], W, b))
        gap = free_energy(fantasy, W, b, c).mean() - free_energy(v, W, b, c).mean()
        reported = torch.stack([reconstruction, gap]).tolist()
        names = (f"layer {layer + 1} reconstruction", f"layer {layer + 1} free energy gap")
        return dict(zip(names, reported, strict=True))

    def sample(self, n: int) -> Tensor:
        """Rows [t chains, (t + 1) chains) are the t-th kept states of all chains, in their order.

        No more chains are run than rows are asked for.
        """
        W, b, c = self.rbms[-1]
        h = self._first(min(self.chains, n))
        _, _, h = gibbs(h, W, b, c, self.burn_in)
        kept = []
        for _ in range(math.ceil(n / len(h))):
            _, _, h = gibbs(h, W, b, c, self.thinning)
            kept.append(self._down(h))
        return torch.cat(kept)[:n]

    def _first(self, chains: int) -> Tensor:
        """The top units that the chains start at."""
        if self.start == "data":
            return self._up(cycled(self.starts, chains), len(self.rbms))
        return bits(torch.full_like(self.rbms[-1][2].expand(chains, -1), 0.5))

    def _down(self, h: Tensor) -> Tensor:
        """The means of the pixels, given units sampled from the top down."""
        for W, b, _ in self.rbms[:0:-1]:
            h = bits(visible(h, W, b))
        W, b, _ = self.rbms[0]
        return visible(h, W, b)

    def state_dict(self) -> dict[str, Tensor]:
        state = {"train.epoch": self.epoch, "starts": self.starts}
        for i, (rbm, velocity) in enumerate(zip(self.rbms, self.velocity, strict=True)):
            for name, parameter, speed in zip("Wbc", rbm, velocity, strict=True):
                state |= {f"{name}.{i}": parameter, f"train.velocity.{name}.{i}": speed}
            state[f"train.hidden_chains.{i}"] = self.hidden_chains[i]
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch.fill_(self.epochs * len(self.layers))  # finished, unless the state says not
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
