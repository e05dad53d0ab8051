"""What the golden runs of our own stages are made with: a model, datasets and a metric.

They draw from every generator that `seeded` seeds, and multiply no matrices, so that all processors
agree on what they draw. None of them ever changes: the kept numbers are of these.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.protocols import Epoch, Score, Split


class Toy:
    """A point that jumps in every epoch to a training row, and a bit away from it."""

    revision = 1
    samples = "mean"
    sampling = ("spread", "start")

    def __init__(
        self, shape: tuple[int, ...], epochs: int, spread: float = 0.1, start: str = "data"
    ) -> None:
        self.epochs, self.spread, self.start = epochs, spread, start
        self.point = torch.rand(math.prod(shape))
        self.done = torch.tensor(0)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        rows = torch.cat([train, valid])
        for epoch in range(int(self.done) + 1, self.epochs + 1):
            row = rows[torch.randint(len(rows), ())]
            self.point = row + 0.1 * (random.random() - np.random.rand()) * torch.rand_like(row)
            self.done = torch.tensor(epoch)
            yield Epoch(epoch, self.epochs, {"distance": float((self.point - row).norm())})

    def sample(self, n: int) -> Tensor:
        centre = self.point if self.start == "data" else 0.9 * self.point
        return (centre + self.spread * torch.rand(n, len(self.point))).clamp(0, 1)

    def state_dict(self) -> dict[str, Tensor]:
        return {"point": self.point, "train.done": self.done}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.point = state["point"]
        self.done = state.get("train.done", torch.tensor(self.epochs))


class Few:
    """Pictures of 2 x 2 pixels in two folds: a tenth of the training rows is carved off."""

    shape: tuple[int, ...] = (1, 2, 2)
    range = (0.0, 1.0)
    levels: int | None = 256
    folds = 2
    caveat = ""
    digest = "few"
    n_train, n_valid, n_test = 200, 40, 40

    def __init__(self, data_dir: Any) -> None:
        draw = torch.Generator().manual_seed(0)
        n = self.n_train + (self.n_valid + self.n_test) * self.folds
        self.rows = (torch.rand(n, math.prod(self.shape), generator=draw) * 255).round() / 255

    def split(self, fold: int) -> Split:
        train, *held_out = self.rows.split(
            [self.n_train, *[self.n_valid, self.n_test] * self.folds]
        )
        return Split(train, *held_out[2 * fold :][:2])


class Many(Few):
    """Points in two folds: of so many rows 2,000 are carved off, which is less than a tenth."""

    shape = (2,)
    levels = None
    digest = "many"
    n_train = 20_100


class Whole(Few):
    """Pictures in one fold: no rows are carved off, and 2,100 validation rows choose."""

    folds = 1
    n_valid = 2100
    digest = "whole"


class Nearness:
    """How far test rows are from their nearest sample, each pixel weighted at random."""

    revision = 1
    unit = "pixels"
    best = "low"

    def __call__(self, samples: Tensor, valid: Tensor, test: Tensor, train: Tensor) -> Score:
        weights = 0.5 + torch.rand(test.shape[1]).double()
        near = torch.stack([((samples - x).abs().double() @ weights).min() for x in test])
        off = (valid.mean() - train.mean()).abs().item()
        stderr = near.std().item() / math.sqrt(len(near))
        return Score(near.mean().item() + off, stderr, near + off, notes={"off": off})
