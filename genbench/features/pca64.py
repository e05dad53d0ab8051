"""The 64 directions in which the training rows vary most.

f(x) = V'(x - m): m the mean of the training rows, V (d, 64) the eigenvectors of their covariance
(n - 1 in the denominator) with the greatest eigenvalues, greatest first. The entry of v that is
greatest in magnitude (the first of equal ones) is positive. All in float64.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from genbench.errors import UsageError
from genbench.features.doors import check_rows

BLOCK = 10_000  # rows whose float64 copy is held
LEAST = 1e-10  # of the greatest eigenvalue: below it a direction is rounding


class PCA64:
    """f(x) = V'(x - m), float64 (n, 64), of rows of at least 64 numbers.

    digest: sha256 of the training rows, once `fit` was told them; empty before.
    """

    revision = 1
    takes = "rows of at least 64 numbers, and more than 64 training rows"
    quality = "no network"
    width = 64

    def __init__(self, shape: Sequence[int], data_dir: Path) -> None:
        self._d = math.prod(shape)
        self.digest: str = ""
        if self._d < self.width:
            raise UsageError(
                f"features 'pca64' takes rows of at least {self.width} numbers, not {self._d}: "
                "take features=pixels"
            )

    def fit(self, train: Tensor) -> None:
        """Finds m and V; raises ValueError where the rows (n, d) vary in fewer than 64 ways."""
        check_rows(train, self._d)
        self.mean: Tensor = mean(train)
        values, vectors = torch.linalg.eigh(covariance(train, self.mean))  # least first
        found = int((values > LEAST * values[-1]).sum()) if values[-1] > 0 else 0
        if found < self.width:
            raise ValueError(
                f"pca64 needs training rows that vary in {self.width} directions, got "
                f"{len(train)} rows that vary in {found}: take features=pixels, or more rows"
            )
        self.vectors: Tensor = signed(vectors.flip(1)[:, : self.width])
        self.digest = hashlib.sha256(train.detach().cpu().contiguous().numpy().data).hexdigest()

    def __call__(self, rows: Tensor) -> Tensor:
        """V'(x - m), float64 (n, 64), of rows (n, d); raises ValueError before `fit`."""
        check_rows(rows, self._d)
        if not self.digest:
            raise ValueError("pca64 is computed from training rows: call fit(train) first")
        mean, vectors = self.mean.to(rows.device), self.vectors.to(rows.device)
        return torch.cat([(part.double() - mean) @ vectors for part in rows.split(BLOCK)])


def mean(rows: Tensor) -> Tensor:
    """m = sum of x / n, float64 (d,), of rows (n, d)."""
    return sum((part.double().sum(0) for part in rows.split(BLOCK)), torch.zeros(())) / len(rows)


def covariance(rows: Tensor, mean: Tensor) -> Tensor:
    """sum of (x - m)(x - m)' / (n - 1), float64 (d, d), of rows (n, d); zero of one row."""
    d = rows.shape[1]
    total = torch.zeros(d, d, dtype=torch.float64, device=rows.device)
    for part in rows.split(BLOCK):
        centred = part.double() - mean
        total += centred.T @ centred
    return total / max(len(rows) - 1, 1)


def signed(vectors: Tensor) -> Tensor:
    """Columns (d, k), each turned so that its entry of greatest magnitude is positive."""
    greatest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return vectors * greatest.sign()
