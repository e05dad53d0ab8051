"""Which epoch is kept, by what its samples score on held-out rows, and when a training ends by it.

Every `every`-th epoch is looked at: c(t) is what its samples score, the mean over `sets`
independent sets of them. M(t) is the best of c up to epoch t. A training with `patience` ends at
the first look, in epoch t, where

    M(t) - M(t - patience) <= gain,

that is once M has risen by no more than `gain` in that many epochs. Where less is better, -c is
meant; what was no number is worse than any. All of it follows from the curve alone, so a training
that was stopped and goes on ends where it would have ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import fmean
from typing import Any

from torch import Tensor

from genbench.plugins import registry
from genbench.protocols import NotFinite, Split, goodness
from genbench.records.run import Run
from genbench.running.bench import Bench
from genbench.running.data import TUNING_ROWS
from genbench.running.rows import drawn
from genbench.samples import judging
from genbench.seeding import seeded

Curve = Sequence[Sequence[Any]]  # [what was tried, its value], in the order of trial


def is_looked_at(run: Run, epoch: int) -> bool:
    """Whether an epoch is one that is scored, to be the one that is kept."""
    return bool(run.selection) and epoch % run.selection["every"] == 0


def halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows that are no test rows: those that tune the metric, and those that it scores."""
    half = TUNING_ROWS if len(rows) >= 2 * TUNING_ROWS else len(rows) // 2
    return rows[:half], rows[half:]


def look(bench: Bench, model: Any, split: Split, epoch: int) -> dict[str, Any]:
    """What a model's samples score after an epoch, as its event says it: "score", c above.

    "sets": c of each set, where there are several. "beside": c by other settings of the metric,
    by their names, where the recipe asks for some; they choose nothing.
    """
    chosen = bench.run.selection
    ways = {"": {}, **chosen.get("beside", {})}
    streams = [(*bench.stream, "select", epoch)]
    streams += [(*streams[0], number) for number in range(1, chosen.get("sets", 1))]
    found: dict[str, list[float | None]] = {name: [] for name in ways}
    for stream in streams:
        with seeded(*stream):
            values = _scored(bench, model, split, chosen, [*ways.values()])
        for name, value in zip(ways, values, strict=True):
            found[name].append(value)
    own = found.pop("")
    return {
        "score": _mean(own),
        **({"sets": own} if len(own) > 1 else {}),
        **({"beside": {name: _mean(each) for name, each in found.items()}} if found else {}),
    }


def judged(bench: Bench, model: Any, split: Split, chosen: Mapping[str, Any]) -> float | None:
    """What a model's samples score on rows that are no test rows; None if it is no number."""
    return _scored(bench, model, split, chosen, [{}])[0]


def _scored(
    bench: Bench,
    model: Any,
    split: Split,
    chosen: Mapping[str, Any],
    ways: Sequence[Mapping[str, Any]],
) -> list[float | None]:
    """What one set of samples scores by each of several settings of the metric."""
    metrics = [registry.load("metric", chosen["metric"])(**settings) for settings in ways]
    with bench.device:
        kept, _ = drawn(bench.run, model, chosen["samples"], bench.dataset, bench.pool)
        given = judging.given(kept, bench.dataset, split)
        return [_number(metric, given) for metric in metrics]


def _number(metric: Any, given: judging.Given) -> float | None:
    """What samples score; None where it is no number."""
    try:
        return judging.scored(metric, given).value
    except NotFinite:
        return None


def _mean(values: Sequence[float | None]) -> float | None:
    """Their mean; None where one of them is no number."""
    numbers = [value for value in values if value is not None]
    return fmean(numbers) if len(numbers) == len(values) else None


def best(curve: Curve, chosen: Mapping[str, Any]) -> Sequence[Any]:
    """The best point of a curve; of equals the first."""
    return max(curve, key=lambda point: _goodness(point, chosen))


def _goodness(point: Sequence[Any], chosen: Mapping[str, Any]) -> float:
    aim, value = registry.load("metric", chosen["metric"]).best, point[1]
    return -math.inf if value is None else goodness(aim, value)


def ends_after(curve: Curve, chosen: Mapping[str, Any]) -> int | None:
    """The epoch at which a training ends, unless its best value rises before; None: at its last.

    t + patience, t the first look with M(t) >= M(now) - gain.
    """
    if not chosen.get("patience") or not curve:
        return None
    M = [*accumulate((_goodness(point, chosen) for point in curve), max)]
    level = M[-1] - chosen["gain"]
    t = next(point[0] for point, so_far in zip(curve, M, strict=True) if so_far >= level)
    return t + chosen["patience"]


def rises_no_more(curve: Curve, chosen: Mapping[str, Any]) -> bool:
    """Whether a training ends at the look that was the last, the end of a curve."""
    end = ends_after(curve, chosen)
    return end is not None and curve[-1][0] >= end
