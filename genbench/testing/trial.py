"""A model trained once as the runner trains it, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from genbench.plugins.settings import told
from genbench.protocols import Epoch, abilities
from genbench.running import training
from genbench.running.rows import sampled
from genbench.seeding import seeded
from genbench.testing.rows import Examples

State = dict[str, Tensor]


class Trial:
    """A model class, what it is tried on, one trained model, and its state after each epoch."""

    def __init__(self, cls: Any, hyperparameters: Mapping[str, Any], examples: Examples) -> None:
        self.cls: Any = cls
        self.hyperparameters: Mapping[str, Any] = hyperparameters
        self.examples: Examples = examples
        self.kind: str = cls.samples
        self.can: frozenset[str] = abilities(cls)
        self.shape: tuple[int, ...] = examples.shape
        self.train: Tensor = examples.train.clone()
        self.valid: Tensor = examples.valid.clone()
        labels = examples.labels if "labelled" in self.can else None
        self.labels: Tensor | None = None if labels is None else labels.clone()
        self.model: Any = self.build()
        self.epochs: list[Epoch] = []
        self.states: list[State] = []  # after each epoch
        for epoch in self.steps(self.model):
            self.epochs.append(epoch)
            self.states.append(copied(self.model))
        self.state: State = copied(self.model)
        self.rows: Tensor = self.draw(self.model)

    def build(self) -> Any:
        with seeded("build"):
            of_data = told(self.cls, self.examples.levels)
            return self.cls(self.shape, **self.hyperparameters, **of_data)

    def steps(self, model: Any, done: int = 0) -> Iterator[Epoch]:
        return steps(model, self.train, self.valid, done, self.labels)

    def trained(self, train: Tensor, labels: Tensor | None, valid: Tensor | None = None) -> Any:
        """Another model of the class, trained on these rows and labels."""
        model = self.build()
        for _ in steps(model, train, self.valid if valid is None else valid, labels=labels):
            pass
        return model

    def finished(self) -> Any:
        """The trained model as it is after its weights were kept and loaded."""
        model = self.build()
        kept = {k: v for k, v in self.state.items() if not k.startswith(training.TRAINING_ONLY)}
        model.load_state_dict({k: v.clone() for k, v in kept.items()})
        return model

    def draw(self, model: Any, n: int = 7, labels: Tensor | None = None) -> Tensor:
        """n samples, seeded as the runner does; of labels in turn, where it is asked for labels."""
        if labels is None and "conditional" in self.can:
            labels = torch.arange(n) % max(self.examples.classes, 1)
        with seeded("sample"):
            return sampled(model, n, labels).detach()

    def ends_alike(self, model: Any) -> bool:
        alike = equal(model.state_dict(), self.state)
        return alike and torch.equal(self.draw(model), self.rows)


def steps(
    model: Any, train: Tensor, valid: Tensor, done: int = 0, labels: Tensor | None = None
) -> Iterator[Epoch]:
    """The epochs of `fit` as the runner drives them, seeded one by one; at most 1,000."""
    return islice(training.epochs(model, train, valid, (), done, labels=labels), 1000)


def copied(model: Any) -> State:
    """A model's state, which it can no longer change."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two states are the same to the last bit."""
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )
