"""Which rows of a table names mean: a model, or a whole row; and by how much they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genbench.comparing import comparison
from genbench.comparing.comparison import Comparison, PerExample
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.records.names import label
from genbench.records.run import Result
from genbench.tables import chosen


def compared(
    names: Sequence[str], results: Sequence[Result], per_example: PerExample
) -> dict[str, list[Comparison]]:
    """By metric, each pair of the named rows; a further metric only where all of them have scores.

    Raises UsageError for names of one row, unknown ones, and results of several datasets.
    """
    found = {}
    for index, metric in enumerate(_metrics(results)):
        own = [result for result in results if result.metric == metric]
        if index and not set(names) <= _row_names(own):
            continue
        rows = _named(names, own)
        if len(rows) < 2:
            raise UsageError(f"{' and '.join(names)} are one row: {next(iter(rows))}")
        found[metric] = comparison.pairs(rows, per_example)
    return found


def of_preset(results: Sequence[Result], preset: str | None) -> list[Result]:
    """The results of a preset, all where it is None; raises UsageError if there are none."""
    known = {result.preset for result in results}
    if preset is not None and preset not in known:
        raise UsageError(f"no result of preset {preset!r}; {registry.nearest(preset, known)}")
    return [result for result in results if preset in (None, result.preset)]


def _metrics(results: Sequence[Result]) -> list[str]:
    """The metrics there are, usual ones first; raises UsageError where there are two datasets."""
    datasets = sorted({result.dataset for result in results})
    if len(datasets) > 1:
        raise UsageError(f"results are of {', '.join(datasets)}; --dataset chooses one")
    found = {result.metric for result in results}
    return sorted(found, key=lambda name: (name not in DEFAULTS.metrics, name))


def _row_names(results: Sequence[Result]) -> set[str]:
    """What rows can be called."""
    return {result.model for result in results} | {label(result) for result in results}


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
