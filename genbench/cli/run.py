"""`genbench run`: train, sample, score, print the table."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from genbench.cli.options import (
    DATASETS,
    DEFAULTS,
    METRICS,
    MODELS,
    SEEDS,
    Columns,
    DataDir,
    Datasets,
    Device,
    Json,
    Metrics,
    Models,
    Quiet,
    ResultsDir,
    Threads,
    app,
    cores,
    data_folder,
    is_live,
    new_console,
    option,
    parsed_columns,
    parsed_settings,
    positive,
    preset_names,
    split,
    whole_numbers,
)
from genbench.errors import GenbenchError, Terminated
from genbench.tables.chosen import edited_since, rendered

if TYPE_CHECKING:
    from rich.console import Console

    from genbench.records.run import Run
    from genbench.records.store import Store
    from genbench.running.runner import Environment


@app.command(
    epilog="Examples:  genbench run  |  genbench run -m gan,dbn -d tfd  |  "
    "genbench run -m gan -d mnist --preset quick --set gan.rate=0.05 --seeds 0,1,2"
)
def run(
    models: Models = MODELS,
    dataset: Datasets = DATASETS,
    metrics: Metrics = METRICS,
    seeds: Annotated[str, option("Comma-separated whole numbers.", "SEEDS", "--seeds")] = SEEDS,
    samples: Annotated[
        int, option("Samples drawn from each model.", "SAMPLES", "--samples", min=1)
    ] = DEFAULTS["samples"],
    sample_sets: Annotated[
        int,
        option(
            "Independent sets of samples of each model; three give an error over them.",
            "SAMPLE_SETS",
            "--sample-sets",
            min=1,
        ),
    ] = 1,
    preset: Annotated[
        str,
        option(
            "smoke, quick, budget, paper, or another that a recipe names.",
            "PRESET",
            "--preset",
            autocompletion=preset_names,
        ),
    ] = DEFAULTS["preset"],
    epochs: Annotated[
        int | None, option("Epochs, in place of the recipe's.", "EPOCHS", "--epochs", min=1)
    ] = None,
    minutes: Annotated[
        float | None,
        option("Training budget of each run; a run it cuts is marked.", "MINUTES", "--minutes"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        option(
            "A hyperparameter: gan.rate=0.05. May be repeated (in the variable: by spaces).",
            "SET",
            "--set",
        ),
    ] = None,
    device: Device = "auto",
    workers: Annotated[int, option("Trainings at a time.", "WORKERS", "--workers", min=1)] = 1,
    threads: Threads = None,
    columns: Columns = "ll",
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
    rerun: Annotated[bool, option("Do again what is done.", "RERUN", "--rerun")] = False,
    no_references: Annotated[
        bool, option("Only what --models names.", "NO_REFERENCES", "--no-references")
    ] = False,
    dry_run: Annotated[
        bool,
        option("Print the plan and its estimated cost; nothing else.", "DRY_RUN", "--dry-run"),
    ] = False,
    quiet: Quiet = False,
    verbose: Annotated[
        bool, option("Where a failed run failed; times.", "VERBOSE", "--verbose", "-v")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train, sample, score, and print the table. The same command again resumes."""
    from genbench.records.store import Store
    from genbench.running.plan import Question, pending, plan
    from genbench.running.runner import Environment, choose_device

    choose_device(device)
    asked, console = parsed_columns(columns), new_console()
    if workers > 1 and asked != ["ll"]:
        workers = 1
        if not quiet:
            console.print("one training at a time, since --columns asks for times")
    question = Question(
        models=split(models, "--models"),
        datasets=split(dataset, "--dataset"),
        metrics=split(metrics, "--metrics"),
        seeds=whole_numbers(seeds),
        samples=samples,
        sample_sets=sample_sets,
        preset=preset,
        references=() if no_references else DEFAULTS["references"],
        overrides=parsed_settings(settings or []),
        epochs=epochs,
        minutes=positive(minutes),
    )
    environment = Environment(results_dir, data_folder(data_dir), device, rerun, workers)
    with redirect_stdout(sys.stderr):  # what a stranger's dataset prints is no table
        runs = plan(question, environment.data_dir)
    store = Store(environment.results_dir)
    todo = pending(runs, store, rerun)
    if dry_run:
        _print_cost(runs, todo, environment)
        return
    if todo:
        store.prepare()
        threads = threads or max(1, cores() // workers)  # never by what is left to do
        work(todo, environment, threads, console, quiet)
    results = [result for result in (store.result(run) for run in runs) if result]
    print_outcomes(todo, store, console, quiet, verbose)
    form = "json" if as_json else "md"
    typer.echo(rendered(results, form, asked, store, quiet), nl=not as_json)
    if not quiet:
        edited = edited_since(results, store)
        if edited:
            console.print(f"note: {edited}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"everything is in {results_dir / 'runs'}", highlight=False, markup=False)
    if len(results) < len(runs) or any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def work(
    todo: Sequence[Run],
    environment: Environment,
    threads: int,
    console: Console,
    quiet: bool,
) -> None:
    """Runs what is to be done and shows it; Ctrl-C and SIGTERM end the workers at once."""
    from genbench.records.store import Store
    from genbench.running.driving import work_on
    from genbench.running.plan import by_training
    from genbench.running.progress import Watch

    live, store = is_live(console) and not quiet, Store(environment.results_dir)
    watch = Watch(by_training(todo), store, console, live, quiet)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        work_on(todo, replace(environment, threads=threads), watch=watch)
    except KeyboardInterrupt as stop:
        typer.echo(
            "Interrupted; the same command goes on from the last finished epoch.",
            err=True,
        )
        if isinstance(stop, Terminated):
            raise SystemExit(stop.exit_code) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def print_outcomes(
    done: Sequence[Run], store: Store, console: Console, quiet: bool, verbose: bool
) -> None:
    """A line for each run that was worked on."""
    from genbench.records.names import label
    from genbench.running.driving import remarks
    from genbench.words import duration

    for run in done:
        result = store.result(run)
        record = store.provenance(run, "score")
        if result is None or (quiet and result.status == "done"):
            continue
        name = f"{label(result)} on {run.data.name}, fold {run.data.fold}, seed {run.seed}"
        name += f", sample set {run.sample_set}" if run.sample_set else ""
        name += f", {run.protocol}" if run.protocol else ""
        spent = ", ".join(
            f"{stage} {duration(seconds)}"
            for stage, seconds in record.get("seconds", {}).items()
            if seconds is not None
        )
        text = f"{name}: {result.status}" + (f" ({spent})" if verbose else "")
        if result.status == "failed":
            text += f": {result.error}"
            if verbose:
                text += "".join(f"\n    {line}" for line in record.get("traceback", []))
        if verbose:
            text += "".join(f"\n    {line}" for line in remarks(run, store))
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_cost(runs: Sequence[Run], todo: Sequence[Run], environment: Environment) -> None:
    """The plan, and what its trainings would cost, projected from one timed batch of each."""
    from genbench.records.store import Store
    from genbench.running.cost import projected
    from genbench.running.plan import by_training
    from genbench.running.runner import choose_device
    from genbench.words import duration

    total, store = 0.0, Store(environment.results_dir)
    device = choose_device(environment.device)
    for group in by_training(runs):
        first, left = group[0], [run for run in group if run in todo]
        cost = "done"
        if left:
            try:
                seconds, epochs = projected(first, store, environment.data_dir, device)
            except (GenbenchError, RuntimeError, ValueError, TypeError, LookupError) as error:
                cost = f"cost unknown, {type(error).__name__}: {error}"
            else:
                seconds = min(seconds, 60 * first.minutes) if first.minutes else seconds
                total += seconds
                cost = f"{epochs} epochs, about {duration(seconds)}"
                cost = cost if epochs else "trained; to sample and score only"
        typer.echo(
            f"{first.model} on {first.data.name}, preset {first.preset}, seed {first.seed}, "
            f"{len(left)} of {len(group)} scores to do: {cost}"
        )
    typer.echo(
        f"all training, one after the other: about {duration(total)}; "
        "sampling and scoring not counted"
    )
