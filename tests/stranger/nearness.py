"""A metric of a stranger: how far a test row is from the nearest sample; less is better."""

import math

import torch

from genbench.protocols import Score


class Nearness:
    unit = "pixels"
    best = "low"

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def __call__(self, samples, valid, test, train):
        far = torch.cdist(test.double(), samples.double()).amin(dim=1) ** self.power
        error = far.std().item() / math.sqrt(len(far))
        return Score(far.mean().item(), error, far, notes={"train_rows": len(train)})
