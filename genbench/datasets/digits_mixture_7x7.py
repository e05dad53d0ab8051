"""The world of digits at 7 x 7: does a claim about metrics hang on the dimension?"""

from __future__ import annotations

from genbench.datasets._worlds import MixtureDataset
from genbench.datasets.mnist import MNIST


class DigitsMixture7x7(MixtureDataset):
    """80 Gaussians of rank 16 fitted to the means of 4 x 4 blocks of MNIST."""

    pictures = MNIST
    rank = 16
    block = 4
    shape: tuple[int, ...] = (1, 7, 7)
