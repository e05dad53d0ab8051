"""`genbench figure`: pictures of a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genbench.cli.options import (
    DEFAULTS,
    OnlyDatasets,
    OnlyModels,
    ResultsDir,
    figure_app,
    option,
)
from genbench.cli.results import only, ordered, tables_of


@figure_app.command("speed", epilog="Example:  genbench figure speed -d mnist --out speed.pdf")
def figure_speed(
    out: Annotated[
        Path, option("A .png, .svg or .pdf file, written anew.", "OUT", "--out", "-o")
    ] = Path("speed.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
) -> None:
    """Scores against samples per second, a panel for each dataset."""
    from genbench import figures
    from genbench.store import Store

    form, store = figures.form(out), Store(results_dir)
    results = ordered(only(store, models, dataset))
    records = {result.key: store.records(result) for result in results}
    drawn = figures.speed(tables_of(results), DEFAULTS["references"], records)
    figures.save(drawn, out, form)
    typer.echo(str(out))
