"""A model of a stranger: a mean picture that follows the data, with noise."""

import math
import time

import torch

from genbench.protocols import Epoch


class Drift:
    samples = "mean"
    sampling = ("spread",)

    def __init__(
        self, shape: tuple, epochs: int, rate: float = 0.3, spread: float = 0.1, pause: float = 0.0
    ) -> None:
        self.epochs, self.rate, self.spread, self.pause = epochs, rate, spread, pause
        self.mean = torch.rand(math.prod(shape))
        self.done = torch.tensor(0)

    def fit(self, train, valid):
        for epoch in range(int(self.done) + 1, self.epochs + 1):
            time.sleep(self.pause)
            rows = train[torch.randint(len(train), (20,))]
            self.mean = self.mean + self.rate * (rows.mean(dim=0) - self.mean)
            self.done = torch.tensor(epoch)
            yield Epoch(epoch, self.epochs, {"distance": float((rows - self.mean).norm())})

    def sample(self, n):
        return (self.mean + self.spread * torch.randn(n, len(self.mean))).clamp(0, 1)

    def state_dict(self):
        return {"mean": self.mean, "train.done": self.done}

    def load_state_dict(self, state):
        self.mean = state["mean"]
        self.done = state.get("train.done", torch.tensor(self.epochs))

    def notes(self):
        return {"brightness": float(self.mean.mean())}
