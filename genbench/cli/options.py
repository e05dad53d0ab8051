"""What every command shares: the application, its options, and how their texts are read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


MODELS, DATASETS, METRICS, SEEDS = (
    ",".join(map(str, usual))
    for usual in (DEFAULTS.models, DEFAULTS.datasets, DEFAULTS.metrics, DEFAULTS.seeds)
)
FORMATS = ("md", "latex", "csv", "html", "json")

app = typer.Typer(
    name="genbench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
list_app = typer.Typer(no_args_is_help=True, help="What is registered, and what was run.")
data_app = typer.Typer(no_args_is_help=True, help="Dataset files: list, fetch, import, verify.")
figure_app = typer.Typer(no_args_is_help=True, help="Figures of all results in a folder.")
app.add_typer(list_app, name="list")
app.add_typer(data_app, name="data")
app.add_typer(figure_app, name="figure")


def completing(kind: str) -> Callable[[str], list[str]]:
    """Completes the last name of a comma-separated list from the registry."""

    def complete(incomplete: str) -> list[str]:
        from genbench.plugins import registry

        before, comma, last = incomplete.rpartition(",")
        return [before + comma + name for name in registry.names(kind) if name.startswith(last)]

    return complete


def any_name(incomplete: str) -> list[str]:
    from genbench.plugins import registry

    return [name for kind in registry.KINDS for name in completing(kind)(incomplete)]


def preset_names(incomplete: str) -> list[str]:
    """Completes a preset that some registered model's recipe names."""
    from genbench.plugins import presets

    return sorted(name for name in presets.names() if name.startswith(incomplete))


def option(default_help: str, variable: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=default_help, envvar=f"GENBENCH_{variable}", **more)


ResultsDir = Annotated[
    Path, option("Folder of results; runs live in its runs/.", "RESULTS_DIR", "--results-dir")
]
DataDir = Annotated[
    Path | None, option("Folder of datasets; default: the user's cache.", "DATA", "--data-dir")
]
Json = Annotated[bool, option("Print one JSON document on stdout.", "JSON", "--json")]
Models = Annotated[
    str,
    option("Comma-separated.", "MODELS", "--models", "-m", autocompletion=completing("model")),
]
Datasets = Annotated[
    str,
    option(
        "One or several, comma-separated.",
        "DATASET",
        "--dataset",
        "-d",
        autocompletion=completing("dataset"),
    ),
]
Metrics = Annotated[
    str, option("Comma-separated.", "METRICS", "--metrics", autocompletion=completing("metric"))
]
Device = Annotated[str, option("auto, cpu, cuda or cuda:i.", "DEVICE", "--device")]
Threads = Annotated[
    int | None,
    option("Threads of each worker; default: all cores, shared.", "THREADS", "--threads", min=1),
]
Quiet = Annotated[bool, option("No progress, no notes.", "QUIET", "--quiet", "-q")]
Columns = Annotated[
    str, option("ll, fit and sample: score, training, samples/s.", "COLUMNS", "--columns")
]
OnlyModels = Annotated[
    str | None,
    option("Only these.", "MODELS", "--models", "-m", autocompletion=completing("model")),
]
OnlyDatasets = Annotated[
    str | None,
    option("Only these.", "DATASET", "--dataset", "-d", autocompletion=completing("dataset")),
]


def split(text: str, option: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise UsageError(f"{option} needs at least one name, got {text!r}")
    return list(dict.fromkeys(found))


def parsed_columns(text: str) -> list[str]:
    from genbench.plugins import registry
    from genbench.tables import speed

    found = split(text, "--columns")
    for name in found:
        if name not in speed.COLUMNS:
            hint = registry.nearest(name, speed.COLUMNS)
            raise UsageError(f"--columns has no {name!r}; {hint}")
    return found


def whole_numbers(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in split(text, "--seeds")))
    except ValueError:
        raise UsageError(f"--seeds takes whole numbers such as 0,1,2; got {text!r}") from None


def positive(minutes: float | None) -> float | None:
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes must be above 0, got {minutes}")
    return minutes


def parsed_settings(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    from genbench.plugins.settings import parse_setting

    overrides: dict[str, dict[str, Any]] = {}
    for text in texts:
        owner, key, value = parse_setting(text)
        overrides.setdefault(owner, {})[key] = value
    return overrides


def data_folder(given: Path | None) -> Path:
    from genbench.datasets._files import default_data_dir

    return given if given is not None else default_data_dir()


def cores() -> int:
    """Cores this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def new_console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def is_live(console: Console) -> bool:
    """Whether there is somebody to watch bars."""
    return console.is_terminal and not os.environ.get("CI")


def print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Rows as aligned columns, or as JSON."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=2, ensure_ascii=False))
        return
    if not rows:
        return
    from tabulate import tabulate

    cells = [list(row.values()) for row in rows]
    typer.echo(tabulate(cells, headers=list(rows[0]), tablefmt="plain", disable_numparse=True))
