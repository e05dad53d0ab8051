"""The options that several commands have, each with its environment variable and completion."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer


def completing(kind: str) -> Callable[[str], list[str]]:
    """Completes the last name of a comma-separated list from the registry."""

    def complete(incomplete: str) -> list[str]:
        from genbench.plugins import registry

        before, comma, last = incomplete.rpartition(",")
        return [before + comma + name for name in registry.names(kind) if name.startswith(last)]

    return complete


def any_name(incomplete: str) -> list[str]:
    """Completes the name of a model, dataset or metric."""
    from genbench.plugins import registry

    return [name for kind in registry.KINDS for name in completing(kind)(incomplete)]


def preset_names(incomplete: str) -> list[str]:
    """Completes a preset that some registered model's recipe names."""
    from genbench.plugins import presets

    return sorted(name for name in presets.names() if name.startswith(incomplete))


def option(help: str, variable: str, *names: str, **more: Any) -> Any:
    """An option of these names; GENBENCH_`variable` gives its default."""
    return typer.Option(*names, help=help, envvar=f"GENBENCH_{variable}", **more)


def of_models(help: str) -> Any:
    """--models, which completes."""
    return option(help, "MODELS", "--models", "-m", autocompletion=completing("model"))


def of_datasets(help: str) -> Any:
    """--dataset, which completes."""
    return option(help, "DATASET", "--dataset", "-d", autocompletion=completing("dataset"))


def of_metrics(help: str) -> Any:
    """--metrics, which completes."""
    return option(help, "METRICS", "--metrics", autocompletion=completing("metric"))


def form(help: str) -> Any:
    """--format."""
    return option(help, "FORMAT", "--format", "-f")


def out(help: str) -> Any:
    """--out."""
    return option(help, "OUT", "--out", "-o")


def switch(help: str, name: str) -> Any:
    """An option that is on or off, its variable named as it is."""
    return option(help, name.removeprefix("--").replace("-", "_").upper(), name)


# --- what is asked for ---

OnlyModels = Annotated[str | None, of_models("Only these models, comma-separated.")]
OnDataset = Annotated[
    str | None, of_datasets("Try a model on its first rows, not on made-up ones.")
]
OnlyDatasets = Annotated[str | None, of_datasets("Only these datasets, comma-separated.")]
OnlyMetrics = Annotated[str | None, of_metrics("Only these metrics, comma-separated.")]
Columns = Annotated[
    str,
    option(
        "What to show: ll (the score), fit (training time), sample (samples/s).",
        "COLUMNS",
        "--columns",
    ),
]


# --- where and how ---

ResultsDir = Annotated[
    list[Path] | None,
    option(
        f"Folder of results. May be repeated (in the variable: by {os.pathsep}): the first is "
        "written, all are read. Default: results; in a clone results/local, and results beside it.",
        "RESULTS_DIR",
        "--results-dir",
    ),
]
DataDir = Annotated[
    Path | None, option("Folder of datasets; default: the user's cache.", "DATA", "--data-dir")
]
Device = Annotated[str, option("auto, cpu, cuda or cuda:i.", "DEVICE", "--device")]
Threads = Annotated[
    int | None,
    option(
        "Threads of each process; by default they share all cores.", "THREADS", "--threads", min=1
    ),
]

# --- what is printed ---

Json = Annotated[bool, switch("Print one JSON document on stdout.", "--json")]
Quiet = Annotated[bool, option("No progress, no notes.", "QUIET", "--quiet", "-q")]
Everything = Annotated[
    bool, switch("All results of the folders, not only those of the last run.", "--all")
]
Notes = Annotated[
    str, option("How much stands under a table: short, full or none.", "NOTES", "--notes")
]
NoNotes = Annotated[bool, option("No notes.", "QUIET", "--quiet", "-q")]
