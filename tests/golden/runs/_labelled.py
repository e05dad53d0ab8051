"""A training of a model that is given labels, as `_training.trained` is of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ._training import trained


class Told:
    """A labelled model that is told its labels beforehand."""

    def __init__(self, model: Any, labels: Tensor) -> None:
        self.model, self.labels = model, labels

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Any]:
        return self.model.fit(train, valid, self.labels)


def trained_by(
    model: Any, train: Tensor, labels: Tensor, valid: Tensor | None = None
) -> dict[str, Any]:
    """The number and total of each epoch, and all losses in order."""
    return trained(Told(model, labels), train, valid)


def restored(model: Any, state: Mapping[str, Tensor]) -> Any:
    """The model with a copy of this state."""
    model.load_state_dict({name: tensor.clone() for name, tensor in state.items()})
    return model


def in_turn(n: int, classes: int = 3, hidden: int = 0) -> Tensor:
    """n labels, int64, the classes in turn; of the last ones so many are hidden."""
    labels = torch.arange(n) % classes
    labels[n - hidden :] = -1
    return labels
