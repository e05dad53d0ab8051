"""A world of clothes: 80 Gaussians fitted to Fashion-MNIST, a replicate of the digits' one."""

from __future__ import annotations

from genbench.datasets._worlds import MixtureDataset
from genbench.datasets.fashion_mnist import FashionMNIST


class FashionMixture(MixtureDataset):
    """Rows of 28 x 28 photographs of clothes on the whole line."""

    pictures = FashionMNIST
