"""`genbench data`: dataset files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from genbench.cli.applications import data_app
from genbench.cli.options import DataDir, Json, completing
from genbench.cli.parsing import data_folder
from genbench.cli.showing import echo, is_live, new_console, print_rows


@data_app.command("list")
def data_list(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Every registered dataset: what it is, and whether its files are there."""
    from genbench.plugins import registry

    folder = data_folder(data_dir)
    print_rows([_row(name, folder) for name in registry.names("dataset")], as_json)
    echo(f"data folder: {folder}", err=True)


def _row(name: str, folder: Path) -> dict[str, str]:
    from genbench.plugins import registry

    cls = registry.load("dataset", name)
    source, states = cls(folder), {state.split(":")[0] for _, state in _file_states(cls, folder)}
    return {
        "name": name,
        "shape": "x".join(map(str, source.shape)),
        "folds": str(source.folds),
        "files": ", ".join(sorted(states)) or "none needed",
        "what it is": _about(cls),
    }


def _about(cls: Any) -> str:
    """The first sentence of a dataset's file, or of its class; nothing where it has neither."""
    texts = (sys.modules[cls.__module__].__doc__, cls.__doc__)
    first = next((text.strip() for text in texts if text and text.strip()), "")
    return " ".join(first.partition("\n\n")[0].split()).removesuffix(".")


def _file_states(cls: Any, folder: Path) -> list[tuple[str, str]]:
    from genbench.datasets._files import verify

    return verify(cls, folder)


DatasetName = Annotated[
    str, typer.Argument(help="A registered dataset.", autocompletion=completing("dataset"))
]


@data_app.command("fetch", epilog="Example:  genbench data fetch mnist")
def data_fetch(name: DatasetName, data_dir: DataDir = None) -> None:
    """Download a dataset's files, from the first mirror whose bytes are right."""
    from rich.progress import DownloadColumn, Progress, TextColumn

    from genbench.datasets._files import fetch
    from genbench.plugins import registry

    columns = (TextColumn("{task.description}"), DownloadColumn())
    console = new_console()
    with Progress(*columns, console=console, disable=not is_live(console)) as bars:
        tasks: dict[str, Any] = {}

        def show(file: str, received: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=None)
            bars.update(tasks[file], completed=received)

        written = fetch(registry.load("dataset", name), data_folder(data_dir), show)
    for path in written:
        echo(str(path))
    if not written:
        echo("every file is there and canonical", err=True)


@data_app.command("import", epilog="Example:  genbench data import tfd ~/TFD_48x48.mat")
def data_import(
    name: DatasetName,
    path: Annotated[Path, typer.Argument(help="A file, or a folder of them; gz or raw.")],
    data_dir: DataDir = None,
) -> None:
    """Take a dataset's files from your disk into the data folder."""
    from genbench.datasets._files import import_path
    from genbench.plugins import registry

    cls = registry.load("dataset", name)
    for written in import_path(cls, data_folder(data_dir), path.expanduser()):
        echo(str(written))
    for file, state in _file_states(cls, data_folder(data_dir)):
        if state != "canonical":
            echo(f"Warning: {file} is {state}; the table will say so", err=True)


@data_app.command("verify", epilog="Example:  genbench data verify mnist")
def data_verify(name: DatasetName, data_dir: DataDir = None) -> None:
    """Check a dataset's files against the published checksums; exit code 3 where they differ."""
    from genbench.plugins import registry

    states = _file_states(registry.load("dataset", name), data_folder(data_dir))
    for file, state in states:
        echo(f"{file}: {state}")
    if not states:
        echo(f"{name} needs no files")
    if any(state != "canonical" for _, state in states):
        raise typer.Exit(3)
