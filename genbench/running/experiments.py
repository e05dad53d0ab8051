"""An experiment -> its runs, which are runs like any other, and what they came to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.plugins import registry
from genbench.plugins.experiments import Experiment
from genbench.records.experiments import Record, Trial
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


def planned(experiment: Experiment, data_dir: Path) -> list[Arm]:
    """The arms of an experiment at each value, the recipe first; reads the data, trains nothing."""
    sources = Sources(data_dir)
    return [
        Arm(arm, value, plan(_question(experiment, arm, value), data_dir, sources))
        for arm in experiment.arms
        for value in experiment.tune_values
    ]


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
    made_on = next((text for arm in arms for text in [_made_on(arm, store)] if text), "")
    selects = first.selection.get("metric", "")
    return Record(experiment, trials, best, selects, made_on, [*experiment.arms])


def _trial(arm: Arm, runs: Sequence[Run], store: Store) -> Trial | None:
    """One training, which all of the runs score."""
    results = [store.result(run) for run in runs]
    if any(result is None for result in results):
        return None
    known = [result for result in results if result is not None]
    first, training = runs[0], known[0].training
    spent = store.provenance(first, "fit").get("seconds_per_epoch") or {}
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
        error=next((result.error for result in known if result.error), ""),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _batches(hyperparameters: Mapping[str, Any], rows: int) -> int:
    """Batches of an epoch, each an update; 1 for a model that has none."""
    every = math.ceil(rows / hyperparameters.get("batch", max(rows, 1)))
    return min(every, hyperparameters.get("max_updates") or every)


def _made_on(arm: Arm, store: Store) -> str:
    """The machine and the threads of an arm's first training, empty where it is not there."""
    made = store.provenance(arm.runs[0], "fit")
    return f"{made['cpu']}, {made['threads']} threads" if made.get("cpu") else ""
