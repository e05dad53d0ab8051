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
class Asked:
    """A cell that may stay empty: a metric with its settings, on a fold's rows.

    model: a registered name, with its hyperparameters, or empty for samples that were brought.
    """

    metric: str
    settings: Mapping[str, Any]
    data: Data
    model: str = ""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


def unmet(asked: Asked, sources: Sources) -> str:
    """Why a cell stays empty: the need that is not met, in a sentence; empty where all are.

    Raises UsageError for a metric that takes what there is not.
    """
    judge, dataset = _judge(asked), sources.dataset(asked.data.name)
    can = abilities(registry.load("model", asked.model)) if asked.model else frozenset[str]()
    takes = needs(judge)
    for name in takes:
        if name not in NEEDS:
            hint = registry.nearest(name, NEEDS)
            raise UsageError(f"metric {asked.metric!r} takes {name!r}, which nobody gives; {hint}")
    if can & {"labelled", "conditional"} and "train" not in asked.data.labels:
        return f"{asked.model} needs labels, and {asked.data.name} has none"
    model = asked.model or SAMPLES
    lacks = [name for name in getattr(judge, "requires", ()) if not can & {*alternatives(name)}]
    if lacks:
        return f"{asked.metric} needs a model with {' and '.join(lacks)}; {model} has none"
    needed = [name for name, must in takes.items() if must]
    reasons = (_lack(name, asked.metric, model, can, dataset, asked.data) for name in needed)
    return (
        next(filter(None, reasons), "") or _refused(asked, sources) or _featureless(asked, sources)
    )


def _refused(asked: Asked, sources: Sources) -> str:
    """Why a model says that it cannot be judged so; empty where it does not."""
    refuses = getattr(registry.load("model", asked.model), "unmet", None) if asked.model else None
    if refuses is None:
        return ""
    split, takes = sources.split(asked.data.name, asked.data.fold), needs(_judge(asked))
    rows = {name: len(getattr(split, name)) for name in ("train", "valid", "test")}
    why = refuses(takes, asked.hyperparameters, rows)
    return f"{asked.model} by {asked.metric} on {asked.data.name}: {why}" if why else ""


def _judge(asked: Asked) -> Any:
    return registry.load("metric", asked.metric)


def _featureless(asked: Asked, sources: Sources) -> str:
    """Why a metric's features cannot be had of these rows; empty where they can, or it has none."""
    if FEATURES not in asked.settings:
        must = needs(_judge(asked)).get(FEATURES)
        return f"{asked.metric} takes features, and has no setting that names them" if must else ""
    features = sources.featured(asked.data.name, asked.settings[FEATURES])
    lack = features.lack()
    if not lack and hasattr(_judge(asked), "unmet"):
        density = getattr(sources.dataset(asked.data.name), "density", None)
        lack = _judge(asked).unmet(features.extractor(), density)
    return f"{asked.metric} on {asked.data.name}: {lack}" if lack else ""


def _lack(name: str, metric: str, model: str, can: frozenset[str], dataset: Any, data: Data) -> str:
    """Why a metric cannot be given what it takes by this name; empty where it can."""
    if name == "model" and model == SAMPLES:
        return f"{metric} needs a model, and {model} has none"
    if name == "samples" and not _draws(model):
        return f"{metric} needs samples, and {model} draws none"
    if name == "sample_labels" and "conditional" not in can:
        return f"{metric} needs samples of asked labels, and {model} draws none such"
    if name == "labels" and {*data.labels} != {"train", "valid", "test"}:
        return f"{metric} needs labels, and {data.name} has none"
    if name == "density" and getattr(dataset, "density", None) is None:
        return f"{metric} needs a known density, and that of {data.name} is not known"
    return ""


def _draws(model: str) -> bool:
    return model == SAMPLES or callable(getattr(registry.load("model", model), "sample", None))
