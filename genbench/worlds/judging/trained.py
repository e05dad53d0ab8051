"""The trained models that stand beside a ladder: whose samples are kept, in which sets they go.

Of M kept rows, put in a random order, the first N are a set, the next N another: no row is in two.
Every k-th row would not do, since of rows that were asked for class by class, or of 100 chains in
turn, a set would have one class, or few of the chains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genbench.comparing.estimates import mean_and_error, paired_difference
from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.protocols import bound_of_difference
from genbench.records.names import label
from genbench.records.run import Data, Result
from genbench.records.standing import standing
from genbench.records.store import Store
from genbench.worlds.judging.asked import KeptRows, Unit

NATS = "nats"


@dataclass(frozen=True)
class Trained:
    """A set of samples of a trained model, kept in a folder of results.

    result: one that hangs on them. log_p: of the same training, its log-likelihood of the world's
    test rows or a bound of it; None where none is known.
    """

    name: str
    result: Result
    folder: Path
    log_p: Result | None


@dataclass(frozen=True)
class Beside:
    """The models of a question: those that can be scored, and a result of each that cannot be."""

    models: Sequence[Trained]
    unkept: Sequence[Result]


@dataclass(frozen=True)
class KL:
    """KL(p || q) of a model q from the world p, nats; bound: see `protocols.Score`."""

    value: float
    error: float | None
    bound: str
    metric: str


def find(store: Store, data: Data, models: Sequence[str]) -> Beside:
    """What a store has of some models on a world.

    Raises UsageError for an unknown model, and for one without a finished run.
    """
    done = [r for r in store if (r.dataset, r.digest) == (data.name, data.digest)]
    done = [r for r in done if r.status == "done"]
    drawn, undrawn = dict[str, Result](), dict[str, Result]()
    for name in models:
        known = _known(name, done, data.name)
        own = [r for r in done if r.model == known]
        by_samples = {r.run.sample_key: r for r in reversed(own) if r.run.draws}
        trainings = {r.run.fit_key for r in by_samples.values()}
        drawn |= dict(reversed(by_samples.items()))
        undrawn |= {r.run.fit_key: r for r in own if r.run.fit_key not in trainings}
    kept = [r for r in drawn.values() if store.keeps_samples(r.run)]
    unkept = [r for r in drawn.values() if r not in kept]
    named = zip(_names(kept), kept, strict=True)
    found = [Trained(n, r, _folder(store, r), _log_p(r, done)) for n, r in named]
    return Beside(found, [*unkept, *undrawn.values()])


def _known(name: str, done: Sequence[Result], world: str) -> str:
    """A model that has results, or UsageError with the command that makes some."""
    plain, models = name.replace("-", "_"), {result.model for result in done}
    found = plain if plain in models else registry.find("model", name).name
    if found not in models:
        raise UsageError(
            f"no finished run of {found} on {world} is kept; `genbench run -m {found} -d {world}` "
            "makes one"
        )
    return found


def _names(results: Sequence[Result]) -> list[str]:
    """A name for each, with its seed, set and key as far as they are needed to tell it apart."""
    marks = [
        lambda r: f", seed {r.seed}",
        lambda r: f", set {r.sample_set}" if r.sample_set else "",
        lambda r: f", {r.run.sample_key[:8]}",
    ]
    names = [label(result, standing(result.run).stale) for result in results]
    for mark in marks:
        twice = {name for name in names if names.count(name) > 1}
        pairs = zip(names, results, strict=True)
        names = [name + mark(r) if name in twice else name for name, r in pairs]
    return names


def _folder(store: Store, result: Result) -> Path:
    """The folder of results that has the samples."""
    return next(place for place in store.places if Store(place).keeps_samples(result.run))


def _log_p(of: Result, done: Iterable[Result]) -> Result | None:
    """By a metric in nats that takes no samples: the exact one, or the greatest lower bound."""
    own = [r for r in done if r.run.fit_key == of.run.fit_key and r.model == of.model]
    own = [r for r in own if not r.run.draws and r.unit == NATS and r.value is not None]
    kinds = ("", ">=", "<=", "~")

    def place(result: Result) -> tuple[bool, int, float]:
        tight = -1 if result.bound == ">=" else 1
        value = result.value or 0.0
        return standing(result.run).stale, kinds.index(result.bound), tight * value

    return min(own, key=place, default=None)


def sets(one: Trained, samples: int, numbers: Sequence[int]) -> list[Unit]:
    """The sets of a model of `samples` rows each, as many as there are rows and numbers."""
    run, many = one.result.run, one.result.scored // samples
    return [
        Unit(0, number, kept=KeptRows(run.sample_key, part, run, one.folder))
        for part, number in zip(range(many), numbers, strict=False)
    ]


def kl(one: Trained, store: Store, log_p: np.ndarray) -> KL | None:
    """KL(p || q) = mean_i log p(x_i) - log q(x_i) over the world's test rows x_i.

    log_p: log p(x_i) (n_test,). Where log q is known of their mean alone, or of some of them, the
    two errors add.
    """
    if one.log_p is None or one.log_p.value is None or not np.isfinite(log_p).all():
        return None
    log_q = store.per_example(one.log_p)
    if log_q is not None:
        value, error = paired_difference(log_p, log_q)
    else:
        entropy, spread = mean_and_error(log_p.tolist())
        value = entropy - one.log_p.value
        stderr = one.log_p.stderr
        error = None if stderr is None else float(np.hypot(spread, stderr))
    return KL(value, error, bound_of_difference("", one.log_p.bound), one.log_p.metric)
