"""How far a generator q is from the truth p, in nats: exactly, or with a standard error.

    KL(p || q) = E_p log p/q                    KL(q || p) = E_q log q/p
    JSD        = (E_p log 2p/(p+q) + E_q log 2q/(p+q)) / 2
    TV         = (E_p max(0, 1 - q/p) + E_q max(0, 1 - p/q)) / 2
Expectations are means over rows drawn with the components in their shares, n_k = round(n pi_k),
each component weighted by pi_k: so what differs between components only has no error at all.

Where q has p's components, one for one, with other parameters,
    KL(p || q) = sum_k pi_k (log pi_k/pi'_k + KL(N_k || N'_k)) - E_p KL(p(k|x) || q(k|x))
and the first sum is closed. The last term is 0 where every row tells its component; it is
measured, and below `NEGLIGIBLE` of the whole the sum is called exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genbench.worlds.mixture import (
    Generator,
    Mixture,
    Products,
    blocks,
    log_prob_of,
    logsumexp,
)

NEGLIGIBLE = 1e-7
MATCHED = 500  # components; of more, every row would be held against every kernel twice


@dataclass(frozen=True)
class Divergence:
    """A number, and its standard error by Monte Carlo; None: exact."""

    value: float
    stderr: float | None = None


@dataclass(frozen=True)
class Divergences:
    """KL(p || q), KL(q || p), JSD and TV, p the truth."""

    kl: Divergence
    reverse_kl: Divergence
    jsd: Divergence
    tv: Divergence


@dataclass(frozen=True, eq=False)
class Points:
    """Rows x (n, d) of a generator, in strata (n,) of known weights (strata,)."""

    x: np.ndarray
    stratum: np.ndarray
    weights: np.ndarray

    def mean(self, values: np.ndarray) -> Divergence:
        """The expectation of what has these values (n,) at the rows."""
        n = np.maximum(np.bincount(self.stratum, minlength=len(self.weights)), 1)
        means = np.bincount(self.stratum, values, len(self.weights)) / n
        sq = np.bincount(self.stratum, (values - means[self.stratum]) ** 2, len(self.weights))
        variance = self.weights**2 @ (sq / np.maximum(n - 1, 1) / n)
        return Divergence(float(self.weights @ means), math.sqrt(float(variance)))


def stratified(generator: Generator, n: int, random: np.random.Generator) -> Points:
    """About n rows, the components in their shares; n at random where some would have one row."""
    shares = [share * mixture.weights for share, mixture in generator.parts]
    weights = np.concatenate(shares)
    if np.round(n * weights[weights > 0]).min() < 2:
        return Points(generator.sample(n, random)[0], np.zeros(n, int), np.ones(1))
    rows, strata, before = [], [], 0
    for share, (_, mixture) in zip(shares, generator.parts, strict=True):
        k = np.repeat(np.arange(len(share)), np.round(n * share).astype(int))
        rows.append(mixture.given(k, random))
        strata.append(k + before)
        before += len(share)
    return Points(np.concatenate(rows), np.concatenate(strata), weights)


def exact(p: np.ndarray, q: np.ndarray) -> Divergences:
    """Of two laws over the same states, (n,) each; 0 log 0 is 0."""
    m = (p + q) / 2
    jsd = (_kl(p, m) + _kl(q, m)) / 2
    tv = float(np.abs(p - q).sum()) / 2
    return Divergences(*map(Divergence, (_kl(p, q), _kl(q, p), jsd, tv)))


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    seen = p > 0
    with np.errstate(divide="ignore"):
        return float((p[seen] * np.log(p[seen] / q[seen])).sum())


def measured(
    p: Mixture,
    generators: Sequence[Generator],
    of_p: Points,
    randoms: Sequence[np.random.Generator],
    n: int,
) -> list[Divergences]:
    """Of each generator, from rows of p, which serve all, and n of its own by its stream."""
    found = []
    forth = _compared(p, generators, of_p.x)
    for q, one, random in zip(generators, forth, randoms, strict=True):
        if q is p:  # 0 without the rounding of a difference
            found.append(Divergences(*[Divergence(0.0)] * 4))
            continue
        of_q = stratified(q, n, random)
        back = _compared(q, [p], of_q.x)[0]
        found.append(_from_ratios(p, q, of_p, of_q, one, back))
    return found


@dataclass(frozen=True, eq=False)
class _Compared:
    """log a/b and KL(a(k|x) || b(k|x)) at rows x, (n,) each; the second where a and b match."""

    log_ratio: np.ndarray
    gap: np.ndarray


def _from_ratios(
    p: Mixture, q: Generator, of_p: Points, of_q: Points, forth: _Compared, back: _Compared
) -> Divergences:
    kl, reverse = of_p.mean(forth.log_ratio), of_q.mean(back.log_ratio)
    if matched(p, q):
        kl = _less(closed(p, q), of_p.mean(forth.gap))
    if matched(q, p):
        reverse = _less(closed(q, p), of_q.mean(back.gap))
    jsd, tv = (
        _mean_of_two(of_p.mean(half(forth.log_ratio)), of_q.mean(half(back.log_ratio)))
        for half in (_log_half, _shortfall)
    )
    return Divergences(*map(_settled, (kl, reverse, jsd, tv)))


def _log_half(r: np.ndarray) -> np.ndarray:
    """log 2a/(a+b) of r = log a/b."""
    return math.log(2) - np.logaddexp(0, -r)


def _shortfall(r: np.ndarray) -> np.ndarray:
    """max(0, 1 - b/a) of r = log a/b."""
    return -np.expm1(-np.maximum(r, 0))


def _mean_of_two(one: Divergence, other: Divergence) -> Divergence:
    stderr = math.hypot(one.stderr or 0.0, other.stderr or 0.0) / 2
    return Divergence((one.value + other.value) / 2, stderr)


def _less(whole: float, gap: Divergence) -> Divergence:
    """A closed sum less a gap that is measured, or nothing."""
    if gap.value <= NEGLIGIBLE * whole:
        return Divergence(whole)
    return Divergence(whole - gap.value, gap.stderr)


def _settled(found: Divergence) -> Divergence:
    """Exact where the values at all rows of a stratum are one, but for rounding."""
    rounding = NEGLIGIBLE * max(abs(found.value), NEGLIGIBLE)
    return Divergence(found.value) if (found.stderr or 0.0) <= rounding else found


def _compared(a: Generator, others: Sequence[Generator], x: np.ndarray) -> list[_Compared]:
    """a against each of the others at rows x."""
    found = [_Compared(np.empty(len(x)), np.zeros(len(x))) for _ in others]
    start = 0
    for block in blocks(x, [a, *others]):
        rows = slice(start, start + len(block.x))
        log_a = log_prob_of(a, block)
        for one, b in zip(found, others, strict=True):
            log_b = log_prob_of(b, block)
            one.log_ratio[rows] = log_a - log_b
            if matched(a, b):
                one.gap[rows] = _posterior_gap(a, b, block)
        start = rows.stop
    return found


def _posterior_gap(a: Generator, b: Generator, block: Products) -> np.ndarray:
    """sum_k a(k|x) log a(k|x) / b(k|x), (n,)."""
    logs = []
    for generator in (a, b):
        assert isinstance(generator, Mixture)
        joint = generator.log_joint(block)
        logs.append(joint - logsumexp(joint)[:, None])
    share = np.exp(logs[0])
    with np.errstate(invalid="ignore"):  # of components that never occur
        return np.where(share > 0, share * (logs[0] - logs[1]), 0).sum(axis=1)


def matched(a: Generator, b: Generator) -> bool:
    """Whether each component of a that occurs has one of b that does, by its number."""
    if not (isinstance(a, Mixture) and isinstance(b, Mixture)):
        return False
    if len(a.weights) != len(b.weights) or len(a.weights) > MATCHED:
        return False
    return bool((b.weights[a.weights > 0] > 0).all())


def closed(a: Generator, b: Generator) -> float:
    """sum_k pi_k (log pi_k/pi'_k + KL(N_k || N'_k)): at least KL(a || b), of matched mixtures.

    KL(N || N') = (tr C'^-1 C + D'C'^-1 D - d + log|C'| - log|C|) / 2        D = mu - mu'
    Of the trace the variances of a along the axes of b are needed; of one set of axes, lam.
    """
    assert isinstance(a, Mixture)
    assert isinstance(b, Mixture)
    alike, occurs = a.axes is b.axes, np.flatnonzero(a.weights > 0)
    total, whole = a.weights[occurs].sum(), b.weights[occurs].sum()  # 1, but for one keeping zeros
    if len(occurs) < len(a.weights):
        a, b = a.only(occurs), b.only(occurs)
    excess = 1 / b.s2[:, None] - 1 / b.lam
    seen = a.lam if alike else _along(a, b.axes)
    apart = a.means - b.means
    trace = a.traces / b.s2 - (excess * seen).sum(axis=1)
    shift = np.square(apart).sum(axis=1) / b.s2
    shift -= (excess * np.square(np.einsum("kdj,kd->kj", b.axes, apart))).sum(axis=1)
    of_normals = (trace + shift - a.d + b.log_determinants - a.log_determinants) / 2
    return float(a.weights @ (np.log(a.weights / b.weights) + of_normals)) + math.log(total / whole)


def _along(a: Mixture, axes: np.ndarray) -> np.ndarray:
    """Variances of each component along other axes (K, d, q): v_j' C_k v_j, (K, q)."""
    overlap = np.square(a.axes.transpose(0, 2, 1) @ axes)
    return a.s2[:, None] + np.einsum("ki,kij->kj", a.lam - a.s2[:, None], overlap)
