"""`genbench table`: the tables of a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genbench.cli.options import (
    FORMATS,
    Columns,
    OnlyDatasets,
    OnlyModels,
    ResultsDir,
    app,
    option,
    parsed_columns,
)
from genbench.errors import UsageError
from genbench.tables.chosen import edited_since, only, rendered, rendered_robustness


@app.command(
    epilog="Examples:  genbench table  |  genbench table --format latex -d mnist > table.tex  |  "
    "genbench table --columns ll,fit,sample  |  genbench table --robustness -d mnist"
)
def table(
    form: Annotated[
        str, option("md, latex, csv, html or json.", "FORMAT", "--format", "-f")
    ] = "md",
    columns: Columns = "ll",
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    robustness: Annotated[
        bool,
        option(
            "The models by other protocols, and whether their order holds.",
            "ROBUSTNESS",
            "--robustness",
        ),
    ] = False,
    results_dir: ResultsDir = Path("results"),
    quiet: Annotated[bool, option("No notes.", "QUIET", "--quiet", "-q")] = False,
) -> None:
    """Print the table of all results in a folder. Writes nothing."""
    from genbench.plugins import registry
    from genbench.records.store import Store

    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}; {registry.nearest(form, FORMATS)}")
    asked, store = parsed_columns(columns), Store(results_dir)
    results = only(store, models, dataset)
    if robustness:
        text = rendered_robustness(results, form, store, quiet)
    else:
        text = rendered(results, form, asked, store, quiet)
    typer.echo(text, nl=form in ("md", "latex"))
    edited = "" if quiet else edited_since(results, store)
    if edited:
        typer.echo(f"note: {edited}", err=True)
