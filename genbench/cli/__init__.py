"""The command line: parse, call, print. Results on stdout, progress and errors on stderr."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
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
from genbench.cli.parsing import variable
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
    warnings.showwarning = _once()
    gc.set_threshold(50_000)  # instead of 700: short commands leave few cycles to collect
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait leave others the core
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # those of numpy would spin
    try:
        app()
    except GenbenchError as error:
        echo(f"Error: {error}{_variables(str(error))}", err=True)
        sys.exit(error.exit_code)
    finally:
        atexit.unregister(_leave_stdout)  # of a call before, where a program makes several
        atexit.register(_leave_stdout)  # the last to register is the first to run


def _leave_stdout() -> None:
    """What a stranger's module prints at the end of this process goes to stderr."""
    with suppress(OSError, ValueError):  # closed, or read by nobody
        sys.stdout.flush()
        os.dup2(2, 1)


def _variables(text: str) -> str:
    """Which environment variables gave what an error quotes or is about, where it does not say so.

    A variable is meant for all commands, so who typed this one may have forgotten it.
    """
    ours = {k: v for k, v in os.environ.items() if k.startswith("GENBENCH_") and v}
    named = [name for name, value in ours.items() if f"'{value}'" in text and name not in text]
    if named:
        return f" (from {', '.join(sorted(named))})"
    about = text.partition(" ")[0].rstrip(":")  # as in "--tls is for a --scheduler"
    typed = any(word.partition("=")[0] == about for word in sys.argv[1:])
    unsaid = about.startswith("--") and not typed and variable(about) in ours
    return f" ({variable(about)} is set)" if unsaid and variable(about) not in text else ""


def _once() -> Callable[..., None]:
    """Shows each warning of a command once, however often its files are read."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            echo(f"Warning: {message}", err=True)

    return show


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
    """Train generative models, score their samples, print tables that can be made again.

    Start with `genbench run`: it needs no download and ends in a table.
    """
