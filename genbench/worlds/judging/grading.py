"""The grade of a metric: all its scores on a ladder, each with a 95 % interval.

    [min(q_2.5, v - 1.96 s), max(q_97.5, v + 1.96 s)]
v the score, q and s quantiles and standard deviation of it over judgements of sets drawn anew. Each
of the two intervals alone holds the score of very many sets in about 91 of 100 judgements: rungs of
a few sets have their noise twice when they are drawn anew, which pulls quantiles of tau towards 0,
and s says nothing of the skew near 1. Their hull holds it in 92 to 98 (`tests/worlds`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from genbench.worlds.judging import scores
from genbench.worlds.judging.measured import Measured, Values, measured, resampled
from genbench.worlds.judging.truths import DIVERGENCES, KL, TV, Truths

RESAMPLED = 400  # judgements of sets drawn anew, for every interval
ENDS, REACH = (0.025, 0.975), 1.96
TAU, SHARE, ANY = (-1.0, 1.0), (0.0, 1.0), (-math.inf, math.inf)  # the values that a score can have


@dataclass(frozen=True)
class Estimate:
    """A score and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0 <= self.high


def quantiles(value: np.ndarray, anew: np.ndarray) -> Estimate:
    """The interval of a score that is one of a few values: of the quantiles alone."""
    low, high = np.quantile(anew, ENDS, method="inverted_cdf")
    return Estimate(float(value), float(low), float(high))


def estimated(value: float, anew: np.ndarray, within: tuple[float, float]) -> Estimate:
    """A score with its interval, by its values in judgements drawn anew (B,)."""
    low, high = np.quantile(anew, ENDS, method="inverted_cdf")
    if np.isfinite(anew).all() and math.isfinite(value):
        reach = REACH * anew.std(ddof=1)
        low, high = min(low, value - reach), max(high, value + reach)
    return Estimate(float(value), max(float(low), within[0]), min(float(high), within[1]))


@dataclass(frozen=True)
class Preferred:
    """A rung that is preferred to the truth, and by how many deviations of one value."""

    rung: str
    margin: Estimate


@dataclass(frozen=True)
class Bags:
    """tau with KL in random bags: its mean, the least and the greatest; means without a family."""

    mean: Estimate
    least: float
    greatest: float
    without: Mapping[str, float]


@dataclass(frozen=True)
class Grade:
    """What a ladder says of a metric, in the order of the board; None where there is nothing.

    rungs: how many, the truth among them. preferred: to the truth, worst first by KL. order: by
    divergence. families: tau with KL in each. power_kl, power_tv: the least divergence noticed in
    the median family, infinite where none is; blind: families of which nothing is noticed; limits:
    the least KL by family. false_alarms: of so many sets of the truth, with Wilson's interval.
    accused: innocent rungs that are noticed where copies are. spread: the standard deviation of the
    resampled `order`. cluster: among the metrics of its board, 1 the best.
    """

    metric: str
    rungs: int
    preferred: Sequence[Preferred]
    order: Mapping[str, Estimate]
    families: Mapping[str, float]
    power_kl: Estimate
    power_tv: Estimate
    limits: Mapping[str, float]
    false_alarms: Estimate
    accuracy: Estimate | None
    iso_spread: Estimate | None
    copies: Estimate | None
    accused: Sequence[str]
    bags: Bags
    spread: float
    cluster: int = 0
    blind: Sequence[str] = field(default_factory=tuple)

    @property
    def rank(self) -> int:
        """The place of the truth among all rungs."""
        return 1 + len(self.preferred)

    @property
    def undecided(self) -> bool:
        """Whether it is not shown to order families at all, rightly or wrongly."""
        return self.order[DIVERGENCES[KL]].holds_zero


def grade(values: Values, truths: Truths, random: np.random.Generator) -> Grade:
    """All scores of one metric; raises UsageError where the truth has too few sets."""
    found, anew = measured(values), resampled(values, RESAMPLED, random)
    c, c_anew = scores.compared(found), scores.compared(anew)
    many, of = int(values.sets[0]), scores.bags(truths, random)

    def on_pairs(score, within, *more) -> Estimate | None:
        value = float(score(c, truths, *more))
        return None if np.isnan(value) else estimated(value, score(c_anew, truths, *more), within)

    order = {name: on_pairs(scores.order, TAU, d) for d, name in enumerate(DIVERGENCES)}
    limits = scores.limits(found, truths, many, KL)
    power = [
        quantiles(scores.power(found, truths, many, by), scores.power(anew, truths, many, by))
        for by in (KL, TV)
    ]
    iso = float(scores.iso_spread(found, truths))
    iso_anew = scores.iso_spread(anew, truths)
    bags = scores.tau_of_bags(c, truths, of)
    return Grade(
        metric=values.metric,
        rungs=len(truths.names),
        preferred=_preferred(values, truths, found, anew),
        order={name: one for name, one in order.items() if one is not None},
        families={f: float(t) for f, t in scores.by_family(c, truths).items()},
        power_kl=power[0],
        power_tv=power[1],
        limits={f: float(limit) for f, limit in limits.items()},
        blind=tuple(f for f, limit in limits.items() if math.isinf(limit)),
        false_alarms=_wilson(*scores.false_alarms(values.of_rungs[0])),
        accuracy=on_pairs(scores.accuracy, SHARE),
        iso_spread=None if np.isnan(iso) else estimated(iso, iso_anew, SHARE),
        copies=on_pairs(scores.roc_area, SHARE),
        accused=tuple(np.array(truths.names)[scores.accused(found, truths, many)].tolist()),
        bags=Bags(
            mean=estimated(float(bags.mean()), scores.mean_of_bags(c_anew, truths, of), TAU),
            least=float(bags.min()),
            greatest=float(bags.max()),
            without=scores.without_each(c, truths, of),
        ),
        spread=float(scores.order(c_anew, truths).std(ddof=1)),
    )


def _preferred(
    values: Values, truths: Truths, found: Measured, anew: Measured
) -> tuple[Preferred, ...]:
    """Rungs beyond noise better than the truth, the farthest from it first."""
    wrong = np.flatnonzero(scores.preferred(found, values.sets))
    margin, resampled = scores.margins(found), scores.margins(anew)
    made = []
    for r in sorted(wrong, key=lambda r: -truths.kl[r]):
        by = estimated(float(margin[r]), resampled[:, r], ANY)
        made.append(Preferred(truths.names[r], by))
    return tuple(made)


def _wilson(k: int, n: int, z: float = 1.96) -> Estimate:
    """p = k / n in (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n)."""
    p = k / n
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(
        p, max(0.0, (middle - reach) / (1 + z * z / n)), (middle + reach) / (1 + z * z / n)
    )


# --- between metrics ---


def clustered(order: Sequence[float], spread: Sequence[float], z: float = 1.645) -> list[int]:
    """Clusters of metrics, 1 the best, as WMT prints them beside its coefficients.

    Down the list by order, a metric opens a new cluster where every metric of the one before is
    better beyond noise, at 5 %: a - b > z √(s_a² + s_b²). Both score the same sets, which would
    make the noise of a difference smaller: a cluster says no more than is shown.

    >>> clustered([0.9, 0.88, 0.5], [0.02, 0.02, 0.05])
    [1, 1, 2]
    """
    clusters, current, members = [0] * len(order), 0, []
    for k in sorted(range(len(order)), key=lambda k: -order[k]):
        beats = [order[m] - order[k] > z * math.hypot(spread[m], spread[k]) for m in members]
        if all(beats):
            current, members = current + 1, []
        members.append(k)
        clusters[k] = current
    return clusters
