"""Which results of a folder stand in a table, in which order, and which are current."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.records.names import judge, label
from genbench.records.run import Result
from genbench.records.standing import edited, standing
from genbench.records.store import Store


def only(
    store: Store,
    models: Sequence[str] | None,
    datasets: Sequence[str] | None,
    metrics: Sequence[str] | None = None,
) -> list[Result]:
    """The results of a folder, of some models, datasets and metrics only where these are given.

    Raises UsageError for a name that no result has, and where there are no results.
    """
    results = _of("dataset", datasets, _read(store, datasets))
    results = _of("model", models, results)
    results = _of("metric", metrics, results)
    if not results:
        raise UsageError(f"no results in {store.runs}; `genbench run` makes some")
    return results


def _read(store: Store, datasets: Sequence[str] | None) -> list[Result]:
    """All results; where all datasets that are named have some, no others are read."""
    names = None if datasets is None else {*map(_plain, datasets)}
    found = list(store.of(names))
    return found if names is None or {r.dataset for r in found} == names else list(store)


def asked_last(
    store: Store,
    models: Sequence[str] | None,
    datasets: Sequence[str] | None,
    everything: bool = False,
) -> list[Result]:
    """Those of `only`, of the last run alone where it holds all that is named."""
    keys = set(store.last() or ()) if not everything else set()
    found = [result for result in store if result.key in keys]
    named = (({r.model for r in found}, models), ({r.dataset for r in found}, datasets))
    if not found or any(set(map(_plain, names or ())) - known for known, names in named):
        return only(store, models, datasets)
    return _of("dataset", datasets, _of("model", models, found))


def _plain(name: str) -> str:
    """A name as it is registered, however it was typed."""
    return name.replace("-", "_")


def _of(field: str, wanted: Sequence[str] | None, results: Sequence[Result]) -> list[Result]:
    """The results whose `field` is wanted; all of them where nothing is."""
    if wanted is None:
        return list(results)
    known = {getattr(result, field) for result in results}
    names = [*map(_plain, wanted)]
    for name in names:
        if name not in known:
            raise UsageError(f"no result of {field} {name!r}; {registry.nearest(name, known)}")
    return [result for result in results if getattr(result, field) in names]


def ordered(results: Sequence[Result]) -> list[Result]:
    """By dataset and metric; default ones first, so that a table does not depend on the command."""

    def place(result: Result) -> tuple[Any, ...]:
        by = (*_rank(DEFAULTS.metrics, result.metric), judge(result))
        row = (*_rank(DEFAULTS.models, result.model), label(result))
        return result.dataset, *by, *row, result.seed, result.fold

    return sorted(results, key=place)


def _rank(usual: Sequence[str], name: str) -> tuple[int, str]:
    """A name's place: the usual ones first, in their order, then all others by name."""
    return usual.index(name) if name in usual else len(usual), name


def is_current(result: Result) -> bool:
    """Whether the installed code and recipe are those that made a result."""
    return not standing(result.run).stale


def older(result: Result) -> Sequence[str]:
    """The revisions that made a result and are no longer the installed ones, in words."""
    return standing(result.run).older


def edited_since(results: Sequence[Result], store: Store) -> str:
    """A sentence on the parts whose code is not the recorded one, at the same revision, or none.

    It stands beside a table and not in it, so that a table's bytes do not hang on a comment.
    """
    every = [name for r in results for name in edited(r.run, store.records(r))]
    names = ", ".join(sorted(set(every)))
    said = (
        "was edited after these results were made, and keeps its revision: golden numbers hold it"
    )
    return f"the code of {names} {said}; `genbench run --rerun` makes them again" if names else ""
