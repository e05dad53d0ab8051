"""`genbench report`: a folder of results as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.figure import sources
from genbench.cli.model_file import ModelFile
from genbench.cli.options import (
    DataDir,
    Everything,
    OnlyDatasets,
    OnlyModels,
    Quiet,
    ResultsDir,
    out,
    switch,
)
from genbench.cli.showing import echo

if TYPE_CHECKING:
    from genbench.figures import Sources
    from genbench.records.run import Result
    from genbench.records.store import Store
    from genbench.report import page

Out = Annotated[
    Path | None,
    out("An .html file, written anew; by default in the folder of results."),
]
NoFigures = Annotated[bool, switch("Tables only, which is faster.", "--no-figures")]


@app.command(
    epilog="Examples:  genbench report  |  genbench report -m gan,dbn -d mnist --out mnist.html"
)
def report(
    out: Out = None,
    models: OnlyModels = None,
    model_file: ModelFile = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    no_figures: NoFigures = False,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    quiet: Quiet = False,
) -> None:
    """Write one HTML page of what the last run gave, or of what the folders hold.

    It has a summary, samples side by side, tables, other protocols, audits, judgements and figures;
    and of each number how it was made, with the command that makes it again. It loads nothing from
    elsewhere.
    """
    from genbench import __version__
    from genbench.records import files
    from genbench.report import unchanged
    from genbench.tables import chosen

    store = parsing.store(results_dir)
    only = parsing.only(models, "--models"), parsing.only(dataset, "--dataset")
    results = chosen.ordered(chosen.asked_last(store, *only, everything))
    path, folders = parsing.place(out, results_dir, "report.html"), parsing.folders(results_dir)
    data = parsing.data_folder(data_dir)
    made_of = unchanged.made_of(results, store, folders, data, not no_figures)
    if unchanged.is_made_of(path, made_of):
        if not quiet:
            echo("nothing that it shows has changed since it was made", err=True)
    else:
        from genbench.report import assembly, page

        parsing.writable(path)
        figures, strips = [page.Absent("figures", "genbench report")], []
        if not no_figures:
            figures, strips = _drawn(results, store, sources(store, data_dir), quiet)
        whole = assembly.report(results, store, folders, figures, __version__, strips)
        files.write_bytes(path, page.render(replace(whole, made_of=made_of)).encode())
    echo(str(path))


def _drawn(
    results: Sequence[Result], store: Store, sources: Sources, quiet: bool
) -> tuple[Sequence[page.Figure | page.Absent], Sequence[page.Strips]]:
    """The figures of a page, each named when it is there, and the strips of samples."""
    from genbench.errors import UsageError
    from genbench.report import page
    from genbench.report.drawn import drawn, strips
    from genbench.tables import contents

    found = contents.tables_of(results, contents.records_of(results, store))
    figures = []
    for one in drawn(found, store, sources):
        figures.append(one)
        if isinstance(one, page.Figure) and not quiet:
            echo(f"drawn: {one.title}", err=True)
    try:
        return figures, strips(found, store, sources)
    except UsageError:  # no result is done
        return figures, []
