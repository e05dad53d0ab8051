"""A stranger's world of two dimensions with a ladder of its own, and metrics that are planted."""

from __future__ import annotations

import math

import torch

from genbench import Score, Split
from genbench.worlds.divergences import Divergence
from genbench.worlds.ladder import Rung


class Normal:
    """N(0, 1) in two dimensions."""

    def log_prob(self, x):
        return -(x.double().square().sum(dim=1)) / 2 - math.log(2 * math.pi)

    def draw(self, n):
        return torch.randn(n, 2)


class Plane:
    """A world: a family of shifts by a, KL a² both ways, one of shrunken rows, and copies."""

    shape, range, levels, folds = (2,), (-math.inf, math.inf), None, 1
    digest, caveat, density = "0" * 64, "", Normal()

    def __init__(self, data_dir):
        self.rows = torch.randn(600, 2, generator=torch.Generator().manual_seed(0))

    def split(self, fold):
        return Split(*self.rows.split([400, 100, 100]))

    def ladder(self, draw):
        scale = 1.0 if draw is None else 1.0 + draw / 100
        shifts = [0.0, 0.3 * scale, 0.7 * scale, 1.2 * scale]
        rungs = [self._shifted(a) for a in shifts]
        rungs += [self._scaled(a) for a in (0.9, 0.7, 0.4)]
        copied = Rung(
            "copied",
            "copies",
            1.0,
            *[Divergence(3.0, 0.1)] * 3,
            Divergence(1.0, None),
            self._copy,
            True,
        )
        return [*rungs, copied]

    def _shifted(self, a):
        kl = Divergence(a * a)
        tv = Divergence(math.erf(a / 2))
        family = "shift" if a else "truth"

        def draw(n, random):
            return torch.from_numpy(random.normal(a, 1.0, (n, 2))).float()

        return Rung(f"shift_{a:.2f}" if a else "truth", family, a, kl, kl, kl, tv, draw)

    def _scaled(self, a):
        kl = Divergence(2 * math.log(a) + a**-2 - 1)
        reverse = Divergence(-2 * math.log(a) + a**2 - 1)

        def draw(n, random):
            return torch.from_numpy(random.normal(0.0, a, (n, 2))).float()

        return Rung(f"scale_{a}", "scale", a, kl, reverse, reverse, reverse, draw)

    def _copy(self, n, random):
        return self.rows[:400][random.integers(400, size=n)]


class Mean:
    """How far the mean is from the test rows'; its claimed error is as it should be."""

    unit, best, claimed = "distance", "low", 0.1

    def __call__(self, samples, test):
        far = (samples.mean(dim=0) - test.mean(dim=0)).norm()
        return Score(float(far), self.claimed)


class Sure(Mean):
    """The same with an error that is claimed to be a hundred times smaller."""

    claimed = 0.001


class Names:
    """Fails where it is given anything but rows."""

    unit, best = "rows", "high"

    def __call__(self, samples, train, valid, test):
        rows = [samples, train, valid, test]
        assert all(type(part) is torch.Tensor and part.shape[1] == 2 for part in rows)
        assert len(samples) == len(test)
        return Score(float(len(train)))


class Refuses:
    """Refuses rows that are copies."""

    unit, best = "rows", "high"

    def __call__(self, samples, train):
        if torch.cdist(samples[:1], train).min() == 0:
            raise ValueError("these are copies")
        return Score(0.0)


class OfModels:
    """Scores a trained model."""

    unit, best, requires = "nats", "high", ("log_prob",)

    def __call__(self, model, test):
        return Score(0.0)
