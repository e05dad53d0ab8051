# pyright: strict
"""What people bring: datasets, models, metrics; and what passes between them.

One tensor convention: flat rows `(n, d)`, float32, in the dataset's declared range. Models and
metrics are structural: a class with these members, registered by an entry point, is one of them.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import torch
    from torch import Tensor

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
Points: TypeAlias = "Sequence[tuple[float, float]]"
Best: TypeAlias = 'Literal["high", "low", "real"] | float'

BY_SAMPLES = "score by samples"  # the curve of what parts of the samples score


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

    def to(self, device: torch.device | str) -> Split:
        """The same fold on another device, its labels too."""
        rows = (part.to(device) for part in (self.train, self.valid, self.test))
        labels = (self.train_labels, self.valid_labels, self.test_labels)
        return Split(*rows, *(part if part is None else part.to(device) for part in labels))


@dataclass(frozen=True)
class Labels:
    """The labels of one fold, int64 `(n,)` each; `train` as the model saw them, -1 where hidden."""

    train: Tensor
    valid: Tensor
    test: Tensor


@dataclass(frozen=True)
class Epoch:
    """What one pass of training did: the `index`-th (from 1) of `total`, mean losses by name."""

    index: int
    total: int
    losses: Mapping[str, float] = field(default_factory=dict[str, float])


class NotFinite(ValueError):
    """A score that is no number."""


class Unmet(ValueError):
    """What a metric needs and a trained model lacks, in a sentence: the cell stays empty, with it.

    For what can be told before the training, see `Metric`.
    """


@dataclass(frozen=True)
class Boltzmann:
    """A layered Boltzmann machine of binary units; layer 0 is visible, units meet the next layer's.

    log f(h_0, ..., h_L) = sum_l b_l' h_l + sum_l h_l' W_l h_(l+1);  p = f / Z. An RBM has two
    layers, a DBM three or more.

    weights: W_l, each (units of layer l, units of layer l + 1), one fewer than the layers.
    biases: b_l, each (units of layer l,).
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]


BOUNDS = ("", ">=", "<=", "~")


def bound_of_mean(bounds: Iterable[str]) -> str:
    """What a mean of such values is, see `Score`.

    >>> bound_of_mean(["", ">="]), bound_of_mean([">=", "<="]), bound_of_mean([""])
    ('>=', '~', '')
    """
    kinds = {*bounds} - {""}
    return kinds.pop() if len(kinds) == 1 else "~" if kinds else ""


def bound_of_difference(ours: str, theirs: str) -> str:
    """What ours less theirs is.

    >>> bound_of_difference(">=", "<="), bound_of_difference(">=", ">=")
    ('>=', '~')
    """
    turned = {">=": "<=", "<=": ">="}.get(theirs, theirs)
    return bound_of_mean([ours, turned])


@dataclass(frozen=True)
class Score:
    """A number and its error; raises ValueError for what cannot be one.

    stderr: a standard error, or None where none is known. over: what varies in it, in words, such
        as "over samples and test rows", or why there is none; empty: over the test rows.
    bound: ">=" if what the metric is named for is at least the value, in expectation; "<=" if it is
        at most that; "~" if neither is known; empty for an estimate or an exact value.
    per_example: float64 `(n_test,)` in the order of the test rows, for paired tests, or None; the
        value is its mean.
    curves: by name, points (x, y). "score by sigma: grid" and "score by sigma: chosen" are drawn
        in one panel, y over x; a curve of one point is a mark, and curves that share no x are one
        line. `BY_SAMPLES` names what parts of the samples score, which tables of robustness show.
    warnings: sentences that stand under the table.
    notes: whatever else the metric says, JSON-able. What in it is one number or word is shown by
        its name under the table; nobody else reads it by name.
    """

    value: float
    stderr: float | None = None
    per_example: Tensor | None = None
    curves: Mapping[str, Points] = field(default_factory=dict[str, Points])
    warnings: Sequence[str] = ()
    notes: Mapping[str, JSON] = field(default_factory=dict[str, JSON])
    over: str = ""
    bound: str = ""

    def __post_init__(self) -> None:
        if self.bound not in BOUNDS:
            raise ValueError(
                f"bound must be one of {', '.join(map(repr, BOUNDS))}, got {self.bound!r}"
            )
        if not math.isfinite(self.value):
            raise NotFinite(f"a score must be a finite number, got {self.value}")
        if self.stderr is not None and not math.isfinite(self.stderr):
            raise NotFinite(f"a standard error must be finite, or None, got {self.stderr}")
        if self.stderr is not None and self.stderr < 0:
            raise ValueError(f"a standard error must be at least 0, or None, got {self.stderr}")
        if self.per_example is not None:
            mean = float(self.per_example.double().mean())
            if not math.isclose(mean, self.value, rel_tol=1e-6, abs_tol=1e-6):
                raise ValueError(f"the mean of per_example is {mean}, the value {self.value}")
        for name, points in self.curves.items():
            if not all(len(point) == 2 and all(map(math.isfinite, point)) for point in points):
                raise ValueError(f"curve {name!r} must be of points (x, y), finite numbers each")
        if isinstance(self.warnings, str) or {*map(type, self.warnings)} - {str}:
            raise ValueError(f"warnings must be a list of sentences, got {self.warnings!r}")
        try:
            json.dumps(self.notes, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"notes must be JSON-able: {error}") from error


class Density(Protocol):
    """The distribution that a dataset was drawn from, where it is known."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density, nats, `(n,)`, of rows x `(n, d)` in the data's units."""
        ...

    def draw(self, n: int) -> Tensor:
        """n independent rows `(n, d)`, float32, from torch's global generator."""
        ...


class Dataset(Protocol):
    """Built as `Dataset(data_dir)`, a folder that may not exist; reads its files when asked.

    shape: of one example, such as (1, 28, 28); d is its product.
    range: least and greatest value, (0.0, 1.0) for images, infinite ends where there is no bound.
    levels: how many values a pixel of the file can take (256), or None for continuous data;
        samples of such data are rounded to k / (levels - 1) before they are scored.
    folds: how many splits there are.
    Optional `density`: a `Density`, the distribution of the rows.
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
    Optional `later`: names of hyperparameters that came when results were kept already. Their
        defaults leave every number as it was, and at its default each is in no key.
    Optional `range`: the only range of data that it can model, such as (0.0, 1.0), or
        (-math.inf, math.inf).
    Optional `levels`, a parameter of the constructor: is told the dataset's.
    What else a model can do, it has; `abilities` reads it off the class:
        log_prob(x) -> (n,): log density, nats, of rows x (n, d); of a binary model, or one that is
            told `levels`, log mass.
        prior(n) -> (n, c), decode(z) -> (n, d), encode(x) -> (n, c): codes, rows of codes, and
            codes of rows.
        code(t) -> (n, c): the codes that rows t (n, c) of a standard normal are, where codes of
            such t are distributed as `prior` draws them: t itself for a normal prior.
        posterior(x) -> means and standard deviations, (n, c) each, of the normal distribution of
            t given x that a recognition network answers; `code(t)` is then a code of x.
        observation: "gaussian", "bernoulli" or "continuous_bernoulli", of the rows given decode(z);
            with "gaussian" `variance`, a number, if the model has one of its own.
        represent(x) -> (n, w): features of rows by the model's encoder, such as its last hidden
            layer, where those say more than the codes do.
        represent_initial(x) -> (n, w): the same by the encoder as it was before the first epoch.
        classify(x) -> (n, classes): log probabilities or logits; the greatest is the class.
        classify_control(x) -> (n, classes): the same of such a classifier that `fit` has trained
            beside it on the labelled rows alone, so that one sees what the others are worth.
        discriminate(x) -> (n,): a critic's logit, greater for rows that it takes for data.
        inpaint(x, known) -> (n, d): x with what `known` (n, d), bool, leaves out filled in.
        boltzmann() -> Boltzmann: its weights and biases, where it is such a machine.
        interpolate(n, steps) -> (n steps, d), line by line: what `steps` points evenly along each
            of n lines between two random codes decode to.
        labelled = True: fit(train, valid, labels), labels int64 (n,) of the training rows, -1
            where hidden. The recipe's `labels = 100` shows that many, the others are hidden.
        conditional = True: sample(n, labels), int64 (n,): a row of each label. The runner asks for
            the classes that it has shown in turn, for as many of each as of any other.
    Optional static `unmet(takes, hyperparameters, rows)`: why it cannot be judged by a metric that
        takes these of NEEDS, where there are so many `train`, `valid` and `test` rows; empty where
        it can.
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


class Features(Protocol):
    """Built as `Features(shape, data_dir)`: of one row, such as (1, 28, 28), and a folder.

    The folder may not exist, and building is cheap. Raises UsageError, with the reason, where it
    cannot take such rows, or lacks a file of the folder.

    width: how many numbers it makes of a row.
    digest: sha256, in hex, of what it computes with, such as its weights; empty where there is
        nothing but code.
    Optional `fit(train)`: is told the training rows (n, d) once, before the first call.
    Optional `classify(rows) -> (n, classes)`: logits; the greatest is the class. With it may come
        `head(features) -> (n, classes)`: the same of features that are known already.
    Optional `remembered = False`: it costs nothing, so nothing is remembered or kept.
    Optional `takes`, `quality`: what rows it takes and how good it is, in words.
    Optional `revision`: an integer literal in the class's own body, as a model's.
    """

    width: int

    def __init__(self, shape: Sequence[int], data_dir: Any) -> None: ...

    @property
    def digest(self) -> str: ...

    def __call__(self, rows: Tensor) -> Tensor:
        """Features (n, width), float32 or float64, of rows (n, d), float32, in the data's range.

        Raises ValueError for rows of another shape.
        """
        ...


class Metric(Protocol):
    """Built as `Metric(**settings)`; settings have defaults that are JSON-able.

    best: "high" or "low"; a number, which the value should be near to; or "real", near to the value
        of held-out data.
    `__call__` takes, by name, any of NEEDS, and is given its own copies; a parameter with a default
    is given what is there. Where a model or a dataset does not meet a need, the cell stays empty
    and gives the reason. A metric without `samples` scores the trained model; nothing is drawn.
    It raises `Unmet` where only the trained model shows that it lacks something.
    Optional `requires`: abilities of the model, such as ("log_prob",), see `GenerativeModel`; of
        "code or boltzmann" one is enough.
    Metrics that take `features` have a setting of that name: those they are computed in; empty,
        the dataset's usual ones.
    Optional static `unmet(features, density)`: why it cannot be computed in these features, on data
        of this density, which may be None; empty where it can.
    Optional `orders`: the kinds of samples that it should rank below real ones, by which an audit
        judges it, of those that `genbench audit` makes; without it all of the worse copies.
    Optional `kept` and `told`, of one that takes long: a mapping of tensors by name, set to what a
        score that was stopped had told, or empty; and a function, which it calls after each part as
        `told(state, job, step, steps)`: such tensors, and how far the job of that name is. Given
        back what it told, it ends in the same bytes.
    Optional `at_once`, `part` and `spread`, of one that computes a large score in parts, of more
        test rows or samples than the two numbers `at_once`: `spread` is set to a function, which is
        given parts as JSON-able values and gives what `part(what, samples, valid, test)` makes of
        each, tensors by name and a JSON-able note, in their order, from whichever process, or from
        a score that was stopped. Without it the metric computes all of them itself, and comes to
        the same bytes.
    Optional static `protocols(levels, kind)`: settings by name, other ways to score samples of that
    kind, "mean" or "binary"; how far a table's order depends on the way is what
    `genbench table --robustness` shows.
    Optional static `signature(settings, levels)`: what of its settings the signature of a table
    names, by field; letters, digits, dots and dashes only.
    Optional `revision`: an integer literal in the class's own body, as a model's.
    """

    unit: str
    best: Best

    __call__: Callable[..., Score]
    """Scores by what it takes of NEEDS, and returns a Score; it tunes itself on `valid` only.

    samples (m, d), valid, test, train (n, d): float32. labels: `Labels`. sample_labels: int64 (m,).
    model: the trained model. density: the dataset's `Density`. features: a callable
    (rows) -> (n, width), with `classify(rows)` where the extractor has it; it remembers what it
    computed, block by block of at most 10,000 rows.
    """


NEEDS = (
    "samples",
    "valid",
    "test",
    "train",
    "labels",
    "sample_labels",
    "model",
    "density",
    "features",
)
_METHODS = (
    "log_prob",
    "prior",
    "decode",
    "encode",
    "code",
    "posterior",
    "represent",
    "represent_initial",
    "boltzmann",
    "classify",
    "classify_control",
    "discriminate",
    "inpaint",
    "interpolate",
)
_FLAGS = ("labelled", "conditional")


def abilities(cls: type) -> frozenset[str]:
    """What a model class can do beside `fit` and `sample`.

    Examples:
        >>> class Flow:
        ...     labelled = True
        ...     def log_prob(self, x): ...
        >>> sorted(abilities(Flow))
        ['labelled', 'log_prob']
    """
    methods = {name for name in _METHODS if callable(getattr(cls, name, None))}
    return frozenset(methods | {name for name in _FLAGS if getattr(cls, name, False) is True})


def alternatives(required: str) -> list[str]:
    """The abilities of which one is enough, by an entry of a metric's `requires`.

    >>> alternatives("code or boltzmann")
    ['code', 'boltzmann']
    """
    return required.split(" or ")


def needs(metric: type) -> dict[str, bool]:
    """What a metric class takes, by name, and whether it cannot do without.

    Examples:
        >>> class Gap:
        ...     def __call__(self, model, test, train=None): ...
        >>> needs(Gap)
        {'model': True, 'test': True, 'train': False}
    """
    parameters = list(inspect.signature(metric.__call__).parameters.values())[1:]
    return {p.name: p.default is p.empty for p in parameters if p.kind is not p.VAR_KEYWORD}


def goodness(best: Best, value: float, real: float | None = None) -> float:
    """How good a value is by a metric's `best`: greater is better; NaN where nobody can tell.

    real: the value of held-out data, for `best = "real"`.

    Examples:
        >>> goodness("low", 3.0), goodness(0.5, 0.75), goodness("real", 3.0)
        (-3.0, -0.25, nan)
    """
    if best == "high":
        return value
    if best == "low":
        return -value
    aim = real if best == "real" else best
    return math.nan if aim is None else -abs(value - aim)


def better(best: Best) -> str:
    """What is better, in words.

    Examples:
        >>> better("high"), better(0.5), better("real")
        ('higher is better', 'nearer to 0.5 is better', "nearer to held-out data's is better")
    """
    if best == "high" or best == "low":
        return "higher is better" if best == "high" else "lower is better"
    what = "held-out data's" if best == "real" else f"{best:g}"
    return f"nearer to {what} is better"
