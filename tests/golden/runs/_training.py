"""What the runs of all models share: made-up data, a training, and what a trained model gives."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor


def pictures(n: int, shape: tuple[int, ...], seed: int = 1, border: bool = False) -> Tensor:
    """n made-up 8-bit pictures (n, d) in [0, 1], brighter from one pixel to the next.

    border: whether the first pixel is always black and the last white.
    """
    draw = torch.Generator().manual_seed(seed)
    d = math.prod(shape)
    shading = torch.linspace(0.1, 0.7, d)
    rows = ((shading + 0.3 * torch.rand(n, d, generator=draw)) * 255).round() / 255
    if border:
        rows[:, 0], rows[:, -1] = 0.0, 1.0
    return rows


def trained(
    model: Any, train: Tensor, valid: Tensor | None = None, only: Collection[str] = ()
) -> dict[str, Any]:
    """Trains the model to its end: the number and total of each epoch, and all losses in order.

    only: the names of the losses that count; none: all.
    """
    epochs = list(model.fit(train, train[:0] if valid is None else valid))
    counted = [float(count) for epoch in epochs for count in (epoch.index, epoch.total)]
    named = [pair for epoch in epochs for pair in epoch.losses.items()]
    losses = [loss for name, loss in named if not only or name in only]
    return {"epochs": counted, **({"losses": torch.tensor(losses)} if losses else {})}


def weights(model: Any) -> dict[str, Tensor]:
    """What sampling reads of a model's state, as one vector for each kind: all W, all b.

    What only training reads shows in the epochs that follow.
    """
    kinds: dict[str, list[Tensor]] = {}
    for name, value in model.state_dict().items():
        if not name.startswith("train."):
            kinds.setdefault(name.partition(".")[0], []).append(value.double().flatten())
    return {kind: torch.cat(values) for kind, values in kinds.items()}
