"""Nets, optimisers and counters of a model <-> the one flat dict of tensors that genbench keeps.

    KEEPS, TRAINS = ("net", "epoch"), ("adam",)

    def state_dict(self):
        return state.flat(self, KEEPS, TRAINS)

    def load_state_dict(self, given):
        state.restore(self, given, KEEPS, TRAINS)

Both name attributes of the model: a `torch.nn.Module`, a `torch.optim.Optimizer`, a tensor, or a
number. What TRAINS names gets the prefix `train.`: only training needs it, and the finished weights
are kept without. Keep the count of epochs in KEEPS, so that a finished model knows that it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

TRAIN = "train."
_NUMBERS = (bool, int, float)


def flat(model: Any, keeps: Sequence[str], trains: Sequence[str] = ()) -> dict[str, Tensor]:
    """The named attributes of a model as tensors by dotted names, each its own copy.

    Raises TypeError for an attribute that is no net, optimiser, tensor or number.

    >>> class Line:
    ...     def __init__(self):
    ...         self.net, self.epoch = nn.Linear(1, 1), 3
    ...         self.adam = torch.optim.Adam(self.net.parameters())
    >>> sorted(flat(Line(), ["net", "epoch"], ["adam"]))[:3]
    ['epoch', 'net.bias', 'net.weight']
    """
    found = {}
    for prefix, names in (("", keeps), (TRAIN, trains)):
        for name in names:
            for key, value in _tensors(name, getattr(model, name)):
                found[prefix + key] = value.detach().clone()
    return found


def restore(
    model: Any, given: Mapping[str, Tensor], keeps: Sequence[str], trains: Sequence[str] = ()
) -> None:
    """Puts back what `flat` gave, with or without the entries that only training needs.

    Raises KeyError where an entry is missing that more than training needs.
    """
    for name in keeps:
        _put(model, name, given)
    own = {key.removeprefix(TRAIN): value for key, value in given.items() if key.startswith(TRAIN)}
    for name in trains if own else ():
        _put(model, name, own)


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, _NUMBERS):
        yield name, _number(value)
    elif isinstance(value, nn.Module):
        yield from ((f"{name}.{key}", tensor) for key, tensor in value.state_dict().items())
    elif isinstance(value, Optimizer):
        yield from ((f"{name}.{key}", tensor) for key, tensor in _of_optimizer(value))
    else:
        raise TypeError(
            f"{name} is {type(value).__name__}; a state holds nets, optimisers, tensors and numbers"
        )


def _of_optimizer(optimizer: Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Its moments and counts by parameter, and the settings that a schedule may change."""
    said = optimizer.state_dict()
    for index, values in said["state"].items():
        for key, value in values.items():
            if value is not None:
                yield f"{index}.{key}", value if isinstance(value, Tensor) else _number(value)
    for index, group in enumerate(said["param_groups"]):
        for key, value in group.items():
            if isinstance(value, _NUMBERS):
                yield f"group {index}.{key}", _number(value)


def _number(value: float) -> Tensor:
    kind = {bool: torch.bool, int: torch.int64}.get(type(value), torch.float64)
    return torch.tensor(value, dtype=kind)


def _put(model: Any, name: str, given: Mapping[str, Tensor]) -> None:
    value = getattr(model, name)
    if isinstance(value, Tensor):
        value.data.copy_(given[name])
    elif isinstance(value, _NUMBERS):
        setattr(model, name, type(value)(given[name].item()))
    elif isinstance(value, nn.Module):
        value.load_state_dict(_below(name, given))
    elif isinstance(value, Optimizer):
        _put_optimizer(value, _below(name, given))


def _below(name: str, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of one attribute, by what follows its name."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in given.items() if key.startswith(start)}


def _put_optimizer(optimizer: Optimizer, given: Mapping[str, Tensor]) -> None:
    """Its state may be empty: torch makes it at the first step."""
    said = optimizer.state_dict()
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in given.items():
        of, _, key = name.partition(".")
        if not of.startswith("group "):
            moments.setdefault(int(of), {})[key] = value.clone()
            continue
        group = said["param_groups"][int(of.removeprefix("group "))]
        group[key] = value.item()
    optimizer.load_state_dict({**said, "state": moments})
