"""Whether a model can be trained on a dataset and judged by a metric: what each needs and has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.plugins.code import FEATURES
from genbench.protocols import NEEDS, abilities, alternatives, needs
from genbench.records.run import Data
from genbench.running.data import Sources

SAMPLES = "a file of samples"


@dataclass(frozen=True)
class Pair:
    """A cell that may stay empty: a model and a metric with its settings, on a fold's rows.

    model: a registered name, with its hyperparameters, or empty for samples that were brought.
    """

    metric: str
    settings: Mapping[str, Any]
    data: Data
    model: str = ""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


def unmet(pair: Pair, sources: Sources) -> str:
    """Why a cell stays empty: the need that is not met, in a sentence; empty where all are.

    Raises UsageError for a metric that takes what there is not.
    """
    judge, dataset = _judge(pair), sources.dataset(pair.data.name)
    can = abilities(registry.load("model", pair.model)) if pair.model else frozenset[str]()
    takes = needs(judge)
    for name in takes:
        if name not in NEEDS:
            hint = registry.nearest(name, NEEDS)
            raise UsageError(f"metric {pair.metric!r} takes {name!r}, which nobody gives; {hint}")
    if can & {"labelled", "conditional"} and "train" not in pair.data.labels:
        return f"{pair.model} needs labels, and {pair.data.name} has none"
    model = pair.model or SAMPLES
    lacks = [name for name in getattr(judge, "requires", ()) if not can & {*alternatives(name)}]
    if lacks:  # without the model's name, so that rows that lack the same thing share a note
        whose = "" if pair.model else f"; {SAMPLES} has none"
        return f"{pair.metric} needs a model with {' and '.join(lacks)}{whose}"
    needed = [name for name, must in takes.items() if must]
    reasons = (_lack(name, pair.metric, model, can, dataset, pair.data) for name in needed)
    return next(filter(None, reasons), "") or _refused(pair, sources) or _featureless(pair, sources)


def _refused(pair: Pair, sources: Sources) -> str:
    """Why a model says that it cannot be judged so; empty where it does not."""
    refuses = getattr(registry.load("model", pair.model), "unmet", None) if pair.model else None
    if refuses is None:
        return ""
    split, takes = sources.split(pair.data.name, pair.data.fold), needs(_judge(pair))
    rows = {name: len(getattr(split, name)) for name in ("train", "valid", "test")}
    why = refuses(takes, pair.hyperparameters, rows)
    return f"{pair.model} by {pair.metric} on {pair.data.name}: {why}" if why else ""


def _judge(pair: Pair) -> Any:
    return registry.load("metric", pair.metric)


def _featureless(pair: Pair, sources: Sources) -> str:
    """Why a metric's features cannot be had of these rows; empty where they can, or it has none."""
    if FEATURES not in pair.settings:
        must = needs(_judge(pair)).get(FEATURES)
        return f"{pair.metric} takes features, and has no setting that names them" if must else ""
    features = sources.featured(pair.data.name, pair.settings[FEATURES])
    lack = features.lack()
    if not lack and hasattr(_judge(pair), "unmet"):
        density = getattr(sources.dataset(pair.data.name), "density", None)
        lack = _judge(pair).unmet(features.extractor(), density)
    return f"{pair.metric} on {pair.data.name}: {lack}" if lack else ""


def _lack(name: str, metric: str, model: str, can: frozenset[str], dataset: Any, data: Data) -> str:
    """Why a metric cannot be given what it takes by this name; empty where it can."""
    if name == "model" and model == SAMPLES:
        return f"{metric} needs a model, and {model} has none"
    if name == "samples" and not _draws(model):
        return f"{metric} needs samples, and {model} draws none"
    if name == "sample_labels" and "conditional" not in can:
        return f"{metric} needs samples of pair labels, and {model} draws none such"
    if name == "labels" and {*data.labels} != {"train", "valid", "test"}:
        return f"{metric} needs labels, and {data.name} has none"
    if name == "density" and getattr(dataset, "density", None) is None:
        return f"{metric} needs a known density, and that of {data.name} is not known"
    return ""


def _draws(model: str) -> bool:
    return model == SAMPLES or callable(getattr(registry.load("model", model), "sample", None))
