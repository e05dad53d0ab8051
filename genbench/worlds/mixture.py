"""Mixtures of low-rank Gaussians, float64: log densities, draws, moments.

    p(x) = sum_k pi_k N(x; mu_k, C_k)        C_k = V_k diag(lam_k - s2_k) V_k' + s2_k I
    log|C_k|            = sum_j log lam_kj + (d - q) log s2_k
    (x-mu)' C^-1 (x-mu) = |x-mu|²/s2 - sum_j (v_j'(x-mu))² (1/s2 - 1/lam_j)
V_k is (d, q) with orthonormal columns. One product x [V_1 ... V_K] serves every mixture that has
the same V, whatever its pi, lam and s2; so ladders of a mixture are measured together.

Source: Tipping and Bishop 1999, "Mixtures of probabilistic principal component analysers".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

NUMBERS = 1 << 21  # float64 numbers that one block of rows may need at a time


@dataclass(frozen=True, eq=False)
class Mixture:
    """weights (K,), means (K, d), axes (K, d, q), lam (K, q), s2 (K,)."""

    weights: np.ndarray
    means: np.ndarray
    axes: np.ndarray
    lam: np.ndarray
    s2: np.ndarray

    @property
    def d(self) -> int:
        return self.means.shape[1]

    @property
    def parts(self) -> tuple[tuple[float, Mixture], ...]:
        """Shares and mixtures that it is a mixture of: itself."""
        return ((1.0, self),)

    @property
    def log_weights(self) -> np.ndarray:
        """(K,), -inf for components that never occur."""
        with np.errstate(divide="ignore"):
            return np.log(self.weights)

    @property
    def log_determinants(self) -> np.ndarray:
        """log|C_k|, (K,)."""
        return np.log(self.lam).sum(axis=1) + (self.d - self.lam.shape[1]) * np.log(self.s2)

    @property
    def traces(self) -> np.ndarray:
        """tr C_k, (K,)."""
        return self.lam.sum(axis=1) + (self.d - self.lam.shape[1]) * self.s2

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """log p, nats, (n,), of rows x (n, d)."""
        return log_probs(x, [self])[0]

    def posterior(self, x: np.ndarray) -> np.ndarray:
        """p(k | x), (n, K), of rows x (n, d)."""
        joints = [self.log_joint(block) for block in blocks(x, [self])]
        joint = np.concatenate(joints)
        return np.exp(joint - logsumexp(joint)[:, None])

    def log_joint(self, products: Products) -> np.ndarray:
        """log pi_k N(x; mu_k, C_k), (n, K), of the rows behind the products."""
        quadratic = products.sq_dist(self) / self.s2
        if self.lam.shape[1]:
            excess = 1 / self.s2[:, None] - 1 / self.lam
            quadratic -= np.einsum("nkq,kq->nk", products.sq_projections(self), excess)
        constant = self.d * math.log(2 * math.pi) + self.log_determinants
        return self.log_weights - (constant + quadratic) / 2

    def sample(self, n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, d) and their components (n,): first all k, then all z, then all noise."""
        k = random.choice(len(self.weights), n, p=self.weights)
        return self.given(k, random), k

    def given(self, k: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Rows (n, d) of components k (n,): mu_k + V_k (lam_k - s2_k)^(1/2) z + s_k e."""
        z = random.standard_normal((len(k), self.lam.shape[1]))
        x = random.standard_normal((len(k), self.d))
        x *= np.sqrt(self.s2)[k][:, None]
        x += self.means[k]
        scale = np.sqrt(np.maximum(self.lam - self.s2[:, None], 0))
        for one in np.unique(k) if z.shape[1] else ():
            rows = np.flatnonzero(k == one)
            x[rows] += (z[rows] * scale[one]) @ self.axes[one].T
        return x

    def only(self, components: np.ndarray) -> Mixture:
        """The mixture given that k is one of these: their numbers, or which, bool (K,)."""
        weights = self.weights[components]
        return Mixture(
            weights / weights.sum(),
            self.means[components],
            self.axes[components],
            self.lam[components],
            self.s2[components],
        )

    def widened(self, variance: float) -> Mixture:
        """Of x + e, where e is independent noise of this variance: C_k + variance I."""
        return replace(self, lam=self.lam + variance, s2=self.s2 + variance)


@dataclass(frozen=True, eq=False)
class Blend:
    """q(x) = sum_i share_i q_i(x), of mixtures q_i that need not be alike."""

    parts: tuple[tuple[float, Mixture], ...]

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """log q, nats, (n,), of rows x (n, d)."""
        return log_probs(x, [self])[0]

    def sample(self, n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, d) and their parts (n,)."""
        shares = np.array([share for share, _ in self.parts])
        part = random.choice(len(shares), n, p=shares)
        x = np.empty((n, self.parts[0][1].d))
        for i, (_, mixture) in enumerate(self.parts):
            rows = np.flatnonzero(part == i)
            x[rows] = mixture.sample(len(rows), random)[0]
        return x, part


Generator: TypeAlias = Mixture | Blend


class Products:
    """What mixtures need of a block of rows x (n, d); each product is made once."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self._sq = np.einsum("nd,nd->n", x, x)
        self._made: dict[tuple[int, ...], np.ndarray] = {}
        self._kept: list[object] = []  # so that nothing else takes an id

    def sq_dist(self, mixture: Mixture) -> np.ndarray:
        """|x - mu_k|², (n, K)."""
        means = mixture.means
        if (id(means),) not in self._made:
            sq = np.einsum("kd,kd->k", means, means)
            self._keep((means,), self._sq[:, None] - 2 * (self.x @ means.T) + sq)
        return self._made[(id(means),)]

    def sq_projections(self, mixture: Mixture) -> np.ndarray:
        """(v_kj'(x - mu_k))², (n, K, q)."""
        means, axes = mixture.means, mixture.axes
        if (id(axes), id(means)) not in self._made:
            shift = np.einsum("kd,kdq->kq", means, axes)
            self._keep((axes, means), np.square(self._product(axes) - shift))
        return self._made[(id(axes), id(means))]

    def log_prob(self, mixture: Mixture) -> np.ndarray:
        """log density, nats, (n,)."""
        if (id(mixture),) not in self._made:
            self._kept.append(mixture)
            self._made[(id(mixture),)] = logsumexp(mixture.log_joint(self))
        return self._made[(id(mixture),)]

    def _product(self, axes: np.ndarray) -> np.ndarray:
        """v_kj'x, (n, K, q)."""
        if (id(axes),) not in self._made:
            k, d, q = axes.shape
            flat = np.ascontiguousarray(axes.transpose(1, 0, 2)).reshape(d, k * q)
            self._keep((axes,), (self.x @ flat).reshape(-1, k, q))
        return self._made[(id(axes),)]

    def _keep(self, of: tuple[np.ndarray, ...], product: np.ndarray) -> None:
        self._kept += of
        self._made[tuple(map(id, of))] = product


def blocks(x: np.ndarray, generators: Sequence[Generator]) -> Iterator[Products]:
    """Rows x (n, d) float64, some at a time."""
    widest = max(m.lam.size + len(m.s2) for g in generators for _, m in g.parts)
    size = max(1, NUMBERS // widest)
    for start in range(0, len(x), size):
        yield Products(np.asarray(x[start : start + size], np.float64))


def log_probs(x: np.ndarray, generators: Sequence[Generator]) -> list[np.ndarray]:
    """log density, nats, (n,), of rows x (n, d) under each of the generators."""
    found = [np.empty(len(x)) for _ in generators]
    start = 0
    for block in blocks(x, generators):
        for g, generator in enumerate(generators):
            found[g][start : start + len(block.x)] = log_prob_of(generator, block)
        start += len(block.x)
    return found


def log_prob_of(generator: Generator, products: Products) -> np.ndarray:
    """log density, nats, (n,), of the rows behind the products."""
    logs = [math.log(s) + products.log_prob(m) for s, m in generator.parts if s > 0]
    return logs[0] if len(logs) == 1 else logsumexp(np.stack(logs, axis=1))


def logsumexp(a: np.ndarray) -> np.ndarray:
    """log sum_k exp a_nk, (n,), of (n, K); -inf where every term is."""
    most = a.max(axis=1)
    most = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):
        return most + np.log(np.exp(a - most[:, None]).sum(axis=1))


def single(mean: np.ndarray, variance: float) -> Mixture:
    """One round Gaussian."""
    return copies(mean[None], variance)


def copies(rows: np.ndarray, variance: float) -> Mixture:
    """A kernel of this variance on each of the rows (n, d): what copies rows, with noise."""
    n, d = rows.shape
    return Mixture(
        np.full(n, 1 / n), rows, np.zeros((n, d, 0)), np.zeros((n, 0)), np.full(n, variance)
    )


def moments(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d)."""
    d = generator.parts[0][1].d
    first, second = np.zeros(d), np.zeros((d, d))
    for share, m in generator.parts:
        weights = share * m.weights
        first += weights @ m.means
        second += (m.means * weights[:, None]).T @ m.means + (weights @ m.s2) * np.eye(d)
        scale = np.sqrt(weights[:, None] * np.maximum(m.lam - m.s2[:, None], 0))
        signal = (m.axes * scale[:, None, :]).transpose(1, 0, 2).reshape(d, -1)
        second += signal @ signal.T
    return first, second - np.outer(first, first)


def entropy_given(mixture: Mixture) -> float:
    """H(k) + H(x | k) = H(pi) + sum_k pi_k (d (1 + log 2 pi) + log|C_k|) / 2, nats.

    The entropy of p is this less H(k | x), which is 0 where every row tells its component.
    """
    w = mixture.weights[mixture.weights > 0]
    inner = mixture.d * (1 + math.log(2 * math.pi)) + mixture.log_determinants
    return float(-(w * np.log(w)).sum() + mixture.weights @ inner / 2)
