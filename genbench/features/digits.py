"""A small network that reads MNIST's digits, its weights in the package.

Trained on MNIST's first 50,000 training images by `genbench features train digits`, and rounded to
whole numbers (`integers.py`): test accuracy .9899, as floats .9901.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from genbench.features.doors import Labelled, check_rows, check_shape
from genbench.features.integers import WIDTH, IntegerNet, read_weights

FILE = Path(__file__).with_name("digits.safetensors")


class Digits:
    """Whole numbers in 0..255, float32 (n, 64), of 28 x 28 grey images in [0, 1].

    They are the same on every machine, thread count and device. Numbers outside [0, 1] are
    clipped, and the rest is rounded to k / 255.
    """

    revision = 1
    shape: tuple[int, ...] = (1, 28, 28)
    classes = 10
    epochs = 4
    width = WIDTH
    takes = "28x28 grey images in [0, 1]"
    quality = "test accuracy .9899 on MNIST"
    dataset = "mnist"
    known: ClassVar[dict[str, str]] = {
        "weights": "4663144996671d44d9f302ce9643c796f6acd41deea757a73ade1bc4fb6e3d8c",
        "fixed rows": "3f186fc7b80d9091167cb900221c0e3a56f4c4ff452b52170c8ac13975b8962c",
        "test rows": "746a5b307117646f689f7fc692833152c8f8ec73f40fdebb4d04b02bf50a47eb",
    }

    def __init__(self, shape: Sequence[int], data_dir: Path) -> None:
        check_shape("digits", shape, self.shape)
        self._net = IntegerNet(read_weights(FILE), side=28, where=FILE)
        self.digest: str = self._net.digest

    def __call__(self, rows: Tensor) -> Tensor:
        """Features (n, 64) of rows (n, 784); raises ValueError for rows of another shape."""
        check_rows(rows, 784)
        return self._net.features(rows)

    def head(self, features: Tensor) -> Tensor:
        """Logits (n, 10) of features (n, 64): the digit is the greatest."""
        return self._net.logits(features)

    def classify(self, rows: Tensor) -> Tensor:
        """Logits (n, 10) of rows (n, 784): the digit is the greatest."""
        return self.head(self(rows))

    @staticmethod
    def labelled(dataset: Any) -> Labelled:
        """Training and test rows of MNIST with their labels."""
        split = dataset.split(0)
        return Labelled(split.train, split.train_labels, split.test, split.test_labels)

    @staticmethod
    def place(data_dir: Path, digest: str) -> Path | None:
        """Nowhere: the weights that count are in the package."""
        return None
