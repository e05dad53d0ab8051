"""The table of an experiment: each arm at its best rate, beside the recipe's arm, and its cost.

Conventions
    Every arm is tried at the same values of one tuned hyperparameter, by the same seeds. What is
    shown of an arm by a metric is its best value's mean over seeds; each metric chooses its own, by
    the very scores that are shown, so every arm is as flattered as the recipe's.
    At equal updates each training made all its epochs. At equal seconds the curve of the metric
    that selects epochs, which is on validation rows, is read at the seconds in which the quickest
    arm made all its updates: the best look up to then.
    Differences from the recipe's arm are paired by seed: Student's t with S - 1 degrees of freedom.
    Intervals are of each difference alone; p-values are Holm's over all that is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from genbench.comparing import estimates
from genbench.comparing.estimates import Estimate
from genbench.plugins.experiments import RECIPE
from genbench.protocols import Best, goodness
from genbench.records.experiments import Record, Trial
from genbench.words import MISSING, duration, p_text, value_and_error

LEVEL = 0.05
UPDATES, SECONDS = "equal updates", "equal seconds"
Reading = Callable[[Trial], float | None]  # a trial's score by some metric


@dataclass(frozen=True)
class Shown:
    """An arm by one metric: its best value of the tuned hyperparameter, and what that scored.

    at: UPDATES or SECONDS. mean: over seeds, None where no value has a score of every seed.
    difference: from the recipe's arm; None of that arm itself, and where either has no mean. p:
    Holm's.
    """

    arm: str
    metric: str
    at: str
    value: float | None = None
    by_seed: Mapping[int, float] | None = None
    mean: float | None = None
    error: float | None = None
    difference: Estimate | None = None
    p: float | None = None


def shown(record: Record) -> list[Shown]:
    """Every arm by every metric at equal updates, then by the curves' metric at equal seconds."""
    found = [one for metric in record.experiment.metrics for one in _by_metric(record, metric)]
    found += _at_equal_seconds(record) if record.selects in record.best else []
    known = [(i, one.difference) for i, one in enumerate(found) if one.difference is not None]
    corrected = estimates.holm([estimates.p_value(difference) for _, difference in known])
    for (i, _), p in zip(known, corrected, strict=True):
        found[i] = replace(found[i], p=p)
    return found


def _by_metric(record: Record, metric: str) -> list[Shown]:
    return _beside_the_recipe(
        [
            _best(record, arm, metric, UPDATES, lambda trial: trial.scores.get(metric))
            for arm in record.experiment.arms
        ]
    )


def _at_equal_seconds(record: Record) -> list[Shown]:
    spent, metric = seconds(record), record.selects
    least, found = min(spent.values(), default=0.0), []
    for arm in record.experiment.arms:
        share = least / spent[arm] if spent.get(arm) else 1.0
        read = _curve_at(share, record.best[metric])
        found.append(_best(record, arm, metric, SECONDS, read))
    return _beside_the_recipe(found)


def _curve_at(share: float, best: Best) -> Reading:
    """The best look of a trial's curve in the first `share` of its epochs."""

    def read(trial: Trial) -> float | None:
        most = share * trial.epochs + 1e-9
        looks = [value for epoch, value in trial.curve if epoch <= most and value is not None]
        return max(looks, key=lambda value: goodness(best, value), default=None)

    return read


def _best(record: Record, arm: str, metric: str, at: str, read: Reading) -> Shown:
    """The value of the tuned hyperparameter whose mean over all seeds is best."""
    none, found, asked = Shown(arm, metric, at), [], record.experiment
    every = [trial for trial in record.trials if trial.arm == arm]
    if len(every) < len(asked.tune_values) * len(asked.seeds):  # it had fewer tries than others
        return none
    for value in asked.tune_values:
        own = [trial for trial in every if trial.value == value]
        scores = {trial.seed: read(trial) for trial in own}
        known = {seed: score for seed, score in scores.items() if score is not None}
        if set(known) == set(asked.seeds):
            mean, error = estimates.mean_and_error([*known.values()])
            found.append(replace(none, value=value, by_seed=known, mean=mean, error=error))
    best = record.best[metric]
    return max(found, key=lambda one: goodness(best, one.mean or 0.0), default=none)


def _beside_the_recipe(found: Sequence[Shown]) -> list[Shown]:
    """With the paired difference of each arm from the recipe's."""
    recipe = next(one.by_seed for one in found if one.arm == RECIPE)
    return [
        one
        if one.arm == RECIPE or one.by_seed is None or recipe is None
        else replace(
            one,
            difference=estimates.of_methods([v - recipe[s] for s, v in one.by_seed.items()]),
        )
        for one in found
    ]


def seconds(record: Record) -> dict[str, float]:
    """Seconds of each arm's quickest training: other work on the machine can only slow one."""
    by: dict[str, list[float]] = {}
    for trial in record.trials:
        if trial.seconds > 0:
            by.setdefault(trial.arm, []).append(trial.seconds)
    return {arm: min(each) for arm, each in by.items()}


# --- for people and for programs ---


def frames(record: Record) -> list[tuple[str, pd.DataFrame]]:
    """A frame of strings for each metric at equal updates, one at equal seconds, and the costs."""
    by: dict[tuple[str, str], list[Shown]] = {}
    for one in shown(record):
        by.setdefault((one.metric, one.at), []).append(one)
    found = []
    for (metric, at), every in by.items():
        title = f"{metric}, at {at}"
        title += " (validation rows)" if at == SECONDS else ""
        found.append((title, _frame(every, record.experiment.tune)))
    return [*found, ("cost", _costs(record))]


def _frame(every: Sequence[Shown], tuned: str) -> pd.DataFrame:
    """attrs["best"]: the differences that chance alone is too poor an explanation of."""
    rows = [
        {
            "arm": one.arm,
            tuned: MISSING if one.value is None else f"{one.value:g}",
            "mean": MISSING if one.mean is None else value_and_error(one.mean, one.error),
            "less the recipe's": _difference(one),
            "p, Holm": "" if one.p is None else p_text(one.p),
        }
        for one in every
    ]
    frame = pd.DataFrame(rows)
    certain = [i for i, one in enumerate(every) if one.p is not None and one.p < LEVEL]
    frame.attrs["best"] = [(i, "less the recipe's") for i in certain]
    return frame


def _difference(one: Shown) -> str:
    """ "+3.1 [1.2, 5.0]"."""
    if one.difference is None:
        return "" if one.arm == RECIPE else MISSING
    found = one.difference
    reach = found.high - found.low
    digits = max(0, 2 - math.floor(math.log10(reach))) if 0 < reach < math.inf else 2
    return f"{found.value:+.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def _costs(record: Record) -> pd.DataFrame:
    spent = seconds(record)
    recipe = spent.get(RECIPE)
    rows = []
    for arm in record.experiment.arms:
        own = [trial for trial in record.trials if trial.arm == arm]
        time = spent.get(arm)
        rows.append(
            {
                "arm": arm,
                "updates": f"{max((trial.updates for trial in own), default=0):,}",
                "seconds": duration(time) if time else MISSING,
                "of the recipe's": f"{time / recipe:.2f}" if time and recipe else MISSING,
                "trainings": str(len(own)),
                "failed": str(sum(bool(trial.error) for trial in own)),
            }
        )
    return pd.DataFrame(rows)


def notes(record: Record) -> list[str]:
    """What must be known to read the table."""
    one, spent = record.experiment, seconds(record)
    values = ", ".join(f"{value:g}" for value in one.tune_values)
    total = sum(trial.seconds for trial in record.trials)
    made = len(record.trials)
    lines = [
        f"{one.model} on {one.dataset}, preset {one.preset}, {one.samples} samples; every arm at "
        f"{one.tune} {values} with seeds {', '.join(map(str, one.seeds))}, and each metric shows "
        "its best, chosen by the scores that are shown",
        "± is one standard error over seeds; differences are paired by seed, with 95 % intervals "
        "of each alone; p is Holm's over all differences shown; bold: below .05",
        f"{made} trainings, {duration(total)} in all, on {record.made_on or 'an unknown machine'}",
    ]
    if record.selects in record.best and spent:
        least = min(spent.values())
        lines.append(
            f"equal seconds: {record.selects} on validation rows, the best look in the first "
            f"{duration(least)}, in which the quickest arm ({min(spent, key=spent.__getitem__)}) "
            "makes all its updates"
        )
    missing = len(one.arms) * len(one.tune_values) * len(one.seeds) - made
    if missing:
        lines.append(f"{missing} trainings are not done: genbench experiment run {one.name}")
    return lines


def numbers(record: Record) -> pd.DataFrame:
    """A row for each arm, metric and basis, every number unrounded."""
    spent = seconds(record)
    return pd.DataFrame([_numbers(one, spent.get(one.arm)) for one in shown(record)])


def _numbers(one: Shown, spent: float | None) -> dict[str, Any]:
    difference = one.difference
    return {
        "arm": one.arm,
        "metric": one.metric,
        "at": one.at,
        "value": one.value,
        "mean": one.mean,
        "error": one.error,
        "difference": difference.value if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "p_holm": one.p,
        "seeds": len(one.by_seed or ()),
        "training_seconds": spent,
    }


def as_json(record: Record) -> dict[str, Any]:
    """The record, what is shown of it, and the notes."""
    found = [{**asdict(one), "by_seed": _named(one.by_seed)} for one in shown(record)]
    return {"shown": found, "notes": notes(record), "seconds": seconds(record)}


def _named(by_seed: Mapping[int, float] | None) -> dict[str, float] | None:
    return None if by_seed is None else {str(seed): value for seed, value in by_seed.items()}
