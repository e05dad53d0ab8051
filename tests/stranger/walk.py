"""A model of a stranger that samples by Markov chains."""

import math

import torch

from stranger.drift import Drift


class Walk(Drift):
    """Chains that go half-way to the mean at every step, from anywhere or, "data", from there."""

    sampling = ("spread", "chains", "start", "burn_in", "thinning")

    def __init__(
        self,
        shape: tuple,
        epochs: int,
        spread: float = 0.2,
        chains: int = 10,
        start: str = "noise",
        burn_in: int = 2,
        thinning: int = 3,
    ) -> None:
        super().__init__(shape, epochs, spread=spread)
        self.chains, self.start, self.burn_in, self.thinning = chains, start, burn_in, thinning

    def sample(self, n):
        chains = min(self.chains, n)
        x = torch.rand(chains, len(self.mean)) if self.start == "noise" else self.mean
        kept = []
        for t in range(1, self.burn_in + math.ceil(n / chains) * self.thinning + 1):
            noise = self.spread * torch.randn(chains, len(self.mean))
            x = ((x + self.mean) / 2 + noise).clamp(0, 1)
            if t > self.burn_in and (t - self.burn_in) % self.thinning == 0:
                kept.append(x)
        return torch.cat(kept)[:n]
