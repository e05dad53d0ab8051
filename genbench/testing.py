"""Contract tests for models, datasets and metrics, ours and a stranger's alike.

Each `check_*` takes a registered name or a class and returns the claims that hold, in the order in
which they were tried; the first that does not raises CheckError with the reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.errors import DataError, GenbenchError
from genbench.plugins import recipe, registry
from genbench.plugins.settings import constructor, defaults
from genbench.protocols import Epoch, Score, Split, goodness
from genbench.running import training
from genbench.samples import judging
from genbench.seeding import seeded

SHAPES = ((1, 4, 4), (1, 5, 6))
_STORABLE = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


class CheckError(GenbenchError):
    """A contract that is not kept."""


def _require(holds: bool, claim: str, reason: str) -> str:
    if not holds:
        raise CheckError(f"{claim}: no, {reason}")
    return claim


def pictures(shape: tuple[int, ...], n: int, seed: int) -> Tensor:
    """n made-up 8-bit pictures (n, d) in [0, 1]: two kinds of blob with a constant border."""
    with seeded("pictures", seed):
        d = math.prod(shape)
        kinds = torch.rand(2, d)
        rows = kinds[torch.randint(2, (n,))] + 0.1 * torch.randn(n, d)
    rows[:, 0], rows[:, -1] = 0.0, 1.0
    return (rows.clamp(0, 1) * 255).round() / 255


# --- models ---


def check_model(model: str | type, **hyperparameters: Any) -> list[str]:
    """The claims of `protocols.GenerativeModel` that types cannot state; seconds of work.

    A registered name is built from its recipe's smoke preset, a class from `hyperparameters`.
    Raises CheckError with the first claim that does not hold and why.
    """
    cls = registry.load("model", model) if isinstance(model, str) else model
    if isinstance(model, str):
        hyperparameters = {**_smoke(model), **hyperparameters}
    return list(_model_claims(cls, hyperparameters))


def _smoke(model: str) -> dict[str, Any]:
    """The cheapest recipe of a model for pictures: [default], or else its first dataset's."""
    tables = recipe.read(model)
    datasets = [name for name in tables if name in registry.names("dataset")]
    dataset = datasets[0] if datasets and "default" not in tables else "default"
    preset = "smoke" if "smoke" in recipe.presets(model) else recipe.PAPER
    return dict(recipe.resolve(model, dataset, preset, {}).hyperparameters)


def _model_claims(cls: Any, hyperparameters: Mapping[str, Any]) -> Iterator[str]:
    kind = getattr(cls, "samples", None)
    yield _require(kind in ("mean", "binary"), "says what its samples are", f"samples = {kind!r}")
    for shape in SHAPES:
        try:
            trial = _Trial(cls, hyperparameters, shape)
            yield from _training_claims(trial)
            yield from _sampling_claims(trial, kind)
            yield from _repetition_claims(trial)
        except GenbenchError:
            raise
        except Exception as error:  # whatever a stranger's model raises
            claim = f"works for pictures of shape {shape}"
            raise CheckError(f"{claim}: no, {type(error).__name__}: {error}") from error


class _Trial:
    """A model trained once on made-up pictures, and what came of it."""

    def __init__(self, cls: Any, hyperparameters: Mapping[str, Any], shape: tuple[int, ...]):
        self.cls, self.hyperparameters, self.shape = cls, hyperparameters, shape
        self.train, self.valid = pictures(shape, 60, 0), pictures(shape, 20, 1)
        self.original = self.train.clone()
        self.model = self.build()
        self.epochs: list[Epoch] = []
        self.states: list[dict[str, Tensor]] = []  # after each epoch
        for epoch in steps(self.model, self.train, self.valid):
            self.epochs.append(epoch)
            self.states.append({k: v.clone() for k, v in self.model.state_dict().items()})
        self.state = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.rows = drawn(self.model)

    def build(self) -> Any:
        with seeded("build"):
            return self.cls(self.shape, **self.hyperparameters)

    def ends_alike(self, model: Any) -> bool:
        return _equal(model.state_dict(), self.state) and torch.equal(drawn(model), self.rows)


def drawn(model: Any, n: int = 7) -> Tensor:
    """n samples, seeded as the runner does."""
    with seeded("sample"):
        return model.sample(n)


def _training_claims(trial: _Trial) -> Iterator[str]:
    epochs, shape = trial.epochs, trial.shape
    counted = [epoch.index for epoch in epochs] == list(range(1, len(epochs) + 1))
    yield _require(
        counted and all(epoch.total == len(epochs) for epoch in epochs),
        f"fit counts its epochs from 1 to their total, {shape}",
        f"its epochs were {[(epoch.index, epoch.total) for epoch in epochs]}",
    )
    finite = all(math.isfinite(loss) for epoch in epochs for loss in epoch.losses.values())
    losses = f"got {[dict(epoch.losses) for epoch in epochs]}"
    yield _require(finite, f"losses are finite, {shape}", losses)
    unchanged = torch.equal(trial.train, trial.original)
    yield _require(unchanged, f"fit leaves its input alone, {shape}", "it changed training rows")
    flat = all(isinstance(value, Tensor) for value in trial.state.values())
    yield _require(flat, f"state_dict is flat, of tensors, {shape}", f"{list(trial.state)}")
    types = {value.dtype for value in trial.state.values()}
    storable = types <= {getattr(torch, name) for name in _STORABLE}
    yield _require(storable, f"its tensors can be stored, {shape}", f"types {types}")
    left = len(list(steps(trial.model, trial.train, trial.valid, done=len(epochs))))
    yield _require(left == 0, f"a finished model trains no further, {shape}", f"{left} more epochs")
    notes = trial.model.notes() if hasattr(trial.model, "notes") else {}
    yield _require(_is_json(notes), f"notes are JSON-able, {shape}", f"{notes!r}")


def _repetition_claims(trial: _Trial) -> Iterator[str]:
    shape, total = trial.shape, len(trial.epochs)
    yield _require(
        trial.ends_alike(trial.model),
        f"sampling changes nothing in the model, {shape}",
        "a second call with the same seed gave other samples, or the state changed",
    )
    again = trial.build()
    for _ in steps(again, trial.train, trial.valid):
        pass
    yield _require(
        trial.ends_alike(again),
        f"the same seed gives the same bytes, {shape}",
        "two trainings from one seed differ: draw only from torch's global generator",
    )
    for stop in sorted({1, total // 2, total - 1} - {0, -1, total}):
        resumed = trial.build()
        resumed.load_state_dict(trial.states[stop - 1])
        for _ in steps(resumed, trial.train, trial.valid, done=stop):
            pass
        yield _require(
            trial.ends_alike(resumed),
            f"resumed after epoch {stop} of {total} it ends as if uninterrupted, {shape}",
            "the state or the samples differ: something is missing in state_dict",
        )
    finished = trial.build()
    weights = {k: v for k, v in trial.state.items() if not k.startswith("train.")}
    finished.load_state_dict(weights)
    yield _require(
        torch.equal(drawn(finished), trial.rows),
        f"the weights without `train.` are all that sampling needs, {shape}",
        "the samples differ",
    )
    other = trial.build()
    for _ in steps(other, 1 - pictures(shape, 60, 2), trial.valid):
        pass
    yield _require(
        not torch.equal(drawn(other), trial.rows),
        f"other data give other samples, {shape}",
        "the samples are the same whatever it is trained on",
    )


def _sampling_claims(trial: _Trial, kind: str | None) -> Iterator[str]:
    rows, shape, d = trial.rows, trial.shape, math.prod(trial.shape)
    fits = rows.ndim == 2 and rows.shape[1] == d and rows.dtype == torch.float32
    got = f"got shape {tuple(rows.shape)}, {rows.dtype}"
    yield _require(fits, f"samples are float32 rows of d = {d}", got)
    enough = 1 <= len(rows) <= 7
    yield _require(
        enough, f"gives at most what is asked and never nothing, {shape}", got + " for 7"
    )
    yield _require(bool(rows.isfinite().all()), f"samples are finite, {shape}", "NaN or infinity")
    one = len(drawn(trial.model, 1))
    yield _require(one == 1, f"gives one sample where one is asked, {shape}", f"got {one}")
    low, high = float(rows.min()), float(rows.max())
    inside = low >= 0 and high <= 1
    yield _require(inside, f"samples lie in the data's range, {shape}", f"from {low} to {high}")
    honest = kind == "mean" or bool(((rows == 0) | (rows == 1)).all())
    yield _require(honest, f"binary samples are 0 or 1, {shape}", "other values were found")


def steps(model: Any, train: Tensor, valid: Tensor, done: int = 0) -> Iterator[Epoch]:
    """The epochs of `fit` as the runner drives them, seeded one by one; at most 1,000."""
    return islice(training.epochs(model, train, valid, (), done), 1000)


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


# --- datasets ---


def check_dataset(dataset: str | type, data_dir: Path) -> list[str]:
    """The claims of `protocols.Dataset`; raises CheckError, or DataError if files are missing."""
    cls = registry.load("dataset", dataset) if isinstance(dataset, str) else dataset
    return list(_dataset_claims(cls, data_dir))


def _dataset_claims(cls: Any, data_dir: Path) -> Iterator[str]:
    source, again = cls(data_dir), cls(data_dir)
    d, (low, high) = math.prod(source.shape), source.range
    hexadecimal = len(source.digest) == 64 and set(source.digest) <= set("0123456789abcdef")
    yield _require(hexadecimal, "digest is a sha256 in hex", f"got {source.digest!r}")
    yield _require(source.digest == again.digest, "digest is stable", "two readings differ")
    yield _require(source.folds >= 1, "has at least one fold", f"got {source.folds}")
    words = isinstance(source.caveat, str)
    yield _require(words, "caveat is a sentence or empty", f"got {source.caveat!r}")
    levels = source.levels is None or 2 <= source.levels <= 256
    yield _require(levels, "levels are 2 to 256, or None", f"got {source.levels!r}")
    for fold in islice(range(source.folds), 2):
        split, twin = source.split(fold), again.split(fold)
        for part in ("train", "valid", "test"):
            rows, name = getattr(split, part), f"{part} of fold {fold}"
            fits = rows.ndim == 2 and rows.shape[1] == d and rows.dtype == torch.float32
            got = f"got {tuple(rows.shape)}, {rows.dtype}"
            yield _require(fits and len(rows) > 0, f"{name} is float32 (n, {d}), n > 0", got)
            least, most = float(rows.min()), float(rows.max())
            inside = low <= least and most <= high and bool(rows.isfinite().all())
            yield _require(inside, f"{name} lies in {source.range}", f"from {least} to {most}")
            same = torch.equal(rows, getattr(twin, part))
            yield _require(same, f"{name} is the same at every reading", "two readings differ")
            labels = getattr(split, f"{part}_labels")
            fits = labels is None or (labels.shape == (len(rows),) and labels.dtype == torch.int64)
            yield _require(fits, f"labels of {name} are int64, one a row", f"got {labels!r}")
            if source.levels is not None:
                steps_off = (rows * (source.levels - 1)).frac().abs()
                off = float(torch.minimum(steps_off, 1 - steps_off).max())
                claim = f"{name} has {source.levels} levels"
                yield _require(off < 1e-3, claim, f"a value is {off:.3g} of a level off")
    for fold in (-1, source.folds):
        got = "it was accepted"
        try:
            source.split(fold)
        except DataError:
            got = ""
        except Exception as error:  # anything else is the broken claim itself
            got = f"it raised {type(error).__name__}"
        yield _require(not got, f"fold {fold} is refused with a DataError", got)


# --- metrics ---


def check_metric(metric: str | type) -> list[str]:
    """The claims of `protocols.Metric`; raises CheckError with the first that does not hold."""
    cls = registry.load("metric", metric) if isinstance(metric, str) else metric
    return list(_metric_claims(cls))


def _metric_claims(cls: Any) -> Iterator[str]:
    missing = constructor(cls).keys() - defaults(cls).keys()
    yield _require(not missing, "every setting has a default", f"{sorted(missing)} have none")
    settings = defaults(cls)
    yield _require(_is_json(settings), "its settings are JSON-able", f"{settings}")
    metric = cls()
    shape = SHAPES[0]
    samples, valid, test = (pictures(shape, n, 0) for n in (80, 40, 30))
    originals = [rows.clone() for rows in (samples, valid, test)]

    def scored(samples: Tensor, test: Tensor) -> Score:
        with seeded("score"):
            return judging.scored(metric, judging.Given(Split(valid, valid, test), samples))

    score = scored(samples, test)
    yield _require(isinstance(metric.unit, str), "unit is a word", f"got {metric.unit!r}")
    aim = metric.best
    known = aim in ("high", "low", "real") or (isinstance(aim, int | float) and math.isfinite(aim))
    yield _require(known, "says what is best: high, low, real or a number", f"got {aim!r}")
    same = all(map(torch.equal, (samples, valid, test), originals))
    yield _require(same, "it leaves its input alone", "it changed its input")
    again = scored(samples, test)
    yield _require(again.value == score.value, "the same input gives the same value", "it differs")
    order = torch.arange(len(test)).flip(0)
    turned = scored(samples, test[order])
    close = math.isclose(turned.value, score.value, rel_tol=1e-6, abs_tol=1e-6)
    yield _require(close, "the order of the test rows does not matter", f"{turned.value}")
    if score.per_example is not None:
        fits = score.per_example.shape == (len(test),)
        yield _require(
            fits, "per_example has a value for each test row", f"{score.per_example.shape}"
        )
        follows = turned.per_example is not None and torch.allclose(
            turned.per_example, score.per_example[order], rtol=1e-6, atol=1e-6
        )
        yield _require(follows, "per_example keeps the order of the test rows", "it does not")
    worse = scored(pictures(shape, 80, 3), test)
    falls = goodness(aim, worse.value) < goodness(aim, score.value) or aim == "real"
    yield _require(falls, "samples of other data score worse", f"{worse.value} and {score.value}")
