"""`genbench score`: samples made by any program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.executing import TLS, Resources, Scheduler, ScoredBy, engine, threads_each
from genbench.cli.options import (
    DataDir,
    Device,
    Json,
    Notes,
    OnlyModels,
    Quiet,
    ResultsDir,
    Threads,
    form,
    of_datasets,
    option,
    switch,
)
from genbench.cli.run import METRICS, Metrics
from genbench.cli.score_files import Label, score_files, scoring_of
from genbench.cli.showing import echo, new_console, say
from genbench.cli.working import results_of
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.running.engines import Engine
    from genbench.running.runner import Environment

FORMATS = ("md", "latex", "html")
Files = Annotated[
    list[Path] | None,
    typer.Argument(help=".npy, .npz, .safetensors, or a folder of PNG files.", metavar="FILE"),
]
ScoredOn = Annotated[
    str | None,
    of_datasets(
        f"The dataset to score on; else {DEFAULTS.datasets[0]}. With --protocols: only it."
    ),
]
Protocols = Annotated[
    bool,
    switch(
        "Without a FILE: score all stored samples by the metric's other protocols.",
        "--protocols",
    ),
]
Settings = Annotated[
    list[str] | None,
    option("A setting of the metric: parzen.sigma=0.2. May be repeated.", "SET", "--set"),
]
Workers = Annotated[int, option("Processes that score at a time.", "WORKERS", "--workers", min=1)]
Gone = Annotated[str | None, typer.Option(hidden=True)]
Name = Annotated[str | None, option("Keep the row under this name.", "AS", "--as")]
Source = Annotated[
    str | None, option("Where the samples of --as come from, in words.", "SOURCE", "--source")
]
Date = Annotated[str | None, option("When they were made: 2026-11-29.", "DATE", "--date")]
Replace = Annotated[
    bool, switch("Put these samples in the place of others of the name.", "--replace")
]
NoReferences = Annotated[bool, switch("Only the files.", "--no-references")]
Form = Annotated[str, form("Of the tables: md, latex or html.")]


@app.command(
    epilog="Examples:  genbench score samples.npy -d mnist  |  "
    "genbench score ours.npz theirs.safetensors pictures/ -d tfd --json  |  "
    "genbench score samples.npy -d mnist --no-references --set parzen.sigma=0.2  |  "
    "genbench score samples.npy -d mnist --format latex > row.tex  |  "
    "genbench score samples.npy -d mnist --as flow --source 'run 7' --date 2026-11-29  |  "
    "genbench score --protocols -d mnist"
)
def score(
    files: Files = None,
    dataset: ScoredOn = None,
    metrics: Metrics = METRICS,
    protocols: Protocols = False,
    models: OnlyModels = None,
    settings: Settings = None,
    name: Name = None,
    source: Source = None,
    date: Date = None,
    replacing: Replace = False,
    device: Device = "auto",
    workers: Workers = 1,
    threads: Threads = None,
    executor: ScoredBy = None,
    scheduler: Scheduler = None,
    resources: Resources = None,
    tls: TLS = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    no_references: NoReferences = False,
    form: Form = "md",
    notes: Notes = "short",
    quiet: Quiet = False,
    as_json: Json = False,
    sigma_search: Gone = None,
    precision: Gone = None,
) -> None:
    """Score samples made by any program, exactly as our own are scored.

    Arrays of m samples: (m, d), (m, c, h, w), (m, h, w, c) or (m, h, w); floats, uint8 or bool.

    Of several arrays in a file the one called `samples` is taken.

    Reference rows, drawn as often, stand beside; they are scored once and kept. With --as the
    file's own row is kept too, and stands in tables, comparisons and reports.

    Of more than 262,144 samples, or 16,384 test rows, it is computed in blocks, by --workers at a
    time; the same command goes on with those that are not there yet.

    With --protocols, and without a FILE, it scores the stored samples in other ways, to see whether
    the order of the rows holds.
    """
    from genbench.running.engines import Engine
    from genbench.running.runner import Environment, choose_device
    from genbench.tables.texts import NOTES, Options

    parsing.one_of(FORMATS, form, "format")
    parsing.one_of(NOTES, notes, "--notes")
    _check_gone({"sigma_search": sigma_search, "precision": precision})
    how = engine(executor, scheduler, resources, tls)
    how = Engine() if how is None and workers > 1 else how
    choose_device(device)
    folder, threads = parsing.data_folder(data_dir), threads_each(threads, workers, how)
    own, *beside = parsing.folders(results_dir)
    environment = Environment(own, folder, device, False, workers, threads, tuple(beside))
    form = "json" if as_json else form
    named = {"--as": name, "--source": source, "--date": date}
    if protocols:
        _refuse({"FILE": files, "--set": settings, "--no-references": no_references, **named})
        whole = _by_protocols(models, dataset, environment, how, quiet, as_json)
    else:
        _check_files(files, models, named)
        label = Label(name, source or "", date or "", replacing)
        scoring = scoring_of(dataset, metrics, settings, environment)
        paths = [*dict.fromkeys(path.expanduser() for path in files or [])]
        shown = Options(quiet=quiet, notes=notes)
        whole = score_files(paths, scoring, label, environment, how, no_references, form, shown)
    if not whole:
        raise typer.Exit(1)


def _check_gone(given: Mapping[str, str | None]) -> None:
    """Raises UsageError for an option that is a setting now, and says how it is set."""
    metric = DEFAULTS.metrics[0]
    for name, value in given.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is a setting now: --set {metric}.{name}={value}")


def _refuse(given: Mapping[str, Any]) -> None:
    """Raises UsageError for what only a FILE's score can be given."""
    for name, value in given.items():
        if value:
            raise UsageError(
                f"--protocols scores what is stored, each protocol as it is: no {name}"
            )


def _check_files(
    files: Sequence[Path] | None, models: str | None, named: Mapping[str, str | None]
) -> None:
    if not files:
        raise UsageError(
            "score needs a FILE of samples, or --protocols for those of stored results"
        )
    if models is not None and not parsing.by_variable("--models", models):
        raise UsageError("--models is for --protocols: a FILE holds what it holds")
    lacking = [option for option, value in named.items() if not value]
    if any(named.values()) and lacking:
        verb = "is" if len(lacking) == 1 else "are"
        raise UsageError(
            "a row that is kept needs --as, --source and --date; "
            f"{', '.join(lacking)} {verb} missing: "
            "--as flow --source 'our flow, run 7' --date 2026-11-29"
        )
    if named["--as"] and len(files) > 1:
        raise UsageError(f"--as {named['--as']} names one FILE, and {len(files)} are given")
    if named["--date"]:
        parsing.date(named["--date"])


def _by_protocols(
    models: str | None,
    dataset: str | None,
    environment: Environment,
    how: Engine | None,
    quiet: bool,
    as_json: bool,
) -> bool:
    """Scores stored samples by every other protocol, trains and draws nothing; prints the table."""
    from genbench.running.plan import pending
    from genbench.running.protocols import rescoring
    from genbench.tables import texts
    from genbench.tables.texts import Options

    store, console = environment.store, new_console()
    only = parsing.only(models, "--models"), parsing.only(dataset, "--dataset")
    shown = Options(*only, robustness=True, quiet=quiet)
    runs, left_out = rescoring(texts.results_of(store, shown), store, environment.data_dir)
    for line in [] if quiet else left_out:
        say(console, f"left out: {line}")
    results_of(runs, environment, how, quiet)
    form = "json" if as_json else "md"
    echo(texts.rendered(texts.results_of(store, shown), form, store, shown), nl=False)
    return not pending(runs, store)
