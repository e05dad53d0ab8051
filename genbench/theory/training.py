"""How pages train: a registered model by its own `fit`, driven as the runner drives it.

k of Algorithm 1 is all that a page needs to freeze G: where k exceeds the number of updates, D
moves in every one of them and G in none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from genbench.plugins import registry
from genbench.protocols import Epoch
from genbench.running.training import epochs
from genbench.seeding import seeded
from genbench.theory.recipes import Recipe

Stream = tuple[str | int, ...]
NEVER = 10**9  # updates of D before one of G
OF_G = "G."  # begins the names of G's entries in a state


def dataset(name: str, rows: int) -> tuple[Any, Tensor]:
    """A registered dataset that needs no files, and so many of its training rows."""
    source = registry.load("dataset", name)(None)
    return source, source.split(0).train[:rows]


def built(recipe: Recipe, d: int, stream: Stream, **changes: Any) -> Any:
    """A new model for rows (n, d), with some hyperparameters changed."""
    cls = registry.load("model", recipe["trains"])
    with seeded(*stream, "build"):
        return cls((d,), **{**recipe.model, **changes})


def trained(model: Any, rows: Tensor, stream: Stream) -> Iterator[Epoch]:
    """The epochs of its `fit`, each from a random stream of its own."""
    return epochs(model, rows, rows[:0], stream)


def drawn(sample: Callable[[int], Tensor], n: int, *stream: str | int) -> Tensor:
    """n rows from a stream of their own."""
    with seeded(*stream, "draw"), torch.no_grad():
        return sample(n)


def state(model: Any) -> dict[str, Tensor]:
    """A copy of the state, which training changes in place."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@dataclass(frozen=True)
class Scale:
    """y = (x - centre) / spread: nets take rows of mean 0 and deviation 1 more easily.

    Neither D* nor JSD nor V changes by it, nor by any other one-to-one map of x.
    """

    centre: float
    spread: float

    def __call__(self, x: Tensor) -> Tensor:
        return (x - self.centre) / self.spread

    def back(self, y: Tensor) -> Tensor:
        """x of y."""
        return self.centre + self.spread * y


def scale_of(rows: Tensor) -> Scale:
    """By the mean and deviation of all entries of rows."""
    return Scale(float(rows.double().mean()), float(rows.double().std()))


def scaled_G(given: Mapping[str, Tensor], scale: Scale) -> dict[str, Tensor]:
    """The entries of scale(G(z)), where G's last layer W h + b is linear: W / s and (b - c) / s."""
    own = {k: v.clone() for k, v in given.items() if k.startswith(OF_G)}
    weight, bias = [*own][-2:]
    own[weight] /= scale.spread
    own[bias] = scale(own[bias])
    return own


@dataclass(frozen=True)
class Critic:
    """A D that trained alone to its optimum, against a G that did not move."""

    model: Any
    scale: Scale

    def logit(self, x: Tensor) -> Tensor:
        """a of rows x, (n,), float64."""
        return self.model.discriminate(self.scale(x)).double()

    def value(self, real: Tensor, fake: Tensor) -> float:
        """V = mean log D(x) + mean log(1 - D(G(z))) over rows, best of rows it never saw."""
        log_D, log_not_D = logsigmoid(self.logit(real)), logsigmoid(-self.logit(fake))
        return float(log_D.mean() + log_not_D.mean())


def retrained(recipe: Recipe, given: Mapping[str, Tensor], rows: Tensor, stream: Stream) -> Critic:
    """A new D alone, against the fixed G of a state: Algorithm 1 whose k has no end."""
    model = built(recipe, rows.shape[1], stream, k=NEVER)
    model.load_state_dict(
        {**state(model), **{k: v for k, v in given.items() if k.startswith(OF_G)}}
    )
    fakes = drawn(model.sample, len(rows), *stream)
    scale = scale_of(torch.cat([rows, fakes]))
    fresh = built(recipe, rows.shape[1], stream, k=NEVER)
    fresh.load_state_dict({**state(fresh), **scaled_G(given, scale)})
    for _ in trained(fresh, scale(rows), stream):
        pass
    return Critic(fresh, scale)
