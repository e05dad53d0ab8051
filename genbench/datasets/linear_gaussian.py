"""A Gaussian of a few hidden factors, seen through noise: every likelihood bound has a target."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from genbench.datasets._stored import check_fold
from genbench.protocols import Split
from genbench.records.files import sha256_of_arrays

if TYPE_CHECKING:
    from torch import Tensor

_SIDE = 8
_WAVES = ((0, 1, 3.0), (1, 0, 2.4), (1, 1, 1.9), (0, 2, 1.5), (2, 0, 1.2))  # down, across, length


def loadings() -> np.ndarray:
    """W (d, k): column j is a cosine wave of the picture, of the length that `_WAVES` says.

    The columns are orthogonal, so that they are the principal axes.
    """
    phase = np.pi * (np.arange(_SIDE) + 0.5) / _SIDE
    waves = [np.outer(np.cos(u * phase), np.cos(v * phase)).ravel() for u, v, _ in _WAVES]
    lengths = [length for _, _, length in _WAVES]
    return np.stack([a * w / np.linalg.norm(w) for w, a in zip(waves, lengths, strict=True)], 1)


class LinearGaussianDensity:
    """x = mean + W z + std ε, z and ε standard normal: p(x) = N(x; mean, W Wᵀ + std² I).

    mean: (d,). W: (d, k). What the rows come from, but for their rounding to float32.
    """

    def __init__(self, mean: np.ndarray, W: np.ndarray, std: float) -> None:
        import torch  # here, so that datasets are listed without it

        self.mean: Tensor = torch.from_numpy(mean)
        self.W: Tensor = torch.from_numpy(W)
        self.std = std

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density, nats, float64 `(n,)`, of rows x `(n, d)`."""
        import torch

        mean, W, d = self.mean.to(x.device), self.W.to(x.device), len(self.mean)
        root = torch.linalg.cholesky(W @ W.T + self.std**2 * torch.eye(d).to(W))
        white = torch.linalg.solve_triangular(root, (x.double() - mean).T, upper=False)
        log_norm = root.diagonal().log().sum() + d / 2 * math.log(2 * math.pi)
        return -white.square().sum(dim=0) / 2 - log_norm

    def draw(self, n: int) -> Tensor:
        """n independent rows `(n, d)`, float32, from torch's global generator."""
        import torch

        d, k = self.W.shape
        z, noise = torch.randn(n, k, dtype=torch.float64), torch.randn(n, d, dtype=torch.float64)
        return (self.mean + z @ self.W.T + self.std * noise).float()


class LinearGaussian:
    """Five factors behind 64 numbers, such as pixels of 8 x 8; log p(x) is known in closed form.

    So is the distribution of the factors given x: N(M⁻¹ Wᵀ (x - mean), std² M⁻¹), where
    M = Wᵀ W + std² I is diagonal. Rows come from numpy's RandomState, whose streams are frozen.
    """

    shape: tuple[int, ...] = (1, _SIDE, _SIDE)
    range: tuple[float, float] = (-math.inf, math.inf)
    levels = None
    folds = 1
    caveat = ""
    std: float = 0.25
    mean: float = 0.5
    seed = 64
    sizes: tuple[int, int, int] = (50_000, 10_000, 10_000)

    def __init__(self, data_dir: Any) -> None:
        """`data_dir` is not used."""

    @property
    def digest(self) -> str:
        """sha256, in hex, of the rows."""
        return sha256_of_arrays({"rows": self._rows})

    @property
    def density(self) -> LinearGaussianDensity:
        """The distribution that the rows were drawn from."""
        W = loadings()
        return LinearGaussianDensity(np.full(len(W), self.mean), W, self.std)

    def split(self, fold: int) -> Split:
        """The only fold, 0."""
        check_fold(fold, self.folds)
        import torch

        return Split(*torch.from_numpy(self._rows).split(self.sizes))

    @cached_property
    def _rows(self) -> np.ndarray:
        """All rows, float32 (n, d)."""
        random, W = np.random.RandomState(self.seed), loadings()
        d, k = W.shape
        z = random.standard_normal((sum(self.sizes), k))
        noise = random.standard_normal((sum(self.sizes), d))
        return (self.mean + z @ W.T + self.std * noise).astype(np.float32)
