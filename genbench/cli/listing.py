"""`genbench list`, `info` and `check`: what is registered, and whether it keeps its contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genbench.cli.applications import app, list_app
from genbench.cli.model_file import ModelFile
from genbench.cli.options import DataDir, Json, OnDataset, ResultsDir, any_name
from genbench.cli.parsing import data_folder, folders, store
from genbench.cli.showing import echo, print_json, print_rows
from genbench.errors import UsageError


def _list_kind(kind: str, as_json: bool) -> None:
    from genbench.plugins import registry

    entries = registry.entries(kind)
    rows = []
    for entry in entries:
        presets = {"presets": ", ".join(_presets(entry.name))} if kind == "model" else {}
        about = {"from": registry.owner(entry), "object": entry.value}
        rows.append({"name": entry.name, **presets, **about})
    print_rows(rows, as_json)
    twice = {entry.name for entry in entries if [e.name for e in entries].count(entry.name) > 1}
    for name in sorted(twice):
        echo(f"Warning: {kind} {name!r} is registered twice and cannot be used", err=True)


def _presets(model: str) -> list[str]:
    """The presets of a model's recipe, the full one first; none where it cannot be read."""
    from genbench.plugins import recipe

    try:
        found = recipe.presets(model)
    except UsageError:
        return []
    return [recipe.PAPER, *sorted(found - {recipe.PAPER})]


@list_app.command("models")
def list_models(as_json: Json = False) -> None:
    """Registered models, and the presets that their recipes have for some dataset."""
    _list_kind("model", as_json)


@list_app.command("datasets")
def list_datasets(as_json: Json = False) -> None:
    """Registered datasets."""
    _list_kind("dataset", as_json)


@list_app.command("metrics")
def list_metrics(as_json: Json = False) -> None:
    """Registered metrics."""
    _list_kind("metric", as_json)


@list_app.command("runs")
def list_runs(results_dir: ResultsDir = None, as_json: Json = False) -> None:
    """Results in a folder, done and failed; and on stderr the trainings that were stopped."""
    rows = [
        {
            "model": result.model,
            "dataset": result.dataset,
            "fold": result.fold,
            "seed": result.seed,
            "set": result.sample_set,
            "samples": result.samples,
            "preset": result.preset,
            "metric": result.metric,
            "protocol": result.protocol,
            "status": result.status,
            "value": result.value if as_json or result.value is None else f"{result.value:.2f}",
            "key": result.key if as_json else result.key[:12],
        }
        for result in store(results_dir)
    ]
    print_rows(rows, as_json)
    for line in _stopped(folders(results_dir)[0]):
        echo(line, err=True)


def _stopped(results_dir: Path) -> list[str]:
    """The trainings that a checkpoint lies of and that nobody works on."""
    from genbench.records.watched import trainings

    lines = []
    for one in trainings(results_dir):
        if one.unfinished and not one.at_work:
            last = one.epochs[-1] if one.epochs else {}
            where = f" after epoch {last['epoch']} of {last['of']}" if last else ""
            lines.append(
                f"stopped{where}: {one.model} on {one.dataset}, {one.name}; the `genbench run` "
                "that began it goes on from there"
            )
    return lines


@app.command()
def info(as_json: Json = False) -> None:
    """Versions, CPU, GPU, threads: for bug reports."""
    from genbench.running import provenance

    machine = provenance.machine()
    if as_json:
        print_json(machine)
        return
    for name, value in machine.items():
        echo(f"{name}: {json.dumps(value) if not isinstance(value, str) else value}")


@app.command(epilog="Example:  genbench check gan")
def check(
    name: Annotated[
        str | None, typer.Argument(help="A model, dataset or metric.", autocompletion=any_name)
    ] = None,
    model_file: ModelFile = None,
    dataset: OnDataset = None,
    data_dir: DataDir = None,
) -> None:
    """Run the contract tests on one registered thing, or on the model in a file."""
    from genbench import testing
    from genbench.plugins import registry

    name = name or model_file
    if not name:
        raise UsageError("check takes the name of a model, dataset or metric, or --model-file")
    wanted = name.replace("-", "_")
    kinds = [kind for kind in registry.KINDS if wanted in registry.names(kind)]
    if not kinds:
        known = [known for kind in registry.KINDS for known in registry.names(kind)]
        raise UsageError(f"nothing is registered as {name!r}; {registry.nearest(wanted, known)}")
    for kind in kinds:
        if kind == "model":
            rows_of = dataset and dataset.replace("-", "_")
            passed = testing.check_model(wanted, rows_of, data_folder(data_dir))
        elif kind == "dataset":
            passed = testing.check_dataset(wanted, data_folder(data_dir))
        else:
            passed = testing.check_metric(wanted)
        for claim in passed:
            echo(f"ok  {claim}")
        echo(f"{kind} {wanted} keeps its contract: {len(passed)} checks passed")
