"""CIFAR-10 in the contrast-normalised space in which the GAN paper's models saw it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from genbench.datasets.cifar10 import CIFAR10

if TYPE_CHECKING:
    from torch import Tensor

_SCALE = 55.0  # goodfeli/adversarial cifar10_*.yaml, gcn
_LEAST_NORM = 1e-8  # pylearn2 preprocessing.py, global_contrast_normalize


class CIFAR10GCN(CIFAR10):
    """x <- 55 (x - mean(x)) / ||x - mean(x)||, image by image, of pixels in 0..255.

    Train, valid and test alike, from the files of `cifar10`. Scores compare with scores in this
    space only. No value can leave [-55, 55], and pixels have a standard deviation near 1.
    """

    range: tuple[float, float] = (-_SCALE, _SCALE)
    levels: int | None = None

    @property
    def digest(self) -> str:
        """sha256, in hex, of the transform and of the digest of `cifar10`."""
        return hashlib.sha256(f"gcn {_SCALE} {super().digest}".encode()).hexdigest()

    def scale(self, pixels: np.ndarray) -> Tensor:
        """Bytes (n, 3072), normalised, float32."""
        import torch  # here, so that datasets are listed without it

        return contrast_normalised(torch.from_numpy(pixels.astype(np.float32)))


def contrast_normalised(x: Tensor) -> Tensor:
    """55 (x - mean(x)) / ||x - mean(x)||, row by row; a norm below 1e-8 counts as 1."""
    centred = x - x.mean(dim=1, keepdim=True)
    norm = centred.norm(dim=1, keepdim=True)
    norm[norm < _LEAST_NORM] = 1.0
    return centred.mul_(_SCALE).div_(norm)
