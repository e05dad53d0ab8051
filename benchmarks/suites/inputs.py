"""The fixed inputs: made-up pictures of MNIST's shape, the same for every commit."""

import torch
from torch import Tensor

SHAPE = (1, 28, 28)
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def pictures(n: int, seed: int, device: str = "cpu") -> Tensor:
    """n rows k/255, three quarters of them black, each near one of 20 prototypes: (n, 784)."""
    fixed, draw = (torch.Generator().manual_seed(s) for s in (0, seed + 1))
    prototypes, ink = torch.rand(20, 784, generator=fixed), torch.rand(20, 784, generator=fixed)
    which = torch.randint(20, (n,), generator=draw)
    near = prototypes[which] + 0.2 * torch.randn(n, 784, generator=draw)
    rows = (near * (ink[which] < 0.25)).clamp(0, 1)
    return ((rows * 255).round() / 255).to(device)


def finish(device: str) -> None:
    """Waits for the device's work, so that all of it is timed."""
    if device == "cuda":
        torch.cuda.synchronize()
