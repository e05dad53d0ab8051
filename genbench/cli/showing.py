"""Where a command speaks: the console of its progress, and rows on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from genbench.errors import GenbenchError, json_text, plain

if TYPE_CHECKING:
    from rich.console import Console


def new_console() -> Console:
    """The console of stderr, where progress and errors go."""
    from rich.console import Console

    return Console(stderr=True)


def is_live(console: Console) -> bool:
    """Whether there is somebody to watch bars."""
    return console.is_terminal and not os.environ.get("CI")


def width() -> int | None:
    """How many characters a line of stdout may have; None where it is no terminal."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console().width


def echo(text: str = "", err: bool = False, nl: bool = True) -> None:
    """A text on stdout or stderr; nothing in it moves the cursor, or turns what is read.

    Raises GenbenchError where stdout cannot take it, such as a file on a full disk.
    """
    try:
        typer.echo(plain(text), err=err, nl=nl)
    except BrokenPipeError:  # nobody reads on: the command ends without a word
        raise
    except OSError as error:
        if not err:  # else there is nowhere to say it
            raise GenbenchError(f"cannot print: {error.strerror}") from error


def say(console: Console, text: str) -> None:
    """A line as it stands, however long it is and whatever it looks like."""
    console.print(plain(text), highlight=False, markup=False, soft_wrap=True)


def print_json(record: Any) -> None:
    """One JSON document on stdout."""
    echo(json_text(record))


def print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Rows as aligned columns, or as JSON."""
    if as_json:
        print_json(list(rows))
    elif rows:
        from tabulate import tabulate

        cells = [list(row.values()) for row in rows]
        echo(tabulate(cells, headers=list(rows[0]), tablefmt="plain", disable_numparse=True))
