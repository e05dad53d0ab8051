"""Whether a model can be trained on a dataset and judged by a metric: what each needs and has."""

from __future__ import annotations

from typing import Any

from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.protocols import NEEDS, abilities, needs
from genbench.records.run import Data

SAMPLES = "a file of samples"


def unmet(metric: str, model: str, dataset: Any, data: Data) -> str:
    """Why a cell stays empty: the need that is not met, in a sentence; empty where all are.

    model: a registered name, or empty for samples that were brought. dataset: the source itself;
    data: what is known of its rows. Raises UsageError for a metric that takes what there is not.
    """
    judge = registry.load("metric", metric)
    can = abilities(registry.load("model", model)) if model else frozenset[str]()
    takes = needs(judge)
    for name in takes:
        if name not in NEEDS:
            hint = registry.nearest(name, NEEDS)
            raise UsageError(f"metric {metric!r} takes {name!r}, which nobody gives; {hint}")
    if can & {"labelled", "conditional"} and "train" not in data.labels:
        return f"{model} needs labels, and {data.name} has none"
    model = model or SAMPLES
    lacks = [name for name in getattr(judge, "requires", ()) if name not in can]
    if lacks:
        return f"{metric} needs a model with {' and '.join(lacks)}; {model} has none"
    needed = [name for name, must in takes.items() if must]
    reasons = (_lack(name, metric, model, can, dataset, data) for name in needed)
    return next(filter(None, reasons), "")


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
    if name == "features":
        return f"{metric} needs features, and none are registered"
    return ""


def _draws(model: str) -> bool:
    return model == SAMPLES or callable(getattr(registry.load("model", model), "sample", None))
