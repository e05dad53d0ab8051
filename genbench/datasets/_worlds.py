"""Datasets whose density is known to the last digit: mixtures fitted to pictures, drawn anew.

The fit has no seed; rows come from numpy's frozen streams. A fit is kept in the user's cache, so
that it is made once for each file of pictures. Of a world that is squashed into (0, 1), rows near
1 are known to float32 only: its log density is that of the rounded rows.
"""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genbench.datasets._stored import as_labels, check_fold
from genbench.protocols import Split
from genbench.records.files import sha256_of_json
from genbench.worlds import kept
from genbench.worlds.mixture import Mixture
from genbench.worlds.streams import stream
from genbench.worlds.truths import MixtureWorld

if TYPE_CHECKING:
    from torch import Tensor

FIT = 1  # raised whenever fits or draws change
_DRAWN = 2**63 - 1


class WorldDensity:
    """The density of a world, for rows of torch."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density, nats, float64 `(n,)`, of rows x `(n, d)`."""
        import torch  # here, so that datasets are listed without it

        return torch.from_numpy(self.world.log_prob(x.detach().cpu().numpy())).to(x.device)

    def draw(self, n: int) -> Tensor:
        """n independent rows `(n, d)`, float32, seeded by torch's global generator."""
        import torch

        seed = int(torch.randint(_DRAWN, (1,)))
        return torch.from_numpy(self.world.draw(n, stream("draw", seed)))


class MixtureDataset:
    """A mixture of low-rank Gaussians fitted to the pictures of another dataset.

    pictures: that dataset. fold, parts: which of its rows are fitted. depth: 2^depth components a
    class. rank: of a component. block: pictures are shrunk to the means of blocks of this side.
    squash: whether rows are mapped into (0, 1).
    """

    pictures: Any
    parts: tuple[str, ...] = ("train",)
    depth = 3
    rank = 32
    block = 1
    squash = False
    sizes: tuple[int, int, int] = (50_000, 10_000, 10_000)  # as of MNIST
    shape: tuple[int, ...] = (1, 28, 28)
    range: tuple[float, float] = (-math.inf, math.inf)
    levels = None
    folds = 1

    def __init__(self, data_dir: Any) -> None:
        self._source = self.pictures(Path(data_dir) if data_dir is not None else data_dir)

    @property
    def digest(self) -> str:
        """sha256, in hex, of the digest of the fitted pictures and of what is done with them."""
        return sha256_of_json([self._key, self.squash, *self.sizes])

    @property
    def caveat(self) -> str:
        """That of the fitted pictures."""
        return self._source.caveat

    @property
    def density(self) -> WorldDensity:
        """The distribution that the rows were drawn from."""
        return WorldDensity(self.world)

    def split(self, fold: int) -> Split:
        """The only fold, 0; labels are the components' classes. Raises DataError as the fit does.

        The first 10,000 training rows are those that the copying rungs of its ladder repeat.
        """
        check_fold(fold, self.folds)
        import torch

        names = ("train", "valid", "test")
        drawn = [self.world.part(name, n) for name, n in zip(names, self.sizes, strict=True)]
        rows = (torch.from_numpy(part) for part, _ in drawn)
        return Split(*rows, *(as_labels(labels) for _, labels in drawn))

    @cached_property
    def world(self) -> MixtureWorld:
        """The mixture, fitted or read; raises DataError where the pictures are missing."""
        found = kept.arrays({"fit": self._key}, self._fitted)
        mixture = Mixture(*(found[name] for name in ("weights", "means", "axes", "lam", "s2")))
        key = sha256_of_json(self._key)
        side = self.shape[-1]
        return MixtureWorld(key, mixture, found["classes"], self.rank, side, self.squash)

    @property
    def _key(self) -> list[Any]:
        """What the fit hangs on, JSON-able."""
        how = [*self.parts, self.depth, self.rank, self.block]
        return [FIT, self._source.digest, *how]

    def _fitted(self) -> dict[str, np.ndarray]:
        from genbench.worlds.fitting import fitted

        split = self._source.split(0)
        rows = np.concatenate([getattr(split, part).double().numpy() for part in self.parts])
        labels = np.concatenate([getattr(split, f"{part}_labels").numpy() for part in self.parts])
        rows = shrunk(np.round(rows * 255) / 255, self.block)
        mixture, classes = fitted(rows, labels, self.depth, self.rank)
        names = ("weights", "means", "axes", "lam", "s2")
        return {**{name: getattr(mixture, name) for name in names}, "classes": classes}


def shrunk(rows: np.ndarray, block: int) -> np.ndarray:
    """Means of blocks of pixels: rows (n, side²) -> (n, (side / block)²)."""
    if block == 1:
        return rows
    side = math.isqrt(rows.shape[1])
    cells = rows.reshape(-1, side // block, block, side // block, block)
    return cells.mean(axis=(2, 4)).reshape(len(rows), -1)
