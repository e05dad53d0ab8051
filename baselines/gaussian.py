"""A reference row: the Gaussian with the mean and covariance of the training data."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from genbench.protocols import Epoch

CHUNK = 1000  # rows at a time


def root_of_covariance(x: Tensor, mean: Tensor) -> Tensor:
    """A with A Aᵀ = E[(x - mean)(x - mean)ᵀ] over the rows of `x`, float64 (d, d).

    A = V Λ^½ from the eigenvectors V. A singular covariance is kept singular: eigenvalues up to
    d ε max λ, ε that of float64, are rounding (negative ones too) and count as 0.
    """
    covariance = mean.new_zeros(len(mean), len(mean))
    for rows in x.split(CHUNK):
        centred = rows - mean
        covariance += centred.T @ centred / len(x)
    values, vectors = torch.linalg.eigh(covariance)
    rounding = len(mean) * torch.finfo(values.dtype).eps * values.abs().max()
    return vectors * torch.where(values > rounding, values, 0).sqrt()


class Gaussian:
    """x = mean + A z, z ~ N(0, I); where the covariance is singular, x stays in the data's span.

    clip: whether samples are clipped to [0, 1].
    """

    revision = 1
    samples = "mean"
    sampling = ("clip",)

    def __init__(self, shape: tuple[int, ...], clip: bool = True) -> None:
        d = math.prod(shape)
        self.clip = clip
        self.mean, self.root = torch.zeros(d), torch.zeros(d, d)
        self.epoch = torch.zeros((), dtype=torch.int64)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        if self.epoch == 0:
            mean = train.mean(dim=0, dtype=torch.float64)
            self.mean.copy_(mean)
            self.root.copy_(root_of_covariance(train, mean))
            self.epoch.fill_(1)
            yield Epoch(1, 1)

    def sample(self, n: int) -> Tensor:
        chunks = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
        noise = (self.mean.new_empty(rows, len(self.mean)).normal_() for rows in chunks)
        x = torch.cat([self.mean + z @ self.root.T for z in noise])
        return x.clamp(0, 1) if self.clip else x

    def notes(self) -> dict[str, int]:
        """rank: the number of dimensions that the samples span, before any clipping."""
        return {"rank": int(self.root.any(dim=0).sum())}

    def state_dict(self) -> dict[str, Tensor]:
        return {"mean": self.mean, "root": self.root, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.mean.copy_(state["mean"])
        self.root.copy_(state["root"])
        self.epoch.copy_(state.get("train.epoch", torch.tensor(1)))
