"""Toys whose density is known: equal mixtures of round Gaussians, drawn with a fixed seed."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from genbench.datasets._stored import as_labels, check_fold
from genbench.protocols import Split
from genbench.records.files import sha256_of_arrays

if TYPE_CHECKING:
    from torch import Tensor


class MixtureDensity:
    """p(x) = mean over k of N(x; centres[k], std²), in d dimensions.

    centres: (k, d). What a toy's rows come from, but for their rounding to float32.
    """

    def __init__(self, centres: np.ndarray, std: float) -> None:
        import torch  # here, so that datasets are listed without it

        self.centres: Tensor = torch.from_numpy(np.asarray(centres, np.float64))
        self.std = std

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density, nats, float64 `(n,)`, of rows x `(n, d)`."""
        k, d = self.centres.shape
        sq_dist = (x.double()[:, None] - self.centres.to(x.device)).square().sum(dim=2)
        constant = math.log(k) + d * math.log(self.std * math.sqrt(2 * math.pi))
        return (-sq_dist / (2 * self.std**2)).logsumexp(dim=1) - constant

    def draw(self, n: int) -> Tensor:
        """n independent rows `(n, d)`, float32, from torch's global generator."""
        import torch

        modes = torch.randint(len(self.centres), (n,))
        rows = self.centres.to(modes.device)[modes]
        return (rows + self.std * torch.randn_like(rows)).float()


class Mixture:
    """p(x) = mean over k of N(x; centres[k], std²); the labels say which k a row came from.

    centres: (k, d). Rows come from numpy's RandomState, whose streams are frozen.
    """

    centres: np.ndarray
    std: float
    seed: int
    # train as in PacGAN's toys; valid and test our choice
    sizes: tuple[int, int, int] = (100_000, 10_000, 10_000)
    shape: tuple[int, ...]
    range: tuple[float, float] = (-math.inf, math.inf)
    levels = None
    folds = 1
    caveat = ""

    def __init__(self, data_dir: Any) -> None:
        """`data_dir` is not used."""

    @property
    def digest(self) -> str:
        """sha256, in hex, of the rows."""
        rows, _ = self._drawn
        return sha256_of_arrays({"rows": rows})

    @property
    def density(self) -> MixtureDensity:
        """The distribution that the rows were drawn from."""
        return MixtureDensity(self.centres, self.std)

    def split(self, fold: int) -> Split:
        """The only fold, 0."""
        check_fold(fold, self.folds)
        rows, modes = self._drawn
        import torch

        train, valid, test = torch.from_numpy(rows).split(self.sizes)
        train_labels, valid_labels, test_labels = as_labels(modes).split(self.sizes)
        return Split(train, valid, test, train_labels, valid_labels, test_labels)

    @cached_property
    def _drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """All rows, float32 (n, d), and the mode of each, (n,)."""
        random = np.random.RandomState(self.seed)
        n, (k, d) = sum(self.sizes), self.centres.shape
        modes = random.randint(k, size=n)
        rows = self.centres[modes] + self.std * random.standard_normal((n, d))
        return rows.astype(np.float32), modes
