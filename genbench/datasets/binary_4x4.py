"""A world of 65,536 states: digits at 4 x 4, black and white, where every sum can be done."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from genbench.datasets._stored import as_labels, check_fold
from genbench.datasets._worlds import WorldDensity, shrunk
from genbench.datasets.mnist import MNIST
from genbench.protocols import Split
from genbench.records.files import sha256_of_json
from genbench.worlds import kept
from genbench.worlds.enumerated import EnumeratedWorld, counted

_COUNT = 1  # raised whenever counts or draws change
_SET = 0.2  # the mean of a 7 x 7 block above which its pixel is set


class Binary4x4:
    """p is .99 of what MNIST's training digits are at 4 x 4, and .01 of any picture."""

    sizes: tuple[int, int, int] = (50_000, 10_000, 10_000)  # as of MNIST
    shape: tuple[int, ...] = (1, 4, 4)
    range: tuple[float, float] = (0.0, 1.0)
    levels = 2
    folds = 1
    repeats = True  # training rows: who copies them cannot be told

    def __init__(self, data_dir: Any) -> None:
        self._source = MNIST(Path(data_dir))

    @property
    def digest(self) -> str:
        """sha256, in hex, of the digest of MNIST and of what is done with it."""
        return sha256_of_json([_COUNT, self._source.digest, _SET, *self.sizes])

    @property
    def caveat(self) -> str:
        """That of MNIST."""
        return self._source.caveat

    @property
    def density(self) -> WorldDensity:
        """The law of the rows: log_prob is a log mass."""
        return WorldDensity(self.world)

    def split(self, fold: int) -> Split:
        """The only fold, 0; raises DataError where MNIST is missing."""
        check_fold(fold, self.folds)
        import torch

        parts = zip(("train", "valid", "test"), self.sizes, strict=True)
        return Split(*(torch.from_numpy(self.world.part(name, n)) for name, n in parts))

    @cached_property
    def world(self) -> EnumeratedWorld:
        """The states of all training digits, counted or read; raises DataError without MNIST."""
        found = kept.arrays({"counts": self.digest}, self._counted)
        return EnumeratedWorld(self.digest, found["counts"])

    def _counted(self) -> dict[str, np.ndarray]:
        split = self._source.split(0)
        rows = np.round(split.train.double().numpy() * 255) / 255
        labels = as_labels(np.asarray(split.train_labels)).numpy()
        return {"counts": counted(shrunk(rows, 7) > _SET, labels)}
