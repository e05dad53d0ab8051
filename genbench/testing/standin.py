"""What a metric is given where it takes a model, a density or features: as simple as can be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from genbench.protocols import Epoch
from genbench.seeding import seeded

STD = 0.1


class StandIn:
    """Round Gaussians, one for each class: a model that has every ability, and a density.

    p(x) = mean over k of N(x; means[k], STD²). The code of a row is its distance from the middle.
    """

    samples = "mean"
    labelled = conditional = True
    observation = "gaussian"
    variance: float = STD**2

    def __init__(self, rows: Tensor, labels: Tensor) -> None:
        classes = range(int(labels.max()) + 1)
        self.means = torch.stack([rows[labels == label].mean(dim=0) for label in classes])

    def fit(self, train: Tensor, valid: Tensor, labels: Tensor) -> Iterator[Epoch]:
        """It is trained when it is built."""
        yield from ()

    def draw(self, n: int) -> Tensor:
        return self.sample(n, torch.randint(len(self.means), (n,)))

    def sample(self, n: int, labels: Tensor) -> Tensor:
        return self.means[labels] + STD * torch.randn(n, self.means.shape[1])

    def log_prob(self, x: Tensor) -> Tensor:
        k, d = self.means.shape
        constant = math.log(k) + d * math.log(STD * math.sqrt(2 * math.pi))
        return self._exponents(x).logsumexp(dim=1) - constant

    def classify(self, x: Tensor) -> Tensor:
        return self._exponents(x).log_softmax(dim=1)

    def classify_control(self, x: Tensor) -> Tensor:
        """By the first half of each row's numbers."""
        return self.classify(
            torch.where(torch.arange(x.shape[1], device=x.device) < x.shape[1] / 2, x, 0.0)
        )

    def _exponents(self, x: Tensor) -> Tensor:
        sq_dist = (x.double()[:, None] - self.means).square().sum(dim=2)
        return -sq_dist / (2 * STD**2)

    def discriminate(self, x: Tensor) -> Tensor:
        return self.log_prob(x).float()

    def prior(self, n: int) -> Tensor:
        return self.encode(self.draw(n))

    def encode(self, x: Tensor) -> Tensor:
        return x - self.means.mean(dim=0)

    def decode(self, z: Tensor) -> Tensor:
        return z + self.means.mean(dim=0)

    def code(self, t: Tensor) -> Tensor:
        return t

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of t ~ N(0, I), where x = t + middle + STD e."""
        means = self.encode(x) / (1 + self.variance)
        return means, torch.full_like(means, math.sqrt(self.variance / (1 + self.variance)))

    def represent(self, x: Tensor) -> Tensor:
        return self.encode(x)

    def represent_initial(self, x: Tensor) -> Tensor:
        """It sees every other number of a row."""
        seen = torch.arange(x.shape[1]) % 2 == 0
        return torch.where(seen, self.encode(x), 0)

    def inpaint(self, x: Tensor, known: Tensor) -> Tensor:
        return torch.where(known, x, self.means.mean(dim=0))

    def interpolate(self, n: int, steps: int) -> Tensor:
        start, end = self.prior(2 * n).view(2, n, 1, -1)
        share = torch.linspace(0, 1, steps).view(1, steps, 1)
        return self.decode(torch.lerp(start, end, share).flatten(0, 1))

    def state_dict(self) -> dict[str, Tensor]:
        return {"means": self.means}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.means: Tensor = state["means"]


class Projections:
    """Features: sixteen fixed random projections of rows; of centred rows they are logits."""

    def __call__(self, rows: Tensor) -> Tensor:
        """(n, 16) of rows (n, d)."""
        with seeded("features"):
            return rows @ torch.randn(rows.shape[1], 16).to(rows)

    def classify(self, rows: Tensor) -> Tensor:
        """Logits (n, 16): so many classes that two kinds of rows mostly fall into two of them."""
        return self(rows - 0.5)
