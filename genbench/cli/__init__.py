"""The command line: parse, call, print. Results on stdout, progress and errors on stderr."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from genbench import __version__
from genbench.cli import (
    audit,
    cite,
    compare,
    data,
    experiment,
    features,
    figure,
    figure_judgement,
    judge,
    listing,
    lock,
    rekey,
    report,
    run,
    score,
    show,
    table,
    theory,
    verify,
    watch,
)
from genbench.cli.applications import app
from genbench.cli.showing import echo
from genbench.errors import GenbenchError

__all__ = [
    "app",
    "audit",
    "cite",
    "compare",
    "data",
    "experiment",
    "features",
    "figure",
    "figure_judgement",
    "judge",
    "listing",
    "lock",
    "main",
    "rekey",
    "report",
    "run",
    "score",
    "show",
    "table",
    "theory",
    "verify",
    "watch",
]


def main() -> None:
    """The console script; a user's mistake ends in one paragraph and an exit code."""
    warnings.showwarning = _show_warning
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait leave others the core
    try:
        app()
    except GenbenchError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    echo(f"Warning: {message}", err=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        echo(f"genbench {__version__}")
        raise typer.Exit


@app.callback()
def _genbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Compares generative models by Parzen-window log-likelihood, in tables that can be re-run.

    Start with `genbench run`: it needs no download and ends in a table.
    """
