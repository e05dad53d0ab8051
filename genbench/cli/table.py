"""`genbench table`: the tables of a folder of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli import parsing, showing
from genbench.cli.applications import app
from genbench.cli.model_file import ModelFile
from genbench.cli.options import (
    Columns,
    NoNotes,
    Notes,
    OnlyDatasets,
    OnlyMetrics,
    OnlyModels,
    ResultsDir,
    form,
    switch,
)
from genbench.cli.showing import echo
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.tables.texts import Options

Form = Annotated[str, form("md, latex, csv, html or json.")]
NoVerdicts = Annotated[bool, switch("Leave out verdicts beside published values.", "--no-verdicts")]
Robustness = Annotated[
    bool,
    switch(
        "Scores by other protocols instead, and whether the order of the models holds.",
        "--robustness",
    ),
]

Challenges = Annotated[
    bool,
    switch("What each model finds hard, measured: the paper's Table 2.", "--challenges"),
]

_OF_THE_LOCK = ("form", "results_dir", "model_file")
_WRONG: Any = typer.BadParameter.__mro__[1]  # any wrong argument: typer keeps its own click


@app.command(
    epilog="Examples:  genbench table  |  genbench table --format latex -d mnist > table.tex  |  "
    "genbench table --columns ll,fit,sample  |  genbench table --robustness -d mnist  |  "
    "genbench table --challenges -d mnist  |  genbench table --notes full"
)
def table(
    form: Form = "md",
    columns: Columns = "ll",
    models: OnlyModels = None,
    model_file: ModelFile = None,
    dataset: OnlyDatasets = None,
    metrics: OnlyMetrics = None,
    robustness: Robustness = False,
    no_verdicts: NoVerdicts = False,
    challenges: Challenges = False,
    results_dir: ResultsDir = None,
    notes: Notes = "short",
    quiet: NoNotes = False,
) -> None:
    """Print the table of all results in a folder. Writes nothing."""
    from genbench.tables import chosen, texts

    parsing.one_of(texts.FORMATS, form, "format")
    parsing.one_of(texts.NOTES, notes, "--notes")
    options = _options(
        columns, models, dataset, metrics, robustness, no_verdicts, challenges, quiet, notes
    )
    options, store = replace(options, width=showing.width()), parsing.store(results_dir)
    results = texts.results_of(store, options)
    echo(texts.rendered(results, form, store, options), nl=False)
    edited = "" if quiet else chosen.edited_since(results, store)
    if edited:
        echo(f"note: {edited}", err=True)


def _options(
    columns: str = "ll",
    models: str | None = None,
    dataset: str | None = None,
    metrics: str | None = None,
    robustness: bool = False,
    no_verdicts: bool = False,
    challenges: bool = False,
    quiet: bool = False,
    notes: str = "full",
) -> Options:
    """What the texts on a command line mean."""
    from genbench.tables.texts import Options

    return Options(
        columns=parsing.columns(columns),
        models=parsing.only(models, "--models"),
        datasets=parsing.only(dataset, "--dataset"),
        metrics=parsing.only_metrics(metrics),
        robustness=robustness,
        challenges=challenges,
        quiet=quiet,
        notes=notes,
        verdicts=not no_verdicts,
    )


def parsed(arguments: Sequence[str]) -> Options:
    """What `genbench table ARGUMENTS` shows, whatever the caller's environment variables are.

    A format or a folder among them is left out, since a lock has its own. Raises UsageError where
    the arguments are not those of a table.
    """
    command = _command()
    said = f"genbench table {' '.join(arguments)}"
    try:
        parser = command.make_parser(command.context_class(command))
        given, more, _ = parser.parse_args(list(arguments))
    except _WRONG as error:
        raise UsageError(f"{said}: {error}") from error
    if more or "help" in given:
        raise UsageError(f"{said}: a locked table takes no {more[0] if more else '--help'}")
    return _options(**{name: given[name] for name in given if name not in _OF_THE_LOCK})


@cache
def _command() -> Any:
    """`genbench table` as it reads a command line."""
    whole: Any = typer.main.get_command(app)
    return whole.commands["table"]
