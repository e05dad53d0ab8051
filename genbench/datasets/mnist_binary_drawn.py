"""MNIST in black and white: each pixel is drawn once, 1 with its brightness for probability."""

from __future__ import annotations

import numpy as np

from genbench.datasets.mnist_binary import MNISTBinary

_SEED = 28  # our choice; numpy's RandomState, whose streams are frozen


class MNISTBinaryDrawn(MNISTBinary):
    """Pixels 0 or 1 by fixed draws, as in Salakhutdinov & Murray 2008; their draws were others."""

    rule: str = f"u < k / 255, u of RandomState({_SEED} + file)"

    def bits(self, images: np.ndarray, file: int) -> np.ndarray:
        """1 where u < k / 255, u uniform on [0, 1), drawn in the order of the file's pixels."""
        random = np.random.RandomState(_SEED + file)
        return random.random_sample(images.shape) < images / 255
