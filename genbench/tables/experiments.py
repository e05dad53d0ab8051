"""What the table of an experiment shows: each arm at its best rate, beside the recipe's arm.

Conventions
    Every arm is tried at the same values of one tuned hyperparameter, by the same seeds. By each
    metric an arm is shown at the value where its mean over seeds is best. The scores that choose
    the value are those that are shown, so the mean looks better than it is; that is so of every
    arm, the recipe's too.
    At equal updates each training made all its epochs. At equal seconds the curve of the metric
    that selects epochs, which is on validation rows, is read at the seconds in which the quickest
    arm made all its updates: the best look up to then. Seconds of different machines do not
    compare: where trainings are of several, there is nothing at equal seconds.
    Differences from the recipe's arm are paired by seed: Student's t with S - 1 degrees of freedom.
    Intervals are of each difference alone; p-values are Holm's over all that is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from genbench.comparing import estimates
from genbench.comparing.estimates import Estimate
from genbench.plugins.experiments import RECIPE
from genbench.protocols import Best, goodness
from genbench.records.experiments import Record, Trial

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
    found += _at_equal_seconds(record) if has_equal_seconds(record) else []
    known = [(i, one.difference) for i, one in enumerate(found) if one.difference is not None]
    corrected = estimates.holm([estimates.p_value(difference) for _, difference in known])
    for (i, _), p in zip(known, corrected, strict=True):
        found[i] = replace(found[i], p=p)
    return found


def has_equal_seconds(record: Record) -> bool:
    """Whether epochs are selected by a metric that is shown, on one machine."""
    return record.selects in record.best and len(machines(record)) < 2


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


def machines(record: Record) -> list[str]:
    """The machines, devices and numbers of threads that trainings were timed on, each once."""
    return [*dict.fromkeys(trial.made_on for trial in record.trials if trial.seconds > 0)]
