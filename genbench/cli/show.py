"""`genbench show`: the recipe that a model would be trained by, and where each value comes from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.model_file import ModelFile
from genbench.cli.options import Json, completing, of_datasets
from genbench.cli.run import Preset, Settings
from genbench.cli.showing import print_json, print_rows
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

Model = Annotated[
    str | None, typer.Argument(help="A registered model.", autocompletion=completing("model"))
]
Dataset = Annotated[str, of_datasets("The dataset of the recipe.")]


@app.command(
    epilog="Examples:  genbench show gan -d mnist  |  genbench show gan -d tfd --preset quick  |  "
    "genbench show --model-file vae.py --set vae.rate=0.001"
)
def show(
    model: Model = None,
    model_file: ModelFile = None,
    dataset: Dataset = DEFAULTS.datasets[0],
    preset: Preset = DEFAULTS.preset,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Print the recipe of a model on a dataset: each value, the table it stands in, its source."""
    from genbench.plugins import presets, registry, sources

    named = model or model_file
    if not named:
        raise UsageError("show takes a model, such as: genbench show gan -d mnist")
    name = registry.find("model", named).name
    on = registry.find("dataset", dataset).name
    values = parsing.settings(settings)
    for owner in values:
        if owner != name:
            raise UsageError(f"--set names {owner!r}; this recipe is of {name!r}")
    parsing.one_of(sorted(presets.names()), preset, "preset")
    rows = [asdict(one) for one in sources.sourced(name, on, preset, values.get(name, {}))]
    if as_json:
        print_json({"model": name, "dataset": on, "preset": preset, "recipe": rows})
    else:
        print_rows([{**row, "value": json.dumps(row["value"])} for row in rows], as_json)
