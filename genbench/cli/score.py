"""`genbench score`: samples made by any program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from genbench.cli.outcomes import is_complete, print_outcomes
from genbench.cli.run import METRICS, Metrics, work
from genbench.cli.scored_by import Judge, Scoring, judging
from genbench.cli.showing import echo, new_console, print_json, say
from genbench.defaults import DEFAULTS
from genbench.errors import GenbenchError, UsageError
from genbench.words import duration

if TYPE_CHECKING:
    from genbench.records.run import Result, Run
    from genbench.records.store import Store
    from genbench.running.brought import Brought
    from genbench.running.engines import Engine
    from genbench.running.runner import Environment
    from genbench.samples.judging import Judgement
    from genbench.samples.reading import Samples
    from genbench.tables.signature import Records
    from genbench.tables.texts import Options

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

    Against more test rows than 16,384 it is computed in blocks, by --workers at a time; the same
    command goes on with those that are not there yet.

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
        label = _Label(name, source or "", date or "", replacing)
        scoring = _scoring(dataset, metrics, settings, environment)
        paths = [*dict.fromkeys(path.expanduser() for path in files or [])]
        shown = Options(quiet=quiet, notes=notes)
        whole = _files(paths, scoring, label, environment, how, no_references, form, shown)
    if not whole:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Label:
    """Under which name a file's row is kept, if at all, and what is said of it."""

    name: str | None
    source: str
    date: str
    replace: bool

    @property
    def words(self) -> dict[str, str]:
        return {"source": self.source, "date": self.date}


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
        raise UsageError(
            f"a row that is kept needs --as, --source and --date; {', '.join(lacking)} is missing: "
            "--as flow --source 'our flow, run 7' --date 2026-11-29"
        )
    if named["--as"] and len(files) > 1:
        raise UsageError(f"--as {named['--as']} names one FILE, and {len(files)} are given")
    if named["--date"]:
        parsing.date(named["--date"])


# --- stored samples ---


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
    _do(runs, environment, how, quiet)
    form = "json" if as_json else "md"
    echo(texts.rendered(texts.results_of(store, shown), form, store, shown), nl=False)
    return not pending(runs, store)


def _do(
    runs: Sequence[Run], environment: Environment, how: Engine | None, quiet: bool
) -> list[Result]:
    """The results of runs, those that the store does not hold made now."""
    from genbench.running.plan import pending

    store, console = environment.store, new_console()
    todo = pending(runs, store)
    if todo:
        store.prepare()
        work(todo, environment, environment.threads or 1, console, quiet, how)
    print_outcomes(todo, store, console, quiet, verbose=False)
    return [result for result in map(store.result, runs) if result]


# --- files ---


def _scoring(
    dataset: str | None, metrics: str, settings: list[str] | None, environment: Environment
) -> Scoring:
    """Raises UsageError and DataError where files cannot be scored so."""
    from genbench.plugins import registry
    from genbench.running.data import Sources
    from genbench.running.needs import Pair, unmet
    from genbench.running.plan import metrics_of
    from genbench.samples import featured, judging

    sources = Sources(environment.data_dir)
    name = registry.find("dataset", dataset or DEFAULTS.datasets[0]).name
    names, overrides = metrics_of(parsing.split(metrics, "--metrics")), parsing.settings(settings)
    for owner in overrides:
        if owner not in names:
            hint = registry.nearest(owner, names)
            raise UsageError(f"--set names {owner!r}, which scores no samples; {hint}")
    for metric in names:
        judging.metric_with(metric, overrides.get(metric, {}))
    source, folds = sources.dataset(name), sources.identities(name)
    settings_of = {
        metric: featured.settings_of(metric, overrides.get(metric, {}), name, source)
        for metric in names
    }
    lacks = {m: unmet(Pair(m, settings_of[m], folds[0]), sources) for m in names}
    return Scoring(name, names, overrides, settings_of, sources, folds, lacks)


def _files(
    paths: Sequence[Path],
    scoring: Scoring,
    label: _Label,
    environment: Environment,
    how: Engine | None,
    alone: bool,
    form: str,
    shown: Options,
) -> bool:
    """Scores files and prints what they score; returns whether all reference rows are there too."""
    from tempfile import TemporaryDirectory

    from genbench.records.run import flat
    from genbench.records.stores import Stores
    from genbench.running.plan import pending
    from genbench.samples import reading
    from genbench.tables import contents, texts

    found = [reading.read(path, scoring.dataset, scoring.source) for path in paths]
    rows = _brought(found, paths, label)
    if label.name:
        _check_name(rows[0], scoring, label, environment)
    runs = [] if alone else _reference_runs(found, scoring, environment)
    if label.name or pending(runs, environment.store):
        environment.store.prepare()  # before any work, where the folder cannot be written
    with TemporaryDirectory(prefix="genbench-score-") as folder:
        own = environment.store if label.name else Stores([Path(folder), *_read(environment)])
        failed: list[str] = []
        with judging(rows, paths, scoring, environment, how, shown.quiet) as judge:
            keep = bool(label.name)
            judged = list(
                _judged(rows, scoring, environment, own, keep, form, shown.quiet, failed, judge)
            )
        references = _do(runs, environment, how, shown.quiet)
        results = [result for _, kept in judged for result in kept]
        records = contents.records_of(results, own)
        if form == "json":
            scores = [_as_json(one, kept, records) for one, kept in judged]
            print_json(
                {"dataset": scoring.dataset, "scores": scores, "failed": failed, **_unmet(scoring)}
                | {"references": [*map(flat, references)]}
            )
        elif results or references:
            echo(texts.rendered([*results, *references], form, own, shown), nl=False)
    return is_complete(references, runs) and not failed


def _read(environment: Environment) -> list[Path]:
    return [environment.results_dir, *environment.beside]


def _unmet(scoring: Scoring) -> dict[str, Any]:
    return {"unmet": {metric: text for metric, text in scoring.unmet.items() if text}}


def _brought(found: Sequence[Samples], paths: Sequence[Path], label: _Label) -> list[Brought]:
    """The rows that files give, each with a name: its stem, or its path where two have one."""
    from genbench.running.brought import Brought, row_name

    stems = [row_name(one.name) for one in found]
    names = [
        stem if stems.count(stem) == 1 else row_name(str(path))
        for stem, path in zip(stems, paths, strict=True)
    ]
    if len({*names}) < len(names):
        raise UsageError(f"files would have one name, {', '.join(names)}: score them one by one")
    return [
        Brought(label.name or name, one, {**label.words, "file": path.name})
        for name, one, path in zip(names, found, paths, strict=True)
    ]


def _check_name(one: Brought, scoring: Scoring, label: _Label, environment: Environment) -> None:
    """Raises UsageError where other samples have the name; with --replace these take its place."""
    from genbench.plugins import registry
    from genbench.running import brought

    if one.name.replace("-", "_") in registry.names("model"):
        raise UsageError(f"{one.name!r} is a registered model; --as takes another name")
    runs = brought.runs(one, scoring.folds, scoring.metrics[0], {}, scoring.sources)
    others = brought.others(environment.store, runs)
    if others and not label.replace:
        raise UsageError(
            f"{one.name!r} on {scoring.dataset} is of other samples, of "
            f"{others[0].source.get('file', 'a model')}: give another name, or --replace"
        )
    for run in others:
        environment.store.drop(run)


def _reference_runs(
    samples: Sequence[Samples], scoring: Scoring, environment: Environment
) -> list[Run]:
    """The reference rows beside samples that are means: as many of each as there are samples."""
    from genbench.front import plan

    counts = dict.fromkeys(len(one.rows) for one in samples if not one.binary)
    metrics = [metric for metric in scoring.metrics if not scoring.unmet[metric]]
    return [
        run
        for count in (counts if metrics else ())
        for run in plan(
            DEFAULTS.references,
            scoring.dataset,
            metrics,
            samples=count,
            settings=scoring.overrides,
            data_dir=environment.data_dir,
        )
    ]


def _judged(
    rows: Sequence[Brought],
    scoring: Scoring,
    environment: Environment,
    store: Store,
    keep: bool,
    form: str,
    quiet: bool,
    failed: list[str],
    judge: Judge,
) -> Iterator[tuple[Judgement, list[Result]]]:
    """What each metric says of each file, one after the other, and the results that it makes.

    A metric that refuses is said and noted in `failed`; the others go on.
    """
    from genbench.running import brought
    from genbench.running.conditions import settled
    from genbench.running.runner import choose_device

    device = choose_device(environment.device)
    for one in rows:
        for name in scoring.metrics:
            if scoring.unmet[name]:
                say(new_console(), f"{one.name}, unmet: {scoring.unmet[name]}")
                continue
            overrides, kept = scoring.overrides.get(name, {}), one.samples.rows if keep else None
            if not quiet:
                say(new_console(), f"scoring {one.name} by {name}")
            try:
                found = judge(one, name)
                with settled(environment.threads):
                    runs = brought.runs(one, scoring.folds, name, overrides, scoring.sources)
                    results = brought.keep(store, runs, found, device, kept)
            except GenbenchError as error:
                if error.exit_code != 1:
                    raise
                failed.append(f"{name}: {error}")
                say(new_console(), f"Error: {failed[-1]}")
                continue
            if not quiet:
                took = duration(found.seconds)
                say(new_console(), f"scored {one.name} by {name} in {took}")
            if form == "md":
                _print_judgement(found, results[0], quiet)
            yield found, results


def _print_judgement(judgement: Judgement, first: Result, quiet: bool) -> None:
    from genbench.records.names import head
    from genbench.samples.judging import remarks
    from genbench.words import value_and_error

    shown = value_and_error(judgement.value, judgement.error, judgement.bound)
    echo(f"{judgement.name} on {head(first)}: {shown} {judgement.unit} ({first.metric})")
    if not quiet:
        echo("".join(f"  {line}\n" for line in remarks(judgement)))


def _as_json(judgement: Judgement, results: Sequence[Result], records: Records) -> dict[str, Any]:
    from genbench.tables import signature

    plain = {**asdict(replace(judgement, per_example=())), "metric": results[0].metric}
    del plain["per_example"]
    settings = {key.partition(".")[2]: value for key, value in results[0].overrides.items()}
    line = signature.of(results, records).full
    return plain | {"settings": settings, "signature": line, "caveat": results[0].caveat}
