"""A dataset of made-up 4 x 4 pictures in two folds that share their training rows."""

import hashlib

import torch

from genbench.errors import DataError
from genbench.protocols import Split


class Tiny:
    shape = (1, 4, 4)
    range = (0.0, 1.0)
    levels = 256
    folds = 2
    caveat = ""

    def __init__(self, data_dir) -> None:
        generator = torch.Generator().manual_seed(0)
        kinds = torch.rand(2, 16, generator=generator)
        rows = kinds[torch.arange(400) % 2] + 0.1 * torch.randn(400, 16, generator=generator)
        self.rows = (rows.clamp(0, 1) * 255).round() / 255
        self.digest = hashlib.sha256(self.rows.numpy().tobytes()).hexdigest()

    def split(self, fold: int) -> Split:
        if not 0 <= fold < self.folds:
            raise DataError(f"fold must be in 0..{self.folds - 1}, got {fold}")
        valid, test = self.rows[200 + 50 * fold :][:50], self.rows[300 + 50 * fold :][:50]
        return Split(self.rows[:200], valid, test)
