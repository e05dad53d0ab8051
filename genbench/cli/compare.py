"""`genbench compare`: the difference of two rows, and for whom it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli.options import (
    Json,
    ResultsDir,
    app,
    completing,
    option,
    preset_names,
)
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.tables.chosen import is_current, only, ordered

if TYPE_CHECKING:
    from genbench.records.run import Result


@app.command(
    epilog="Examples:  genbench compare gan dbn -d mnist  |  "
    "genbench compare gan dbn deep_gsn stacked_cae --json  |  "
    'genbench compare "gan \\[quick]" "gan \\[quick, rate=0.05]"'
)
def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Two or more rows of the table: a model, or a row's whole name.",
            metavar="ROW...",
            autocompletion=completing("model"),
        ),
    ],
    dataset: Annotated[
        str | None,
        option(
            "The dataset; may be left out where the results are of one.",
            "DATASET",
            "--dataset",
            "-d",
            autocompletion=completing("dataset"),
        ),
    ] = None,
    preset: Annotated[
        str | None,
        option("Only this one.", "PRESET", "--preset", autocompletion=preset_names),
    ] = None,
    results_dir: ResultsDir = Path("results"),
    quiet: Annotated[bool, option("No notes.", "QUIET", "--quiet", "-q")] = False,
    as_json: Json = False,
) -> None:
    """Print by how much rows differ, and whether that holds for samples, models or methods.

    Seeds, sample sets and test examples decide for whom: three seeds of each for these methods,
    three sample sets of each for these models, else for these samples only. Writes nothing.
    """
    from genbench.comparing import comparison
    from genbench.records.store import Store
    from genbench.tables import formats

    if len(set(names)) < 2:
        raise UsageError(f"compare takes at least two different rows, got {', '.join(names)}")
    store = Store(results_dir)
    results = [result for result in only(store, None, dataset) if not result.protocol]
    results = _of_preset(results, preset)
    found = {}
    metrics = _metrics(results)
    for metric in metrics:
        own = [result for result in results if result.metric == metric]
        if metric != metrics[0] and not set(names) <= _row_names(own):
            continue  # some row has no score by it
        rows = _named(names, own)
        if len(rows) < 2:
            raise UsageError(f"{' and '.join(names)} are one row: {next(iter(rows))}")
        found[metric] = comparison.pairs(rows, store.per_example)
    if as_json:
        records = [
            {"metric": metric, **comparison.as_record(one)}
            for metric, several in found.items()
            for one in several
        ]
        typer.echo(json.dumps(records, indent=2, allow_nan=False, ensure_ascii=False))
        return
    for metric, several in found.items():
        above = f"{metric}:\n\n" if len(found) > 1 else ""
        lines = comparison.notes(several)
        shown = comparison.frame(several)
        text = formats.markdown(shown, [] if quiet else lines) if len(shown) else lines[0]
        typer.echo(above + text.rstrip("\n"))


def _of_preset(results: Sequence[Result], preset: str | None) -> list[Result]:
    """The results of a preset; raises UsageError if there are none."""
    from genbench.plugins import registry

    known = {result.preset for result in results}
    if preset is not None and preset not in known:
        raise UsageError(f"no result of preset {preset!r}; {registry.nearest(preset, known)}")
    return [result for result in results if preset in (None, result.preset)]


def _metrics(results: Sequence[Result]) -> list[str]:
    """The metrics there are; raises UsageError where there are two datasets."""
    datasets = sorted({result.dataset for result in results})
    if len(datasets) > 1:
        raise UsageError(f"results are of {', '.join(datasets)}; --dataset chooses one")
    usual = DEFAULTS.metrics
    found = {result.metric for result in results}
    return sorted(found, key=lambda name: (name not in usual, name))


def _row_names(results: Sequence[Result]) -> set[str]:
    """What rows can be called."""
    from genbench.records.names import label

    return {result.model for result in results} | {label(result) for result in results}


def _named(names: Sequence[str], results: Sequence[Result]) -> dict[str, list[Result]]:
    """The row that each name means, by its whole name."""
    from genbench.records.names import label

    rows: dict[str, list[Result]] = {}
    current: dict[str, bool] = {}
    for result in ordered(results):
        now = is_current(result)
        name = label(result, stale=not now)
        rows.setdefault(name, []).append(result)
        current[name] = now
    whole = [_label(name, rows, current) for name in names]
    return {name: rows[name] for name in whole}


def _label(name: str, rows: Mapping[str, list[Result]], current: Mapping[str, bool]) -> str:
    """A row's whole name, as it is or of a model of which there is one current row, or one at all.

    Raises UsageError if there is none, or several.
    """
    from genbench.plugins import registry

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
