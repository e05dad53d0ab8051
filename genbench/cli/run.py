"""`genbench run`: train, sample, score, print the table."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
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
from genbench.cli.showing import echo, is_live, new_console, say, width
from genbench.defaults import DEFAULTS
from genbench.errors import StoreError, Terminated

if TYPE_CHECKING:
    from rich.console import Console

    from genbench.records.run import Run
    from genbench.running.cost import Cost
    from genbench.running.runner import Environment
    from genbench.tables.texts import Options

LOOK, BUSY = 0.2, 0.25  # seconds that one looks at the cores; the share of them that is much
MODELS, DATASETS, METRICS, SEEDS = (
    ",".join(map(str, usual))
    for usual in (DEFAULTS.models, DEFAULTS.datasets, DEFAULTS.metrics, DEFAULTS.seeds)
)
Models = Annotated[str, of_models(f"Comma-separated; default: {MODELS}, or the --model-file.")]
Datasets = Annotated[str, of_datasets("One or several, comma-separated.")]
Metrics = Annotated[str, of_metrics("Comma-separated.")]
Seeds = Annotated[str, option("Comma-separated whole numbers.", "SEEDS", "--seeds")]
Samples = Annotated[int, option("Samples drawn from each model.", "SAMPLES", "--samples", min=1)]
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
    option("Training budget of each run; a run it cuts is marked.", "MINUTES", "--minutes"),
]
Settings = Annotated[
    list[str] | None,
    option(
        "A hyperparameter: gan.rate=0.05. May be repeated (in the variable: by spaces).",
        "SET",
        "--set",
    ),
]
Workers = Annotated[int, option("Trainings at a time.", "WORKERS", "--workers", min=1)]
Grids = Annotated[
    int,
    option("Keep a grid of samples every so many epochs; see watch.", "GRIDS", "--grids", min=0),
]
Rerun = Annotated[bool, switch("Do again what is done.", "--rerun")]
NoReferences = Annotated[bool, switch("Only what --models names.", "--no-references")]
DryRun = Annotated[
    bool, switch("Print the plan and its estimated cost; nothing else.", "--dry-run")
]
Verbose = Annotated[bool, option("Where a failed run failed; times.", "VERBOSE", "--verbose", "-v")]


@app.command(
    epilog="Examples:  genbench run  |  genbench run -m gan,dbn -d tfd  |  "
    "genbench run -m gan -d mnist --preset quick --set gan.rate=0.05 --seeds 0,1,2"
)
def run(
    models: Models = "",
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
    """Train, sample, score, and print the table. The same command again resumes."""
    from genbench.front import plan
    from genbench.running.runner import Environment, choose_device
    from genbench.tables.texts import NOTES, Options

    choose_device(device)
    parsing.one_of(NOTES, notes, "--notes")
    shown = Options(columns=parsing.columns(columns), quiet=quiet, width=width(), notes=notes)
    folder, (own, *beside) = parsing.data_folder(data_dir), parsing.folders(results_dir)
    with redirect_stdout(sys.stderr):  # what a stranger's dataset prints is no table
        runs = plan(
            parsing.split(models or model_file or MODELS, "--models"),
            parsing.split(dataset, "--dataset"),
            parsing.split(metrics, "--metrics"),
            seeds=parsing.whole_numbers(seeds),
            samples=samples,
            sample_sets=sample_sets,
            preset=preset,
            references=() if no_references else DEFAULTS.references,
            settings=parsing.settings(settings),
            epochs=epochs,
            minutes=parsing.positive(minutes),
            data_dir=folder,
        )
    if not quiet:
        for line in _full_recipes(runs, preset):
            say(new_console(), line)
    at_a_time = _at_a_time(workers, shown)
    environment = Environment(own, folder, device, rerun, at_a_time, None, tuple(beside), grids)
    whole = (
        _print_costs(runs, environment)
        if dry_run
        else _carried_out(runs, environment, threads, shown, verbose, as_json)
    )
    if not whole:
        raise typer.Exit(1)


def _full_recipes(runs: Sequence[Run], preset: str) -> list[str]:
    """Which models run in full since their recipe has nothing of a preset that was asked for."""
    full: dict[str, dict[str, None]] = {}
    for run in runs:
        if run.preset != preset and run.model not in DEFAULTS.references:
            full.setdefault(run.data.name, {})[run.model] = None
    return [
        f"{', '.join(models)} on {dataset}: no preset {preset!r}, so the full recipe runs"
        for dataset, models in full.items()
    ]


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
    shown: Options,
    verbose: bool,
    as_json: bool,
) -> bool:
    """Does what the store does not hold and prints the table; returns whether all runs are done."""
    from genbench.running.plan import pending
    from genbench.tables import chosen, texts

    store, console = environment.store, new_console()
    todo = pending(runs, store, environment.rerun)
    if todo:
        store.prepare()
        each = max(1, parsing.cores() // (environment.workers or 1))  # never by what is left to do
        work(todo, environment, threads or each, console, shown.quiet)
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
        for line in _beside(runs, environment):
            say(console, line)
        say(console, f"everything is in {shortened(store.runs)}")
    return is_complete(results, runs)


def _beside(runs: Sequence[Run], environment: Environment) -> list[str]:
    """Which rows of other folders there are to compare these with."""
    from genbench.records.stores import Stores

    own, found = {run.model for run in runs}, []
    known = list(Stores(environment.beside)) if environment.beside else []
    for dataset in dict.fromkeys(run.data.name for run in runs):
        others = {r.model for r in known if r.dataset == dataset and r.model not in own}
        if others:
            rows = ", ".join(sorted(others))
            found.append(f"to compare with on {dataset}: {rows} (genbench table -d {dataset})")
    return found


def shortened(path: Path) -> Path:
    """A path as people would type it: from the working folder, where it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def work(
    todo: Sequence[Run],
    environment: Environment,
    threads: int,
    console: Console,
    quiet: bool,
    engine: str = "spawned",
) -> None:
    """Runs what is to be done and shows it; Ctrl-C and SIGTERM end the workers at once."""
    from genbench.records.store import Store
    from genbench.running.driving import work_on
    from genbench.running.plan import by_training
    from genbench.running.progress import Watch

    live, store = is_live(console) and not quiet, Store(environment.results_dir)
    if not quiet:
        _say_if_busy(console)
    watch = Watch(by_training(todo), store, console, live, quiet)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        work_on(todo, replace(environment, threads=threads), engine, watch)
    except KeyboardInterrupt as stop:
        echo(
            "Interrupted; the same command goes on from the last finished epoch.",
            err=True,
        )
        if isinstance(stop, Terminated):
            raise SystemExit(stop.exit_code) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _say_if_busy(console: Console) -> None:
    """Says that other programs keep cores of this machine busy: all times are longer then."""
    import psutil

    cores = psutil.cpu_count() or 1
    used = psutil.cpu_percent(interval=LOOK) / 100 * cores
    if used > BUSY * cores:
        text = f"other programs keep {used:.1f} of {cores} cores busy: this takes longer than alone"
        say(console, text)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _print_costs(runs: Sequence[Run], environment: Environment) -> bool:
    """The plan, and what its trainings would cost, projected from one timed batch of each.

    False where a training cannot begin.
    """
    from genbench.running.cost import costs
    from genbench.words import duration

    total, whole = 0.0, True
    for one in costs(runs, environment):
        total += one.seconds
        whole = whole and not one.unknown
        first = one.run
        echo(
            f"{first.model} on {first.data.name}, preset {first.preset}, seed {first.seed}, "
            f"{one.left} of {one.scores} scores to do: {_said(one)}"
        )
    echo(
        f"all training, one after the other: about {duration(total)}; "
        "sampling and scoring not counted"
    )
    return whole


def _said(cost: Cost) -> str:
    from genbench.words import duration

    if not cost.left:
        return "done"
    if cost.empty:
        return f"nothing to train, all stay empty: {cost.run.unmet}"
    if cost.unknown:
        return f"it would fail, {cost.unknown}"
    if not cost.epochs:
        return "trained; to sample and score only"
    epochs = "1 epoch" if cost.epochs == 1 else f"{cost.epochs} epochs"
    return f"{epochs}, about {duration(cost.seconds)}"
