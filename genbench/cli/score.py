"""`genbench score`: samples made by any program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import (
    DataDir,
    Device,
    Json,
    OnlyModels,
    Quiet,
    ResultsDir,
    Threads,
    form,
    of_datasets,
    option,
    switch,
)
from genbench.cli.outcomes import is_complete, print_outcomes
from genbench.cli.run import work
from genbench.cli.showing import new_console, print_json, say
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.records.run import Result, Run
    from genbench.running.data import Sources
    from genbench.running.runner import Environment
    from genbench.samples.judging import Judgement
    from genbench.samples.reading import Samples
    from genbench.tables.files import FileRow, Scoring

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
        "No FILE: score the stored samples of all results by the metric's other protocols.",
        "--protocols",
    ),
]
Settings = Annotated[
    list[str] | None,
    option("A setting of the metric: parzen.sigma=0.2. May be repeated.", "SET", "--set"),
]
SigmaSearch = Annotated[
    str | None, option("How sigma is chosen: grid or refine.", "SIGMA_SEARCH", "--sigma-search")
]
Precision = Annotated[
    str | None, option("auto, or float64 for every product.", "PRECISION", "--precision")
]
NoReferences = Annotated[bool, switch("Only the files.", "--no-references")]
Form = Annotated[str, form("Of the tables: md, latex or html.")]


@app.command(
    epilog="Examples:  genbench score samples.npy -d mnist  |  "
    "genbench score ours.npz theirs.safetensors pictures/ -d tfd --json  |  "
    "genbench score samples.npy -d mnist --no-references --set parzen.sigma=0.2  |  "
    "genbench score samples.npy -d mnist --format latex > row.tex  |  "
    "genbench score --protocols -d mnist"
)
def score(
    files: Files = None,
    dataset: ScoredOn = None,
    protocols: Protocols = False,
    models: OnlyModels = None,
    settings: Settings = None,
    sigma_search: SigmaSearch = None,
    precision: Precision = None,
    device: Device = "auto",
    threads: Threads = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    no_references: NoReferences = False,
    form: Form = "md",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score samples made by any program, exactly as our own are scored.

    Arrays of m samples: (m, d), (m, c, h, w), (m, h, w, c) or (m, h, w); floats, uint8 or bool.

    Of several arrays in a file, the one called `samples`.

    Reference rows, drawn as often, stand beside; they are scored once and kept.

    With --protocols: no FILE; how far the order of stored results depends on the protocol.
    """
    from genbench.running.data import Sources
    from genbench.running.runner import Environment, choose_device
    from genbench.tables.files import FORMATS

    parsing.one_of(list(FORMATS), form, "format")
    choose_device(device)
    folder, threads = parsing.data_folder(data_dir), threads or parsing.cores()
    own, *beside = parsing.folders(results_dir)
    environment = Environment(own, folder, device, False, 1, threads, tuple(beside))
    own = {"--set": settings, "--sigma-search": sigma_search, "--precision": precision}
    form = "json" if as_json else form
    if protocols:
        _refuse({"FILE": files, **own, "--no-references": no_references})
        whole = _by_protocols(models, dataset, environment, quiet, as_json)
    else:
        _check_files(files, models)
        chosen = _settings(settings, sigma_search, precision)
        sources = Sources(folder)
        how = _scoring(dataset or DEFAULTS.datasets[0], chosen, sources)
        whole = _files(files or [], how, sources, environment, no_references, form, quiet)
    if not whole:
        raise typer.Exit(1)


def _refuse(given: Mapping[str, Any]) -> None:
    """Raises UsageError for what only a FILE's score can be given."""
    for name, value in given.items():
        if value:
            raise UsageError(
                f"--protocols scores what is stored, each protocol as it is: no {name}"
            )


def _check_files(files: Sequence[Path] | None, models: str | None) -> None:
    if not files:
        raise UsageError(
            "score needs a FILE of samples, or --protocols for those of stored results"
        )
    if models is not None:
        raise UsageError("--models is for --protocols: a FILE holds what it holds")


def _settings(
    texts: Sequence[str] | None, sigma_search: str | None, precision: str | None
) -> dict[str, Any]:
    """What the user set of the metric; nothing else can be set of samples that are there."""
    from genbench.plugins import registry

    metric, overrides = DEFAULTS.metrics[0], parsing.settings(texts)
    for owner in overrides:
        if owner != metric:
            hint = registry.nearest(owner, [metric])
            raise UsageError(f"--set names {owner!r}, which scores no samples; {hint}")
    given = {"sigma_search": sigma_search, "precision": precision}
    named = {key: value for key, value in given.items() if value is not None}
    return overrides.get(metric, {}) | named


# --- stored samples ---


def _by_protocols(
    models: str | None, dataset: str | None, environment: Environment, quiet: bool, as_json: bool
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
    _do(runs, environment, quiet)
    form = "json" if as_json else "md"
    typer.echo(texts.rendered(texts.results_of(store, shown), form, store, shown), nl=False)
    return not pending(runs, store)


def _do(runs: Sequence[Run], environment: Environment, quiet: bool) -> list[Result]:
    """The results of runs, those that the store does not hold made now."""
    from genbench.running.plan import pending

    store, console = environment.store, new_console()
    todo = pending(runs, store)
    if todo:
        store.prepare()
        work(todo, environment, environment.threads or 1, console, quiet)
    print_outcomes(todo, store, console, quiet, verbose=False)
    return [result for result in map(store.result, runs) if result]


# --- files ---


def _scoring(dataset: str, settings: Mapping[str, Any], sources: Sources) -> Scoring:
    """On what and by what files are scored; raises UsageError and DataError where that fails."""
    from genbench.plugins import registry
    from genbench.samples import judging
    from genbench.tables.files import Scoring

    name, metric = registry.find("dataset", dataset).name, DEFAULTS.metrics[0]
    judging.metric_with(metric, settings)
    return Scoring(name, sources.identity(name, 0).caveat, metric, settings)


def _files(
    paths: Sequence[Path],
    how: Scoring,
    sources: Sources,
    environment: Environment,
    alone: bool,
    form: str,
    quiet: bool,
) -> bool:
    """Scores files and prints what they score; returns whether all reference rows are there too."""
    from genbench.records.run import flat
    from genbench.running.plan import pending
    from genbench.samples import reading
    from genbench.tables.files import rendered

    store = environment.store
    source = sources.dataset(how.dataset)
    found = [reading.read(path, how.dataset, source) for path in paths]
    runs = [] if alone else _reference_runs(found, how, environment)
    if pending(runs, store):
        store.prepare()  # before any work, where the folder cannot be written
    samples = list(zip(_names(found, paths), found, strict=True))
    judged = []
    for one in _judged(samples, how, source, environment, quiet):
        judged.append(one)
        if form == "md":
            _print_judgement(one, how, quiet)
    results = _do(runs, environment, quiet)
    if form == "json":
        scores = {"scores": [*map(asdict, judged)], "references": [*map(flat, results)]}
        print_json({**asdict(how), **scores})
    else:
        rows = [_row(one) for one in judged]
        for text in rendered(rows, results, how, store, form, quiet):
            typer.echo(text)
    return is_complete(results, runs)


def _names(samples: Sequence[Samples], paths: Sequence[Path]) -> list[str]:
    """What each file is called: its stem, or its path where two have one stem."""
    stems = [one.name for one in samples]
    return [
        stem if stems.count(stem) == 1 else str(path)
        for stem, path in zip(stems, paths, strict=True)
    ]


def _reference_runs(
    samples: Sequence[Samples], how: Scoring, environment: Environment
) -> list[Run]:
    """The reference rows beside samples that are means: as many of each as there are samples."""
    from genbench.running.plan import Question, plan

    counts = dict.fromkeys(len(one.rows) for one in samples if not one.binary)
    names, overrides = DEFAULTS.references, {how.metric: how.settings} if how.settings else {}
    questions = [
        Question(names, [how.dataset], [how.metric], samples=count, overrides=overrides)
        for count in counts
    ]
    return [run for question in questions for run in plan(question, environment.data_dir)]


def _judged(
    samples: Sequence[tuple[str, Samples]],
    how: Scoring,
    source: Any,
    environment: Environment,
    quiet: bool,
) -> Iterator[Judgement]:
    """What the metric says of each file, one after the other."""
    from genbench.running.conditions import settled
    from genbench.running.runner import choose_device
    from genbench.samples import judging

    metric, device = (
        judging.metric_with(how.metric, how.settings),
        choose_device(environment.device),
    )
    for name, one in samples:
        if not quiet:
            say(new_console(), f"scoring {name}")
        with settled(environment.threads):
            found = judging.judge(name, one.rows, one.binary, source, metric, device)
        yield found


def _print_judgement(judgement: Judgement, how: Scoring, quiet: bool) -> None:
    from genbench.samples.judging import remarks
    from genbench.words import value_and_error

    shown = value_and_error(judgement.value, judgement.error)
    typer.echo(f"{judgement.name} on {how.head}: {shown} {judgement.unit}")
    if not quiet:
        typer.echo("".join(f"  {line}\n" for line in remarks(judgement)))


def _row(one: Judgement) -> FileRow:
    """What a table shows of a judgement."""
    from genbench.tables.files import FileRow

    return FileRow(
        one.name,
        one.kind,
        one.samples,
        one.value,
        one.error,
        one.over,
        one.unit,
        one.best,
    )
