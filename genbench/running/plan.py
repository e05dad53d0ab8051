"""A question -> the runs that answer it, with everything that their keys depend on."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from pathlib import Path
from typing import Any

from genbench.defaults import DEFAULTS
from genbench.errors import DataError, UsageError
from genbench.plugins import presets, recipe, registry
from genbench.plugins.code import FEATURES, Roles, identities, stage_revisions, unfollowed
from genbench.plugins.settings import check_values, constructor, defaults, told
from genbench.protocols import abilities, needs
from genbench.records.run import Data, Result, Run
from genbench.records.standing import installed, standing
from genbench.records.store import Store
from genbench.running import labels
from genbench.running.data import Sources
from genbench.running.needs import Pair, unmet
from genbench.samples import featured

MOST_CHAINS, LEAST_STATES = 100, 100  # of chains that start at training images
ALL = "all"
HOLD_OUT = ("select", "tune")  # keys of a recipe that need rows which no one trains on
KIND_OF = {"model": "model", FEATURES: FEATURES}  # of a role; the others are metrics


@dataclass(frozen=True)
class Question:
    """What a user asks for; `plan` turns it into runs.

    sample_sets: how many sets of samples are drawn from each trained model; reference rows have
        one.
    """

    models: Sequence[str]
    datasets: Sequence[str]
    metrics: Sequence[str]
    seeds: Sequence[int] = (0,)
    sample_sets: int = 1
    samples: int = 10_000
    preset: str = recipe.PAPER
    references: Sequence[str] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    epochs: int | None = None
    minutes: float | None = None


def plan(question: Question, data_dir: Path, sources: Sources | None = None) -> list[Run]:
    """The runs that answer a question, in the order of the table; reads the data, trains nothing.

    sources: of the same folder, which remember the data from one question to the next.
    Raises UsageError for anything that is unknown or ill-typed and DataError for bad files.
    """
    models = [registry.find("model", name).name for name in question.models]
    _check_options(question, models)
    asked, models = models, list(dict.fromkeys([*models, *question.references]))
    metrics = metrics_of(question.metrics)
    known = presets.names()
    if question.preset not in known:
        hint = registry.nearest(question.preset, known)
        raise UsageError(f"unknown preset {question.preset!r}; {hint}")
    for owner in question.overrides:
        if owner not in {*models, *metrics}:
            hint = registry.nearest(owner, {*models, *metrics})
            raise UsageError(f"--set names {owner!r}, which is not in this plan; {hint}")
    runs, sources = [], sources or Sources(data_dir)
    for dataset in dict.fromkeys(registry.find("dataset", d).name for d in question.datasets):
        recipes = {
            model: recipe.resolve(model, dataset, question.preset, set_by_user(question, model))
            for model in models
        }
        if not presets.serves(question.preset, dataset):
            named, there = ", ".join(asked), ", ".join(presets.known(asked, dataset))
            what = f"preset {question.preset!r} changes nothing for {named} on {dataset}"
            raise UsageError(f"{what}; presets there: {there}")
        folds = sources.identities(dataset)
        for model in models:
            _check_range(model, dataset)
        for model, seed in product(models, question.seeds):
            sets = range(question.sample_sets if model in asked else 1)
            for which, data, metric in product(sets, folds, metrics):
                run = _run(question, recipes[model], model, seed, data, metric, sources)
                if which == 0 or run.draws:
                    cell = Pair(metric, run.settings, data, model, run.hyperparameters)
                    lacks = unmet(cell, sources)
                    if not lacks and run.fit_reads.get("shown"):
                        labels.of_training(run, sources.split(dataset, data.fold))
                    runs.append(replace(run, sample_set=which, unmet=lacks))
    for run in runs:
        _check_chains(run)
    _warn_of_unfollowed(runs)
    return runs


def metrics_of(names: Sequence[str]) -> list[str]:
    """The registered metrics of these names or groups, each once; "all" is all of them.

    >>> metrics_of(["prdc", "recall"])
    ['precision', 'recall', 'density', 'coverage']
    """
    groups = {**DEFAULTS.groups, ALL: registry.names("metric")}
    every = [metric for name in names for metric in groups.get(name, [name])]
    return list(dict.fromkeys(registry.find("metric", name).name for name in every))


def _check_options(question: Question, models: Sequence[str]) -> None:
    """Raises UsageError for a training budget that no model would see, and for endless seeds."""
    for option, value in (("--epochs", question.epochs), ("--minutes", question.minutes)):
        if value is not None and not any("epochs" in _constructor("model", m) for m in models):
            raise UsageError(f"{option} is for models that train by epochs; none in the plan does")
    for seed in question.seeds:
        if abs(seed) >= 2**63:
            raise UsageError(f"a seed must fit into 64 bits, got {str(seed)[:30]}...")


def set_by_user(question: Question, model: str) -> dict[str, Any]:
    """The hyperparameters of a model that the user set; its row's label shows them."""
    values = dict(question.overrides.get(model, {}))
    if question.epochs is not None and "epochs" in _constructor("model", model):
        values["epochs"] = question.epochs
    return values


def _constructor(kind: str, name: str) -> dict[str, Any]:
    return constructor(registry.load(kind, name))


def _check_range(model: str, dataset: str) -> None:
    """Raises UsageError where a model cannot model the range that the dataset's class declares."""
    wanted = getattr(registry.load("model", model), "range", None)
    found = getattr(registry.load("dataset", dataset), "range", None)
    if wanted and isinstance(found, tuple) and tuple(wanted) != found:
        raise UsageError(f"{model!r} models data in {wanted}; those of {dataset!r} are in {found}")


def _check_chains(run: Run) -> None:
    """Raises UsageError for chains that start at training images and are too short to leave them.

    A chain that never moves would score what the training images themselves score.
    """
    sampling = {name: run.hyperparameters[name] for name in run.sampling}
    if sampling.get("reconstruct") is True:
        return  # there is no chain
    if sampling.get("start") == "data" and run.selection:
        raise UsageError(f"{run.model}: epochs cannot be selected by chains that start at images")
    tuned = [{run.tuning["name"]: value} for value in run.tuning["values"]] if run.tuning else [{}]
    for chosen in ({**sampling, **one} for one in tuned):
        chains = chosen.get("chains", 0) if chosen.get("start") == "data" else 0
        if chains > MOST_CHAINS or run.samples < LEAST_STATES * chains:
            raise UsageError(
                f"{run.model}: chains that start at training images must be at most "
                f"{MOST_CHAINS}, of at least {LEAST_STATES} kept states each; got {chains} for "
                f"{run.samples} samples: set fewer chains, or --set {run.model}.start=noise"
            )


def _warn_of_unfollowed(runs: Sequence[Run]) -> None:
    """Warns once of each part that loads what its identity cannot hold."""
    parts = [(role, part.name) for run in runs for role, part in run.parts.items()]
    kinds = [(KIND_OF.get(role, "metric"), name) for role, name in parts]
    for kind, name in dict.fromkeys(kinds):
        places = unfollowed(kind, name)
        if places:
            warnings.warn(
                f"the code of {kind} {name!r} loads more than can be read off it, at "
                f"{', '.join(places)}: when that changes, old results still pass for its own. "
                "A `revision` in its class, raised when its numbers change, would settle it",
                stacklevel=2,
            )


def _settings(
    question: Question, chosen: recipe.Recipe, metric: str, data: Data, dataset: Any
) -> dict[str, Any]:
    """All settings of a metric; raises UsageError if it cannot be built with them."""
    cls = registry.load("metric", metric)
    chosen_here = {**chosen.metrics.get(metric, {}), **question.overrides.get(metric, {})}
    checked = check_values(metric, chosen_here, constructor(cls))
    settings = featured.settings_of(metric, checked, data.name, dataset)
    try:
        cls(**settings)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{metric} cannot be built with {settings}: {error}") from error
    return settings


def protocols(metric: str, run: Run) -> Mapping[str, Mapping[str, Any]]:
    """The settings, by name, of the other ways in which a metric offers to score a run."""
    return _protocols(metric, run.model, run.data)


def _protocols(metric: str, model: str, data: Data) -> Mapping[str, Mapping[str, Any]]:
    offered = getattr(registry.load("metric", metric), "protocols", None)
    kind = getattr(registry.load("model", model), "samples", "mean")
    return offered(data.levels, kind) if offered else {}


def by_protocols(run: Run) -> list[Run]:
    """The runs that score the same samples by every other protocol that the metric offers."""
    usual = defaults(registry.load("metric", run.metric))
    usual |= {name: value for name, value in run.settings.items() if name == FEATURES}
    return [
        replace(run, protocol=name, settings=usual | dict(changed))
        for name, changed in protocols(run.metric, run).items()
    ]


def _run(
    question: Question,
    chosen: recipe.Recipe,
    model: str,
    seed: int,
    data: Data,
    metric: str,
    sources: Sources,
) -> Run:
    """One cell of the plan, with the digests of the code that would fill it."""
    settings = _settings(question, chosen, metric, data, sources.dataset(data.name))
    names = Roles(model, metric, settings.get(FEATURES, ""), recipe.judges(chosen.written))
    values = recipe.values(model, data.name, chosen.preset)
    label = set_by_user(question, model)
    label |= {f"{metric}.{key}": v for key, v in question.overrides.get(metric, {}).items()}
    takes, can = needs(registry.load("metric", metric)), abilities(registry.load("model", model))
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
        settings=settings,
        parts=identities(names),
        revisions=stage_revisions(),
        recipe=dict(chosen.written),
        sampling=tuple(getattr(registry.load("model", model), "sampling", ())),
        selection=_selection(chosen, model, data),
        tuning=_tuning(chosen),
        holds_out=any(values.get(key) for key in HOLD_OUT),
        uses_validation=chosen.runner.get("uses_validation", False),
        minutes=minutes,
        overrides=label,
        fit_reads=_fit_reads(model, can, data, chosen),
        sample_reads=_shown(data, chosen) if "conditional" in can else {},
        score_reads=_score_reads(takes, data) | sources.computed_with(settings, data.name),
        draws=bool({"samples", "sample_labels"} & {*takes}),
    )


def _fit_reads(
    model: str, can: Collection[str], data: Data, chosen: recipe.Recipe
) -> dict[str, Any]:
    """What a training is told beside rows and hyperparameters, as its key says it."""
    labels = _shown(data, chosen) if "labelled" in can else {}
    return told(registry.load("model", model), data.levels) | labels


def _shown(data: Data, chosen: recipe.Recipe) -> dict[str, Any]:
    """The labels of the training rows, and how many of them are shown; None: all."""
    return {"labels": data.labels.get("train", ""), "shown": chosen.runner.get("labels")}


def _score_reads(takes: Collection[str], data: Data) -> dict[str, Any]:
    """What a metric takes beside rows, as its key says it; sample labels are in another."""
    said = {"labels": dict(data.labels), "density": data.digest, "model": True}
    return {name: said[name] for name in said if name in takes}


def _selection(chosen: recipe.Recipe, model: str, data: Data) -> dict[str, Any]:
    """How the epoch is chosen; empty where it is not, as an empty name in a preset says.

    What came when results were kept already is in no key of those that do without.
    """
    said = chosen.runner
    if not said.get("select"):
        return {}
    metric = registry.find("metric", said["select"]).name
    sets, patience = said.get("select_sets", 1), said.get("select_patience", 0)
    beside = said.get("select_beside", "")
    return {
        "metric": metric,
        "every": said.get("select_every", 1),
        "samples": said.get("select_samples", 10_000),
        **({"sets": sets} if sets > 1 else {}),
        **({"patience": patience, "gain": said.get("select_gain", 0.0)} if patience else {}),
        **({"beside": _beside(metric, beside, model, data)} if beside else {}),
    }


def _beside(metric: str, name: str, model: str, data: Data) -> dict[str, dict[str, Any]]:
    """A protocol of the metric that chooses, with its settings; UsageError if it has no such."""
    offered = _protocols(metric, model, data)
    if name not in offered:
        hint = registry.nearest(name, offered) if offered else f"{metric} offers none"
        raise UsageError(f"{model}: select_beside = {name!r} is no protocol of {metric}; {hint}")
    return {name: dict(offered[name])}


def _tuning(chosen: recipe.Recipe) -> dict[str, Any]:
    """What of sampling is chosen after training, of what and by what; empty where nothing is."""
    said = chosen.runner
    if not said.get("tune"):
        return {}
    return {
        "name": said["tune"],
        "values": said["tune_values"],
        "metric": registry.find("metric", said["tune_by"]).name,
        "samples": said.get("tune_samples", 10_000),
    }


def by_training(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that share one training, together, in the order of the plan."""
    order = {key: i for i, key in enumerate(dict.fromkeys(run.fit_key for run in runs))}
    ranked = sorted(runs, key=lambda run: order[run.fit_key])
    return [list(group) for _, group in groupby(ranked, key=lambda run: run.fit_key)]


def pending(runs: Sequence[Run], store: Store, rerun: bool = False) -> list[Run]:
    """The runs that the store does not hold; failed ones are tried again.

    With them those that a folder beside answers, where the training is made in the user's own: one
    row is of one training, and another processor's ends elsewhere.
    """
    missing = {run.score_key for run in runs if rerun or run not in store}
    anew: set[str] = set()
    for group in by_training(runs):
        left = [run for run in group if run.score_key in missing]
        if any(map(store.borrows, group)) and _is_own(group[0], left, store):
            anew.add(group[0].fit_key)
    return [
        run
        for run in runs
        if run.score_key in missing or (run.fit_key in anew and store.borrows(run))
    ]


def _is_own(run: Run, left: Sequence[Run], store: Store) -> bool:
    """Whether a training was made in the user's own folder, or has to be for what is left."""
    if store.has_trained(run):
        return True
    return must_train(left, store)


def must_train(left: Sequence[Run], store: Store, rerun: bool = False) -> bool:
    """Whether these runs, which share a training, need it made: kept samples are scored without."""
    met = [run for run in left if not run.unmet]
    lack = [run for run in met if rerun or not (run.draws and store.keeps_samples(run))]
    return bool(lack) and (rerun or store.weights(lack[0]) is None)


# --- what was asked before ---


def again(results: Sequence[Result], data_dir: Path) -> dict[str, Run]:
    """By its key, the run that a result answers, if it would be asked in the same way now.

    Left out is what other code, another recipe or other data made. Reads each dataset once.
    """
    found: dict[str, Run] = {}
    sources = Sources(data_dir)
    for result in results:
        try:
            if not standing(result.run).stale:
                run = renewed(result.run, sources)
                found |= {result.key: run} if run.score_key == result.key else {}
        except (UsageError, DataError, LookupError):  # it is no longer registered, or cannot be so
            continue
    return found


def renewed(run: Run, sources: Sources) -> Run:
    """What a stored run asks, by the installed code and on the data and weights that are there."""
    data = sources.identity(run.data.name, run.data.fold)
    reads = {**run.score_reads, **sources.computed_with(run.settings, run.data.name)}
    parts, revisions = installed(run), stage_revisions()
    return replace(run, data=data, parts=parts, revisions=revisions, score_reads=reads)
