"""The state of a model as one flat dict of tensors, and back: nets, optimisers, counters.

    def state_dict(self):
        return state.flat(self, "encoder", "decoder", "optimizer", "epoch")

    def load_state_dict(self, saved):
        state.restore(self, saved)

What only training needs has the prefix `train.`: optimisers, schedulers and numbers have it anyway,
a net or a tensor where it is named so, "train.critic". Nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

TRAINING = "train."
_NUMBER = ".number"  # ends the key of what an optimiser keeps as a number, not as a tensor


def flat(model: Any, *names: str) -> dict[str, Tensor]:
    """The state of a model's attributes of these names, by `name.part`.

    A net or a tensor as it is; a number as a float64, int64 or bool of no dimension; of anything
    else with a `state_dict`, such as an optimiser or a scheduler, the numbers and tensors in it.
    Raises TypeError for an attribute that is none of these.

    >>> class Fit:
    ...     def __init__(self):
    ...         self.net, self.epoch = nn.Linear(2, 1), 0
    ...         self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.1)
    ...     def state_dict(self):
    ...         return flat(self, "net", "optimizer", "epoch")
    >>> fit = Fit()
    >>> fit.net(torch.ones(1, 2)).sum().backward()
    >>> fit.optimizer.step()
    >>> fit.epoch += 1
    >>> saved = fit.state_dict()
    >>> [name for name in saved if not name.startswith("train.")]
    ['net.weight', 'net.bias']
    >>> saved["train.epoch"], saved["train.optimizer.state.0.step"]
    (tensor(1), tensor(1.))
    >>> other = Fit()
    >>> restore(other, saved)
    >>> other.epoch, torch.equal(other.net.weight, fit.net.weight)
    (1, True)
    """
    state: dict[str, Tensor] = {}
    for name in names:
        attribute = name.removeprefix(TRAINING)
        value = getattr(model, attribute)
        sampled = isinstance(value, nn.Module | Tensor) and name == attribute
        state |= _entries(attribute if sampled else TRAINING + attribute, value)
    return state


def restore(model: Any, saved: Mapping[str, Tensor]) -> None:
    """Brings a model to a state that `flat` gave, with or without its `train.` entries.

    Without them what only training needs stays as it is. An optimiser may be new: what it has kept
    of each parameter is made. Raises ValueError for an entry that the model has no place for, and
    for one that its own `state_dict` has and `saved` lacks.
    """
    missing = [k for k in model.state_dict() if k not in saved and not k.startswith(TRAINING)]
    if missing:
        raise ValueError(f"the saved state lacks {', '.join(missing)}")
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in saved.items():
        name, _, rest = key.removeprefix(TRAINING).partition(".")
        parts.setdefault(name, {})[rest] = tensor
    for name, part in parts.items():
        _restore(model, name, part)


# --- one attribute ---


def _entries(name: str, value: Any) -> dict[str, Tensor]:
    if isinstance(value, Tensor):
        return {name: value.detach()}
    if isinstance(value, nn.Module):
        return {f"{name}.{key}": tensor for key, tensor in value.state_dict().items()}
    if isinstance(value, bool | int | float):
        return {name: _tensor(value)}
    if not hasattr(value, "load_state_dict"):
        raise TypeError(
            f"{name.removeprefix(TRAINING)} is a {type(value).__name__}; a state is made of nets, "
            "tensors, numbers, and what has a state_dict, such as an optimiser"
        )
    state, kept = value.state_dict(), {}
    if isinstance(value, torch.optim.Optimizer):
        kept = _kept(f"{name}.state", state.pop("state"))
        groups = state["param_groups"]
        state["param_groups"] = [{k: v for k, v in g.items() if k != "params"} for g in groups]
    return {**dict(_leaves(name, state)), **kept}


def _restore(model: Any, name: str, part: Mapping[str, Tensor]) -> None:
    value = getattr(model, name, None)
    if isinstance(value, nn.Module):
        value.load_state_dict(part)
    elif isinstance(value, Tensor):
        _fill(model, name, value, part[""])
    elif isinstance(value, bool | int | float):
        setattr(model, name, part[""].item())
    elif value is not None and hasattr(value, "load_state_dict"):
        state = value.state_dict()
        new = _replaced(state, part)
        if isinstance(value, torch.optim.Optimizer):
            new["state"] = _unkept(part)
        value.load_state_dict(new)
    else:
        raise ValueError(
            f"there is a saved {name!r}, and the model's is {value!r}: build it in the constructor"
        )


def _fill(model: Any, name: str, value: Tensor, saved: Tensor) -> None:
    """In place, where the sizes are the same: others may hold the tensor too."""
    if value.shape == saved.shape:
        with torch.no_grad():
            value.copy_(saved)
    else:
        setattr(model, name, saved.to(value, copy=True))


# --- what an optimiser has kept of each parameter ---


def _kept(name: str, state: Mapping[int, Mapping[str, Any]]) -> dict[str, Tensor]:
    """Before its first step an optimiser has kept nothing, so a key says what its tensor was."""
    kept: dict[str, Tensor] = {}
    for index, of_parameter in state.items():
        for key, value in of_parameter.items():
            if isinstance(value, Tensor):
                kept[f"{name}.{index}.{key}"] = value
            elif isinstance(value, bool | int | float):
                kept[f"{name}.{index}.{key}{_NUMBER}"] = _tensor(value)
            elif value is not None:
                raise TypeError(f"{name}: {key} is a {type(value).__name__}, no tensor or number")
    return kept


def _unkept(part: Mapping[str, Tensor]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in part.items():
        if name.startswith("state."):
            _, index, key = name.split(".", 2)
            of_number = key.endswith(_NUMBER)
            value = tensor.item() if of_number else tensor.clone()
            state.setdefault(int(index), {})[key.removesuffix(_NUMBER)] = value
    return state


# --- numbers in dicts and lists ---


def _tensor(number: float) -> Tensor:
    """A number with all its bits: torch makes a float32 of a float."""
    kind = torch.float64 if isinstance(number, float) else None
    return torch.tensor(number, dtype=kind, device="cpu")


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors and numbers in dicts and lists, by their paths."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, bool | int | float):
        yield name, _tensor(value)
    elif isinstance(value, Mapping | list | tuple):
        for key, inner in _items(value):
            yield from _leaves(f"{name}.{key}", inner)


def _replaced(value: Any, saved: Mapping[str, Tensor], name: str = "") -> Any:
    """The same dicts and lists with what was saved in place of the tensors and numbers in them."""
    if isinstance(value, Mapping | list | tuple):
        below = f"{name}." if name else ""
        inner = {k: _replaced(v, saved, f"{below}{k}") for k, v in _items(value)}
        kind: Any = type(value)
        return kind(inner if isinstance(value, Mapping) else inner.values())
    if name not in saved:
        return value
    return saved[name].clone() if isinstance(value, Tensor) else saved[name].item()


def _items(value: Mapping[Any, Any] | Sequence[Any]) -> list[tuple[Any, Any]]:
    return [*(value.items() if isinstance(value, Mapping) else enumerate(value))]
