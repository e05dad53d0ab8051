"""`genbench compare`: the difference of two rows, and for whom it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import (
    Json,
    NoNotes,
    ResultsDir,
    completing,
    of_datasets,
    option,
    preset_names,
)
from genbench.cli.showing import print_json
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.comparing.comparison import Comparison


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
    results_dir: ResultsDir = None,
    quiet: NoNotes = False,
    as_json: Json = False,
) -> None:
    """Print by how much rows differ, and whether that holds for samples, models or methods.

    Seeds, sample sets and test examples decide for whom: three seeds of each for these methods,
    three sample sets of each for these models, else for these samples only. Writes nothing.
    """
    from genbench.tables import chosen, paired

    if len(set(names)) < 2:
        raise UsageError(f"compare takes at least two different rows, got {', '.join(names)}")
    store = parsing.store(results_dir)
    every = chosen.only(store, None, parsing.only(dataset, "--dataset"))
    results = paired.of_preset([result for result in every if not result.protocol], preset)
    found = paired.compared(names, results, store.per_example)
    if as_json:
        print_json(_records(found))
    else:
        typer.echo(_text(found, quiet))


def _records(found: Mapping[str, Sequence[Comparison]]) -> list[dict[str, Any]]:
    from genbench.comparing import comparison

    return [
        {"metric": metric, **comparison.as_record(one)}
        for metric, several in found.items()
        for one in several
    ]


def _text(found: Mapping[str, Sequence[Comparison]], quiet: bool) -> str:
    """A table for each metric, under its name where there are several."""
    from genbench.comparing import comparison
    from genbench.tables import formats

    texts = []
    for metric, several in found.items():
        lines, shown = comparison.notes(several), comparison.frame(several)
        text = formats.markdown(shown, [] if quiet else lines) if len(shown) else lines[0]
        above = f"{metric}:\n\n" if len(found) > 1 else ""
        texts.append(above + text.rstrip("\n"))
    return "\n".join(texts)
