"""Is the order of the models one of the models, or of the protocol?

The same weights, and for all but one column the same samples, by other protocols: other ways to
choose sigma, fewer samples, another scale of the pixels, binary samples, halves of the test rows,
a second set of samples, a second seed. Kendall's tau compares each column's order of the trained
models with that of the first column. Orders are of how good the values are: where the best value is
that of held-out data, it is theirs in the same column. Halves are of values that are means over
test rows, and what parts of the samples score is told by the metric: of others there are no such
columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from genbench.comparing import estimates
from genbench.comparing.comparison import matrix
from genbench.defaults import DEFAULTS
from genbench.protocols import BY_SAMPLES, Best, better, goodness
from genbench.records.names import label
from genbench.records.run import Result
from genbench.words import MISSING, decimals

PerExample = Callable[[Result], np.ndarray | None]
Numbers = Mapping[str, Mapping[str, float | None]]  # column -> row -> value
FIRST = "as run"
TAU = "Kendall's tau"
_PARTS = ("m / 4", "m / 2")
_HALVES = ("first half of the test rows", "second half")
_SET = "second sample set"


@dataclass(frozen=True)
class Robustness:
    """One dataset's table of protocols: its numbers, and what they say of the order.

    goods: how good each number is, by `protocols.goodness`; None where nobody can tell.
    order: the trained rows, best first, as the first column has them. tau: by column, of the
    trained rows; None where one of them has no value there. lines: sentences below. first: the
    results that the first column shows.
    """

    numbers: Numbers
    goods: Numbers
    order: Sequence[str]
    untrained: Sequence[str]
    tau: Mapping[str, float | None]
    lines: Sequence[str]
    first: Sequence[Result]

    @property
    def complete(self) -> list[str]:
        """The other protocols that every trained row has a value by."""
        return [column for column, tau in self.tau.items() if tau is not None]

    @property
    def held(self) -> list[str]:
        """Those of them that have the first column's order."""
        rank = self.goods[FIRST]
        return [column for column in self.complete if _same_order(rank, self.goods[column], self)]


def _same_order(
    first: Mapping[str, float | None], other: Mapping[str, float | None], of: Robustness
) -> bool:
    """Whether the trained rows stand in one order, strictly, in both columns."""

    def step(values: Mapping[str, float | None], a: str, b: str) -> float:
        return (values[a] or 0.0) - (values[b] or 0.0)

    return all(step(first, a, b) * step(other, a, b) > 0 for a, b in pairwise(of.order))


def robustness(
    results: Sequence[Result],
    protocols: Sequence[str],
    references: Sequence[str],
    per_example: PerExample,
) -> Robustness | None:
    """The table of one column and kind of samples; None where there is nothing trained.

    Args:
        results: done, by the installed code, by the first and by the other `protocols`.
        references: models whose rows are shown, but have no place in the order.
        per_example: scores of the single test rows of a result.
    """
    rows: dict[str, list[Result]] = {}
    for result in results:
        rows.setdefault(label(result), []).append(result)
    rows = {name: found for name, found in rows.items() if any(not r.protocol for r in found)}
    untrained = [name for name, found in rows.items() if found[0].model in references]
    if len(rows) == len(untrained):
        return None
    seeds = [{r.seed for r in found} for name, found in rows.items() if name not in untrained]
    shared = sorted(set.intersection(*seeds)) or [min(set.union(*seeds))]
    by_row = {name: _row(found, shared, protocols, per_example) for name, found in rows.items()}
    columns = {
        column: {name: by_row[name][column] for name in rows} for column in by_row[next(iter(rows))]
    }
    unknown = _unknown(results, columns)
    columns = {name: of for name, of in columns.items() if name not in unknown}
    real = [name for name in rows if rows[name][0].model == DEFAULTS.real]
    goods = {column: _goods(results[0].best, of, real) for column, of in columns.items()}
    first = goods[FIRST]
    trained = [name for name in rows if name not in (*untrained, *real)]
    trained = [name for name in trained if columns[FIRST][name] is not None]
    known = [name for name in trained if first[name] is not None]
    order = sorted(known, key=lambda name: -(first[name] or 0.0))
    tau = {column: _tau(first, goods[column], known) for column in columns if column != FIRST}
    first_sets = {name: min(r.sample_set for r in own) for name, own in rows.items()}
    shown = [r for name in rows for r in _whole(rows[name], shared[0], first_sets[name])]
    found = Robustness(columns, goods, order, untrained, tau, [], shown)
    lines = [*_order_lines(found)]
    lines.append(
        f"all but the last two columns are of seed {shared[0]} and its first sample set, so that "
        "only the protocol differs; the tables of scores have the mean over seeds and sets, and "
        "`genbench compare` says which rows differ by more than chance"
    )
    lines += [f"{results[0].metric} does not tell of: {', '.join(unknown)}"] if unknown else []
    lines += [_components_line(name, rows[name], per_example) for name in trained]
    return replace(found, lines=[line for line in lines if line])


def _unknown(results: Sequence[Result], columns: Numbers) -> list[str]:
    """The columns that this metric has for no model."""
    absent = [] if any(result.curves.get(BY_SAMPLES) for result in results) else [*_PARTS]
    absent += [] if any(result.per_example for result in results) else [*_HALVES]
    absent += [] if any(result.run.draws for result in results) else [_SET]
    return [name for name in absent if not any(v is not None for v in columns[name].values())]


def _goods(
    best: Best, values: Mapping[str, float | None], real: Sequence[str]
) -> dict[str, float | None]:
    """How good the values of a column are; real: the row of held-out data, if there is one."""
    aim = next((values[name] for name in real), None)
    goods = {name: None if v is None else goodness(best, v, aim) for name, v in values.items()}
    return {name: v if v is not None and math.isfinite(v) else None for name, v in goods.items()}


def _whole(found: Sequence[Result], seed: int, which: int, protocol: str = "") -> list[Result]:
    """One row's results of a seed, sample set and protocol; none unless all folds are there."""
    own = [r for r in found if (r.seed, r.sample_set, r.protocol) == (seed, which, protocol)]
    return own if own and len(own) == own[0].folds else []


def _row(
    found: Sequence[Result],
    seeds: Sequence[int],
    protocols: Sequence[str],
    per_example: PerExample,
) -> dict[str, float | None]:
    """What one row scores by each protocol, of the first of `seeds`; None where it has no score."""
    sets = sorted({result.sample_set for result in found})
    others = sorted({result.seed for result in found} - {seeds[0]})
    of = partial(_whole, found)
    own = of(seeds[0], sets[0])
    counts = [result.curves.get(BY_SAMPLES, []) for result in own]
    halves = [_halves(per_example(result), result.value) for result in own]
    return {
        FIRST: _mean([result.value for result in own]),
        **{p: _mean([r.value for r in of(seeds[0], sets[0], p)]) for p in protocols},
        _PARTS[0]: _mean([count[0][1] if len(count) > 2 else None for count in counts]),
        _PARTS[1]: _mean([count[1][1] if len(count) > 2 else None for count in counts]),
        _HALVES[0]: _mean([half[0] for half in halves]),
        _HALVES[1]: _mean([half[1] for half in halves]),
        _SET: _mean([r.value for r in of(seeds[0], sets[1])] if sets[1:] else []),
        "second seed": _mean([r.value for r in of(others[0], sets[0])] if others else []),
    }


def _halves(scores: np.ndarray | None, value: float | None) -> tuple[float | None, float | None]:
    """Means over either half of the test rows, of a value that is their mean."""
    if scores is None or len(scores) < 2 or value is None:
        return None, None
    if not math.isclose(scores.mean(), value, rel_tol=1e-6, abs_tol=1e-6):
        return None, None
    half = len(scores) // 2
    return float(scores[:half].mean()), float(scores[half:].mean())


def _mean(values: Sequence[float | None]) -> float | None:
    """No mean over what is missing."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _tau(
    first: Mapping[str, float | None], other: Mapping[str, float | None], trained: Sequence[str]
) -> float | None:
    pairs = [(first[name], other[name]) for name in trained]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) < max(2, len(trained)):
        return None
    tau = estimates.kendall(*zip(*known, strict=True))
    return tau if math.isfinite(tau) else None


def _order_lines(found: Robustness) -> list[str]:
    """In how many protocols the order holds, where it does not, and what is not known."""
    if not found.order and found.first and found.first[0].best == "real":
        return [f"no order: {better('real')}, and there is no row {DEFAULTS.real} here"]
    if len(found.order) < 2:
        return ["one trained row has no order: a robustness table compares several models"]
    order = " > ".join(found.order)
    complete, held = found.complete, found.held
    lines = []
    if complete:
        failed = [column for column in complete if column not in held]
        but = f"; another one by: {', '.join(failed)}" if failed else ""
        lines.append(f"the order {order} holds in {len(held)} of {len(complete)} protocols{but}")
    values = {c: [found.numbers[c][name] for name in found.order] for c in found.tau}
    missing = [column for column, own in values.items() if None in own]
    tied = [c for c, tau in found.tau.items() if tau is None and c not in missing]
    lines += [f"no order, since all score the same: {', '.join(tied)}"] if tied else []
    if missing:
        lines.append(
            f"not known for every trained row: {', '.join(missing)} "
            "(`genbench score --protocols` scores what is stored; `genbench run --sample-sets 2 "
            "--seeds 0,1` draws and trains the rest)"
        )
    return lines


def _components_line(name: str, results: Sequence[Result], per_example: PerExample) -> str:
    """Where the chance in one run's score comes from: standard deviations of the mean, in nats."""
    own = [result for result in results if not result.protocol]
    if own[0].folds > 1:
        return ""
    scores = matrix(own, per_example)
    if scores is None or scores.shape[0] * scores.shape[1] < 2 or scores.shape[2] < 2:
        return ""
    n = scores.shape[2]
    block = estimates.block_of(n)
    found = estimates.components(scores, block)
    shares = {
        f"{n} test examples": (found.shown["examples"], n),
        f"blocks of {block} neighbouring test examples": (found.shown["blocks"], n / block),
        "sample sets": (found.shown["sample_sets"], 1),
        "seeds": (found.shown["seeds"], 1),
    }
    said = [
        f"{source} {math.sqrt(variance / count):.2g}"
        for source, (variance, count) in shares.items()
        if variance is not None
    ]
    seeds, sets = scores.shape[:2]
    of = f"{_counted(seeds, 'seed')} with {_counted(sets, 'sample set')} each"
    return (
        f"{name}: the score of one run moves, in standard deviations of "
        f"{own[0].unit or 'its value'}, by its {', '.join(said)} (from {of})"
    )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def frame(found: Robustness) -> pd.DataFrame:
    """What is shown: rows down, protocols across, untrained rows last, tau in a row of its own."""
    labels = [*found.order, *(n for n in found.numbers[FIRST] if n not in found.order)]
    labels.sort(key=lambda name: name in found.untrained)
    shown = pd.DataFrame({"model": labels})
    every = [v for values in found.numbers.values() for v in values.values() if v is not None]
    places = decimals(every)
    for column, values in found.numbers.items():
        texts = {n: MISSING if v is None else f"{v:.{places}f}" for n, v in values.items()}
        shown[column] = [texts[name] for name in labels]
    trained = len(labels) - len(found.untrained)
    tau = {c: MISSING if t is None else f"{t:.2f}" for c, t in found.tau.items()}
    last = pd.DataFrame([{"model": TAU, FIRST: "", **tau}])
    shown = pd.concat([shown.iloc[:trained], last, shown.iloc[trained:]], ignore_index=True)
    shown.attrs["untrained"] = len(found.untrained)
    return shown


def as_json(found: Robustness) -> dict[str, Any]:
    """Plain data: the numbers, the order, tau, in how many protocols the order holds."""
    return {
        "numbers": found.numbers,
        "order": list(found.order),
        "untrained": list(found.untrained),
        "tau": dict(found.tau),
        "protocols": found.complete,
        "order_holds_in": found.held,
        "notes": list(found.lines),
    }
