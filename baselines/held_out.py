"""A reference row: real rows that chose nothing, so that every number is read beside real data."""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from genbench.protocols import Epoch


class HeldOut:
    """Keeps the validation rows but for the first `skip`, by which metrics choose.

    Where there are fewer than twice as many it keeps them all, and metrics that choose by them
    leave its cell empty. `sample(n)` hands back the first n of them, or all there are; `spread`:
    evenly spaced ones, for files that are in the order of classes. It is no model: nobody trains
    on these rows.
    """

    revision = 1
    samples = "mean"
    later: ClassVar[tuple[str, ...]] = ("spread",)

    def __init__(self, shape: tuple[int, ...], skip: int = 1000, spread: bool = False) -> None:
        self.skip, self.spread = skip, spread
        self.rows = torch.empty(0, math.prod(shape))
        self.epoch = torch.zeros((), dtype=torch.int64)

    @staticmethod
    def unmet(
        takes: Collection[str], hyperparameters: Mapping[str, Any], rows: Mapping[str, int]
    ) -> str:
        """Why it cannot be judged by a metric that takes these; empty where it can."""
        few = rows["valid"] < 2 * hyperparameters["skip"]
        if few and "valid" in takes:
            return f"its {rows['valid']:,} validation rows choose, and are too few to be shown too"
        return ""

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        if self.epoch == 0:
            self.rows = valid[self.skip if len(valid) >= 2 * self.skip else 0 :].clone()
            self.epoch.fill_(1)
            yield Epoch(1, 1)

    def sample(self, n: int) -> Tensor:
        n = min(n, len(self.rows))
        return self.rows[torch.arange(n) * len(self.rows) // n if self.spread else slice(n)].clone()

    def state_dict(self) -> dict[str, Tensor]:
        return {"rows": self.rows, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.rows = state["rows"].to(self.rows)
        self.epoch.copy_(state.get("train.epoch", torch.tensor(1)))
