"""What people bring: datasets, models, metrics; and what passes between them.

One tensor convention: flat rows `(n, d)`, float32, in the dataset's declared range. Models and
metrics are structural: a class with these members, registered by an entry point, is one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Split:
    """One fold of a dataset: tensors `(n, d)`, float32, in the dataset's range.

    `train` keeps the file's order. Labels, where the data have them, are int64 `(n,)`.
    """

    train: Tensor
    valid: Tensor
    test: Tensor
    train_labels: Tensor | None = None
    valid_labels: Tensor | None = None
    test_labels: Tensor | None = None


@dataclass(frozen=True)
class Epoch:
    """What one pass of training did: the `index`-th (from 1) of `total`, mean losses by name."""

    index: int
    total: int
    losses: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """A number and its error.

    `per_example` is float64 `(n_test,)` in the order of the test rows, for paired tests, or None.
    `details` is JSON-able; `details["warnings"]` is a list of sentences shown under the table.
    """

    value: float
    stderr: float
    per_example: Tensor | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Dataset(Protocol):
    """Built as `Dataset(data_dir)`, a folder that may not exist; reads its files when asked.

    shape: of one example, such as (1, 28, 28); d is its product.
    range: least and greatest value, (0.0, 1.0) for images, infinite ends where there is no bound.
    levels: how many values a pixel of the file can take (256), or None for continuous data;
        samples of such data are rounded to k / (levels - 1) before they are scored.
    folds: how many splits there are.
    """

    shape: tuple[int, ...]
    range: tuple[float, float]
    levels: int | None
    folds: int

    def __init__(self, data_dir: Any) -> None: ...

    @property
    def digest(self) -> str:
        """sha256, in hex, of the bytes that are used."""
        ...

    @property
    def caveat(self) -> str:
        """What a column's head must say of these data; empty for the canonical ones."""
        ...

    def split(self, fold: int) -> Split:
        """The `fold`-th split; raises DataError on missing or damaged files."""
        ...


class GenerativeModel(Protocol):
    """Built as `Model(shape, **hyperparameters)`; draws from torch's global generator.

    samples: "mean" or "binary", what `sample` returns.
    Optional `sampling`: names of the hyperparameters that only `sample` reads. With `chains` and
    `thinning` among them the samples are states of Markov chains, in the order of the steps: rows
    [t chains, (t + 1) chains) are the t-th kept states of all chains, `thinning` steps apart.
    `start`, where there is one, is "noise", or "data" for training images; `reconstruct`, if true,
    means training images encoded and decoded, and no chain.
    Optional `range`: the only range of data that it can model, such as (0.0, 1.0).
    Optional `interpolate(n, steps)`: rows (n steps, d), line by line, what `steps` points evenly
    along each of n lines between two random codes decode to.
    Optional `notes()`: JSON-able values that the model chose, for the record.
    Optional `revision`: an integer literal in the class's own body, raised whenever the numbers
    that the class gives change. It is read from the source without an import, so an inherited one
    does not count. A model without one is identified by the digest of its code.
    """

    samples: str

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        """Trains on `train` (n, d), one epoch for each step of the iterator.

        Never changes its input. `valid` is empty unless the recipe says `uses_validation`.
        After `load_state_dict` it continues with the epoch that follows; a finished model
        yields nothing.
        """
        ...

    def sample(self, n: int) -> Tensor:
        """n rows (n, d), float32; fewer only from a finite set, never more and never none."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Flat; what only training needs has the prefix `train.`."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Takes what `state_dict` gave, with or without the `train.` entries."""
        ...


class Metric(Protocol):
    """Built as `Metric(**settings)`; settings have defaults that are JSON-able.

    A metric whose `__call__` has a parameter `train` is also given the training rows.
    Optional static `protocols(levels, kind)`: settings by name, other ways to score samples of that
    kind, "mean" or "binary"; how far a table's order depends on the way is what
    `genbench table --robustness` shows.
    Optional static `signature(settings, levels)`: what of its settings the signature of a table
    names, by field; letters, digits, dots and dashes only.
    Optional `revision`: an integer literal in the class's own body, as a model's.
    """

    unit: str
    higher_is_better: bool

    def __call__(self, samples: Tensor, valid: Tensor, test: Tensor) -> Score:
        """Scores samples (m, d) against test (n, d); tunes itself on `valid` only."""
        ...
