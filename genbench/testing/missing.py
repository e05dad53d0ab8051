"""What a model's state lacks: the usual reason why a resumed training ends elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

ADVICE = "genbench.models.state keeps nets, optimisers and counters in two lines"


def missing(trained: Any, restored: Any) -> str:
    """Attributes of a trained model that one which was given its state does not have, in words.

    Looks at nets, optimisers, tensors and numbers; empty where all of them are the same.
    """
    found = [
        text
        for name, value in vars(trained).items()
        for text in _differs(name, value, getattr(restored, name, None))
    ]
    return "; ".join([*found, ADVICE]) if found else ""


def _differs(name: str, then: Any, now: Any) -> Iterator[str]:
    if isinstance(then, Optimizer) and isinstance(now, Optimizer):
        if not _same(_moments(then), _moments(now)):
            kind = type(then).__name__
            yield f"what the optimiser `{name}` ({kind}) has gathered is not in state_dict"
    elif isinstance(then, nn.Module) and isinstance(now, nn.Module):
        if not _same([*then.state_dict().values()], [*now.state_dict().values()]):
            yield f"the net `{name}` is not in state_dict as a whole"
    elif isinstance(then, Tensor) and isinstance(now, Tensor):
        if not _same([then], [now]):
            yield f"the tensor `{name}` is not restored"
    elif isinstance(then, int | float) and isinstance(now, int | float) and then != now:
        yield f"`{name}` is {then} after the training, and {now} after load_state_dict"


def _moments(optimizer: Optimizer) -> list[Tensor]:
    state = optimizer.state_dict()["state"]
    return [v for values in state.values() for v in values.values() if isinstance(v, Tensor)]


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(
        a.shape == b.shape and torch.equal(a, b) for a, b in pairs
    )
