"""What an audit scores: real rows of a dataset, and samples that cannot be better than those.

Copies are made of training rows: shifted, blurred, binarised, projected, averaged. None of them
holds more of the data than the rows it is made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy import linalg, ndimage
from torch import Tensor

from genbench.plugins import recipe, registry
from genbench.precision import float32_products
from genbench.protocols import Dataset, Split
from genbench.records.run import Data
from genbench.running import training
from genbench.running.data import TUNING_ROWS
from genbench.seeding import seeded

FOLD = 0  # the only one that is looked at
LINEAR = (30, 60, 100, 200)  # dimensions that linear reconstructions keep


@dataclass(frozen=True)
class Audited:
    """What is audited: a metric on a dataset, by the `samples` that its protocol draws.

    centroids: the model that averages training rows. covariance: the model that keeps their mean
    and covariance alone. settings: of the metric. orders: the kinds of samples that it says it
    ranks below real ones; None if it says nothing. computed_with: by `Sources.computed_with`.
    """

    data: Data
    metric: str
    centroids: str
    covariance: str
    settings: Mapping[str, Any]
    orders: tuple[str, ...] | None = None
    computed_with: Mapping[str, Any] = field(default_factory=dict[str, Any])
    samples: int = 10_000


@dataclass(frozen=True)
class Subject:
    """Samples that are yet to be made, and what they will be compared with, by name.

    make: draws from torch's global generator, which `audit.rows` seeds. valid: the rows that the
    metric may tune itself on. test: those it compares with, where they are not the dataset's.
    weight: about how long it takes, in units of a score of as many
    samples as are asked for; only to tell how much is left.
    """

    kind: str
    name: str
    make: Callable[[], Tensor]
    valid: Tensor
    against: tuple[str, ...] = ()
    weight: float = 1.0
    test: Tensor | None = None


def examples(shape: Sequence[int]) -> str:
    """What a row of such a shape is called: images have a height and a width above 1."""
    return "images" if len(shape) in (2, 3) and min(shape[-2:]) > 1 else "rows"


def subjects(
    audited: Audited,
    source: Dataset,
    device: torch.device,
    watch: Callable[[int, int], None] = lambda step, steps: None,
) -> tuple[list[Subject], list[str]]:
    """All that is scored, in the order of the table, and what must be said of it.

    `watch` is told how far the training of a reference model is: the step, and of how many.
    """
    split, called = source.split(FOLD), examples(source.shape)
    train, valid = split.train, split.valid
    m, n = min(audited.samples, len(train)), len(train)
    first = f"the first {m:,} training {called}" if m < n else f"all {n:,} training {called}"
    whole = f"all {n:,} training {called}"
    real, remarks = _held_out(split, called)
    held_out = tuple(one.name for one in real if one.kind == "held_out")
    judged = "images" in (audited.orders or ())  # by whether it ranks what was trained on below
    found = [*real] if judged else []
    found.append(Subject("images", first, lambda: train[:m], valid))
    if m < n:
        found.append(Subject("all", whole, lambda: train, valid, (first,), n / m))
    copies, omitted = _copies(source, train[:m], valid, first, called)
    found += [*([] if judged else real), *copies]
    if audited.orders is not None:
        found.append(_halves(split, called))

    def fitted(model: str, rows: Tensor) -> Callable[[], Tensor]:
        return lambda: _samples_of(model, rows, m, audited.data.name, source.shape, device, watch)

    name, slow = f"{audited.centroids} centroids of", 2.5  # trainings take the square of the rows
    make = fitted(audited.centroids, train[:m])
    found.append(Subject("centroids", f"{name} {first}", make, valid, (first,), slow))
    if m < n:
        make, weight = fitted(audited.centroids, train), slow * (n / m) ** 2
        found.append(Subject("centroids", f"{name} {whole}", make, valid, (whole, first), weight))
    name = f"samples of {audited.covariance}, fitted to {whole}"
    found.append(Subject("covariance", name, fitted(audited.covariance, train), valid, (first,)))
    found += _controls(source, train, m, valid, first, called)
    if judged:  # exact copies are the worst to such a metric: real rows are those held out
        kinds = audited.orders or ()
        found = [replace(s, against=held_out) if s.kind in kinds else s for s in found]
    return found, [*remarks, *omitted]


def _held_out(split: Split, called: str) -> tuple[list[Subject], list[str]]:
    """Real rows that no one trained on or tuned on, and as many training rows beside them.

    Where the metric chooses on most validation rows, it is given every second of them only. The
    training rows are evenly spaced, since some files are sorted.
    """
    valid, train = split.valid, split.train
    choosing, others = valid[:TUNING_ROWS], valid[TUNING_ROWS:]
    remarks = []
    if len(others) < len(choosing):
        choosing, others = valid[::2], valid[1::2]
        remarks = [
            f"held-out {called}: the {len(valid):,} validation rows are too few to tune on "
            "and to be samples, so that every second one chooses and the others are scored"
        ]
    count = min(len(others), len(train))
    if count == 0:
        return [], [f"held-out {called} are left out: there are {len(valid)} validation rows"]
    spaced = torch.arange(count) * len(train) // count
    name, beside = f"held-out {called}", f"as many training {called}, evenly spaced"
    return [
        Subject("as_many", beside, lambda: train[spaced], choosing),
        Subject("held_out", name, lambda: others[:count], choosing, (beside,)),
    ], remarks


def _halves(split: Split, called: str) -> Subject:
    """Two random halves of the test rows: the true null, as files group their rows by writer."""
    with seeded("audit", "halves"):
        order = torch.randperm(len(split.test))
    one, other = split.test[order[::2]], split.test[order[1::2]]
    name = f"a random half of the test {called}, against the other"
    return Subject("real_split", name, lambda: one, split.valid, test=other)


def _copies(
    source: Dataset, rows: Tensor, valid: Tensor, of: str, called: str
) -> tuple[list[Subject], list[str]]:
    """Copies of `rows` (m, d) that are worse or equal by construction, as far as they exist."""
    found, omitted = [], []

    def add(kind: str, name: str, make: Callable[[], Tensor]) -> None:
        found.append(Subject(kind, name, make, valid, (of,)))

    if called == "images":
        add("shifted", "copies shifted by one pixel", lambda: shifted(rows, source.shape))
        add("blurred", "blurred copies", lambda: blurred(rows, source.shape))
    else:
        omitted.append("shifted and blurred copies are left out: the data are no images")
    low, high = source.range
    if math.isfinite(low) and math.isfinite(high):
        middle = (low + high) / 2
        name = f"copies binarised at {middle:g}"
        add("binarised", name, lambda: torch.where(rows >= middle, high, low))
    else:
        omitted.append("binarised copies are left out: the data have no least and greatest value")
    directions = cache(lambda: principal(rows, max(LINEAR)))
    kept = [k for k in LINEAR if k < min(rows.shape[1], len(rows) - 1)]
    for k in kept:
        add("linear", f"linear reconstructions, {k} dimensions", _linear(rows, directions, k))
    if not kept:
        omitted.append(f"linear reconstructions are left out: {rows.shape[1]} dimensions are few")
    return found, omitted


def _controls(
    source: Dataset, train: Tensor, m: int, valid: Tensor, of: str, called: str
) -> list[Subject]:
    """Samples that no one would call good: of all single points the nearest to the data, m times,
    since the mean has the least squared distance; and noise over the range of the data.
    """

    def noise() -> Tensor:
        low, high = source.range
        if not (math.isfinite(low) and math.isfinite(high)):
            low, high = float(train.min()), float(train.max())
        return torch.empty(m, train.shape[1]).uniform_(low, high)

    def repeated() -> Tensor:
        return train.mean(dim=0, dtype=torch.float64).float().repeat(m, 1)

    mean = f"the mean of all training {called}, repeated"
    return [
        Subject("repeated", mean, repeated, valid, (of,), 0.2),
        Subject("noise", "uniform noise", noise, valid, (of,)),
    ]


def shifted(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """Images (m, d), each moved by one pixel up, down, left or right; borders are repeated."""
    height, width = shape[-2:]
    images = rows.reshape(len(rows), -1, height, width)
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
    direction = torch.randint(4, (len(rows),))
    moved = torch.empty_like(images)
    for index, (down, right) in enumerate(((0, 1), (2, 1), (1, 0), (1, 2))):
        chosen = direction == index
        moved[chosen] = padded[chosen, :, down : down + height, right : right + width]
    return moved.reshape(rows.shape)


def blurred(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """Images (m, d) under a Gaussian of one pixel's standard deviation; borders are repeated."""
    images = rows.reshape(len(rows), -1, *shape[-2:]).numpy()
    blurry = ndimage.gaussian_filter(images, sigma=(0, 0, 1, 1), mode="nearest")
    return torch.from_numpy(blurry).reshape(rows.shape)


def principal(rows: Tensor, most: int) -> Tensor:
    """The leading eigenvectors of the covariance of rows (m, d), first ones first: (d, k), k at
    most `most`, float64.
    """
    x = rows.double()
    x = x - x.mean(dim=0)
    d = x.shape[1]
    covariance = (x.T @ x / len(x)).numpy()
    _, vectors = linalg.eigh(covariance, subset_by_index=[max(d - most, 0), d - 1])
    return torch.from_numpy(np.ascontiguousarray(vectors[:, ::-1]))


def _linear(rows: Tensor, directions: Callable[[], Tensor], k: int) -> Callable[[], Tensor]:
    """mean + (x - mean) V Vᵀ with the first k principal directions V."""

    def make() -> Tensor:
        v = directions()[:, :k]
        mean = rows.mean(dim=0, dtype=torch.float64)
        return (mean + (rows.double() - mean) @ v @ v.T).float()

    return make


def _samples_of(
    model: str,
    rows: Tensor,
    m: int,
    dataset: str,
    shape: Sequence[int],
    device: torch.device,
    watch: Callable[[int, int], None],
) -> Tensor:
    """At most m samples of a reference model, trained on `rows` by its recipe and the streams of
    its first seed: those of its row in the table, where the rows are the same.
    """
    train = rows.to(device)
    with seeded(model, dataset, 0, "build"), device:
        built = registry.load("model", model)(tuple(shape), **hyperparameters(model, dataset))
    with float32_products():
        for epoch in training.epochs(built, train, train[:0], (model, dataset, 0)):
            watch(epoch.index, epoch.total)
    with seeded(model, dataset, 0, "sample"), device, float32_products():
        return built.sample(m).cpu()


def hyperparameters(model: str, dataset: str) -> dict[str, Any]:
    return dict(recipe.resolve(model, dataset, recipe.PAPER, {}).hyperparameters)
