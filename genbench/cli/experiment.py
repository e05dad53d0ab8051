"""`genbench experiment`: one factor at a time from a recipe, trained, scored and set in a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import experiment_app
from genbench.cli.executing import TLS, ExperimentBy, Resources, Scheduler, engine, threads_each
from genbench.cli.options import DataDir, Device, NoNotes, Quiet, ResultsDir, Threads, form, switch
from genbench.cli.outcomes import is_complete, print_outcomes
from genbench.cli.run import Workers
from genbench.cli.showing import echo, new_console, say
from genbench.cli.working import work
from genbench.errors import json_text

if TYPE_CHECKING:
    from genbench.plugins.experiments import Experiment
    from genbench.records.experiments import Record
    from genbench.running.data import Sources
    from genbench.running.engines import Engine
    from genbench.running.experiments import Arm
    from genbench.running.runner import Environment


def _known(incomplete: str) -> list[str]:
    """Completes the name of a file in the folder of experiments."""
    from genbench.plugins.experiments import FOLDER

    return sorted(p.stem for p in FOLDER.glob("*.toml") if p.stem.startswith(incomplete))


Name = Annotated[
    str,
    typer.Argument(help="A file, or NAME of experiments/NAME.toml.", autocompletion=_known),
]
Form = Annotated[str, form("md, latex, csv, html or json.")]
DryRun = Annotated[
    bool, switch("Print the number of runs and their estimated cost; nothing else.", "--dry-run")
]


@experiment_app.command(
    "run",
    epilog="Examples:  genbench experiment run coordination --dry-run  |  "
    "genbench experiment run my/own.toml --results-dir my-results",
)
def run_experiment(
    name: Name,
    device: Device = "auto",
    workers: Workers = 1,
    threads: Threads = None,
    executor: ExperimentBy = None,
    scheduler: Scheduler = None,
    resources: Resources = None,
    tls: TLS = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Train and score every arm of an experiment; the same command again resumes.

    Its table stays in the results folder, for `genbench experiment table`.
    """
    from genbench.plugins import experiments
    from genbench.records.experiments import check_place, put
    from genbench.running.data import Sources
    from genbench.running.engines import Engine
    from genbench.running.experiments import planned, record
    from genbench.running.runner import Environment, choose_device

    how = engine(executor, scheduler, resources, tls, threads=True)
    if how is None and workers == 1:
        # in this process: of trainings this short, starting one for each would be a third
        how = Engine("serial")
    if how is None or not how.scheduler:
        choose_device(device)
    asked = experiments.read(experiments.find(name))
    folder, (own, *beside) = parsing.data_folder(data_dir), parsing.folders(results_dir)
    check_place(asked, own)
    environment = Environment(own, folder, device, False, workers, None, tuple(beside))
    sources = Sources(folder)
    arms = planned(asked, folder, sources)
    if dry_run:
        _print_cost(asked, arms, environment, sources)
        return
    whole = _carried_out(arms, environment, threads_each(threads, workers, how), quiet, how)
    found = record(asked, arms, environment.store)
    path = put(found, own)
    echo(_text(found, "md", quiet), nl=False)
    if not quiet:
        say(new_console(), f"kept in {path}")
    if not whole:
        raise typer.Exit(1)


def _carried_out(
    arms: Sequence[Arm],
    environment: Environment,
    threads: int,
    quiet: bool,
    how: Engine | None,
) -> bool:
    """Does what the store does not hold; returns whether all runs are done."""
    from genbench.running.plan import pending

    store, console = environment.store, new_console()
    runs = [run for arm in arms for run in arm.runs]
    todo = pending(runs, store)
    if todo:
        store.prepare()
        work(todo, environment, threads, console, quiet, how)
    print_outcomes(todo, store, console, True, False)
    return is_complete([result for result in map(store.result, runs) if result], runs)


def _print_cost(
    asked: Experiment, arms: Sequence[Arm], environment: Environment, sources: Sources
) -> None:
    """Runs and trainings that are left, and what they take, from a timed piece of each arm."""
    from genbench.running.cost import costs, untrained
    from genbench.running.plan import pending
    from genbench.words import duration

    total, trainings, runs = 0.0, 0, 0
    for name in asked.arms:
        own = [run for arm in arms if arm.name == name for run in arm.runs]
        left, groups = pending(own, environment.store), untrained(own, environment.store)
        said = f"{name}: {len(groups)} trainings, {len(left)} of {len(own)} scores to do"
        if groups:
            (cost,) = costs(groups[0], environment, sources)
            said += f", it would fail, {cost.unknown}" if cost.unknown else ""
            said += f", about {duration(cost.seconds * len(groups))}" if not cost.unknown else ""
            total += cost.seconds * len(groups)
        trainings, runs = trainings + len(groups), runs + len(left)
        echo(said)
    echo(
        f"{trainings} trainings and {runs} scores to do, all training about {duration(total)}; "
        "sampling and scoring not counted"
    )


@experiment_app.command(
    "table", epilog="Example:  genbench experiment table coordination --format csv > arms.csv"
)
def table_of_experiment(
    name: Name, form: Form = "md", results_dir: ResultsDir = None, quiet: NoNotes = False
) -> None:
    """Print the table of an experiment, from its record in the results folder. Writes nothing."""
    from genbench.plugins.experiments import changed_since
    from genbench.records.experiments import read
    from genbench.tables.texts import FORMATS

    parsing.one_of(FORMATS, form, "format")
    record = read(parsing.folders(results_dir), Path(name).stem)
    changed = changed_since(record.experiment, Path(name).expanduser())
    echo(_text(record, form, quiet, changed), nl=False)


def _text(record: Record, form: str, quiet: bool, changed: str = "") -> str:
    """The table in one of the formats of tables; changed: the file that says another thing now."""
    from genbench.tables import experiment_frames, formats, latex

    if form == "json":
        return json_text(experiment_frames.as_json(record, changed)) + "\n"
    if form == "csv":
        return formats.comma_separated(experiment_frames.numbers(record))
    lines = [] if quiet else experiment_frames.notes(record, changed)
    frames, texts = experiment_frames.frames(record), []
    for i, (title, frame) in enumerate(frames):
        below, name = lines if i == len(frames) - 1 else [], record.experiment.name
        if form == "md":
            texts.append(f"{formats.escape_markdown(title)}:\n\n{formats.markdown(frame, below)}")
        elif form == "html":
            texts.append(formats.html(frame, below, title))
        else:
            texts.append(latex.latex(frame, below, title, f"{name} {title}"))
    return "\n".join(texts)
