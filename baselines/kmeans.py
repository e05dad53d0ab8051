"""A reference row: the centroids of the training data as samples (Theis et al. 2016, Table 1)."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from genbench.protocols import Epoch

CHUNK = 1000  # rows at a time


def nearest(x: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """min_j |x - c_j|² (at least 0) and its j, for each row of `x`, by |c_j|² - 2 x·c_j + |x|²."""
    sq_norms = (centroids**2).sum(dim=1)
    parts = [(sq_norms - 2 * rows @ centroids.T).min(dim=1) for rows in x.split(CHUNK)]
    sq_dist = torch.cat([part.values for part in parts]) + (x**2).sum(dim=1)
    return sq_dist.clamp(min=0), torch.cat([part.indices for part in parts])


class KMeans:
    """Lloyd's algorithm from random training rows, one step an epoch.

    There are min(`centroids`, a fifth of the training rows) centroids; one that is nearest to no
    row stays where it is. `sample(n)` hands back the first n of them, so never more than there are.
    """

    revision = 1
    samples = "mean"

    def __init__(self, shape: tuple[int, ...], centroids: int = 10000, steps: int = 12) -> None:
        self.most, self.steps = centroids, steps
        self.centroids = torch.empty(0, math.prod(shape))
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        for epoch in range(int(self.epoch) + 1, self.steps + 1):
            if epoch == 1:
                k = max(min(self.most, len(train) // 5), 1)
                self.centroids = train[torch.randperm(len(train), device=train.device)[:k]]
            sq_dist, owner = nearest(train, self.centroids)
            count = torch.bincount(owner, minlength=len(self.centroids)).unsqueeze(1)
            total = torch.zeros_like(self.centroids).index_add_(0, owner, train)
            self.centroids = torch.where(count > 0, total / count, self.centroids)
            self.epoch.fill_(epoch)
            yield Epoch(epoch, self.steps, {"squared distance": float(sq_dist.mean())})

    def sample(self, n: int) -> Tensor:
        return self.centroids[:n].clone()

    def state_dict(self) -> dict[str, Tensor]:
        return {"centroids": self.centroids, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.centroids = state["centroids"].to(self.centroids)
        self.epoch.copy_(state.get("train.epoch", torch.tensor(self.steps)))
