"""Errors of a mean, each over a named population, and differences that are shown or not.

Conventions
    A score has three sources of chance, and a number is worth saying only with which of them it
    holds over:
        these samples   the test examples vary; samples, weights and training stay as they are
        these models    the samples are drawn anew from the same weights, and the test examples vary
        these methods   the training is done anew with other seeds, on the same test examples
    ll: log-likelihoods, or any per-example score, of n test examples in the order of their file:
        (n,), or (K, n) for K sample sets of one training, or (S, K, n) for S seeds with K each.
    Neighbouring rows of a test file may belong together: errors over examples can be taken over
    blocks of them (variance.py).
    Intervals are of 95 % by Student's t, with Satterthwaite's degrees of freedom where mean squares
    are added.

Sources: Satterthwaite 1946; Welch 1947; Holm 1979; Searle, Casella and McCulloch, Variance
Components, 1992; Hahn and Meeker, Statistical Intervals, 1991, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from genbench.comparing.variance import (
    Components,
    at_least_two,
    blocks_in,
    components,
    independent,
    mean_squares,
)

__all__ = [
    "Components",
    "Estimate",
    "best",
    "block_of",
    "by_blocks",
    "components",
    "difference_of_methods",
    "difference_of_models",
    "holm",
    "kendall",
    "mean_and_error",
    "of_examples",
    "of_folds",
    "of_methods",
    "of_methods_on_other_rows",
    "of_models",
    "p_value",
    "paired_difference",
    "prediction_interval",
    "t_interval",
]

SAMPLES = "these samples"
MODELS = "these models"
METHODS = "these methods"
METHODS_ON_OTHER_ROWS = "these methods, on other test examples"
HOLDS_FOR = {
    SAMPLES: "these samples: other test examples",
    MODELS: "these models: other samples of the same weights, other test examples",
    METHODS: "these methods: other seeds, on these test examples",
    METHODS_ON_OTHER_ROWS: "these methods: other seeds, other test examples",
}
FEWEST = 3  # sample sets or seeds, below which a spread says next to nothing
LEVEL = 0.95
SIZES = (1, 10, 25, 50, 100, 200)


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference of means with its standard error over one population.

    df: degrees of freedom. low, high: the 95 % interval. counts: of what there were how many.
    """

    value: float
    error: float
    df: float
    low: float
    high: float
    population: str
    counts: Mapping[str, int]


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean of independent values and its standard error s / √n, s with ddof 1; NaN for one value.

    >>> mean_and_error([1.0, 2.0, 3.0])
    (2.0, 0.5773502691896258)
    """
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, math.nan
    return mean, float(np.std(values, ddof=1) / math.sqrt(len(values)))


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Mean of ours - theirs over the same test rows (n,), and its standard error."""
    if ours.shape != theirs.shape:
        raise ValueError(f"paired values need one shape, got {ours.shape} and {theirs.shape}")
    return mean_and_error((ours - theirs).tolist())


def t_interval(value: float, error: float, df: float) -> tuple[float, float]:
    """The 95 % interval, value ± t error, with `df` degrees of freedom.

    >>> [round(end, 2) for end in t_interval(10.0, 1.0, 4)]
    [7.22, 12.78]
    """
    from scipy import special  # here, as it takes a quarter of a second to load

    reach = float(special.stdtrit(df, (1 + LEVEL) / 2)) * error if df > 0 else math.nan
    return value - reach, value + reach


# --- these samples: over test examples ---


def of_examples(ll: np.ndarray, block: int = 1) -> Estimate:
    """Mean over n test rows; error² = Σ_g n_g (mean_g - mean)² / (G - 1) / n over G blocks.

    With blocks of one row that is s² / n. The t distribution has G - 1 degrees of freedom.

    >>> round(of_examples(np.array([1.0, 2.0, 3.0])).error, 4)
    0.5774
    """
    ll = np.asarray(ll, float)
    squares, top = mean_squares(ll[None, None], block), independent(block)
    square, df = squares.get(("", top), (math.nan, 0))
    return _estimate(float(ll.mean()), square / ll.size, df, SAMPLES, _counts(ll.size, block))


def by_blocks(ll: np.ndarray, sizes: Sequence[int] = SIZES) -> dict[int, Estimate]:
    """The mean of ll (n,) with its standard error by blocks of each size, by that size.

    An error that grows with the size says that neighbours are alike. Rows that would not fill a
    last block lengthen the others: `counts` says how many blocks there are. NaN for one block.
    """
    return {size: of_examples(ll, size) for size in sizes}


def block_of(n: int) -> int:
    """Rows of a block where one size must be chosen: 100, fewer below 2,000 test rows.

    MNIST's test file is grouped by writer, and its writers wrote 117 digits each on average (58,527
    by 500, LeCun, Cortes and Burges). With 20 blocks a standard error is known within a sixth.
    """
    return max(1, min(100, n // 20))


def of_folds(values: Sequence[float]) -> Estimate:
    """Mean over folds, each with its own test rows: Student's t with F - 1 degrees of freedom."""
    return _student(values, SAMPLES, "folds", fewest=2)


# --- these models: over sample sets and test examples ---


def of_models(ll: np.ndarray, block: int = 1) -> Estimate:
    """Mean of ll (K, n), K sample sets crossed with n test rows, over both.

    error² = (MS_sets + MS_examples - MS_sets×examples) / (K n)

    See `_crossed`. block > 1 takes blocks of neighbouring rows for examples. Raises ValueError
    below 3 sets.
    """
    ll = _enough(ll, "sample sets")
    counts = _counts(ll.shape[1], block) | {"sample sets": len(ll)}
    return _estimate(*_crossed([ll], block), MODELS, counts)


def difference_of_models(ours: np.ndarray, theirs: np.ndarray, block: int = 1) -> Estimate:
    """Mean of ours (K, n) less mean of theirs (L, n) on the same n test rows, over all three.

    error² = MS_sets / (K n) + MS'_sets / (L n) + MS_differences / n
             - MS_sets×examples / (K n) - MS'_sets×examples / (L n)

    Test rows are paired, sample sets are independent. Raises ValueError below 3 sets of each, and
    where the rows differ in number.
    """
    ours, theirs = _enough(ours, "sample sets"), _enough(theirs, "sample sets")
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"paired values need as many rows, got {ours.shape} and {theirs.shape}")
    sets = min(len(ours), len(theirs))
    counts = _counts(ours.shape[1], block) | {"sample sets": sets}
    return _estimate(*_crossed([ours, theirs], block), MODELS, counts)


# --- these methods: over seeds ---


def of_methods(values: Sequence[float]) -> Estimate:
    """Mean over seeds on these test rows: Student's t with S - 1 degrees of freedom.

    Raises ValueError below 3 seeds.
    """
    return _student(values, METHODS, "seeds", FEWEST)


def of_methods_on_other_rows(ll: np.ndarray, block: int = 1) -> Estimate:
    """Mean of ll (S, K, n) over seeds, with their sample sets, crossed with test examples.

    error² = (MS_seeds + MS_examples - MS_seeds×examples) / (S n) of the means over K

    Raises ValueError below 3 seeds.
    """
    ll = np.asarray(ll, float)
    means = _enough(ll.mean(axis=1), "seeds")
    seeds, sets, n = ll.shape
    counts = _counts(n, block) | {"sample sets": sets, "seeds": seeds}
    return _estimate(*_crossed([means], block), METHODS_ON_OTHER_ROWS, counts)


def difference_of_methods(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Mean over our seeds less mean over theirs, on these test rows: Welch's t.

    error² = s² / S + s'² / S'. Raises ValueError below 3 seeds of each.
    """
    sides = [_enough(np.asarray(values, float)[:, None], "seeds") for values in (ours, theirs)]
    value = float(sides[0].mean() - sides[1].mean())
    variances = [(float(side.var(ddof=1)) / len(side), len(side) - 1) for side in sides]
    counts = {"seeds": min(map(len, sides))}
    return _estimate(value, *_added(variances), METHODS, counts)


def prediction_interval(values: Sequence[float], n_new: int = 1) -> tuple[float, float]:
    """Where the mean of n_new further seeds falls with 95 %: mean ± t s √(1/n_new + 1/n).

    Raises ValueError below 3 values.

    >>> [round(end, 2) for end in prediction_interval([1.0, 2.0, 3.0])]
    [-2.97, 6.97]
    """
    seen = of_methods(values)
    spread = seen.error * math.sqrt(len(values))
    error = spread * math.sqrt(1 / n_new + 1 / len(values))
    return t_interval(seen.value, error, seen.df)


# --- what is shown ---


def p_value(difference: Estimate) -> float:
    """P(|t| ≥ |difference| / error), two-sided, with the estimate's degrees of freedom."""
    if difference.error == 0:
        return 1.0 if difference.value == 0 else 0.0
    from scipy import special  # here, as it takes a quarter of a second to load

    return float(2 * special.stdtr(difference.df, -abs(difference.value) / difference.error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected for their number m: p'_(i) = max over j ≤ i of min(1, (m - j + 1) p_(j)).

    The chance that any of the true hypotheses is rejected stays below the level, however the tests
    depend on each other.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1, stepped)
    return corrected.tolist()


def best(
    values: Mapping[str, Sequence[float]], higher_is_better: bool = True, level: float = 0.05
) -> set[str]:
    """The methods that no other is shown to beat: Welch's t over seeds, Holm over all pairs.

    Methods of fewer than 3 seeds take no part; empty with fewer than 2 that do.

    >>> sorted(best({"a": [1, 2, 3], "b": [2, 3, 4], "c": [11, 12, 13]}))
    ['c']
    """
    taking_part = {name: found for name, found in values.items() if len(found) >= FEWEST}
    if len(taking_part) < 2:
        return set()
    pairs = list(combinations(taking_part, 2))
    found = [difference_of_methods(taking_part[a], taking_part[b]) for a, b in pairs]
    corrected = holm([p_value(difference) for difference in found])
    beaten = {
        b if (difference.value > 0) == higher_is_better else a
        for (a, b), difference, p in zip(pairs, found, corrected, strict=True)
        if p < level
    }
    return set(taking_part) - beaten


def kendall(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Kendall's tau-b of two rankings of the same things; NaN where all of one are tied."""
    from scipy import stats  # here, as it takes half a second to load

    return float(np.asarray(stats.kendalltau(ours, theirs))[0])


# --- variances, degrees of freedom, intervals ---


def _crossed(sides: Sequence[np.ndarray], block: int) -> tuple[float, float, float]:
    """Mean of sides[0] (K, n), less that of sides[1] (L, n), with variance and df over both axes.

    V = V_models + V_rows - V_models×rows, and at least the greater of the first two: by chance what
    is subtracted, the interaction that is in both, can be too much. This largest of three is the
    rule of MacKinnon, Nielsen and Webb, Jackknife inference with two-way clustering, 2024.
    """
    top, n = independent(block), sides[0].shape[1]
    at_least_two(n, block)
    models, shared = [], []
    for side in sides:
        squares = mean_squares(side[None], block)
        for found, rows in ((models, ""), (shared, top)):
            square, df = squares["sets", rows]
            found.append((square / side.size, df))
    means = [side.mean(axis=0) for side in sides]
    paired = means[0] - means[1] if len(means) > 1 else means[0]
    square, df = mean_squares(paired[None, None], block)["", top]
    return float(paired.mean()), *_added(models, (square / n, df), shared)


def _added(
    models: Sequence[tuple[float, float]],
    rows: tuple[float, float] = (0.0, math.inf),
    shared: Sequence[tuple[float, float]] = (),
) -> tuple[float, float]:
    """V = Σ V_i and its degrees of freedom V² / Σ (V_i² / df_i), at least the least df_i.

    The bound is Satterthwaite's own where all terms are added; those in `shared` are subtracted.
    """
    terms = [*models, rows, *shared]
    ours = sum(variance for variance, _ in models)
    total = max(ours + rows[0] - sum(variance for variance, _ in shared), ours, rows[0])
    least = min(df for _, df in terms)
    chance = sum(variance**2 / df for variance, df in terms if variance)
    return total, max(least, total**2 / chance) if chance > 0 else least


def _student(values: Sequence[float], population: str, unit: str, fewest: int) -> Estimate:
    """Mean of independent values, s² / n and n - 1 degrees of freedom."""
    found = _enough(np.asarray(values, float)[:, None], unit, fewest)
    variance = float(found.var(ddof=1)) / len(found)
    return _estimate(float(found.mean()), variance, len(found) - 1, population, {unit: len(found)})


def _counts(n: int, block: int) -> dict[str, int]:
    return {"test examples": n, "blocks": blocks_in(n, block)}


def _enough(ll: np.ndarray, unit: str, fewest: int = FEWEST) -> np.ndarray:
    """ll (K, n) in float64, where K is at least the fewest of what vary."""
    ll = np.asarray(ll, float)
    if ll.ndim != 2 or len(ll) < fewest:
        raise ValueError(f"needs at least {fewest} {unit}, got values of shape {ll.shape}")
    return ll


def _estimate(
    value: float, variance: float, df: float, population: str, counts: Mapping[str, int]
) -> Estimate:
    """value ± t √variance."""
    error = math.sqrt(variance)
    return Estimate(value, error, df, *t_interval(value, error, df), population, counts)
