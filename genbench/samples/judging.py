"""What a metric says of samples, whoever made them: the one way from kept rows to a score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import GenbenchError, ModelError, UsageError, reason
from genbench.plugins import registry
from genbench.plugins.settings import check_values, constructor
from genbench.precision import float32_products
from genbench.protocols import (
    NEEDS,
    Best,
    Dataset,
    Labels,
    NotFinite,
    Score,
    Split,
    bound_of_mean,
    needs,
)
from genbench.records.files import sha256_of_arrays
from genbench.records.pages import Pages
from genbench.samples import pixels
from genbench.samples.doubting import doubts, spread_evenly
from genbench.samples.pixels import Deferred, as_scored, as_stored, digests, levels_of
from genbench.seeding import seeded
from genbench.timing import Clock, timed


@dataclass(frozen=True)
class Given:
    """What a metric may be given, by the names of `protocols.NEEDS`; None where there is none."""

    split: Split
    samples: Tensor | None = None
    sample_labels: Tensor | None = None
    labels: Labels | None = None
    model: Any = None
    density: Any = None
    features: Any = None


def given(kept: np.ndarray | None, dataset: Dataset, split: Split, **more: Any) -> Given:
    """What there is to judge kept rows (m, d) by, on one fold, on the device that scores.

    more: fields of `Given` beside.
    """
    samples = None if kept is None else as_given(kept, dataset, split.test.device)
    density = getattr(dataset, "density", None)
    return Given(split, samples, **{"labels": labels_of(split), "density": density, **more})


def labels_of(split: Split, seen: Tensor | None = None) -> Labels | None:
    """The labels of a fold, None where a part has none; `seen`: of the first training rows.

    Rows beyond those that a model saw the label of are hidden.
    """
    train, valid, test = split.train_labels, split.valid_labels, split.test_labels
    if train is None or valid is None or test is None:
        return None
    if seen is not None:
        train = torch.cat([seen, torch.full_like(train[len(seen) :], -1)])
    return Labels(train, valid, test)


def as_given(kept: np.ndarray, dataset: Dataset, device: torch.device) -> Tensor:
    """Kept rows (m, d) as a metric is given them: float32, converted block by block if many."""
    stored, levels = torch.from_numpy(kept).to(device), levels_of(dataset)
    if stored.numel() > pixels.LARGEST:
        return Deferred(stored, levels, Pages(kept))
    return as_scored(stored, levels)


def scored(metric: Any, given: Given) -> Score:
    """What a metric says of its own copies of what it takes.

    Raises UsageError where it takes what nobody gives, and ModelError where what it gives back is
    no score, or has not one value for each test row.
    """
    split = given.split
    known = {**vars(given), "train": split.train, "valid": split.valid, "test": split.test}
    found = metric(**arguments(metric, {name: known[name] for name in NEEDS}))
    name = type(metric).__name__
    if not isinstance(found, Score):
        raise ModelError(f"{name} gave {type(found).__name__}; a metric must give a genbench.Score")
    single = found.per_example
    if single is not None and single.shape != (len(split.test),):
        raise ModelError(
            f"{name}: per_example must be ({len(split.test)},), a value for each test row, "
            f"got {tuple(single.shape)}"
        )
    return found


def arguments(metric: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """What a metric takes, by name, each its own copy."""
    found = {}
    for name, needed in needs(type(metric)).items():
        if name not in known:
            hint = registry.nearest(name, known)
            raise UsageError(f"{type(metric).__name__} takes {name!r}, which nobody gives; {hint}")
        if needed and known[name] is None:
            raise UsageError(f"{type(metric).__name__} takes {name!r}, and there is none here")
        if known[name] is not None:
            found[name] = _copy(known[name])
    return found


def _copy(value: Any) -> Any:
    """Rows of its own; deferred ones refuse to be written into, and a model is a copy already."""
    if isinstance(value, Labels):
        return Labels(value.train.clone(), value.valid.clone(), value.test.clone())
    return value.clone() if isinstance(value, Tensor) and not isinstance(value, Deferred) else value


def score(name: str, metric: Any, given: Given, stream: Sequence[str | int]) -> Score:
    """What a metric says of what is called `name`, drawing from the named stream.

    Raises ModelError where it gives no number.
    """
    try:
        with seeded(*stream), float32_products():
            return scored(metric, given)
    except NotFinite as error:
        raise ModelError(f"{name}: {error}") from error


# --- a judgement ---

FEW = 4  # points of a curve that is written out


@dataclass(frozen=True)
class FoldScore:
    """What a metric says on one fold; the fields of `protocols.Score`."""

    fold: int
    value: float
    stderr: float | None
    curves: Mapping[str, Sequence[tuple[float, float]]]
    warnings: Sequence[str]
    notes: Mapping[str, Any]
    over: str = ""
    bound: str = ""


@dataclass(frozen=True)
class Counted:
    """distinct: how many samples differ. copies: by fold, the share of samples that are, byte for
    byte, training rows. doubts: what is odd about the samples.
    """

    distinct: int
    copies: Sequence[float]
    doubts: Sequence[str] = ()


@dataclass(frozen=True)
class Judgement:
    """What a metric says of samples on a dataset: the mean over its folds, as in the table.

    error: over the test examples of the only fold, or over the folds, as `over` says.
    bound: what the value is if that of a fold is a bound, see `protocols.Score`.
    kind: "mean" or "binary". folds: what the metric says of each. per_example: of each fold, the
    scores of the single test rows, where the metric gives some. seconds: that the metric took, on
    all folds together. doubts: what is odd about the samples.
    """

    name: str
    kind: str
    samples: int
    distinct: int
    copies: Sequence[float]
    seconds: float
    value: float
    error: float | None
    over: str
    unit: str
    best: Best
    folds: Sequence[FoldScore]
    per_example: Sequence[np.ndarray | None]
    doubts: Sequence[str] = ()
    bound: str = ""


def metric_with(name: str, settings: Mapping[str, Any]) -> Any:
    """A registered metric; raises UsageError where it cannot be built with these settings."""
    cls = registry.load("metric", name)
    checked = check_values(name, settings, constructor(cls))
    try:
        return cls(**checked)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} cannot be built with {checked}: {error}") from error


def counted(rows: np.ndarray, dataset: Dataset, splits: Callable[[int], Split]) -> Counted:
    """What can be counted of samples, kept as `rows` (m, d), on the folds of a dataset."""
    own, copies, odd = digests(rows), [], dict[str, None]()
    some = spread_evenly(rows, dataset)
    for fold in range(dataset.folds):
        split = splits(fold)
        train = set(digests(as_stored(split.train, dataset)))
        copies.append(sum(row in train for row in own) / len(own))
        odd |= dict.fromkeys(doubts(some, split.test))
    return Counted(len(set(own)), copies, [*odd])


def judge(
    name: str,
    rows: np.ndarray,
    binary: bool,
    dataset: Dataset,
    splits: Callable[[int], Split],
    metric: Any,
    device: torch.device,
    counts: Counted,
    features: Callable[[int, Split], Any] | None = None,
    spread: Callable[[int], Any] | None = None,
) -> Judgement:
    """Scores checked samples, kept as `rows` (m, d), on every fold of a dataset.

    splits: gives each fold. features: what a metric that takes features is given on a fold.
    spread: who computes the parts of a score on a fold, of a metric that has some.

    Raises GenbenchError where the metric refuses them or gives no number.
    """
    folds, single, seconds = [], [], 0.0
    for fold in range(dataset.folds):
        split, clock = splits(fold).to(device), Clock()
        more = {} if features is None else {"features": features(fold, split)}
        here = given(rows, dataset, split, **more)
        if spread is not None:
            metric.spread = spread(fold)
        try:
            with timed(device, clock):
                found = score(name, metric, here, ("file", name, 0, "score", fold))
        except GenbenchError:
            raise
        except Exception as error:  # a stranger's metric may raise anything
            raise ModelError(f"{name} cannot be scored: {reason(error)}") from error
        seconds += clock.seconds
        folds.append(fold_score(fold, found))
        single.append(None if found.per_example is None else found.per_example.cpu().numpy())
    kind, about = "binary" if binary else "mean", (metric.unit, metric.best)
    return over_folds(name, kind, len(rows), counts, *about, folds, single, seconds)


def over_folds(
    name: str,
    kind: str,
    samples: int,
    counts: Counted,
    unit: str,
    best: Best,
    folds: Sequence[FoldScore],
    single: Sequence[np.ndarray | None],
    seconds: float,
) -> Judgement:
    """What a metric says on all folds, of what it says on each: the mean, and its error."""
    values = [fold.value for fold in folds]
    between = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Judgement(
        name=name,
        kind=kind,
        samples=samples,
        distinct=counts.distinct,
        copies=counts.copies,
        seconds=seconds,
        value=fmean(values),
        error=between if len(folds) > 1 else folds[0].stderr,
        over="folds" if len(folds) > 1 else "examples",
        unit=unit,
        best=best,
        folds=folds,
        per_example=single,
        doubts=counts.doubts,
        bound=bound_of_mean(fold.bound for fold in folds),
    )


def fold_score(fold: int, score: Score) -> FoldScore:
    """A score as plain data."""
    stderr = None if score.stderr is None else float(score.stderr)
    curves = {name: [(float(x), float(y)) for x, y in at] for name, at in score.curves.items()}
    warnings, notes = tuple(score.warnings), dict(score.notes)
    said = (warnings, notes, score.over, score.bound)
    return FoldScore(fold, float(score.value), stderr, curves, *said)


def answer(said: FoldScore, single: np.ndarray | None) -> dict[str, Any]:
    """What a score gives of a `Result`, by the names of its fields.

    single: the scores of the single test rows (n_test,), or None; their digest is kept.
    """
    plain = {name: value for name, value in vars(said).items() if name != "fold"}
    return {**plain, "per_example": "" if single is None else sha256_of_arrays({"values": single})}


def remarks(judgement: Judgement) -> list[str]:
    """Sentences on samples and score: how it came about, and what is wrong with either."""
    shares = ", ".join(dict.fromkeys(f"{100 * share:.3g} %" for share in judgement.copies))
    lines = [
        f"{judgement.samples} samples, {judgement.distinct} distinct; "
        f"{shares} are byte-for-byte copies of training rows"
    ]
    lines += [f"warning: {doubt}" for doubt in judgement.doubts]
    if judgement.kind == "binary":
        lines.append(
            "binary samples (every value is 0 or 1): against real-valued test data they lose over "
            "a hundred nats (128 on MNIST), and compare with binary samples only"
        )
    for fold in judgement.folds:
        where = f"fold {fold.fold}: " if len(judgement.folds) > 1 else ""
        lines += [where + line for line in said(fold)]
    return lines


def said(fold: FoldScore) -> list[str]:
    """What a metric noted of one score, in lines: its notes, short curves, and warnings."""
    single, tables = split_notes(fold.notes)
    lines = [_listed(single), *(f"{name}: {_listed(table)}" for name, table in _ordered(tables))]
    for name, points in _ordered(fold.curves):
        if 1 < len(points) <= FEW:
            at = ", ".join(f"{y:.2f} at {_plain(x)}" for x, y in points)
            lines.append(f"{name}: {at}")
    return [line for line in lines if line] + [f"warning: {text}" for text in fold.warnings]


def split_notes(notes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """The notes that are one number, word or list each, and those that are tables of such."""
    tables = {name: value for name, value in notes.items() if isinstance(value, Mapping)}
    single = {name: value for name, value in notes.items() if name not in tables}
    return single, tables


def _listed(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in _ordered(table))


def _ordered(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Numbers by size, then names by letters: a table that was kept is printed as a new one."""

    def place(item: tuple[str, Any]) -> tuple[float, str]:
        name = str(item[0])
        return (float(name) if name.replace(".", "", 1).isdigit() else math.inf, name)

    return sorted(table.items(), key=place)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
