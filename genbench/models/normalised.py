"""Nets of hidden layers that are normalised over the batch, and may be told a code in each of them.

None has a bias or a gain. While a net trains, a layer is normalised by the batch that is there;
else by what was averaged over the batches of the last `alone`, so that rows do not meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

EPSILON = 1e-8  # beside the variance: jeffdonahue/bigan net.py


class Hidden(nn.Module):
    """h' = f(N(W h + V z)), (n, outputs); f(a) = a where a > 0, else leak · a.

    N(a) = (a - mean a) / √(var a + ε) over the rows, if `normalised`, else a. There is no V where
    `codes`, the width of z, is 0. W, V from N(0, std²).
    """

    def __init__(
        self, inputs: int, outputs: int, codes: int, normalised: bool, leak: float, std: float
    ) -> None:
        super().__init__()
        self.leak = leak
        self.W = linear(inputs, outputs, std)
        self.V = linear(codes, outputs, std) if codes else None
        # without a momentum its statistics are plain means over the batches
        N = nn.BatchNorm1d(outputs, eps=EPSILON, momentum=None, affine=False)
        self.N = N if normalised else None

    def forward(self, h: Tensor, z: Tensor | None) -> Tensor:
        a = self.W(h) if self.V is None else self.W(h) + self.V(z)
        return leaky_relu(a if self.N is None else self.N(a), self.leak)


class Net(nn.Module):
    """x (n, inputs), z (n, codes) -> hidden layers as wide as `widths` -> linear (n, outputs).

    Layers after the first are normalised, and told z where `codes` is not 0. first: whether the
    first one is normalised too. top_std: of the last weights; None: std.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        outputs: int,
        std: float,
        leak: float,
        codes: int = 0,
        first: bool = False,
        top_std: float | None = None,
    ) -> None:
        super().__init__()
        self.layers: nn.ModuleList = nn.ModuleList()
        for i, width in enumerate(widths):
            told, normalised = (codes, True) if i > 0 else (0, first)
            self.layers.append(Hidden(inputs, width, told, normalised, leak, std))
            inputs = width
        self.top: nn.Linear = linear(inputs, outputs, std if top_std is None else top_std)
        self.eval()

    def hidden(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """h of the last hidden layer, (n, its width)."""
        for layer in self.layers:
            x = layer(x, z)
        return x

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        return self.top(self.hidden(x, z))


def linear(inputs: int, outputs: int, std: float) -> nn.Linear:
    """W h, W from N(0, std²), without a bias."""
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=std)
    return layer


@contextmanager
def alone(*nets: nn.Module) -> Iterator[None]:
    """Each batch inside is normalised by itself; rows after it by the means over these batches."""
    for net in nets:
        for layer in net.train().modules():
            if isinstance(layer, nn.BatchNorm1d):
                layer.reset_running_stats()
    yield
    for net in nets:
        net.eval()


def full_batches(n: int, batch: int, device: torch.device) -> tuple[Tensor, ...]:
    """All n rows in random order, `batch` at a time; the last batch is filled up from the first."""
    order = torch.randperm(n, device=device)
    count = -(-n // batch)
    return order[torch.arange(count * batch, device=device) % n].split(batch)


def any_rows(x: Tensor, n: int) -> Tensor:
    """n rows of x (m, d), each drawn from all of them."""
    return x[torch.randint(len(x), (n,), device=x.device)]
