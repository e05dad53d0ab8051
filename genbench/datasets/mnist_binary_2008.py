"""MNIST in black and white, with the test rows of Salakhutdinov & Murray 2008.

Published likelihoods of RBMs, DBMs and VAEs on "binarised MNIST" are of these test rows.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from genbench.datasets._stored import RemoteFile
from genbench.datasets.mnist import MNIST
from genbench.datasets.mnist_binary_drawn import MNISTBinaryDrawn
from genbench.errors import DataError
from genbench.protocols import Split

_NAME = "binarized_test_packbits.npy"
_TEST = RemoteFile(
    _NAME,
    1 << 20,
    sha256="d0641f2adafa94665ea4192e4ced05221d8d36cae626cf1a3d2145a5fcc71b50",
)


class MNISTBinary2008(MNISTBinaryDrawn):
    """The training and validation rows of `mnist_binary_drawn`; the test rows that were published.

    Only the test rows of 2008 are to be had, in another order than MNIST's, and without labels.
    The file holds them as `numpy.packbits(rows, axis=1)`, uint8 (10000, 98).
    """

    rule: str = f"{MNISTBinaryDrawn.rule}; test rows of 2008"
    files: tuple[RemoteFile, ...] = (*MNIST.files, _TEST)
    how_to_get = (
        "Bring MNIST with `genbench data fetch mnist`, and the test rows, which nobody offers for "
        f"download, with `genbench data import mnist_binary_2008 PATH/{_NAME}`."
    )

    @classmethod
    def parse(cls, file: RemoteFile, raw: bytes, path: Path) -> Any:
        """As MNIST's; of the test rows uint8 0 and 1, (n, 28, 28)."""
        if file.name != _NAME:
            return super().parse(file, raw, path)
        try:
            packed = np.load(io.BytesIO(raw), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise DataError(f"{path} is no array of numpy's: {error}") from error
        d = cls.shape[1] * cls.shape[2]
        if packed.dtype != np.uint8 or packed.shape != (cls.n_test, -(-d // 8)):
            raise DataError(
                f"{path} should be uint8 of ({cls.n_test}, {-(-d // 8)}), packed bits, and is "
                f"{packed.dtype} of {packed.shape}"
            )
        return np.unpackbits(packed, axis=1)[:, :d].reshape(-1, *cls.shape[1:])

    def split(self, fold: int) -> Split:
        """The only fold, 0; raises DataError on missing or damaged files."""
        import torch

        drawn = super().split(fold)
        rows = self.read()[-1]
        test = torch.from_numpy(rows.reshape(len(rows), -1)).float()
        return Split(drawn.train, drawn.valid, test, drawn.train_labels, drawn.valid_labels, None)
