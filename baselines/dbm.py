"""Deep Boltzmann machine of two hidden layers (Salakhutdinov & Hinton 2009), trained jointly.

p(x, h1, h2) = exp(x̃'b + h̃1'c1 + h̃2'c2 + x̃'W1 h̃1 + h̃1'W2 h̃2) / Z over binary units. A unit with a
tilde is centred: x̃ = x - mx, and so on, m a running mean of the unit over the data. Centring makes
the gradients of the two layers meet at once, so that no layer needs to be trained before the other
(Montavon & Müller 2012); it is the same family of distributions, see `boltzmann`. Grey pixels are
read as the means of binary units.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from genbench.protocols import Boltzmann, Epoch

CHUNK = 1000  # training rows, the first ones, that the losses of an epoch are of
NAMES = ("W1", "W2", "b", "c1", "c2")


def bits(p: Tensor) -> Tensor:
    """Independent units, 1 with probability `p`, else 0."""
    return torch.rand_like(p).lt_(p)


def entropy(mu: Tensor) -> Tensor:
    """H = -Σ_j μ_j log μ_j + (1 - μ_j) log(1 - μ_j) of independent units, nats: (n,)."""
    return -(torch.xlogy(mu, mu) + torch.xlogy(1 - mu, 1 - mu)).sum(dim=1)


@dataclass(eq=False)
class Layers:
    """What the machine is: weights, biases and the offsets m of its three layers.

    W1: (d, units 1). W2: (units 1, units 2). b, c1, c2 and mx, m1, m2: of each unit.
    """

    W1: Tensor
    W2: Tensor
    b: Tensor
    c1: Tensor
    c2: Tensor
    mx: Tensor
    m1: Tensor
    m2: Tensor

    def visible(self, h1: Tensor) -> Tensor:
        """p(x_i = 1 | h1) = σ(b_i + (W1 h̃1)_i): (n, d)."""
        return torch.addmm(self.b, h1 - self.m1, self.W1.T).sigmoid_()

    def middle(self, x: Tensor, h2: Tensor) -> Tensor:
        """p(h1_j = 1 | x, h2) = σ(c1_j + (W1'x̃ + W2 h̃2)_j): (n, units 1)."""
        from_x = torch.addmm(self.c1, x - self.mx, self.W1)
        return torch.addmm(from_x, h2 - self.m2, self.W2.T).sigmoid_()

    def top(self, h1: Tensor) -> Tensor:
        """p(h2_k = 1 | h1) = σ(c2_k + (W2'h̃1)_k): (n, units 2)."""
        return torch.addmm(self.c2, h1 - self.m1, self.W2).sigmoid_()

    def gibbs(self, h1: Tensor, steps: int) -> Tensor:
        """`steps` times x, h2 ~ p(x, h2 | h1), then h1 ~ p(h1 | x, h2): the last h1."""
        for _ in range(steps):
            x, h2 = bits(self.visible(h1)), bits(self.top(h1))
            h1 = bits(self.middle(x, h2))
        return h1

    def mean_field(self, x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Means μ1, μ2 of independent units that approximate p(h1, h2 | x), from h̃2 = 0.

        `steps` times μ1 <- p(h1 = 1 | x, μ2), then μ2 <- p(h2 = 1 | μ1): each raises `bound` to its
        greatest value while the other stands still.
        """
        mu2 = self.m2.expand(len(x), -1)
        mu1 = self.middle(x, mu2)
        for i in range(steps):
            mu1 = self.middle(x, mu2) if i else mu1
            mu2 = self.top(mu1)
        return mu1, mu2

    def bound(self, x: Tensor, mu1: Tensor, mu2: Tensor) -> Tensor:
        """E_q[-E(x, h1, h2)] + H(q) <= log p(x) + log Z, of the units' means: (n,)."""
        x, h1, h2 = x - self.mx, mu1 - self.m1, mu2 - self.m2
        linear = x @ self.b + h1 @ self.c1 + h2 @ self.c2
        pairs = ((x @ self.W1) * h1).sum(dim=1) + ((h1 @ self.W2) * h2).sum(dim=1)
        return linear + pairs + entropy(mu1) + entropy(mu2)

    def recentre(self, mu1: Tensor, mu2: Tensor, share: float) -> None:
        """m <- m + share (mean μ - m); the biases follow, so that p stays what it is.

        A unit's input has the term W (h - m): where m moves by δ, W δ goes to the bias.
        """
        d1, d2 = share * (mu1.mean(dim=0) - self.m1), share * (mu2.mean(dim=0) - self.m2)
        self.b.addmv_(self.W1, d1)
        self.c1.addmv_(self.W2, d2)
        self.c2.addmv_(self.W2.T, d1)
        self.m1.add_(d1)
        self.m2.add_(d2)

    def boltzmann(self) -> Boltzmann:
        """The same distribution without offsets: b - W1 m1, c1 - W1'mx - W2 m2, c2 - W2'm1."""
        b = self.b - self.W1 @ self.m1
        c1 = self.c1 - self.W1.T @ self.mx - self.W2 @ self.m2
        c2 = self.c2 - self.W2.T @ self.m1
        return Boltzmann((self.W1, self.W2), (b, c1, c2))


@dataclass(eq=False)
class DBM:
    """`units` of the first and of the second hidden layer; W from N(0, weight_std²).

    An update climbs E_data[-dE] - E_model[-dE]: the first by `mean_field` steps, the second over
    `particles` persistent chains, k Gibbs steps on from the update before, of which a share
    `restarts` begins anew.
    visibles: what the data are in an update: "mean", the grey levels themselves, or "binary", bits
        with those means, drawn anew whenever a row is shown.
    hidden_bias: where the logits of the hidden units start. rate: falls linearly to 0. momentum: of
        all updates. decay: L2, of W1 and W2. sliding: by what share of the way the offsets follow
        the means of a batch.
    chains, burn_in, thinning: `sample` runs that many chains from fair coin tosses, skips `burn_in`
        Gibbs steps and keeps every `thinning`-th state: the means of the pixels given h1, or bits
        where the data have two levels.
    max_updates: most in an epoch, 0 for no limit.
    """

    shape: tuple[int, ...]
    units: list[int]
    epochs: int
    batch: int
    rate: float
    momentum: float
    decay: float
    weight_std: float
    hidden_bias: float
    sliding: float
    mean_field: int
    visibles: Literal["mean", "binary"]
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
        if len(self.units) != 2 or min(self.units) < 1:
            raise ValueError(f"units must be two widths, each at least 1, got {self.units}")
        if min(self.mean_field, self.k, self.chains, self.thinning) < 1 or self.burn_in < 0:
            got = f"{self.mean_field}, {self.k}, {self.chains}, {self.thinning} and {self.burn_in}"
            raise ValueError(
                f"mean_field, k, chains and thinning must be >= 1 and burn_in >= 0, got {got}"
            )
        d, (first, second) = math.prod(self.shape), self.units
        W1, W2 = torch.randn(d, first), torch.randn(first, second)
        c1, c2 = torch.full((first,), self.hidden_bias), torch.full((second,), self.hidden_bias)
        offsets = torch.zeros(d), c1.sigmoid(), c2.sigmoid()
        std = self.weight_std
        self.layers = Layers(std * W1, std * W2, torch.zeros(d), c1, c2, *offsets)
        self.velocity = {name: torch.zeros_like(getattr(self.layers, name)) for name in NAMES}
        self.hidden_chains = torch.zeros(self.particles, first)
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        for epoch in range(int(self.epoch), self.epochs):
            if epoch == 0:
                self._start(train)
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            for rows in batches[: self.max_updates or None]:
                self._update(train[rows], self.rate * (1 - epoch / self.epochs))
            self.epoch.fill_(epoch + 1)
            yield Epoch(epoch + 1, self.epochs, self._losses(train[:CHUNK]))

    def _start(self, train: Tensor) -> None:
        """mx the means of the pixels, b their logits; chains at draws of the hidden biases."""
        means = train.mean(dim=0, dtype=torch.float64)
        self.layers.mx.copy_(means)
        self.layers.b.copy_(means.clamp(1e-4, 1 - 1e-4).logit())
        self.hidden_chains.copy_(bits(self.layers.m1.expand_as(self.hidden_chains)))

    def _update(self, x: Tensor, rate: float) -> None:
        """velocity <- momentum velocity + rate (slope - decay W); θ <- θ + velocity."""
        now = self.layers
        x = bits(x) if self.visibles == "binary" else x
        mu1, mu2 = now.mean_field(x, self.mean_field)
        h1 = now.gibbs(self._chains(), self.k - 1)
        fantasy, h2 = bits(now.visible(h1)), bits(now.top(h1))
        p1 = now.middle(fantasy, h2)
        now.recentre(mu1, mu2, self.sliding)
        self._add_slopes(x, mu1, mu2, rate / len(x), self.momentum)
        self._add_slopes(fantasy, p1, h2, -rate / len(fantasy), 1.0)
        for name, velocity in self.velocity.items():
            parameter = getattr(now, name)
            if name in ("W1", "W2"):
                velocity.sub_(parameter, alpha=rate * self.decay)
            parameter.add_(velocity)
        self.hidden_chains.copy_(bits(p1))

    def _add_slopes(self, x: Tensor, h1: Tensor, h2: Tensor, rate: float, momentum: float) -> None:
        """velocity <- momentum velocity + rate Σ x̃ h̃1', h̃1 h̃2', x̃, h̃1, h̃2."""
        x, h1, h2 = x - self.layers.mx, h1 - self.layers.m1, h2 - self.layers.m2
        v = self.velocity
        v["W1"].addmm_(x.T, h1, beta=momentum, alpha=rate)
        v["W2"].addmm_(h1.T, h2, beta=momentum, alpha=rate)
        for name, units in zip(("b", "c1", "c2"), (x, h1, h2), strict=True):
            v[name].mul_(momentum).add_(units.sum(dim=0), alpha=rate)

    def _chains(self) -> Tensor:
        """The persistent chains, of which a share `restarts` begins anew at fair coin tosses."""
        h1 = self.hidden_chains
        if self.restarts == 0:
            return h1
        anew = torch.rand_like(h1[:, :1]) < self.restarts
        return torch.where(anew, bits(torch.full_like(h1, 0.5)), h1)

    def _losses(self, x: Tensor) -> dict[str, float]:
        """-log p(x | μ1) in nats, and how far the bound of the data is above that of the chains."""
        now = self.layers
        mu1, mu2 = now.mean_field(x, self.mean_field)
        logits = torch.addmm(now.b, mu1 - now.m1, now.W1.T)
        reconstruction = binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        fantasy = bits(now.visible(self.hidden_chains))
        of_chains = now.bound(fantasy, *now.mean_field(fantasy, self.mean_field))
        gap = now.bound(x, mu1, mu2).mean() - of_chains.mean()
        reported = torch.stack([reconstruction, gap]).tolist()
        return dict(zip(("reconstruction", "bound gap"), reported, strict=True))

    def boltzmann(self) -> Boltzmann:
        """Its weights and biases, without offsets: log p(x) needs bounds, or few units."""
        return self.layers.boltzmann()

    def sample(self, n: int) -> Tensor:
        """Rows [t chains, (t + 1) chains) are the t-th kept states of all chains, in their order.

        No more chains are run than rows are asked for.
        """
        now = self.layers
        h1 = bits(torch.full_like(now.c1.expand(min(self.chains, n), -1), 0.5))
        h1 = now.gibbs(h1, self.burn_in)
        kept = []
        for _ in range(math.ceil(n / len(h1))):
            h1 = now.gibbs(h1, self.thinning)
            kept.append(now.visible(h1))
        means = torch.cat(kept)[:n]
        return bits(means) if self.levels == 2 else means

    def state_dict(self) -> dict[str, Tensor]:
        velocity = {f"train.velocity.{name}": v for name, v in self.velocity.items()}
        training = {"train.chains": self.hidden_chains, "train.epoch": self.epoch}
        return {**vars(self.layers), **velocity, **training}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.epoch.fill_(self.epochs)  # finished, unless the state says not
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
