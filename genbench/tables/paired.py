"""Which rows of a table names mean: a model, or a whole row; and by how much they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from genbench.comparing import comparison
from genbench.comparing.comparison import Comparison, PerExample
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.records.names import judge, label, settings
from genbench.records.run import Result
from genbench.tables import chosen


@dataclass(frozen=True)
class Compared:
    """Rows by one metric and its settings: each pair of them."""

    metric: str
    settings: Mapping[str, Any]
    pairs: Sequence[Comparison]

    @property
    def name(self) -> str:
        """The metric and what was set of it, as the head of its column has it."""
        return self.pairs[0].metric


def compared(
    names: Sequence[str], results: Sequence[Result], per_example: PerExample
) -> list[Compared]:
    """By each metric and its settings that all of the named rows have scores by, each pair of them.

    Raises UsageError for names of one row, unknown ones, results of several datasets, and where no
    metric has scored all of them.
    """
    columns = _columns(results)
    known = {name for own in columns for name in _row_names(own)}
    for name in names:
        if not _is_of(name, known):
            raise UsageError(f"no row {name!r} in the results; {registry.nearest(name, known)}")
    shared = [own for own in columns if all(_is_of(name, _row_names(own)) for name in names)]
    if not shared:
        by = "; ".join(f"{judge(own[0])}: {', '.join(_labels(own))}" for own in columns)
        raise UsageError(f"no metric with the same settings has scored all of the rows; {by}")
    return [_compared(names, own, per_example) for own in shared]


def _compared(names: Sequence[str], results: Sequence[Result], per_example: PerExample) -> Compared:
    """The named rows of one column."""
    rows = _named(names, results)
    if len(rows) < 2:
        raise UsageError(f"{' and '.join(names)} are one row: {next(iter(rows))}")
    first, real = results[0], _real(results)
    return Compared(first.metric, settings(first), comparison.pairs(rows, per_example, real))


def _real(results: Sequence[Result]) -> float | None:
    """What held-out data score; None where they have no row, or not on every fold."""
    own = [r for r in results if r.model == DEFAULTS.real and chosen.is_current(r)]
    values = [result.value for result in own if result.value is not None]
    whole = {result.fold for result in own} == {*range(own[0].folds)} if own else False
    return fmean(values) if whole and len(values) == len(own) else None


def of_preset(results: Sequence[Result], preset: str | None) -> list[Result]:
    """The results of a preset, all where it is None, and of held-out data.

    Raises UsageError if there are none.
    """
    known = {result.preset for result in results}
    if preset is not None and preset not in known:
        raise UsageError(f"no result of preset {preset!r}; {registry.nearest(preset, known)}")
    return [r for r in results if preset in (None, r.preset) or r.model == DEFAULTS.real]


def _columns(results: Sequence[Result]) -> list[list[Result]]:
    """The results of each metric and its settings, usual ones first.

    Raises UsageError where there are two datasets.
    """
    datasets = sorted({result.dataset for result in results})
    if len(datasets) > 1:
        raise UsageError(f"results are of {', '.join(datasets)}; --dataset chooses one")
    found: dict[str, list[Result]] = {}
    for result in chosen.ordered(results):
        found.setdefault(judge(result), []).append(result)
    return [*found.values()]


def _labels(results: Sequence[Result]) -> list[str]:
    """The rows of a column, by their whole names."""
    return [*dict.fromkeys(label(r, stale=not chosen.is_current(r)) for r in results)]


def _row_names(results: Sequence[Result]) -> set[str]:
    """What rows can be called."""
    return {result.model for result in results} | {*_labels(results)}


def _is_of(name: str, known: set[str]) -> bool:
    """Whether some row is called so."""
    return name in known or name.replace("-", "_") in known


def _named(names: Sequence[str], results: Sequence[Result]) -> dict[str, list[Result]]:
    """The row that each name means, by its whole name."""
    rows: dict[str, list[Result]] = {}
    current: dict[str, bool] = {}
    for result in chosen.ordered(results):
        now = chosen.is_current(result)
        name = label(result, stale=not now)
        rows.setdefault(name, []).append(result)
        current[name] = now
    whole = [_label(name, rows, current) for name in names]
    return {name: rows[name] for name in whole}


def _label(name: str, rows: Mapping[str, list[Result]], current: Mapping[str, bool]) -> str:
    """A row's whole name, as it is or of a model of which there is one current row, or one at all.

    Raises UsageError if there is none, or several.
    """
    if name in rows:
        return name
    models = {label: found[0].model for label, found in rows.items()}
    labels = [label for label, model in models.items() if model == name.replace("-", "_")]
    if not labels:
        hint = registry.nearest(name, {*rows, *models.values()})
        raise UsageError(f"no row {name!r} in the results; {hint}")
    labels = [label for label in labels if current[label]] or labels
    if len(labels) > 1:
        quoted = ", ".join(f'"{label}"' for label in labels)
        raise UsageError(f"{name!r} may be any of {quoted}; give one of these, or --preset")
    return labels[0]
