"""The scores of a metric on a ladder, from its values and measured deviations.

Conventions
    The truth is rung 0. Of two rungs i, j, over all pairs of a set of each,
        c_ij = P(the set of i scores better) - P(the set of j scores better)
    is how surely one set of each tells them apart, and which way; where noise decides it is near 0,
    so that ties come from the values themselves. With o of `truths` (+1: i is nearer to the truth),
    over the n pairs i < j that the truth orders,
        tau = sum c o / n
    is the Kendall's tau that a user finds in the mean who draws one set of each rung: 1 where every
    pair is told the right way, 0 where nothing is told, -1 where all are told the wrong way. It is
    unbiased for any number of sets. (tau-b, with a threshold in place of c, is not, and no interval
    of it holds its 95 %.)
    Every function takes any axes in front, so that judgements drawn anew are scored at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from genbench.worlds.judging.measured import Measured
from genbench.worlds.judging.truths import ISO, KL, Truths, Z

LEVEL = 0.05  # of the test of a rung against the truth
BAGS = 200
_BLOCK = 1 << 22  # comparisons of two sets that are in memory at once


def compared(found: Measured) -> np.ndarray:
    """c (..., R, R): in how many more pairs of sets, of all pairs, the one of i is better."""
    g, sets = found.good(found.value), np.bincount(found.of)
    starts, kind = np.cumsum(sets) - sets, np.min_scalar_type(sets.max())
    flat = g.reshape(-1, g.shape[-1])
    step = max(1, _BLOCK // g.shape[-1] ** 2)
    parts = [_counted(flat[k : k + step], starts, kind) for k in range(0, len(flat), step)]
    return np.concatenate(parts).reshape(*g.shape[:-1], *2 * sets.shape) / np.outer(sets, sets)


def _counted(g: np.ndarray, starts: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Pairs of sets, better less worse; a rung's sets lie side by side, from its start on."""
    above = (g[:, :, None] > g[:, None, :]).view(np.uint8)
    better = np.add.reduceat(np.add.reduceat(above, starts, 1, kind), starts, 2, np.int32)
    return better - better.transpose(0, 2, 1)


def tau(c: np.ndarray, o: np.ndarray, members: Sequence[int]) -> np.ndarray:
    """tau (...) over some rungs; c (..., R, R), o (R, R). NaN where the truth orders none."""
    i, j = np.triu_indices(len(members), 1)
    i, j = np.asarray(members)[i], np.asarray(members)[j]
    return _tau(c[..., i, j], o[i, j])


def _tau(c: np.ndarray, o: np.ndarray) -> np.ndarray:
    """Of pairs on the last axis."""
    n = (o != 0).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 0, (c * o).sum(axis=-1) / n, np.nan)


# --- 1. propriety ---


def margins(found: Measured) -> np.ndarray:
    """By how many deviations a rung is preferred to the truth, (..., R); 0 for the truth.

    (g_r - g_0) / √(s_r² + s_0²), infinite where nothing varies and the two differ.
    """
    g, s = found.goodness, found.deviation
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = (g - g[..., :1]) / np.hypot(s, s[..., :1])
    return np.nan_to_num(margin, nan=0.0, posinf=np.inf, neginf=-np.inf)


def preferred(found: Measured, sets: np.ndarray) -> np.ndarray:
    """(R,) bool: rungs whose mean is better than the truth's beyond the noise of the means.

    margin > z √((s_r² / S_r + s_0² / S_0) / (s_r² + s_0²)),  z of LEVEL / 2 / (R - 1): none of
    R - 1 rungs is to be preferred by chance, with 1 - LEVEL / 2.
    """
    s2 = found.deviation**2
    z = special.ndtri(1 - LEVEL / 2 / max(len(sets) - 1, 1))
    both = np.maximum(s2 + s2[0], np.finfo(float).tiny)
    noise = np.sqrt((s2 / sets + s2[0] / sets[0]) / both)
    return margins(found) > z * noise


# --- 2. order ---


def by_family(c: np.ndarray, truths: Truths, divergence: int = KL) -> dict[str, np.ndarray]:
    """tau (...) within each family, the truth at its foot; families of one rung have none."""
    o = truths.orders[divergence]
    each = {f: tau(c, o, [0, *of]) for f, of in truths.members.items() if len(of) > 1}
    return {family: value for family, value in each.items() if not np.isnan(value).any()}


def order(c: np.ndarray, truths: Truths, divergence: int = KL) -> np.ndarray:
    """The mean of tau over families, (...); NaN where there is none."""
    each = list(by_family(c, truths, divergence).values())
    return np.mean(each, axis=0) if each else np.full(c.shape[:-2], np.nan)


# --- 3. power ---


def noticed(found: Measured, sets_of_truth: int) -> np.ndarray:
    """(..., R) bool: |m_r - m_0| > t s_0 √(1 + 1 / S_0), t of LEVEL / 2 with S_0 - 1 degrees.

    So far from the truth's own values a value of the truth falls with probability LEVEL.
    """
    return np.abs(found.mean - found.mean[..., :1]) > _reach(found, sets_of_truth)


def _reach(found: Measured, sets_of_truth: int) -> np.ndarray:
    t = stats.t.ppf(1 - LEVEL / 2, sets_of_truth - 1)
    return t * found.deviation[..., :1] * np.sqrt(1 + 1 / sets_of_truth)


def limits(found: Measured, truths: Truths, sets_of_truth: int, by: int) -> dict[str, np.ndarray]:
    """The least divergence of each family, (...), from which on all its rungs are noticed.

    Infinite where the strongest is not. by: KL or TV.
    """
    seen = noticed(found, sets_of_truth)
    return {family: _limit(seen, truths.values[by], of) for family, of in truths.members.items()}


def _limit(seen: np.ndarray, value: np.ndarray, members: Sequence[int]) -> np.ndarray:
    of = sorted(members, key=lambda r: value[r])
    on = np.flip(np.logical_and.accumulate(np.flip(seen[..., of], axis=-1), axis=-1), axis=-1)
    return np.where(on, value[of], np.inf).min(axis=-1)


def power(found: Measured, truths: Truths, sets_of_truth: int, by: int = KL) -> np.ndarray:
    """The median over families of `limits`, the lower of two middle ones, (...)."""
    each = np.stack(list(limits(found, truths, sets_of_truth, by).values()))
    return np.sort(each, axis=0)[(len(each) - 1) // 2]


def false_alarms(truth: np.ndarray) -> tuple[int, int]:
    """Of the truth's values (S,), how many are noticed against the others, and S."""
    alarms = 0
    for i, value in enumerate(truth):
        rest = np.delete(truth, i)
        reach = stats.t.ppf(1 - LEVEL / 2, len(rest) - 1) * rest.std(ddof=1)
        alarms += abs(value - rest.mean()) > reach * np.sqrt(1 + 1 / len(rest))
    return int(alarms), len(truth)


# --- 4. pairs that all divergences order alike ---


def accuracy(c: np.ndarray, truths: Truths) -> np.ndarray:
    """P(a set of each orders a unanimous pair so), (...), averaged over such pairs; 1/2: chance."""
    i, j = np.nonzero(np.triu(truths.unanimous))
    if len(i) == 0:
        return np.full(c.shape[:-2], np.nan)
    return (1 + (c[..., i, j] * truths.unanimous[i, j]).mean(axis=-1)) / 2


# --- 5. sets of one KL ---


def iso_spread(found: Measured, truths: Truths) -> np.ndarray:
    """The share of pairs of one KL that the metric tells apart, (...); NaN without such sets.

    |m_i - m_j| > Z √(s_i² + s_j²), or ISO of the values where they do not vary: 0 for KL itself, 1
    where it tells all of them apart.
    """
    pairs = [(i, j) for of in truths.iso for i in of for j in of if i < j]
    if not pairs:
        return np.full(found.mean.shape[:-1], np.nan)
    i, j = np.array(pairs).T
    g, s = found.goodness, found.deviation
    noise = Z * np.hypot(s[..., i], s[..., j])
    same = ISO * np.maximum(np.abs(g[..., i]), np.abs(g[..., j]))
    return (np.abs(g[..., i] - g[..., j]) > np.maximum(noise, same)).mean(axis=-1)


# --- 6. copies ---


def roc_area(c: np.ndarray, truths: Truths) -> np.ndarray:
    """P(a set of a copying rung scores below an innocent one's) + P(they are equal) / 2, (...).

    NaN without copies.
    """
    copies, innocent = np.flatnonzero(truths.copies), np.flatnonzero(~truths.copies)
    if len(copies) == 0:
        return np.full(c.shape[:-2], np.nan)
    return (1 + c[..., innocent[:, None], copies[None, :]].mean(axis=(-1, -2))) / 2


def accused(found: Measured, truths: Truths, sets_of_truth: int) -> np.ndarray:
    """(R,) bool: innocent rungs that are noticed on the side of the truth where copies lie."""
    if not truths.copies.any():
        return np.zeros(len(truths.names), bool)
    away = found.mean - found.mean[0]
    side = np.sign(np.median(away[truths.copies]))
    return noticed(found, sets_of_truth) & ~truths.copies & (away * side > 0)


# --- 7. bags ---


def bags(truths: Truths, random: np.random.Generator, count: int = BAGS) -> np.ndarray:
    """(count, F + 1): the truth and one rung of each family, each of its rungs as likely."""
    drawn = [random.choice(of, size=count) for of in truths.members.values()]
    return np.stack([np.zeros(count, int), *drawn], axis=1)


def tau_of_bags(c: np.ndarray, truths: Truths, of: np.ndarray) -> np.ndarray:
    """tau with KL (..., bags) of each bag of rungs `of` (bags, F + 1)."""
    i, j = np.triu_indices(of.shape[1], 1)
    i, j = of[:, i], of[:, j]
    return _tau(c[..., i, j], truths.orders[KL][i, j])


def mean_of_bags(c: np.ndarray, truths: Truths, of: np.ndarray) -> np.ndarray:
    """The mean of `tau_of_bags` over the bags, (...).

    A weighted sum over pairs of rungs, sum c w: w is the mean over bags of o / n of their pairs.
    """
    i, j = np.triu_indices(of.shape[1], 1)
    i, j = of[:, i], of[:, j]
    o, w = truths.orders[KL][i, j], np.zeros(c.shape[-2:])
    with np.errstate(divide="ignore", invalid="ignore"):
        np.add.at(w, (i, j), o / (o != 0).sum(axis=1, keepdims=True) / len(of))
    return np.tensordot(c, w, 2)


def without_each(c: np.ndarray, truths: Truths, of: np.ndarray) -> dict[str, float]:
    """The mean tau of bags that lack a family, by that family."""
    lacking = {f: np.delete(of, k + 1, axis=1) for k, f in enumerate(truths.members)}
    return {f: float(np.nanmean(tau_of_bags(c, truths, left))) for f, left in lacking.items()}
