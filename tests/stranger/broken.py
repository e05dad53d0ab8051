"""Models that each break one rule; the contract tests must reject every one of them."""

import os
import signal

import torch

from stranger.drift import Drift


class WrongRange(Drift):
    def sample(self, n):
        return super().sample(n) * 2


class NotANumber(Drift):
    def sample(self, n):
        return super().sample(n) * float("nan")


class TooMany(Drift):
    def sample(self, n):
        return super().sample(n + 1)


class NonDeterministic(Drift):
    def sample(self, n):
        return torch.rand(n, len(self.mean), generator=torch.Generator().manual_seed(self._any()))

    @staticmethod
    def _any():
        return int.from_bytes(os.urandom(4), "big")


class NotResumable(Drift):
    """Forgets its speed, which changes as it trains."""

    def fit(self, train, valid):
        for epoch in super().fit(train, valid):
            self.rate *= 0.5
            yield epoch


class ChangesItsInput(Drift):
    def fit(self, train, valid):
        train *= 0.5
        yield from super().fit(train, valid)


class HardCodedD(Drift):
    def __init__(self, shape, epochs: int) -> None:
        super().__init__((1, 4, 4), epochs)


class IgnoresItsData(Drift):
    def fit(self, train, valid):
        yield from super().fit(torch.full_like(train, 0.5), valid)


class WrongShape(Drift):
    def sample(self, n):
        return super().sample(n)[:, 1:]


class Diverges(Drift):
    def fit(self, train, valid):
        for epoch in super().fit(train, valid):
            epoch.losses["distance"] = float("inf")
            yield epoch


class Raises(Drift):
    def fit(self, train, valid):
        yield from ()
        raise RuntimeError("the stranger's own mistake")


class Dies(Drift):
    """Its process is killed in the second epoch, as an out-of-memory killer would."""

    def fit(self, train, valid):
        for epoch in super().fit(train, valid):
            if epoch.index == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield epoch
