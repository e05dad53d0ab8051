"""The world of digits at 14 x 14: does a claim about metrics hang on the dimension?"""

from __future__ import annotations

from genbench.datasets._worlds import MixtureDataset
from genbench.datasets.mnist import MNIST


class DigitsMixture14x14(MixtureDataset):
    """80 Gaussians of rank 32 fitted to the means of 2 x 2 blocks of MNIST."""

    pictures = MNIST
    block = 2
    shape: tuple[int, ...] = (1, 14, 14)
