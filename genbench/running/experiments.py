"""An experiment -> its runs, which are runs like any other, and what they came to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.plugins.experiments import Experiment
from genbench.records.experiments import Record, Trial
from genbench.records.observed import Training
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running.data import Sources
from genbench.running.plan import Question, by_training, plan


@dataclass(frozen=True)
class Arm:
    """The runs of an arm at one value of the tuned hyperparameter: every seed by every metric."""

    name: str
    value: float
    runs: Sequence[Run]


def planned(experiment: Experiment, data_dir: Path, sources: Sources | None = None) -> list[Arm]:
    """The arms of an experiment at each value, the recipe first; reads the data, trains nothing.

    sources: of the same folder, which remember the data. Raises UsageError for a dataset of several
    folds, and for a metric by which no rate can be called best.
    """
    sources = sources or Sources(data_dir)
    _check(experiment, sources)
    return [
        Arm(arm, value, plan(_question(experiment, arm, value), data_dir, sources))
        for arm in experiment.arms
        for value in experiment.tune_values
    ]


def _check(one: Experiment, sources: Sources) -> None:
    """Raises UsageError for what the table of an experiment cannot hold."""
    folds = sources.dataset(one.dataset).folds
    if folds > 1:
        raise UsageError(
            f"experiment {one.name}: {one.dataset} has {folds} folds, and an experiment has one "
            "score of each seed; choose a dataset with one fold"
        )
    for metric in one.metrics:
        if registry.load("metric", metric).best == "real":
            raise UsageError(
                f"experiment {one.name}: the best value of {metric} is that of the held-out rows, "
                f"so it cannot choose {one.tune}; leave it out of metrics"
            )


def _question(one: Experiment, arm: str, value: float) -> Question:
    return Question(
        models=[one.model],
        datasets=[one.dataset],
        metrics=one.metrics,
        seeds=one.seeds,
        samples=one.samples,
        preset=one.preset,
        overrides={one.model: one.settings(arm, value)},
    )


def record(experiment: Experiment, arms: Sequence[Arm], store: Store) -> Record:
    """What a store holds of the runs of an experiment; trainings that it lacks are left out."""
    trials = [
        trial
        for arm in arms
        for runs in by_training(arm.runs)
        if (trial := _trial(arm, runs, store)) is not None
    ]
    first = arms[0].runs[0]
    best = {metric: registry.load("metric", metric).best for metric in experiment.metrics}
    made_on = "; ".join(dict.fromkeys(trial.made_on for trial in trials if trial.made_on))
    selects = first.selection.get("metric", "")
    return Record(experiment, trials, best, selects, made_on, [*experiment.arms])


def _trial(arm: Arm, runs: Sequence[Run], store: Store) -> Trial | None:
    """One training, which all of the runs score."""
    results = [store.result(run) for run in runs]
    known = [result for result in results if result is not None]
    if len(known) < len(runs):
        return None
    # what failed or could not be done says nothing of the training
    training = next((r.training for r in known if r.status == "done"), Training())
    first = runs[0]
    made = store.provenance(first, "fit")
    spent = made.get("seconds_per_epoch") or {}
    curve = [(epoch, _finite(value)) for epoch, value in training.curve]
    return Trial(
        arm=arm.name,
        value=arm.value,
        seed=first.seed,
        key=first.fit_key,
        epochs=training.epochs,
        updates=training.epochs * _batches(first.hyperparameters, training.rows),
        seconds=training.epochs * spent.get("median", 0.0),
        curve=curve,
        scores={result.metric: result.value for result in known},
        error=next((result.error for result in known if result.status == "failed"), ""),
        made_on=_made_on(made),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _batches(hyperparameters: Mapping[str, Any], rows: int) -> int:
    """Batches of an epoch, each an update; 1 for a model that has none."""
    every = math.ceil(rows / hyperparameters.get("batch", max(rows, 1)))
    return min(every, hyperparameters.get("max_updates") or every)


def _made_on(made: Mapping[str, Any]) -> str:
    """The processor or GPU and the threads of a training; empty where they are not known.

    With every device and number of threads that it was made on, where these are several.
    """
    if not made.get("cpu"):
        return ""
    kind, _, index = str(made.get("device", "cpu")).partition(":")
    gpus, at = made.get("gpus") or [], int(index or 0)
    name = made["cpu"]
    if kind != "cpu":
        name = gpus[at] if at < len(gpus) else kind
    threads = made["threads"]
    also = made.get("resumed_on") or []
    resumed = f" (resumed: {', '.join(also)})" if also else ""
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}{resumed}"
