"""A world of digits: 80 Gaussians fitted to MNIST, whose density is known."""

from __future__ import annotations

from genbench.datasets._worlds import MixtureDataset
from genbench.datasets.mnist import MNIST


class DigitsMixture(MixtureDataset):
    """Rows of 28 x 28 digits on the whole line, noise and all; entropy -723.1065300106 nats."""

    pictures = MNIST
