"""By how much one row scores more than another, and for which population that holds.

A difference is said at each level that the results allow (see `genbench.comparing.estimates`):
    these samples   the first set of the first seed: scores of the same test rows are paired, in
                    blocks of neighbouring rows (`estimates.block_of`)
    these models    at least 3 sample sets of one seed on either side: test rows paired and in the
                    same blocks, sets independent
    these methods   at least 3 seeds on either side: Welch's t over the means of each seed
Of several folds the means are paired instead of test rows. Over several pairs, p-values are Holm's
at each level; intervals are of each pair alone.

Where the best value is a number t, or that of held-out data, distances to it are compared, |v - t|.
Over seeds each has its own. Over test rows and sample sets the distance of a mean is linear on its
side of t: with s = sign(mean - t) the rows s (x_i - t) have it for a mean. Such an error holds
where the mean is further from t than its own error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from genbench.comparing import estimates
from genbench.comparing.estimates import METHODS, MODELS, SAMPLES, Estimate
from genbench.errors import UsageError
from genbench.protocols import Best, better, bound_of_difference, bound_of_mean
from genbench.records.names import judge, label, settings
from genbench.records.run import Result
from genbench.words import p_text, value_and_error

PerExample = Callable[[Result], np.ndarray | None]
LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """Ours less theirs at one level, its p-value, and that after Holm over so many `pairs`."""

    estimate: Estimate
    p: float
    corrected: float
    pairs: int = 1

    @property
    def shown(self) -> bool:
        """Whether chance alone is too poor an explanation of it, at 5 %."""
        return self.corrected < LEVEL


@dataclass(frozen=True)
class Comparison:
    """Two rows and their differences, by population from the narrowest to the widest.

    aim: the value that is best, where that is neither the highest nor the lowest; then differences
    are of distances to it. None where it is not known, too. bound: what the difference is, if a
    value of either row is a bound, see `protocols.Score`.
    """

    ours: str
    theirs: str
    unit: str
    best: Best
    differences: Mapping[str, Difference]
    metric: str = ""
    aim: float | None = None
    bound: str = ""

    @property
    def is_open(self) -> bool:
        """Whether bounds leave open which row has more, at the widest level there is."""
        values = [found.estimate.value for found in self.differences.values()][-1:]
        sides = {">=": 1, "<=": -1, "~": 0}
        return bool(self.bound) and not any(sides[self.bound] * v > 0 for v in values)


# --- numbers ---


def compare(
    ours: Sequence[Result],
    theirs: Sequence[Result],
    per_example: PerExample,
    real: float | None = None,
) -> Comparison:
    """Two rows of results, compared at each level that they allow.

    real: what held-out data score, for a metric whose best value that is. Raises UsageError where
    the rows cannot be compared, or a fold of either is missing or failed.
    """
    names = label(ours[0]), label(theirs[0])
    return pairs(dict(zip(_distinct(names), (ours, theirs), strict=True)), per_example, real)[0]


def pairs(
    rows: Mapping[str, Sequence[Result]], per_example: PerExample, real: float | None = None
) -> list[Comparison]:
    """All pairs of rows, by name, with p-values corrected over the pairs of each level."""
    found = [
        _compare((a, rows[a]), (b, rows[b]), per_example, real) for a, b in combinations(rows, 2)
    ]
    for level in (SAMPLES, MODELS, METHODS):
        there = [i for i, comparison in enumerate(found) if level in comparison.differences]
        corrected = estimates.holm([found[i].differences[level].p for i in there])
        for i, p in zip(there, corrected, strict=True):
            one = replace(found[i].differences[level], corrected=p, pairs=len(there))
            found[i] = replace(found[i], differences={**found[i].differences, level: one})
    return found


def matrix(results: Sequence[Result], per_example: PerExample) -> np.ndarray | None:
    """Per-example scores (S, K, n) of S seeds with the same K sample sets each, on one fold.

    None where there are several folds, one is failed, scores are not stored or the grid has holes.
    """
    if not results or any(r.folds > 1 or r.status != "done" for r in results):
        return None
    found = {(result.seed, result.sample_set): per_example(result) for result in results}
    seeds, sets = (sorted(set(each)) for each in zip(*found, strict=True))
    grid = [found.get((seed, one)) for seed in seeds for one in sets]
    there = [np.asarray(values, float) for values in grid if values is not None]
    if len(there) < len(grid) or len({values.shape for values in there}) > 1:
        return None
    return np.stack(there).reshape(len(seeds), len(sets), -1)


_Row = tuple[str, Sequence[Result]]
_Sets = Mapping[int, Sequence[Result]]  # the results of one seed, by fold, of each sample set


def _compare(ours: _Row, theirs: _Row, per_example: PerExample, real: float | None) -> Comparison:
    """Two rows, their p-values not yet corrected."""
    check(ours, theirs)
    a, b = _by_seed(*ours), _by_seed(*theirs)
    first = ours[1][0]
    aim = real if first.best == "real" else None if isinstance(first.best, str) else first.best
    by_level = {
        SAMPLES: _over_examples(a, b, per_example, aim),
        MODELS: _over_sets(a, b, per_example, aim),
        METHODS: _over_seeds(a, b, aim),
    }
    differences = {}
    for level, estimate in by_level.items():
        if estimate is not None:
            p = estimates.p_value(estimate)
            differences[level] = Difference(estimate, p, p)
    names = ours[0], theirs[0]
    bound = _bound(ours[1], theirs[1])
    if aim is not None and bound:
        bound = "~"  # a distance to the aim may be off on either side
    return Comparison(*names, first.unit, first.best, differences, judge(first), aim, bound)


def _bound(ours: Sequence[Result], theirs: Sequence[Result]) -> str:
    """What ours less theirs is, where values are bounds."""
    sides = [bound_of_mean(result.bound for result in side) for side in (ours, theirs)]
    return bound_of_difference(*sides)


def check(ours: _Row, theirs: _Row) -> None:
    """Raises UsageError with the fields in which two rows differ and must not."""
    either = [_fields(result) for _, results in (ours, theirs) for result in results]
    values: dict[str, dict[str, None]] = {}
    for fields in either:
        for name, value in fields.items():
            values.setdefault(name, {})[value] = None
    differ = [f"{name} ({', '.join(found)})" for name, found in values.items() if len(found) > 1]
    if differ:
        raise UsageError(
            f"{ours[0]} and {theirs[0]} cannot be compared; they differ in {'; '.join(differ)}"
        )


def _fields(result: Result) -> dict[str, str]:
    """What must be the same on both sides; what only a done result has is not asked of others."""
    own = {f"{result.metric}.{name}": value for name, value in settings(result).items()}
    return {
        "dataset": result.dataset,
        "dataset digest": result.digest[:12],
        "folds": str(result.folds),
        "metric": result.metric,
        "the metric's settings": ", ".join(f"{k}={v}" for k, v in own.items()) or "default",
        "the metric's code": _revision(result),
        "protocol": result.protocol or "the usual one",
    } | ({"samples": str(result.scored), "kind": result.kind} if result.status == "done" else {})


def _revision(result: Result) -> str:
    """The metric's code as a key has it."""
    part = result.run.parts["metric"]
    return f"revision {part.revision}" if part.revision is not None else part.digest[:12]


def _by_seed(name: str, results: Sequence[Result]) -> Mapping[int, _Sets]:
    """seed -> sample set -> results by fold; raises UsageError if one is missing or failed."""
    found: dict[int, dict[int, list[Result]]] = {}
    for result in sorted(results, key=lambda result: (result.seed, result.sample_set, result.fold)):
        if result.status != "done":
            raise UsageError(f"{name}: seed {result.seed} {result.status}: {result.error}")
        found.setdefault(result.seed, {}).setdefault(result.sample_set, []).append(result)
    for seed, sets in found.items():
        for one in sets.values():
            if [result.fold for result in one] != list(range(one[0].folds)):
                raise UsageError(
                    f"{name}: seed {seed} has {len(one)} of {one[0].folds} folds; "
                    "the same `genbench run` again completes it"
                )
    return found


def _over_examples(
    ours: Mapping[int, _Sets],
    theirs: Mapping[int, _Sets],
    per_example: PerExample,
    aim: float | None,
) -> Estimate | None:
    """First set of the first seed of each, paired by test row or by fold."""
    firsts = [next(iter(next(iter(side.values())).values())) for side in (ours, theirs)]
    rows = [_rows(first, per_example) for first in firsts]
    if rows[0] is None or rows[1] is None or len(rows[0]) < 2:
        return None
    difference = _distances(rows[0], aim) - _distances(rows[1], aim)
    if len(firsts[0]) > 1:
        return estimates.of_folds(difference.tolist())
    return estimates.of_examples(difference, estimates.block_of(len(difference)))


def _over_sets(
    ours: Mapping[int, _Sets],
    theirs: Mapping[int, _Sets],
    per_example: PerExample,
    aim: float | None,
) -> Estimate | None:
    """The first seed of each side that has the sample sets; test rows or folds are paired."""
    sides = []
    for seeds in (ours, theirs):
        enough = [sets for sets in seeds.values() if len(sets) >= estimates.FEWEST]
        rows = [_rows(one, per_example) for sets in enough[:1] for one in sets.values()]
        sides.append([row for row in rows if row is not None])
        if len(sides[-1]) < max(len(rows), estimates.FEWEST):
            return None
    a, b = (_distances(np.array(side), aim) for side in sides)
    folds, n = next(iter(next(iter(ours.values())).values()))[0].folds, a.shape[1]
    if n < 2:
        return None
    if folds == 1:
        return estimates.difference_of_models(a, b, estimates.block_of(n))
    found = estimates.difference_of_models(a, b)
    return replace(found, counts={"folds": n, "sample sets": found.counts["sample sets"]})


def _distances(values: np.ndarray, aim: float | None) -> np.ndarray:
    """s (values - aim), s = sign(mean - aim), of mean |mean - aim|; the values without an aim."""
    if aim is None:
        return values
    return (values - aim) * (1.0 if values.mean() >= aim else -1.0)


def _over_seeds(
    ours: Mapping[int, _Sets], theirs: Mapping[int, _Sets], aim: float | None
) -> Estimate | None:
    """Means over folds and sets of each seed; the distance of each where there is an aim."""
    if min(len(ours), len(theirs)) < estimates.FEWEST:
        return None
    sides = [
        [fmean(_value(result) for one in sets.values() for result in one) for sets in side.values()]
        for side in (ours, theirs)
    ]
    if aim is not None:
        sides = [[abs(value - aim) for value in side] for side in sides]
    return estimates.difference_of_methods(*sides)


def _rows(folds: Sequence[Result], per_example: PerExample) -> np.ndarray | None:
    """What is paired: scores of test rows (n,), or of several folds the mean of each."""
    if len(folds) > 1:
        return np.array([_value(result) for result in folds])
    values = per_example(folds[0])
    return None if values is None else np.asarray(values, float)


def _value(result: Result) -> float:
    return math.nan if result.value is None else result.value


def _distinct(names: tuple[str, str]) -> tuple[str, str]:
    """Two names, told apart where they are one."""
    return names if names[0] != names[1] else (f"{names[0]} (first)", f"{names[1]} (second)")


# --- words ---


def verdict(comparison: Comparison) -> str:
    """One sentence at the widest level there is, with the population for which it holds."""
    if not comparison.differences:
        return (
            f"{_names(comparison)}: no scores of test examples are stored for "
            f"{comparison.metric or 'this metric'}, and neither row has {estimates.FEWEST} seeds "
            "to compare; genbench run with --seeds 0,1,2 makes them"
        )
    level, difference = list(comparison.differences.items())[-1]
    found = difference.estimate
    value, low, high = _rounded(found)
    scores, gap = _gap(comparison, value.lstrip("-"), found.value > 0)
    aim = f" ({better(comparison.best)})" if comparison.best in ("low", "real") else ""
    interval = f"95 % interval {low} to {high}, {p_text(difference.corrected)}{_after(difference)}"
    about = _holds_for(found)
    if comparison.is_open:
        return (
            f"{_names(comparison)} is {value} {comparison.unit} between values of which one or "
            f"both are bounds, {interval}: which row has more does not follow"
        )
    if difference.shown:
        said = f"{comparison.ours} {scores} {gap} than {comparison.theirs} ({interval}){aim}; "
        said += f"this holds for {about}"
    else:
        said = f"{comparison.ours} and {comparison.theirs} are not shown to differ: "
        said += f"{comparison.ours} {scores} {gap} ({interval}){aim}; this is about {about}"
    return said + _unknown(comparison) + _further(level)


def _gap(comparison: Comparison, value: str, more: bool) -> tuple[str, str]:
    """What a row does, and by how much: "scores", "3 nats more"."""
    gap = f"{'at least ' if comparison.bound else ''}{value} {comparison.unit}".strip()
    if comparison.aim is None:
        return "scores", f"{gap} {'more' if more else 'less'}"
    return "is", f"{gap} {'further from' if more else 'nearer to'} {comparison.aim:.4g}"


def _unknown(comparison: Comparison) -> str:
    """That nobody can tell which is better."""
    if comparison.best != "real" or comparison.aim is not None:
        return ""
    return "; which of them is nearer to held-out data's value cannot be told without its row"


def _further(level: str) -> str:
    """What would tell of a wider population."""
    if level == METHODS:
        return ""
    if level == MODELS:
        return "; --seeds 0,1,2 with genbench run would tell of these methods"
    return (
        " only; genbench run with --sample-sets 3 would tell of these models, "
        "with --seeds 0,1,2 of these methods"
    )


def _names(comparison: Comparison) -> str:
    return f"{comparison.ours} − {comparison.theirs}"


def _after(difference: Difference) -> str:
    return f" after Holm over {difference.pairs} pairs" if difference.pairs > 1 else ""


def _holds_for(estimate: Estimate) -> str:
    """The population in words; folds where they are what varied."""
    words = estimates.HOLDS_FOR[estimate.population]
    return words.replace("test examples", "folds") if "folds" in estimate.counts else words


def _rounded(estimate: Estimate) -> tuple[str, str, str]:
    """Value, low and high, to the second digit of the error."""
    error = estimate.error
    decimals = max(0, 1 - math.floor(math.log10(error))) if 0 < error < math.inf else 2
    value, low, high = (
        f"{end:.{decimals}f}" for end in (estimate.value, estimate.low, estimate.high)
    )
    return value, low, high


def frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """A row for each pair and level, as it is shown."""
    return pd.DataFrame(
        {
            "pair": _names(comparison),
            "holds for": level,
            "difference": value_and_error(
                found.estimate.value, found.estimate.error, comparison.bound
            ),
            "95 % interval": " to ".join(_rounded(found.estimate)[1:]),
            "p": p_text(found.p).removeprefix("p = ").removeprefix("p "),
            "p after Holm": p_text(found.corrected).removeprefix("p = ").removeprefix("p "),
        }
        for comparison in comparisons
        for level, found in comparison.differences.items()
    )


def notes(comparisons: Sequence[Comparison]) -> list[str]:
    """The sentences under the frame: a verdict for each pair, and what the numbers are."""
    found = [d for comparison in comparisons for d in comparison.differences.values()]
    lines = [verdict(comparison) for comparison in comparisons]
    if found:
        first = comparisons[0]
        unit = f", in {first.unit}" if first.unit else ""
        if first.aim is None:
            lines.append(f"difference: the first less the second{unit}, ± its standard error")
        else:
            lines.append(
                f"difference: the first's distance to {first.aim:.4g} less the second's{unit}, ± "
                "its standard error, which holds where both are further from it than their errors"
            )
        lines.append("interval: of each pair alone; p after Holm: over the pairs of that level")
    counts = {d.estimate.counts["blocks"]: d.estimate.counts for d in found if _blocked(d)}
    for blocks, of in counts.items():
        n = of["test examples"]
        lines.append(f"{n} test examples were paired in {blocks} blocks of neighbouring rows")
    return lines


def _blocked(difference: Difference) -> bool:
    return "blocks" in difference.estimate.counts


def as_record(comparison: Comparison) -> dict[str, Any]:
    """A comparison for JSON: a number that is not finite is null."""
    return {
        "ours": comparison.ours,
        "theirs": comparison.theirs,
        "unit": comparison.unit,
        "best": comparison.best,
        "aim": comparison.aim,
        "bound": comparison.bound,
        "levels": [_level(found) for found in comparison.differences.values()],
        "verdict": verdict(comparison),
    }


def _level(found: Difference) -> dict[str, Any]:
    estimate = found.estimate
    numbers = {
        "difference": estimate.value,
        "error": estimate.error,
        "df": estimate.df,
        "low": estimate.low,
        "high": estimate.high,
        "p": found.p,
        "p_holm": found.corrected,
    }
    finite = {name: x if math.isfinite(x) else None for name, x in numbers.items()}
    about = {"population": estimate.population, "holds_for": _holds_for(estimate)}
    return about | finite | {"pairs": found.pairs, "counts": dict(estimate.counts)}
