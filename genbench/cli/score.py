"""`genbench score`: samples made by any program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli.options import (
    DataDir,
    Device,
    Json,
    OnlyModels,
    Quiet,
    ResultsDir,
    Threads,
    app,
    completing,
    cores,
    data_folder,
    new_console,
    option,
    parsed_settings,
)
from genbench.cli.run import print_outcomes, work
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.tables.chosen import is_current, only, ordered, rendered_robustness

if TYPE_CHECKING:
    from genbench.records.run import Result, Run
    from genbench.records.store import Store
    from genbench.running.runner import Environment
    from genbench.samples.judging import Judgement
    from genbench.samples.reading import Samples


TEXTS = ("md", "latex", "html")


@app.command(
    epilog="Examples:  genbench score samples.npy -d mnist  |  "
    "genbench score ours.npz theirs.safetensors pictures/ -d tfd --json  |  "
    "genbench score samples.npy -d mnist --no-references --set parzen.sigma=0.2  |  "
    "genbench score samples.npy -d mnist --format latex > row.tex  |  "
    "genbench score --protocols -d mnist"
)
def score(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help=".npy, .npz, .safetensors, or a folder of PNG files.", metavar="FILE"),
    ] = None,
    dataset: Annotated[
        str | None,
        option(
            f"The dataset to score on; else {DEFAULTS.datasets[0]}. With --protocols: only it.",
            "DATASET",
            "--dataset",
            "-d",
            autocompletion=completing("dataset"),
        ),
    ] = None,
    protocols: Annotated[
        bool,
        option(
            "No FILE: score the stored samples of all results by the metric's other protocols.",
            "PROTOCOLS",
            "--protocols",
        ),
    ] = False,
    models: OnlyModels = None,
    settings: Annotated[
        list[str] | None,
        option("A setting of the metric: parzen.sigma=0.2. May be repeated.", "SET", "--set"),
    ] = None,
    sigma_search: Annotated[
        str | None,
        option("How sigma is chosen: grid or refine.", "SIGMA_SEARCH", "--sigma-search"),
    ] = None,
    precision: Annotated[
        str | None, option("auto, or float64 for every product.", "PRECISION", "--precision")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
    no_references: Annotated[
        bool, option("Only the files.", "NO_REFERENCES", "--no-references")
    ] = False,
    form: Annotated[
        str, option("Of the tables: md, latex or html.", "FORMAT", "--format", "-f")
    ] = "md",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score samples made by any program, exactly as our own are scored.

    Arrays of m samples: (m, d), (m, c, h, w), (m, h, w, c) or (m, h, w); floats, uint8 or bool.

    Of several arrays in a file, the one called `samples`.

    Reference rows, drawn as often, stand beside; they are scored once and kept.

    With --protocols: no FILE; how far the order of stored results depends on the protocol.
    """
    import torch

    from genbench.plugins import registry
    from genbench.records.run import flat
    from genbench.records.store import Store
    from genbench.running.data import Sources
    from genbench.running.plan import pending
    from genbench.running.runner import Environment, choose_device
    from genbench.samples import judging, reading

    if form not in TEXTS:
        raise UsageError(f"unknown format {form!r}; {registry.nearest(form, TEXTS)}")
    where = choose_device(device)
    environment = Environment(results_dir, data_folder(data_dir), device, workers=1)
    if protocols:
        _refuse_of_files(files, settings, sigma_search, precision, no_references)
        _score_by_protocols(models, dataset, environment, threads, quiet, as_json)
        return
    if not files:
        raise UsageError(
            "score needs a FILE of samples, or --protocols for those of stored results"
        )
    if models is not None:
        raise UsageError("--models is for --protocols: a FILE holds what it holds")
    dataset = registry.find("dataset", dataset or DEFAULTS.datasets[0]).name
    metric = DEFAULTS.metrics[0]
    chosen = _metric_settings(metric, settings or [], sigma_search, precision)
    judge = judging.metric_with(metric, chosen)
    sources = Sources(environment.data_dir)
    source = sources.dataset(dataset)
    found = [reading.read(path, dataset, source) for path in files]
    data = sources.identity(dataset, 0)
    runs = [] if no_references else _reference_runs(found, dataset, metric, chosen, environment)
    store, console = Store(results_dir), new_console()
    todo = pending(runs, store)
    if todo:
        store.prepare()
    threads = threads or cores()
    torch.set_num_threads(threads)
    head = f"{dataset} ({data.caveat})" if data.caveat else dataset
    stems, judgements = [one.name for one in found], []
    for path, one in zip(files, found, strict=True):
        name = one.name if stems.count(one.name) == 1 else str(path)
        if not quiet:
            console.print(f"scoring {name}", highlight=False, markup=False)
        judgements.append(judging.judge(name, one.rows, one.binary, source, judge, where))
        if not as_json and form == "md":
            _print_judgement(judgements[-1], head, quiet)
    if todo:
        work(todo, environment, threads, console, quiet)
    results = [result for result in (store.result(run) for run in runs) if result]
    print_outcomes(todo, store, console, quiet, verbose=False)
    if as_json:
        asked = {"dataset": dataset, "caveat": data.caveat, "metric": metric, "settings": chosen}
        rows = {"scores": list(map(asdict, judgements)), "references": list(map(flat, results))}
        typer.echo(json.dumps(asked | rows, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        _print_score_tables(judgements, results, head, metric, chosen, store, quiet, form)
    if len(results) < len(runs) or any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def _refuse_of_files(
    files: Sequence[Path] | None,
    settings: Sequence[str] | None,
    sigma_search: str | None,
    precision: str | None,
    no_references: bool,
) -> None:
    """Raises UsageError for what only a FILE's score can be given."""
    given = {"FILE": files, "--set": settings, "--sigma-search": sigma_search}
    given |= {"--precision": precision, "--no-references": no_references}
    for name, value in given.items():
        if value:
            raise UsageError(
                f"--protocols scores what is stored, each protocol as it is: no {name}"
            )


def _score_by_protocols(
    models: str | None,
    dataset: str | None,
    environment: Environment,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Scores stored samples by every other protocol, trains and draws nothing; prints the table."""
    from genbench.records.store import Store
    from genbench.running import plan

    store, console = Store(environment.results_dir), new_console()
    every = [r for r in only(store, models, dataset) if r.status == "done" and not r.protocol]
    found = [result for result in every if result.sample_set == 0]  # of each training
    known = plan.again(found, environment.data_dir)
    for line in dict.fromkeys(_why_not(result, known, store) for result in found):
        if line and not quiet:
            console.print(f"left out: {line}", highlight=False, markup=False, soft_wrap=True)
    chosen = [known[result.key] for result in found if not _why_not(result, known, store)]
    runs = [run for base in chosen for run in plan.by_protocols(base)]
    todo = plan.pending(runs, store)
    if todo:
        store.prepare()
        work(todo, environment, threads or cores(), console, quiet)
    print_outcomes(todo, store, console, quiet, verbose=False)
    results = only(store, models, dataset)
    form = "json" if as_json else "md"
    typer.echo(rendered_robustness(results, form, store, quiet), nl=not as_json)
    if plan.pending(runs, store):
        raise typer.Exit(1)


def _why_not(result: Result, known: Mapping[str, Run], store: Store) -> str:
    """Why the samples of a result cannot be scored by other protocols; empty if they can."""
    from genbench.records.names import label

    name = f"{label(result)} on {result.dataset}, seed {result.seed}"
    if result.key not in known:
        return f"{name}: made by another code, recipe or data"
    if not store.keeps_samples(known[result.key]):
        return f"{name}: its samples were not kept"
    own = [key for key in result.overrides if key.startswith(f"{result.metric}.")]
    return f"{name}: scored by a protocol of the user's own" if own else ""


def _metric_settings(
    metric: str, texts: Sequence[str], sigma_search: str | None, precision: str | None
) -> dict[str, Any]:
    """What the user set of the metric; nothing else can be set of samples that are there."""
    from genbench.plugins import registry

    overrides = parsed_settings(texts)
    for owner in overrides:
        if owner != metric:
            hint = registry.nearest(owner, [metric])
            raise UsageError(f"--set names {owner!r}, which scores no samples; {hint}")
    given = {"sigma_search": sigma_search, "precision": precision}
    named = {key: value for key, value in given.items() if value is not None}
    return overrides.get(metric, {}) | named


def _reference_runs(
    found: Sequence[Samples],
    dataset: str,
    metric: str,
    chosen: dict[str, Any],
    environment: Environment,
) -> list[Run]:
    """The reference rows beside samples that are means: as many of each as there are samples."""
    from genbench.running.plan import Question, plan

    counts = dict.fromkeys(len(samples.rows) for samples in found if not samples.binary)
    names, overrides = DEFAULTS.references, {metric: chosen} if chosen else {}
    questions = [
        Question(names, [dataset], [metric], samples=count, overrides=overrides) for count in counts
    ]
    return [run for question in questions for run in plan(question, environment.data_dir)]


def _print_judgement(judgement: Judgement, head: str, quiet: bool) -> None:
    from genbench.samples.judging import remarks
    from genbench.words import value_and_error

    shown = value_and_error(judgement.value, judgement.error)
    typer.echo(f"{judgement.name} on {head}: {shown} {judgement.unit}")
    if not quiet:
        typer.echo("".join(f"  {line}\n" for line in remarks(judgement)))


def _print_score_tables(
    judgements: Sequence[Judgement],
    results: Sequence[Result],
    head: str,
    metric: str,
    chosen: dict[str, Any],
    store: Store,
    quiet: bool,
    form: str,
) -> None:
    """The files' rows above the reference rows; binary samples in a table of their own."""
    import pandas as pd

    from genbench.tables import cells, formats, frames, notes
    from genbench.words import value_and_error

    references = DEFAULTS.references
    cells = cells.cells(ordered(results), is_current)
    pair = DEFAULTS.centroids, DEFAULTS.training_images
    of_pair = notes.on_centroids(results, store.per_example, *pair)
    said = notes.under_table(cells, references, of_pair)
    for kind in dict.fromkeys(judgement.kind for judgement in judgements):
        ours = [judgement for judgement in judgements if judgement.kind == kind]
        rows = [
            {"model": _row_name(one, chosen), head: value_and_error(one.value, one.error)}
            for one in ours
        ]
        beside = frames.frame(cells, references) if cells and kind == "mean" else pd.DataFrame()
        shown = pd.concat([pd.DataFrame(rows), beside], ignore_index=True)
        shown.attrs["untrained"] = len(beside)
        better = "higher" if ours[0].higher_is_better else "lower"
        over = {"examples": "test examples", "folds": "folds"}[ours[0].over]
        unit = f"{metric} in {ours[0].unit}, {better} is better"
        lines = [f"{unit}; ± standard error over the {over}"]
        lines = said if len(beside) else lines
        render = {"md": formats.markdown, "latex": formats.latex, "html": formats.html}[form]
        typer.echo(render(shown, [] if quiet else lines))


def _row_name(judgement: Judgement, chosen: dict[str, Any]) -> str:
    """A row's name as the table would have it: the file, and whatever is not the default."""
    marks = ["binary"] if judgement.kind == "binary" else []
    marks += [f"{DEFAULTS.metrics[0]}.{key}={value}" for key, value in sorted(chosen.items())]
    marks += [f"{judgement.samples} samples"] if judgement.samples != DEFAULTS.samples else []
    return f"{judgement.name} [{', '.join(marks)}]" if marks else judgement.name
