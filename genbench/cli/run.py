"""`genbench run`: train, sample, score, print the table."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli import parsing, planned
from genbench.cli.applications import app
from genbench.cli.executing import TLS, Resources, Scheduler, TrainedBy, engine, threads_each
from genbench.cli.model_file import ModelFile
from genbench.cli.options import (
    Columns,
    DataDir,
    Device,
    Json,
    Notes,
    Quiet,
    ResultsDir,
    Threads,
    of_datasets,
    of_metrics,
    of_models,
    option,
    preset_names,
    switch,
)
from genbench.cli.outcomes import is_complete, print_outcomes
from genbench.cli.showing import echo, new_console, say, width
from genbench.cli.working import work
from genbench.defaults import DEFAULTS
from genbench.errors import StoreError

if TYPE_CHECKING:
    from genbench.records.run import Run
    from genbench.records.store import Store
    from genbench.running.engines import Engine
    from genbench.running.runner import Environment
    from genbench.tables.texts import Options

MODELS, DATASETS, METRICS, SEEDS = (
    ",".join(map(str, usual))
    for usual in (DEFAULTS.models, DEFAULTS.datasets, DEFAULTS.metrics, DEFAULTS.seeds)
)
Models = Annotated[
    str | None, of_models(f"Comma-separated; default: {MODELS}, or the --model-file.")
]
Datasets = Annotated[str, of_datasets("One or several, comma-separated.")]
Metrics = Annotated[str, of_metrics("Comma-separated; a group such as prdc, or all.")]
Seeds = Annotated[str, option("Comma-separated whole numbers.", "SEEDS", "--seeds")]
Samples = Annotated[
    int, option("How many samples are drawn from each model.", "SAMPLES", "--samples", min=1)
]
SampleSets = Annotated[
    int,
    option(
        "Independent sets of samples of each model; three give an error over them.",
        "SAMPLE_SETS",
        "--sample-sets",
        min=1,
    ),
]
Preset = Annotated[
    str,
    option(
        f"{', '.join(DEFAULTS.presets)}, or another that a recipe names.",
        "PRESET",
        "--preset",
        autocompletion=preset_names,
    ),
]
Epochs = Annotated[
    int | None, option("Epochs, in place of the recipe's.", "EPOCHS", "--epochs", min=1)
]
Minutes = Annotated[
    float | None,
    option("Time budget of each training; one that it cuts is marked.", "MINUTES", "--minutes"),
]
Settings = Annotated[
    list[str] | None,
    option(
        "A hyperparameter: gan.rate=0.05. May be repeated (in the variable: by spaces).",
        "SET",
        "--set",
    ),
]
Workers = Annotated[int, option("How many trainings run at a time.", "WORKERS", "--workers", min=1)]
Grids = Annotated[
    int,
    option(
        "Keep a picture of samples every so many epochs; `genbench watch` says where.",
        "GRIDS",
        "--grids",
        min=0,
    ),
]
Rerun = Annotated[bool, switch("Do again what is done already.", "--rerun")]
NoReferences = Annotated[
    bool, switch("Only what --models names, without reference rows.", "--no-references")
]
DryRun = Annotated[
    bool, switch("Print the plan and its estimated cost; nothing else.", "--dry-run")
]
Verbose = Annotated[
    bool,
    option(
        "Also where a failed run failed, and how long each stage took.",
        "VERBOSE",
        "--verbose",
        "-v",
    ),
]


@app.command(
    epilog="Examples:  genbench run  |  genbench run -m gan,dbn -d tfd  |  "
    "genbench run -m gan -d mnist --preset quick --set gan.rate=0.05 --seeds 0,1,2"
)
def run(
    models: Models = None,
    model_file: ModelFile = None,
    dataset: Datasets = DATASETS,
    metrics: Metrics = METRICS,
    seeds: Seeds = SEEDS,
    samples: Samples = DEFAULTS.samples,
    sample_sets: SampleSets = 1,
    preset: Preset = DEFAULTS.preset,
    epochs: Epochs = None,
    minutes: Minutes = None,
    settings: Settings = None,
    device: Device = "auto",
    workers: Workers = 1,
    threads: Threads = None,
    executor: TrainedBy = None,
    scheduler: Scheduler = None,
    resources: Resources = None,
    tls: TLS = None,
    grids: Grids = 0,
    columns: Columns = "ll",
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    rerun: Rerun = False,
    no_references: NoReferences = False,
    dry_run: DryRun = False,
    notes: Notes = "short",
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Train, draw samples, score them, print the table. The same command again goes on."""
    from genbench.records import plans
    from genbench.records.stores import Stores
    from genbench.tables.texts import NOTES, Options

    how = engine(executor, scheduler, resources, tls, threads=True)
    parsing.one_of(NOTES, notes, "--notes")
    shown = Options(columns=parsing.columns(columns), quiet=quiet, width=width(), notes=notes)
    folder, (own, *beside) = parsing.data_folder(data_dir), parsing.folders(results_dir)
    wanted = (model_file or MODELS) if models is None else models  # "" is refused, not replaced
    question = {
        "models": parsing.split(wanted, "--models"),
        "datasets": parsing.split(dataset, "--dataset"),
        "metrics": parsing.split(metrics, "--metrics"),
        "seeds": parsing.whole_numbers(seeds),
        "samples": samples,
        "sample_sets": sample_sets,
        "preset": preset,
        "references": () if no_references else DEFAULTS.references,
        "settings": parsing.settings(settings),
        "epochs": epochs,
        "minutes": parsing.positive(minutes),
    }
    plain = device == "auto" and not (rerun or dry_run or model_file)
    digest, store = plans.plan_digest(question, folder) if plain else "", Stores([own, *beside])
    runs = plans.remembered(own, digest)
    if runs is not None and all(run in store for run in runs):
        _print_full_recipes(runs, preset, quiet)
        _show(runs, [], store, shown, verbose, as_json)
        return
    from genbench.running.runner import Environment  # torch comes with it

    runs = _planned(question, folder, "" if how and how.scheduler else device)
    _print_full_recipes(runs, preset, quiet)
    at_a_time = _at_a_time(workers, shown)
    environment = Environment(own, folder, device, rerun, at_a_time, None, tuple(beside), grids)
    if dry_run:
        whole = planned.print_costs(runs, environment, as_json)
    else:
        whole = _carried_out(runs, environment, threads, how, shown, verbose, as_json)
        with suppress(StoreError):  # the folder may be read-only
            plans.remember(own, digest if whole else "", runs)
    if not whole:
        raise typer.Exit(1)


def _planned(question: Mapping[str, Any], folder: Path, device: str) -> list[Run]:
    """The runs of a question; device: one that must be here, or empty where others do the work."""
    from genbench.front import plan
    from genbench.running.runner import choose_device

    if device:
        choose_device(device)
    with redirect_stdout(sys.stderr):  # what a stranger's dataset prints is no table
        return plan(**question, data_dir=folder)


def _print_full_recipes(runs: Sequence[Run], preset: str, quiet: bool) -> None:
    for line in [] if quiet else planned.full_recipes(runs, preset):
        say(new_console(), line)


def _at_a_time(workers: int, shown: Options) -> int:
    """How many trainings there are at a time: one where the table is to tell how long they take."""
    if workers == 1 or [*shown.columns] == ["ll"]:
        return workers
    if not shown.quiet:
        say(new_console(), "one training at a time, since --columns asks for times")
    return 1


def _carried_out(
    runs: Sequence[Run],
    environment: Environment,
    threads: int | None,
    how: Engine | None,
    shown: Options,
    verbose: bool,
    as_json: bool,
) -> bool:
    """Does what the store does not hold and prints the table; returns whether all runs are done."""
    from genbench.running.plan import pending

    store, console = environment.store, new_console()
    todo = pending(runs, store, environment.rerun)
    if todo:
        store.prepare()
        if not shown.quiet:
            for line in planned.announced(todo, environment, how is None or not how.scheduler):
                say(console, line)
        each = threads_each(threads, environment.workers or 1, how)  # never by what is left to do
        work(todo, environment, each, console, shown.quiet, how)
    return _show(runs, todo, store, shown, verbose, as_json)


def _show(
    runs: Sequence[Run],
    todo: Sequence[Run],
    store: Store,
    shown: Options,
    verbose: bool,
    as_json: bool,
) -> bool:
    """Prints what became of what was to be done, and the table; returns whether all is done."""
    from genbench.tables import chosen, texts

    console = new_console()
    results = [result for result in map(store.result, runs) if result]
    keys = [run.score_key for run in runs]
    if store.last() != keys:
        with suppress(StoreError):  # where all is done already, the folder may be read-only
            store.put_last(keys)
    print_outcomes(todo, store, console, shown.quiet, verbose)
    text = texts.rendered(results, "json" if as_json else "md", store, shown)
    echo(text, nl=False)
    if not shown.quiet:
        edited = chosen.edited_since(results, store)
        if edited:
            say(console, f"note: {edited}")
        for line in _beside(runs, store):
            say(console, line)
        say(console, f"everything is in {shortened(store.runs)}")
    return is_complete(results, runs)


def _beside(runs: Sequence[Run], store: Store) -> list[str]:
    """Which rows of other folders there are to compare these with."""
    from genbench.records.stores import Stores

    own, found = {run.model for run in runs}, []
    _, *others = store.places
    known = list(Stores(others)) if others else []
    for dataset in dict.fromkeys(run.data.name for run in runs):
        others = {r.model for r in known if r.dataset == dataset and r.model not in own}
        if others:
            rows = ", ".join(sorted(others))
            found.append(f"to compare with on {dataset}: {rows} (genbench table -d {dataset})")
    return found


def shortened(path: Path) -> Path:
    """A path as people would type it: from the working folder, where it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
