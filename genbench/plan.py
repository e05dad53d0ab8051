"""A question -> the runs that answer it, with everything that their keys depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product
from pathlib import Path
from typing import Any

from torch import Tensor

from genbench import recipe, registry
from genbench.errors import UsageError
from genbench.files import sha256_of_arrays
from genbench.run import Data, Run
from genbench.store import Store


@dataclass(frozen=True)
class Question:
    """What a user asks for; `plan` turns it into runs."""

    models: Sequence[str]
    datasets: Sequence[str]
    metrics: Sequence[str]
    seeds: Sequence[int] = (0,)
    samples: int = 10_000
    preset: str = recipe.PAPER
    references: Sequence[str] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    epochs: int | None = None
    minutes: float | None = None


def plan(question: Question, data_dir: Path) -> list[Run]:
    """The runs that answer a question, in the order of the table; reads the data, trains nothing.

    Raises UsageError for anything that is unknown or ill-typed and DataError for bad files.
    """
    models = [registry.find("model", name).name for name in question.models]
    models += [name for name in question.references if name not in models]
    metrics = [registry.find("metric", name).name for name in question.metrics]
    known = set().union(*(recipe.presets(model) for model in models))
    if question.preset not in known:
        hint = registry.nearest(question.preset, known)
        raise UsageError(f"unknown preset {question.preset!r}; {hint}")
    for owner in question.overrides:
        if owner not in {*models, *metrics}:
            hint = registry.nearest(owner, {*models, *metrics})
            raise UsageError(f"--set names {owner!r}, which is not in this plan; {hint}")
    runs = []
    for dataset in dict.fromkeys(registry.find("dataset", d).name for d in question.datasets):
        recipes = {
            model: recipe.resolve(model, dataset, question.preset, set_by_user(question, model))
            for model in models
        }
        folds = read_data(dataset, data_dir)
        for model, seed, data, metric in product(models, question.seeds, folds, metrics):
            runs.append(_run(question, recipes[model], model, seed, data, metric))
    return runs


def set_by_user(question: Question, model: str) -> dict[str, Any]:
    """The hyperparameters of a model that the user set; its row's label shows them."""
    values = dict(question.overrides.get(model, {}))
    if question.epochs is not None and "epochs" in _constructor("model", model):
        values["epochs"] = question.epochs
    return values


def _constructor(kind: str, name: str) -> dict[str, Any]:
    return recipe.constructor(registry.load(kind, name))


def read_data(dataset: str, data_dir: Path) -> list[Data]:
    """The identity of every fold of a dataset: which rows a run of it would see."""
    source = registry.load("dataset", dataset)(data_dir)
    parts = []
    for fold in range(source.folds):
        split = source.split(fold)
        train, valid, test = (_digest(part) for part in (split.train, split.valid, split.test))
        parts.append(
            Data(
                name=dataset,
                fold=fold,
                folds=source.folds,
                train=train,
                valid=valid,
                test=test,
                digest=source.digest,
                caveat=source.caveat,
                levels=source.levels,
            )
        )
    return parts


def _digest(rows: Tensor) -> str:
    return sha256_of_arrays({"rows": rows.numpy()})


def _run(
    question: Question, chosen: recipe.Recipe, model: str, seed: int, data: Data, metric: str
) -> Run:
    """One cell of the plan, with the digests of the code that would fill it."""
    settings = question.overrides.get(metric, {})
    recipe.check_values(metric, settings, _constructor("metric", metric))
    code = {"model": _code("model", model), "metric": _code("metric", metric)}
    selection: dict[str, Any] = {}
    if chosen.runner.get("select"):  # an empty name turns it off in a preset
        selection = {
            "metric": chosen.runner["select"],
            "every": chosen.runner.get("select_every", 1),
            "samples": chosen.runner.get("select_samples", question.samples),
        }
        code["select"] = _code("metric", selection["metric"])
    label = set_by_user(question, model) | dict(settings)
    minutes = question.minutes if "epochs" in chosen.hyperparameters else None
    if minutes is not None:
        label["minutes"] = minutes
    return Run(
        model=model,
        data=data,
        seed=seed,
        preset=chosen.preset,
        metric=metric,
        samples=question.samples,
        hyperparameters=dict(chosen.hyperparameters),
        settings=recipe.defaults(registry.load("metric", metric)) | dict(settings),
        code=code,
        sampling=tuple(getattr(registry.load("model", model), "sampling", ())),
        selection=selection,
        uses_validation=chosen.runner.get("uses_validation", False),
        minutes=minutes,
        overrides=label,
    )


def _code(kind: str, name: str) -> str:
    return registry.code_digest(registry.find(kind, name).module)


def by_training(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that share one training, together, in the order of the plan."""
    order = {key: i for i, key in enumerate(dict.fromkeys(run.fit_key for run in runs))}
    ranked = sorted(runs, key=lambda run: order[run.fit_key])
    return [list(group) for _, group in groupby(ranked, key=lambda run: run.fit_key)]


def pending(runs: Sequence[Run], store: Store, rerun: bool = False) -> list[Run]:
    """The runs that the store does not hold; failed ones are tried again."""
    return [run for run in runs if rerun or run not in store]
