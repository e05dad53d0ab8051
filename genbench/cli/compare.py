"""`genbench compare`: the difference of two rows, and for whom it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import (
    Json,
    NoNotes,
    OnlyMetrics,
    ResultsDir,
    completing,
    of_datasets,
    option,
    preset_names,
)
from genbench.cli.showing import echo, print_json
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.tables.paired import Compared


Rows = Annotated[
    list[str],
    typer.Argument(
        help="Two or more rows of the table: a model, or a row's whole name.",
        metavar="ROW...",
        autocompletion=completing("model"),
    ),
]
OneDataset = Annotated[
    str | None, of_datasets("The dataset; may be left out where the results are of one.")
]
Preset = Annotated[
    str | None, option("Only this one.", "PRESET", "--preset", autocompletion=preset_names)
]


@app.command(
    epilog="Examples:  genbench compare gan dbn -d mnist  |  "
    "genbench compare gan dbn deep_gsn stacked_cae --json  |  "
    'genbench compare "gan \\[quick]" "gan \\[quick, rate=0.05]"'
)
def compare(
    names: Rows,
    dataset: OneDataset = None,
    preset: Preset = None,
    metrics: OnlyMetrics = None,
    results_dir: ResultsDir = None,
    quiet: NoNotes = False,
    as_json: Json = False,
) -> None:
    """Print by how much rows differ, and for what that holds: samples, models or methods.

    With three seeds of each row it speaks of these methods, with three sample sets of each of these
    models, else of these samples only. Writes nothing.
    """
    from genbench.tables import chosen, paired

    if len(set(names)) < 2:
        raise UsageError(f"compare takes at least two different rows, got {', '.join(names)}")
    store = parsing.store(results_dir)
    only = parsing.only(dataset, "--dataset"), parsing.only_metrics(metrics)
    every = chosen.only(store, None, *only)
    results = paired.of_preset([result for result in every if not result.protocol], preset)
    found = paired.compared(names, results, store.per_example)
    if as_json:
        print_json(_records(found))
    else:
        echo(_text(found, quiet))


def _records(found: Sequence[Compared]) -> list[dict[str, Any]]:
    from genbench.comparing import comparison

    return [
        {"metric": own.metric, "settings": own.settings, **comparison.as_record(one)}
        for own in found
        for one in own.pairs
    ]


def _text(found: Sequence[Compared], quiet: bool) -> str:
    """A table for each metric and its settings, under its name where there are several."""
    from genbench.comparing import comparison
    from genbench.tables import formats

    texts = []
    for own in found:
        lines, shown = comparison.notes(own.pairs), comparison.frame(own.pairs)
        text = formats.markdown(shown, [] if quiet else lines) if len(shown) else lines[0]
        above = f"{formats.escape_markdown(own.name)}:\n\n" if len(found) > 1 else ""
        texts.append(above + text.rstrip("\n"))
    return "\n".join(texts)
