"""What every model must keep: how it trains, what it draws, and that both can be repeated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.errors import UsageError
from genbench.plugins import recipe, registry
from genbench.protocols import Dataset, abilities
from genbench.testing.abilities import ability_claims
from genbench.testing.claims import is_json, require, works
from genbench.testing.densities import density_claims
from genbench.testing.labels import label_claims
from genbench.testing.missing import missing
from genbench.testing.rows import PIXELS, SHAPES, Examples, first_rows, made_up
from genbench.testing.trial import Trial

_STORABLE = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


def check_model(
    model: str | type,
    dataset: str | Dataset | None = None,
    data_dir: Path | None = None,
    **hyperparameters: Any,
) -> list[str]:
    """The claims of `protocols.GenerativeModel` that types cannot state; seconds of work.

    A registered name is built from its recipe's smoke preset, a class from `hyperparameters`. It is
    tried on made-up pictures in [0, 1], or on made-up rows in the `range` that the class declares,
    or on the first rows of a dataset. What the class can do beside has claims of its own.
    Raises CheckError with the first claim that does not hold and why.
    """
    cls = registry.load("model", model) if isinstance(model, str) else model
    named = dataset if isinstance(dataset, str) else ""
    if isinstance(model, str):
        hyperparameters = {**_smoke(model, named), **hyperparameters}
    source = registry.load("dataset", named)(data_dir) if named else dataset
    return list(_claims(cls, hyperparameters, source))


def _smoke(model: str, dataset: str = "") -> dict[str, Any]:
    """The cheapest recipe of a model for a dataset, or [default], or else its first dataset's."""
    tables = recipe.read(model)
    datasets = [name for name in tables if name in registry.names("dataset")]
    if not dataset:
        dataset = datasets[0] if datasets and "default" not in tables else "default"
    preset = "smoke" if "smoke" in recipe.presets(model) else recipe.PAPER
    return dict(recipe.resolve(model, dataset, preset, {}).hyperparameters)


def _claims(cls: Any, hyperparameters: Mapping[str, Any], dataset: Any) -> Iterator[str]:
    kind = getattr(cls, "samples", None)
    yield require(kind in ("mean", "binary"), "says what its samples are", f"samples = {kind!r}")
    yield from _range_claims(cls, dataset)
    tried_on = _examples(cls, dataset)
    for examples in tried_on:
        with works(f"works for rows of shape {examples.shape}"):
            trial = Trial(cls, hyperparameters, examples)
            yield from _training_claims(trial)
            yield from _sampling_claims(trial)
            yield from _repetition_claims(trial)
            yield from ability_claims(trial)
    with works("works with labels"):
        yield from label_claims(cls, hyperparameters, tried_on[0])
    if "log_prob" in abilities(cls):
        with works("log_prob is normalised"):
            yield from density_claims(cls, hyperparameters, tried_on[0].range)


def _range_claims(cls: Any, dataset: Any) -> Iterator[str]:
    """The range that a class declares, where it does, is one, and holds the dataset's."""
    declared = getattr(cls, "range", None)
    if declared is None:
        return
    pair = isinstance(declared, tuple) and len(declared) == 2 and declared[0] < declared[1]
    yield require(pair, "its range is a least and a greatest value", f"range = {declared!r}")
    if dataset is not None and tuple(dataset.range) != declared:
        raise UsageError(
            f"the model is of data in {declared}, the dataset's lie in {dataset.range}"
        )


def _examples(cls: Any, dataset: Any) -> list[Examples]:
    if dataset is not None:
        found = first_rows(dataset)
        if found.labels is None and abilities(cls) & {"labelled", "conditional"}:
            raise UsageError("the model needs labels, and the dataset has none")
        return [found]
    return [made_up(shape, getattr(cls, "range", None) or PIXELS) for shape in SHAPES]


def _training_claims(trial: Trial) -> Iterator[str]:
    epochs, shape = trial.epochs, trial.shape
    counted = [epoch.index for epoch in epochs] == list(range(1, len(epochs) + 1))
    yield require(
        counted and all(epoch.total == len(epochs) for epoch in epochs),
        f"fit counts its epochs from 1 to their total, {shape}",
        f"its epochs were {[(epoch.index, epoch.total) for epoch in epochs]}",
    )
    finite = all(math.isfinite(loss) for epoch in epochs for loss in epoch.losses.values())
    losses = f"got {[dict(epoch.losses) for epoch in epochs]}"
    yield require(finite, f"losses are finite, {shape}", losses)
    unchanged = torch.equal(trial.train, trial.examples.train) and _same(
        trial.labels, trial.examples.labels if "labelled" in trial.can else None
    )
    yield require(
        unchanged, f"fit leaves its input alone, {shape}", "it changed training rows or labels"
    )
    flat = all(isinstance(value, Tensor) for value in trial.state.values())
    yield require(flat, f"state_dict is flat, of tensors, {shape}", f"{list(trial.state)}")
    types = {value.dtype for value in trial.state.values()}
    storable = types <= {getattr(torch, name) for name in _STORABLE}
    yield require(storable, f"its tensors can be stored, {shape}", f"types {types}")
    left = len(list(trial.steps(trial.model, done=len(epochs))))
    yield require(left == 0, f"a finished model trains no further, {shape}", f"{left} more epochs")
    notes = trial.model.notes() if hasattr(trial.model, "notes") else {}
    yield require(is_json(notes), f"notes are JSON-able, {shape}", f"{notes!r}")


def _why(trial: Trial) -> str:
    """What seems to be missing in a model's state."""
    restored = trial.build()
    restored.load_state_dict(trial.state)
    return missing(trial.model, restored) or "something is missing in state_dict"


def _repetition_claims(trial: Trial) -> Iterator[str]:
    shape, total = trial.shape, len(trial.epochs)
    yield require(
        trial.ends_alike(trial.model),
        f"sampling changes nothing in the model, {shape}",
        "a second call with the same seed gave other samples, or the state changed",
    )
    again = trial.trained(trial.train, trial.labels)
    yield require(
        trial.ends_alike(again),
        f"the same seed gives the same bytes, {shape}",
        "two trainings from one seed differ: draw only from torch's global generator",
    )
    for stop in sorted({1, total // 2, total - 1} - {0, -1, total}):
        resumed = trial.build()
        resumed.load_state_dict(trial.states[stop - 1])
        for _ in trial.steps(resumed, done=stop):
            pass
        yield require(
            trial.ends_alike(resumed),
            f"resumed after epoch {stop} of {total} it ends as if uninterrupted, {shape}",
            f"the state or the samples differ: {_why(trial)}",
        )
    yield require(
        torch.equal(trial.draw(trial.finished()), trial.rows),
        f"the weights without `train.` are all that sampling needs, {shape}",
        "the samples differ",
    )
    others = trial.examples.other
    other = trial.trained(others, trial.labels, others[: len(trial.valid)])
    yield require(
        not torch.equal(trial.draw(other), trial.rows),
        f"other data give other samples, {shape}",
        "the samples are the same whatever it is trained on",
    )


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))


def _sampling_claims(trial: Trial) -> Iterator[str]:
    rows, shape, d = trial.rows, trial.shape, math.prod(trial.shape)
    fits = rows.ndim == 2 and rows.shape[1] == d and rows.dtype == torch.float32
    got = f"got shape {tuple(rows.shape)}, {rows.dtype}"
    yield require(fits, f"samples are float32 rows of d = {d}", got)
    enough = 1 <= len(rows) <= 7
    yield require(enough, f"gives at most what is asked and never nothing, {shape}", got + " for 7")
    yield require(bool(rows.isfinite().all()), f"samples are finite, {shape}", "NaN or infinity")
    one = len(trial.draw(trial.model, 1))
    yield require(one == 1, f"gives one sample where one is asked, {shape}", f"got {one}")
    least, most = float(rows.min()), float(rows.max())
    low, high = trial.examples.range
    got = f"from {least} to {most}; the data lie in [{low:g}, {high:g}]"
    inside = least >= low and most <= high
    yield require(inside, f"samples lie in the data's range, {shape}", got)
    honest = trial.kind == "mean" or bool(((rows == 0) | (rows == 1)).all())
    yield require(honest, f"binary samples are 0 or 1, {shape}", "other values were found")
