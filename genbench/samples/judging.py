"""What a metric says of samples, whoever made them: the one way from kept rows to a score."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import ModelError, UsageError
from genbench.plugins import registry
from genbench.plugins.settings import check_values, constructor
from genbench.precision import float32_products
from genbench.protocols import Dataset, Score, Split
from genbench.samples.pixels import LARGEST, Deferred, as_scored, as_stored, digests, levels_of
from genbench.seeding import seeded


def scored(metric: Any, samples: Tensor, split: Split) -> Score:
    """What a metric says; one that asks for the training rows is given them."""
    wants_train = "train" in inspect.signature(metric.__call__).parameters
    more = {"train": split.train} if wants_train else {}
    return metric(samples, split.valid, split.test, **more)


def as_given(kept: np.ndarray, dataset: Dataset, device: torch.device) -> Tensor:
    """Kept rows (m, d) as a metric is given them: float32, converted block by block if many."""
    stored, levels = torch.from_numpy(kept).to(device), levels_of(dataset)
    return Deferred(stored, levels) if stored.numel() > LARGEST else as_scored(stored, levels)


def score(
    name: str,
    metric: Any,
    kept: np.ndarray,
    dataset: Dataset,
    split: Split,
    stream: Sequence[str | int],
) -> Score:
    """What a metric says of kept rows (m, d) called `name`, drawing from the named stream.

    split: one fold, on the device that scores. Raises ModelError where it gives no number.
    """
    samples = as_given(kept, dataset, split.test.device)
    with seeded(*stream), float32_products():
        found = scored(metric, samples, split)
    if not (math.isfinite(found.value) and math.isfinite(found.stderr)):
        raise ModelError(f"{name} scored {found.value} ± {found.stderr}, which is not a number")
    return found


# --- a judgement ---


@dataclass(frozen=True)
class Judgement:
    """What a metric says of samples on a dataset: the mean over its folds, as in the table.

    error: over the test examples of the only fold, or over the folds, as `over` says.
    kind: "mean" or "binary". copies: by fold, the share of samples that are, byte for byte,
    training rows. folds: of each, "fold", "value", "stderr" and the metric's "details".
    """

    name: str
    kind: str
    samples: int
    distinct: int
    copies: Sequence[float]
    value: float
    error: float
    over: str
    unit: str
    higher_is_better: bool
    folds: Sequence[Mapping[str, Any]]


def metric_with(name: str, settings: Mapping[str, Any]) -> Any:
    """A registered metric; raises UsageError where it cannot be built with these settings."""
    cls = registry.load("metric", name)
    checked = check_values(name, settings, constructor(cls))
    try:
        return cls(**checked)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} cannot be built with {checked}: {error}") from error


def judge(
    name: str, rows: np.ndarray, binary: bool, dataset: Dataset, metric: Any, device: torch.device
) -> Judgement:
    """Scores checked samples, kept as `rows` (m, d), on every fold of a dataset.

    Raises GenbenchError where the metric refuses them or gives no number.
    """
    own, copies, folds = digests(rows), [], []
    for fold in range(dataset.folds):
        split = dataset.split(fold)
        train = set(digests(as_stored(split.train, dataset)))
        copies.append(sum(row in train for row in own) / len(own))
        parts = Split(*(part.to(device) for part in (split.train, split.valid, split.test)))
        try:
            found = score(name, metric, rows, dataset, parts, ("file", name, 0, "score", fold))
        except ValueError as error:
            raise ModelError(f"{name} cannot be scored: {error}") from error
        numbers = {"value": float(found.value), "stderr": float(found.stderr)}
        folds.append({"fold": fold, **numbers, "details": dict(found.details)})
    values = [fold["value"] for fold in folds]
    between = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Judgement(
        name=name,
        kind="binary" if binary else "mean",
        samples=len(rows),
        distinct=len(set(own)),
        copies=copies,
        value=fmean(values),
        error=between if len(folds) > 1 else folds[0]["stderr"],
        over="folds" if len(folds) > 1 else "examples",
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        folds=folds,
    )


def remarks(judgement: Judgement) -> list[str]:
    """Sentences on samples and score: how it came about, and what is wrong with either."""
    shares = ", ".join(dict.fromkeys(f"{100 * share:.3g} %" for share in judgement.copies))
    lines = [
        f"{judgement.samples} samples, {judgement.distinct} distinct; "
        f"{shares} are byte-for-byte copies of training rows"
    ]
    if judgement.kind == "binary":
        lines.append(
            "binary samples (every value is 0 or 1): against real-valued test data they lose over "
            "a hundred nats (128 on MNIST), and compare with binary samples only"
        )
    for fold in judgement.folds:
        where = f"fold {fold['fold']}: " if len(judgement.folds) > 1 else ""
        lines += [where + line for line in _details(fold["details"])]
    return lines


def _details(details: Mapping[str, Any]) -> list[str]:
    """What a metric noted of one score, so far as it noted it."""
    lines = [f"sigma {details['sigma']:.4g}"] if "sigma" in details else []
    named = {
        "certificate": "certificate (rows computed again in float64, errors in nats)",
        "effective": "effective number of centres of a test row",
    }
    for name, said in named.items():
        if details.get(name):
            listed = ", ".join(f"{key} {_plain(value)}" for key, value in details[name].items())
            lines.append(f"{said}: {listed}")
    if details.get("by_count"):
        points = (f"{value:.2f} at {m} (sigma {s:.4g})" for m, s, value in details["by_count"])
        lines.append(f"by number of samples: {', '.join(points)}")
    return lines + [f"warning: {text}" for text in details.get("warnings", [])]


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(map(_plain, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
