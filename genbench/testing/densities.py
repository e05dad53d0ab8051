"""That a model's `log_prob` is normalised: over all pictures of a few bits, or over the plane."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genbench.plugins import registry
from genbench.plugins.settings import told
from genbench.testing.claims import require
from genbench.testing.rows import UNBOUNDED, Examples, made_up
from genbench.testing.trial import Trial

BITS = (1, 2, 3)  # the shape of pictures whose every state is visited
TOLERANCE = 0.05
CELLS = (125, 250, 500, 1000, 2000)  # to a side of the grid
CHUNK = 50_000


def density_claims(
    cls: Any, hyperparameters: Mapping[str, Any], within: tuple[float, float]
) -> Iterator[str]:
    """Of a binary model, or one that asks for `levels`, masses sum to one; else a density does.

    A model whose constructor refuses rows of two numbers by a ValueError is not asked, and a
    density that is too sharp for the finest grid is not judged.
    """
    if cls.samples == "binary" or told(cls, 2):
        yield from _mass_claims(cls, hyperparameters)
        return
    examples = _plane(within)
    try:
        cls(examples.shape, **hyperparameters)
    except ValueError:
        return
    trial = Trial(cls, hyperparameters, examples)
    total = _integral(trial)
    if total is not None:
        reason = f"its integral over the plane is {total:.4g}"
        yield require(abs(total - 1) < TOLERANCE, "exp(log_prob) integrates to one on ring", reason)


def _mass_claims(cls: Any, hyperparameters: Mapping[str, Any]) -> Iterator[str]:
    pictures = made_up(BITS)
    parts = (pictures.train, pictures.valid, pictures.other)
    train, valid, other = ((part > 0.5).float() for part in parts)
    binary = replace(pictures, levels=2, train=train, valid=valid, other=other)
    trial = Trial(cls, hyperparameters, binary)
    d = math.prod(BITS)
    states = (torch.arange(2**d)[:, None] >> torch.arange(d) & 1).float()
    total = float(trial.model.log_prob(states).detach().double().logsumexp(dim=0).exp())
    claim = f"exp(log_prob) sums to one over all {2**d} pictures of {d} bits"
    yield require(abs(total - 1) < TOLERANCE, claim, f"its sum is {total:.4g}")


def _plane(within: tuple[float, float]) -> Examples:
    """Rows of `ring`, which lies in [-1.1, 1.1]², as they are or brought into a range."""
    split = registry.load("dataset", "ring")(None).split(0)
    low, high = within
    if math.isfinite(low) and math.isfinite(high):
        scale, shift = (high - low) / 2.5, (low + high) / 2
    else:
        ends = [low + 1.5] * math.isfinite(low) + [high - 1.5] * math.isfinite(high)
        scale, shift = 1.0, sum(ends)
    parts = (split.train[:1000], split.valid[:100], split.test[:1000] / 2)
    train, valid, other = (part * scale + shift for part in parts)
    labels = split.train_labels[:1000], split.valid_labels[:100]
    return Examples((2,), within, None, train, valid, other, *labels)


def _integral(trial: Trial) -> float | None:
    """By midpoints of the coarsest grid that resolves the density; None where none does.

    The grid holds data and samples, and as much again on every side, in the range that the class
    declares, if it does: else its density is one of the whole plane, wherever the data lie.
    """
    rows = torch.cat([trial.train[:200], trial.draw(trial.model, 200)])
    least, most = rows.amin(dim=0), rows.amax(dim=0)
    low, high = getattr(trial.cls, "range", None) or UNBOUNDED
    corner, end = (2 * least - most).clamp(min=low), (2 * most - least).clamp(max=high)
    for cells in CELLS:
        size = (end - corner) / cells
        middles = corner + (((rows - corner) / size).floor() + 0.5) * size
        if _resolved(trial.model, rows, middles):
            return _sum(trial.model, corner, size, cells) * float(size.prod())
    return None


@torch.no_grad()
def _resolved(model: Any, rows: Tensor, middles: Tensor) -> bool:
    """Whether nearly all rows are about as likely as the middles of their cells."""
    apart = (model.log_prob(rows) - model.log_prob(middles)).abs().double().nan_to_num(0.0)
    return float(apart.quantile(0.95)) < 2


@torch.no_grad()
def _sum(model: Any, corner: Tensor, size: Tensor, cells: int) -> float:
    """Of the density over the middles of all cells."""
    steps = torch.arange(cells) + 0.5
    points = torch.cartesian_prod(*(a + b * steps for a, b in zip(corner, size, strict=True)))
    return sum(float(model.log_prob(x).double().exp().sum()) for x in points.split(CHUNK))
