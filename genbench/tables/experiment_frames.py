"""The table of an experiment, for people and for programs: frames, costs and notes.

What is shown, and at which values, is said in `genbench.tables.experiments`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from genbench.plugins.experiments import RECIPE, called
from genbench.records.experiments import Record
from genbench.tables.experiments import (
    SECONDS,
    Shown,
    has_equal_seconds,
    machines,
    seconds,
    shown,
)
from genbench.words import MISSING, duration, p_text, value_and_error

LEVEL = 0.05
DIFFERENCE, RATIO = "difference from recipe", "time / recipe's"


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
            DIFFERENCE: _difference(one),
            "p, Holm": "" if one.p is None else p_text(one.p),
        }
        for one in every
    ]
    frame = pd.DataFrame(rows)
    certain = [i for i, one in enumerate(every) if one.p is not None and one.p < LEVEL]
    frame.attrs["best"] = [(i, DIFFERENCE) for i in certain]
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
    recipe = spent.get(RECIPE) if len(machines(record)) < 2 else None
    rows = []
    for arm in record.experiment.arms:
        own = [trial for trial in record.trials if trial.arm == arm]
        time = spent.get(arm)
        rows.append(
            {
                "arm": arm,
                "updates": f"{max((trial.updates for trial in own), default=0):,}",
                "seconds": duration(time) if time else MISSING,
                RATIO: f"{time / recipe:.2f}" if time and recipe else MISSING,
                "trainings": str(len(own)),
                "failed": str(sum(bool(trial.error) for trial in own)),
            }
        )
    return pd.DataFrame(rows)


def notes(record: Record, changed: str = "") -> list[str]:
    """What must be known to read the table; changed: the file, if it says another thing by now."""
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
    if len(places := machines(record)) > 1:
        lines.append(
            "trainings were made on different machines, devices or numbers of threads, whose "
            "seconds do not compare, so nothing is shown at equal seconds and no time beside the "
            f"recipe's: {'; '.join(place or 'an unknown one' for place in places)}"
        )
    if has_equal_seconds(record) and spent:
        least = min(spent.values())
        lines.append(
            f"equal seconds: {record.selects} on validation rows, the best look in the first "
            f"{duration(least)}, in which the quickest arm ({min(spent, key=spent.__getitem__)}) "
            "makes all its updates"
        )
    missing = len(one.arms) * len(one.tune_values) * len(one.seeds) - made
    if missing:
        lines.append(f"{missing} trainings are not done: genbench experiment run {called(one)}")
    if changed:
        lines.append(
            f"this is the table of an older version of {changed}, which was changed since; "
            f"genbench experiment run {changed} makes that of the present one"
        )
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


def as_json(record: Record, changed: str = "") -> dict[str, Any]:
    """The record, what is shown of it, and the notes."""
    found = [{**asdict(one), "by_seed": _named(one.by_seed)} for one in shown(record)]
    return {"shown": found, "notes": notes(record, changed), "seconds": seconds(record)}


def _named(by_seed: Mapping[int, float] | None) -> dict[str, float] | None:
    return None if by_seed is None else {str(seed): value for seed, value in by_seed.items()}
