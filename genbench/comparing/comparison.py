"""By how much one row scores more than another, and for which population that holds.

A difference is said at each level that the results allow (see `genbench.comparing.estimates`):
    these samples   the first set of the first seed: scores of the same test rows are paired, in
                    blocks of neighbouring rows (`estimates.block_of`)
    these models    at least 3 sample sets of one seed on either side: test rows paired and in the
                    same blocks, sets independent
    these methods   at least 3 seeds on either side: Welch's t over the means of each seed
Of several folds the means are paired instead of test rows. Over several pairs, p-values are Holm's
at each level; intervals are of each pair alone.
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
from genbench.protocols import Best, better
from genbench.records.names import label
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
    """Two rows and their differences, by population from the narrowest to the widest."""

    ours: str
    theirs: str
    unit: str
    best: Best
    differences: Mapping[str, Difference]


# --- numbers ---


def compare(
    ours: Sequence[Result], theirs: Sequence[Result], per_example: PerExample
) -> Comparison:
    """Two rows of results, compared at each level that they allow.

    Raises UsageError where they cannot be compared, or a fold of either is missing or failed.
    """
    names = label(ours[0]), label(theirs[0])
    return pairs(dict(zip(_distinct(names), (ours, theirs), strict=True)), per_example)[0]


def pairs(rows: Mapping[str, Sequence[Result]], per_example: PerExample) -> list[Comparison]:
    """All pairs of rows, by name, with p-values corrected over the pairs of each level."""
    found = [_compare((a, rows[a]), (b, rows[b]), per_example) for a, b in combinations(rows, 2)]
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


def _compare(ours: _Row, theirs: _Row, per_example: PerExample) -> Comparison:
    """Two rows, their p-values not yet corrected."""
    check(ours, theirs)
    a, b = _by_seed(*ours), _by_seed(*theirs)
    by_level = {
        SAMPLES: _over_examples(a, b, per_example),
        MODELS: _over_sets(a, b, per_example),
        METHODS: _over_seeds(a, b),
    }
    differences = {}
    for level, estimate in by_level.items():
        if estimate is not None:
            p = estimates.p_value(estimate)
            differences[level] = Difference(estimate, p, p)
    first = ours[1][0]
    return Comparison(ours[0], theirs[0], first.unit, first.best, differences)


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
    mine = f"{result.metric}."
    settings = {k: v for k, v in sorted(result.overrides.items()) if k.startswith(mine)}
    return {
        "dataset": result.dataset,
        "dataset digest": result.digest[:12],
        "folds": str(result.folds),
        "metric": result.metric,
        "the metric's settings": ", ".join(f"{k}={v}" for k, v in settings.items()) or "default",
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
            raise UsageError(f"{name}: seed {result.seed} failed: {result.error}")
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
    ours: Mapping[int, _Sets], theirs: Mapping[int, _Sets], per_example: PerExample
) -> Estimate | None:
    """First set of the first seed of each, paired by test row or by fold."""
    firsts = [next(iter(next(iter(side.values())).values())) for side in (ours, theirs)]
    rows = [_rows(first, per_example) for first in firsts]
    if rows[0] is None or rows[1] is None or len(rows[0]) < 2:
        return None
    difference = rows[0] - rows[1]
    if len(firsts[0]) > 1:
        return estimates.of_folds(difference.tolist())
    return estimates.of_examples(difference, estimates.block_of(len(difference)))


def _over_sets(
    ours: Mapping[int, _Sets], theirs: Mapping[int, _Sets], per_example: PerExample
) -> Estimate | None:
    """The first seed of each side that has the sample sets; test rows or folds are paired."""
    sides = []
    for seeds in (ours, theirs):
        enough = [sets for sets in seeds.values() if len(sets) >= estimates.FEWEST]
        rows = [_rows(one, per_example) for sets in enough[:1] for one in sets.values()]
        sides.append([row for row in rows if row is not None])
        if len(sides[-1]) < max(len(rows), estimates.FEWEST):
            return None
    a, b = (np.array(side) for side in sides)
    folds, n = next(iter(next(iter(ours.values())).values()))[0].folds, a.shape[1]
    if n < 2:
        return None
    if folds == 1:
        return estimates.difference_of_models(a, b, estimates.block_of(n))
    found = estimates.difference_of_models(a, b)
    return replace(found, counts={"folds": n, "sample sets": found.counts["sample sets"]})


def _over_seeds(ours: Mapping[int, _Sets], theirs: Mapping[int, _Sets]) -> Estimate | None:
    """Means over folds and sets of each seed."""
    if min(len(ours), len(theirs)) < estimates.FEWEST:
        return None
    sides = [
        [fmean(_value(result) for one in sets.values() for result in one) for sets in side.values()]
        for side in (ours, theirs)
    ]
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
        return f"{_names(comparison)}: no scores of test examples are stored, nothing to compare"
    level, difference = list(comparison.differences.items())[-1]
    found = difference.estimate
    value, low, high = _rounded(found)
    more = "more" if found.value > 0 else "less"
    aim = "" if comparison.best == "high" else f" ({better(comparison.best)})"
    gap = f"{value.lstrip('-')} {comparison.unit} {more}".replace("  ", " ")
    interval = f"95 % interval {low} to {high}, {p_text(difference.corrected)}{_after(difference)}"
    about = _holds_for(found)
    if difference.shown:
        said = f"{comparison.ours} scores {gap} than {comparison.theirs} ({interval}){aim}; "
        said += f"this holds for {about}"
    else:
        said = f"{comparison.ours} and {comparison.theirs} are not shown to differ: "
        said += f"{comparison.ours} scores {gap} ({interval}){aim}; this is about {about}"
    return said + _further(level, comparison)


def _further(level: str, comparison: Comparison) -> str:
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
            "difference": value_and_error(found.estimate.value, found.estimate.error),
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
        unit = f", in {comparisons[0].unit}" if comparisons[0].unit else ""
        lines.append(f"difference: the first less the second{unit}, ± its standard error")
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
