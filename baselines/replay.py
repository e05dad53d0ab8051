"""A reference row: the first training rows themselves, a model that only remembers."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genbench.protocols import Epoch


class Replay:
    """Keeps the first `rows` training rows; `sample(n)` hands back n of them, or all there are.

    spread: whether they are evenly spaced instead, for files that are in the order of classes.
    """

    revision = 1
    samples = "mean"
    later: ClassVar[tuple[str, ...]] = ("spread",)

    def __init__(self, shape: tuple[int, ...], rows: int = 10000, spread: bool = False) -> None:
        self.most, self.spread = rows, spread
        self.rows = torch.empty(0, math.prod(shape))
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        if self.epoch == 0:
            self.rows = self._some(train, self.most)
            self.epoch.fill_(1)
            yield Epoch(1, 1)

    def sample(self, n: int) -> Tensor:
        return self._some(self.rows, n)

    def _some(self, rows: Tensor, n: int) -> Tensor:
        n = min(n, len(rows))
        return rows[torch.arange(n) * len(rows) // n if self.spread else slice(n)].clone()

    def state_dict(self) -> dict[str, Tensor]:
        return {"rows": self.rows, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.rows = state["rows"].to(self.rows)
        self.epoch.copy_(state.get("train.epoch", torch.tensor(1)))
