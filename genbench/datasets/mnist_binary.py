"""MNIST in black and white: a pixel is 1 where it is at least half bright."""

from __future__ import annotations

import hashlib

import numpy as np

from genbench.datasets._stored import as_labels, check_fold
from genbench.datasets.mnist import MNIST
from genbench.protocols import Split


class MNISTBinary(MNIST):
    """Pixels 0 or 1, from the files of `mnist` and split as there: log masses of it are in nats.

    Scores compare with scores on these rows only: other ways to make two levels of 256 give other
    data, and other likelihoods.
    """

    levels: int | None = 2
    rule = "k / 255 >= 1 / 2"

    @property
    def digest(self) -> str:
        """sha256, in hex, of the rule and of the digest of `mnist`."""
        return hashlib.sha256(f"{self.rule} {super().digest}".encode()).hexdigest()

    def bits(self, images: np.ndarray, file: int) -> np.ndarray:
        """The images (n, 28, 28) of file 0, of training, or 1, of test, as 0 and 1."""
        return images >= 128

    def split(self, fold: int) -> Split:
        """The only fold, 0; raises DataError on missing or damaged files."""
        import torch  # here, so that datasets are listed without it

        check_fold(fold, self.folds)
        images, labels, test_images, test_labels, *_ = self.read()
        n, n_test = len(images), len(test_images)
        rows = torch.from_numpy(self.bits(images, 0).reshape(n, -1)).float()
        test = torch.from_numpy(self.bits(test_images, 1).reshape(n_test, -1)).float()
        train, valid = rows.split((self.n_train, n - self.n_train))
        of_train, of_valid = as_labels(labels).split((self.n_train, n - self.n_train))
        return Split(train, valid, test, of_train, of_valid, as_labels(test_labels))
