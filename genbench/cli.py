"""The command line: parse, call, print. Results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import os
import signal
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from genbench import __version__
from genbench.errors import GenbenchError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from genbench.run import Result, Run
    from genbench.runner import Environment
    from genbench.samples import Samples
    from genbench.scoring import Judgement
    from genbench.store import Store
    from genbench.table import Cell

DEFAULTS = tomllib.loads((package_files("genbench") / "defaults.toml").read_text("utf-8"))
_MODELS, _DATASETS, _METRICS, _SEEDS = (
    ",".join(map(str, DEFAULTS[key])) for key in ("models", "datasets", "metrics", "seeds")
)
FORMATS = ("md", "latex", "csv", "json")

app = typer.Typer(
    name="genbench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
list_app = typer.Typer(no_args_is_help=True, help="What is registered, and what was run.")
data_app = typer.Typer(no_args_is_help=True, help="Dataset files: list, fetch, import, verify.")
figure_app = typer.Typer(no_args_is_help=True, help="Figures of all results in a folder.")
app.add_typer(list_app, name="list")
app.add_typer(data_app, name="data")
app.add_typer(figure_app, name="figure")


def main() -> None:
    """The console script; a user's mistake ends in one paragraph and an exit code."""
    warnings.showwarning = _show_warning
    try:
        app()
    except GenbenchError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    typer.echo(f"Warning: {message}", err=True)


def _names(kind: str) -> Callable[[str], list[str]]:
    """Completes the last name of a comma-separated list from the registry."""

    def complete(incomplete: str) -> list[str]:
        from genbench import registry

        before, comma, last = incomplete.rpartition(",")
        return [before + comma + name for name in registry.names(kind) if name.startswith(last)]

    return complete


def _any_name(incomplete: str) -> list[str]:
    from genbench import registry

    return [name for kind in registry.KINDS for name in _names(kind)(incomplete)]


def _preset_names(incomplete: str) -> list[str]:
    return [name for name in ("smoke", "quick", "paper") if name.startswith(incomplete)]


def _option(default_help: str, variable: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=default_help, envvar=f"GENBENCH_{variable}", **more)


ResultsDir = Annotated[
    Path, _option("Folder of results; runs live in its runs/.", "RESULTS_DIR", "--results-dir")
]
DataDir = Annotated[
    Path | None, _option("Folder of datasets; default: the user's cache.", "DATA", "--data-dir")
]
Json = Annotated[bool, _option("Print one JSON document on stdout.", "JSON", "--json")]
Models = Annotated[
    str,
    _option("Comma-separated.", "MODELS", "--models", "-m", autocompletion=_names("model")),
]
Datasets = Annotated[
    str,
    _option(
        "One or several, comma-separated.",
        "DATASET",
        "--dataset",
        "-d",
        autocompletion=_names("dataset"),
    ),
]
Metrics = Annotated[
    str, _option("Comma-separated.", "METRICS", "--metrics", autocompletion=_names("metric"))
]
Device = Annotated[str, _option("auto, cpu, cuda or cuda:i.", "DEVICE", "--device")]
Threads = Annotated[
    int | None,
    _option("Threads of each worker; default: all cores, shared.", "THREADS", "--threads", min=1),
]
Quiet = Annotated[bool, _option("No progress, no notes.", "QUIET", "--quiet", "-q")]
Columns = Annotated[
    str, _option("ll, fit and sample: score, training, samples/s.", "COLUMNS", "--columns")
]
OnlyModels = Annotated[
    str | None, _option("Only these.", "MODELS", "--models", "-m", autocompletion=_names("model"))
]
OnlyDatasets = Annotated[
    str | None,
    _option("Only these.", "DATASET", "--dataset", "-d", autocompletion=_names("dataset")),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"genbench {__version__}")
        raise typer.Exit


@app.callback()
def _genbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Compares generative models by Parzen-window log-likelihood, in tables that can be re-run.

    Start with `genbench run`: it needs no download and ends in a table.
    """


# --- run ---


@app.command(
    epilog="Examples:  genbench run  |  genbench run -m gan,dbn -d tfd  |  "
    "genbench run -m gan -d mnist --preset quick --set gan.rate=0.05 --seeds 0,1,2"
)
def run(
    models: Models = _MODELS,
    dataset: Datasets = _DATASETS,
    metrics: Metrics = _METRICS,
    seeds: Annotated[str, _option("Comma-separated whole numbers.", "SEEDS", "--seeds")] = _SEEDS,
    samples: Annotated[
        int, _option("Samples drawn from each model.", "SAMPLES", "--samples", min=1)
    ] = DEFAULTS["samples"],
    preset: Annotated[
        str,
        _option(
            "smoke, quick, paper, or another that a recipe names.",
            "PRESET",
            "--preset",
            autocompletion=_preset_names,
        ),
    ] = DEFAULTS["preset"],
    epochs: Annotated[
        int | None, _option("Epochs, in place of the recipe's.", "EPOCHS", "--epochs", min=1)
    ] = None,
    minutes: Annotated[
        float | None,
        _option("Training budget of each run; a run it cuts is marked.", "MINUTES", "--minutes"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        _option(
            "A hyperparameter: gan.rate=0.05. May be repeated (in the variable: by spaces).",
            "SET",
            "--set",
        ),
    ] = None,
    device: Device = "auto",
    workers: Annotated[int, _option("Trainings at a time.", "WORKERS", "--workers", min=1)] = 1,
    threads: Threads = None,
    columns: Columns = "ll",
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
    rerun: Annotated[bool, _option("Do again what is done.", "RERUN", "--rerun")] = False,
    no_references: Annotated[
        bool, _option("Only what --models names.", "NO_REFERENCES", "--no-references")
    ] = False,
    dry_run: Annotated[
        bool,
        _option("Print the plan and its estimated cost; nothing else.", "DRY_RUN", "--dry-run"),
    ] = False,
    quiet: Quiet = False,
    verbose: Annotated[
        bool, _option("Where a failed run failed; times.", "VERBOSE", "--verbose", "-v")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train, sample, score, and print the table. The same command again resumes."""
    from genbench.plan import Question, pending, plan
    from genbench.runner import Environment, choose_device
    from genbench.store import Store

    choose_device(device)
    asked, console = _columns(columns), _console()
    if workers > 1 and asked != ["ll"]:
        workers = 1
        if not quiet:
            console.print("one training at a time, since --columns asks for times")
    question = Question(
        models=_split(models, "--models"),
        datasets=_split(dataset, "--dataset"),
        metrics=_split(metrics, "--metrics"),
        seeds=_whole_numbers(seeds),
        samples=samples,
        preset=preset,
        references=() if no_references else DEFAULTS["references"],
        overrides=_settings(settings or []),
        epochs=epochs,
        minutes=_positive(minutes),
    )
    environment = Environment(results_dir, _data_dir(data_dir), device, rerun, workers)
    runs = plan(question, environment.data_dir)
    store = Store(results_dir)
    todo = pending(runs, store, rerun)
    if dry_run:
        _print_cost(runs, todo, environment)
        return
    if todo:
        store.prepare()
        threads = threads or max(1, _cores() // workers)  # never by what is left to do
        _work(todo, environment, threads, console, quiet)
    results = [result for result in (store.result(run) for run in runs) if result]
    _outcomes(todo, store, console, quiet, verbose)
    _print_table(results, "json" if as_json else "md", asked, store, quiet)
    if not quiet:
        console.print(f"everything is in {store.runs}", highlight=False, markup=False)
    if len(results) < len(runs) or any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def _split(text: str, option: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise UsageError(f"{option} needs at least one name, got {text!r}")
    return list(dict.fromkeys(found))


def _columns(text: str) -> list[str]:
    from genbench import registry, speed

    found = _split(text, "--columns")
    for name in found:
        if name not in speed.COLUMNS:
            hint = registry.nearest(name, speed.COLUMNS)
            raise UsageError(f"--columns has no {name!r}; {hint}")
    return found


def _whole_numbers(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in _split(text, "--seeds")))
    except ValueError:
        raise UsageError(f"--seeds takes whole numbers such as 0,1,2; got {text!r}") from None


def _positive(minutes: float | None) -> float | None:
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes must be above 0, got {minutes}")
    return minutes


def _settings(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    from genbench.recipe import parse_setting

    overrides: dict[str, dict[str, Any]] = {}
    for text in texts:
        owner, key, value = parse_setting(text)
        overrides.setdefault(owner, {})[key] = value
    return overrides


def _data_dir(given: Path | None) -> Path:
    from genbench.datasets._files import default_data_dir

    return given if given is not None else default_data_dir()


def _cores() -> int:
    """Cores this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def _is_live(console: Console) -> bool:
    """Whether there is somebody to watch bars."""
    return console.is_terminal and not os.environ.get("CI")


def _work(
    todo: Sequence[Run],
    environment: Environment,
    threads: int,
    console: Console,
    quiet: bool,
) -> None:
    """Runs what is to be done and shows it; Ctrl-C and SIGTERM end the workers at once."""
    from concurrent.futures import FIRST_COMPLETED, wait

    from genbench.executors import Spawned
    from genbench.progress import Watch
    from genbench.runner import settle, submit_all
    from genbench.store import Store

    def stop(*_: object) -> NoReturn:
        raise SystemExit(143)

    live = _is_live(console) and not quiet
    executor = Spawned(environment.workers or 1, threads)
    before = signal.signal(signal.SIGTERM, stop)
    try:
        futures = submit_all(todo, environment, executor)
        store = Store(environment.results_dir)
        with Watch(list(futures.values()), store, console, live, quiet) as watch:
            waiting, errors = set(futures), []
            while waiting:
                done, waiting = wait(waiting, timeout=0.3, return_when=FIRST_COMPLETED)
                watch.update()
                for future in done:
                    watch.finish(futures[future][0])
                    try:
                        settle(future, futures[future], environment)
                    except GenbenchError as error:  # the others go on
                        errors.append(error)
        if errors:
            raise errors[0]
    except (KeyboardInterrupt, SystemExit):
        executor.shutdown(cancel_futures=True)
        typer.echo("Interrupted; the same command goes on from the last finished epoch.", err=True)
        raise
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    executor.shutdown()


def _outcomes(
    done: Sequence[Run], store: Store, console: Console, quiet: bool, verbose: bool
) -> None:
    """A line for each run that was worked on."""
    from genbench.speed import duration
    from genbench.table import label

    for run in done:
        result = store.result(run)
        record = store.provenance(run.folder)
        if result is None or (quiet and result.status == "done"):
            continue
        name = f"{label(result)} on {run.data.name}, fold {run.data.fold}, seed {run.seed}"
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
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_cost(runs: Sequence[Run], todo: Sequence[Run], environment: Environment) -> None:
    """The plan, and what its trainings would cost, projected from one timed batch of each."""
    from genbench.plan import by_training
    from genbench.runner import projected
    from genbench.speed import duration

    total = 0.0
    for group in by_training(runs):
        first, left = group[0], [run for run in group if run in todo]
        cost = "done"
        if left:
            try:
                seconds, epochs = projected(first, environment)
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


# --- score ---


@app.command(
    epilog="Examples:  genbench score samples.npy -d mnist  |  "
    "genbench score ours.npz theirs.safetensors pictures/ -d tfd --json  |  "
    "genbench score samples.npy -d mnist --no-references --set parzen.sigma=0.2"
)
def score(
    files: Annotated[
        list[Path],
        typer.Argument(help=".npy, .npz, .safetensors, or a folder of PNG files.", metavar="FILE"),
    ],
    dataset: Annotated[
        str,
        _option(
            "The dataset to score on.",
            "DATASET",
            "--dataset",
            "-d",
            autocompletion=_names("dataset"),
        ),
    ] = DEFAULTS["datasets"][0],
    settings: Annotated[
        list[str] | None,
        _option("A setting of the metric: parzen.sigma=0.2. May be repeated.", "SET", "--set"),
    ] = None,
    sigma_search: Annotated[
        str | None,
        _option("How sigma is chosen: grid or refine.", "SIGMA_SEARCH", "--sigma-search"),
    ] = None,
    precision: Annotated[
        str | None, _option("auto, or float64 for every product.", "PRECISION", "--precision")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
    no_references: Annotated[
        bool, _option("Only the files.", "NO_REFERENCES", "--no-references")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score samples made by any program, exactly as our own are scored.

    Arrays of m samples: (m, d), (m, c, h, w), (m, h, w, c) or (m, h, w); floats, uint8 or bool.

    Of several arrays in a file, the one called `samples`.

    Reference rows, drawn as often, stand beside; they are scored once and kept.
    """
    import torch

    from genbench import registry, samples, scoring
    from genbench.plan import pending, read_data
    from genbench.runner import Environment, choose_device
    from genbench.store import Store

    where = choose_device(device)
    environment = Environment(results_dir, _data_dir(data_dir), device, workers=1)
    dataset, metric = registry.find("dataset", dataset).name, DEFAULTS["metrics"][0]
    chosen = _metric_settings(metric, settings or [], sigma_search, precision)
    judge = scoring.metric_with(metric, chosen)
    source = registry.load("dataset", dataset)(environment.data_dir)
    found = [samples.read(path, dataset, source) for path in files]
    data = read_data(dataset, environment.data_dir)[0]
    runs = [] if no_references else _reference_runs(found, dataset, metric, chosen, environment)
    store, console = Store(results_dir), _console()
    todo = pending(runs, store)
    if todo:
        store.prepare()
    threads = threads or _cores()
    torch.set_num_threads(threads)
    head = f"{dataset} ({data.caveat})" if data.caveat else dataset
    stems, judgements = [one.name for one in found], []
    for path, one in zip(files, found, strict=True):
        name = one.name if stems.count(one.name) == 1 else str(path)
        if not quiet:
            console.print(f"scoring {name}", highlight=False, markup=False)
        judgements.append(scoring.judge(name, one.rows, one.binary, source, judge, where))
        if not as_json:
            _print_judgement(judgements[-1], head, quiet)
    if todo:
        _work(todo, environment, threads, console, quiet)
    results = [result for result in (store.result(run) for run in runs) if result]
    _outcomes(todo, store, console, quiet, verbose=False)
    if as_json:
        asked = {"dataset": dataset, "caveat": data.caveat, "metric": metric, "settings": chosen}
        rows = {"scores": list(map(asdict, judgements)), "references": list(map(asdict, results))}
        typer.echo(json.dumps(asked | rows, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        _print_score_tables(judgements, results, head, metric, chosen, store, quiet)
    if len(results) < len(runs) or any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def _metric_settings(
    metric: str, texts: Sequence[str], sigma_search: str | None, precision: str | None
) -> dict[str, Any]:
    """What the user set of the metric; nothing else can be set of samples that are there."""
    from genbench import registry

    overrides = _settings(texts)
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
    from genbench.plan import Question, plan

    counts = dict.fromkeys(len(samples.rows) for samples in found if not samples.binary)
    names, overrides = DEFAULTS["references"], {metric: chosen} if chosen else {}
    questions = [
        Question(names, [dataset], [metric], samples=count, overrides=overrides) for count in counts
    ]
    return [run for question in questions for run in plan(question, environment.data_dir)]


def _print_judgement(judgement: Judgement, head: str, quiet: bool) -> None:
    from genbench.scoring import remarks
    from genbench.table import value_and_error

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
) -> None:
    """The files' rows above the reference rows; binary samples in a table of their own."""
    import pandas as pd

    from genbench import table

    references = DEFAULTS["references"]
    cells = table.cells(_ordered(results), _is_current)
    pair = DEFAULTS["centroids"], DEFAULTS["training_images"]
    notes = table.notes(cells, references, table.audit(results, store.per_example, *pair))
    for kind in dict.fromkeys(judgement.kind for judgement in judgements):
        ours = [judgement for judgement in judgements if judgement.kind == kind]
        rows = [
            {"model": _row_name(one, chosen), head: table.value_and_error(one.value, one.error)}
            for one in ours
        ]
        beside = table.frame(cells, references) if cells and kind == "mean" else pd.DataFrame()
        shown = pd.concat([pd.DataFrame(rows), beside], ignore_index=True)
        shown.attrs["untrained"] = len(beside)
        better = "higher" if ours[0].higher_is_better else "lower"
        over = {"examples": "test examples", "folds": "folds"}[ours[0].over]
        unit = f"{metric} in {ours[0].unit}, {better} is better"
        lines = [f"{unit}; ± standard error over the {over}"]
        lines = notes if len(beside) else lines
        typer.echo(table.markdown(shown, [] if quiet else lines))


def _row_name(judgement: Judgement, chosen: dict[str, Any]) -> str:
    """A row's name as the table would have it: the file, and whatever is not the default."""
    marks = ["binary"] if judgement.kind == "binary" else []
    marks += [f"{DEFAULTS['metrics'][0]}.{key}={value}" for key, value in sorted(chosen.items())]
    marks += [f"{judgement.samples} samples"] if judgement.samples != DEFAULTS["samples"] else []
    return f"{judgement.name} [{', '.join(marks)}]" if marks else judgement.name


# --- table ---


def _is_current(result: Result) -> bool:
    """Whether the installed code and recipe are those that made a result."""
    from genbench import recipe
    from genbench.registry import code_of

    chosen = {k: v for k, v in result.overrides.items() if "." not in k and k != "minutes"}
    try:
        said = recipe.written(result.model, result.dataset, result.preset, chosen)
        code = code_of(result.model, result.metric, recipe.judges(said))
        return (said, code) == (result.recipe, result.code)
    except UsageError:  # it is no longer registered, or cannot be found
        return False


def _ordered(results: Sequence[Result]) -> list[Result]:
    """The default models first, then by name, so that a table does not depend on the command."""
    usual = DEFAULTS["models"]

    def place(result: Result) -> tuple[Any, ...]:
        rank = usual.index(result.model) if result.model in usual else len(usual)
        return result.dataset, rank, result.model, result.seed, result.fold

    return sorted(results, key=place)


def _tables(results: Sequence[Result]) -> list[tuple[str, list[Cell]]]:
    from genbench import table

    return [(title, table.cells(group, _is_current)) for title, group in table.tables(results)]


def _print_table(
    results: Sequence[Result], form: str, columns: Sequence[str], store: Store, quiet: bool
) -> None:
    from genbench import speed, table

    results = _ordered(results)
    asked = speed.Asked(columns)
    if asked.timed:
        asked = speed.Asked(columns, {result.key: store.records(result) for result in results})
    if form == "json":
        typer.echo(table.as_json(results, asked), nl=False)
        return
    found = _tables(results)
    if form == "csv":
        every = [cell for _, cells in found for cell in cells]
        typer.echo(table.comma_separated(every, asked), nl=False)
        return
    references = DEFAULTS["references"]
    pair = DEFAULTS["centroids"], DEFAULTS["training_images"]
    for title, cells in found:
        current = [r for cell in cells if not cell.stale for r in cell.results]
        audit = table.audit(current, store.per_example, *pair)
        lines = [] if quiet else table.notes(cells, references, audit, asked)
        render = {"md": table.markdown, "latex": table.latex}[form]
        above = f"{title}:\n\n" if title and form == "md" else ""
        typer.echo(above + render(table.frame(cells, references, asked), lines))


def _only(store: Store, models: str | None, datasets: str | None) -> list[Result]:
    """The results of a folder, of some models and datasets only; raises UsageError if none."""
    from genbench import registry

    results = list(store)
    asked = (("--models", models, "model"), ("--dataset", datasets, "dataset"))
    for option, wanted, field in asked:
        if wanted is not None:
            known = {getattr(result, field) for result in results}
            names = [name.replace("-", "_") for name in _split(wanted, option)]
            for name in names:
                if name not in known:
                    raise UsageError(
                        f"no result of {field} {name!r}; {registry.nearest(name, known)}"
                    )
            results = [result for result in results if getattr(result, field) in names]
    if not results:
        raise UsageError(f"no results in {store.runs}; `genbench run` makes some")
    return results


@app.command(
    epilog="Examples:  genbench table  |  genbench table --format latex -d mnist > table.tex  |  "
    "genbench table --columns ll,fit,sample"
)
def table(
    form: Annotated[str, _option("md, latex, csv or json.", "FORMAT", "--format", "-f")] = "md",
    columns: Columns = "ll",
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
    quiet: Annotated[bool, _option("No notes.", "QUIET", "--quiet", "-q")] = False,
) -> None:
    """Print the table of all results in a folder. Writes nothing."""
    from genbench import registry
    from genbench.store import Store

    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}; {registry.nearest(form, FORMATS)}")
    asked, store = _columns(columns), Store(results_dir)
    _print_table(_only(store, models, dataset), form, asked, store, quiet)


# --- figure ---


@figure_app.command("speed", epilog="Example:  genbench figure speed -d mnist --out speed.pdf")
def figure_speed(
    out: Annotated[
        Path, _option("A .png, .svg or .pdf file, written anew.", "OUT", "--out", "-o")
    ] = Path("speed.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
) -> None:
    """Scores against samples per second, a panel for each dataset."""
    from genbench import figures
    from genbench.store import Store

    form, store = figures.form(out), Store(results_dir)
    results = _ordered(_only(store, models, dataset))
    records = {result.key: store.records(result) for result in results}
    drawn = figures.speed(_tables(results), DEFAULTS["references"], records)
    figures.save(drawn, out, form)
    typer.echo(str(out))


# --- data ---


@data_app.command("list")
def data_list(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Every registered dataset: what it is, and whether its files are there."""
    from genbench import registry

    rows = []
    for name in registry.names("dataset"):
        cls = registry.load("dataset", name)
        source, states = cls(_data_dir(data_dir)), _file_states(cls, _data_dir(data_dir))
        rows.append(
            {
                "name": name,
                "shape": "x".join(map(str, source.shape)),
                "folds": str(source.folds),
                "files": _several(state.split(":")[0] for _, state in states) or "none needed",
            }
        )
    _print_rows(rows, as_json)
    typer.echo(f"data folder: {_data_dir(data_dir)}", err=True)


def _several(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))


def _file_states(cls: Any, data_dir: Path) -> list[tuple[str, str]]:
    from genbench.datasets._files import verify

    return verify(cls, data_dir)


DatasetName = Annotated[
    str, typer.Argument(help="A registered dataset.", autocompletion=_names("dataset"))
]


@data_app.command("fetch", epilog="Example:  genbench data fetch mnist")
def data_fetch(name: DatasetName, data_dir: DataDir = None) -> None:
    """Download a dataset's files, from the first mirror whose bytes are right."""
    from rich.progress import DownloadColumn, Progress, TextColumn

    from genbench import registry
    from genbench.datasets._files import fetch

    columns = (TextColumn("{task.description}"), DownloadColumn())
    console = _console()
    with Progress(*columns, console=console, disable=not _is_live(console)) as bars:
        tasks: dict[str, Any] = {}

        def show(file: str, received: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=None)
            bars.update(tasks[file], completed=received)

        written = fetch(registry.load("dataset", name), _data_dir(data_dir), show)
    for path in written:
        typer.echo(str(path))
    if not written:
        typer.echo("every file is there and canonical", err=True)


@data_app.command("import", epilog="Example:  genbench data import tfd ~/TFD_48x48.mat")
def data_import(
    name: DatasetName,
    path: Annotated[Path, typer.Argument(help="A file, or a folder of them; gz or raw.")],
    data_dir: DataDir = None,
) -> None:
    """Take a dataset's files from your disk into the data folder."""
    from genbench import registry
    from genbench.datasets._files import import_path

    cls = registry.load("dataset", name)
    for written in import_path(cls, _data_dir(data_dir), path):
        typer.echo(str(written))
    for file, state in _file_states(cls, _data_dir(data_dir)):
        if state != "canonical":
            typer.echo(f"Warning: {file} is {state}; the table will say so", err=True)


@data_app.command("verify", epilog="Example:  genbench data verify mnist")
def data_verify(name: DatasetName, data_dir: DataDir = None) -> None:
    """Check a dataset's files against the published checksums; exit code 3 where they differ."""
    from genbench import registry

    states = _file_states(registry.load("dataset", name), _data_dir(data_dir))
    for file, state in states:
        typer.echo(f"{file}: {state}")
    if not states:
        typer.echo(f"{name} needs no files")
    if any(state != "canonical" for _, state in states):
        raise typer.Exit(3)


# --- list, info, check ---


def _print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Rows as aligned columns, or as JSON."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=2, ensure_ascii=False))
        return
    if not rows:
        return
    from tabulate import tabulate

    cells = [list(row.values()) for row in rows]
    typer.echo(tabulate(cells, headers=list(rows[0]), tablefmt="plain", disable_numparse=True))


def _list_kind(kind: str, as_json: bool) -> None:
    from genbench import registry

    entries = registry.entries(kind)
    _print_rows(
        [
            {"name": entry.name, "from": registry.owner(entry), "object": entry.value}
            for entry in entries
        ],
        as_json,
    )
    twice = {entry.name for entry in entries if [e.name for e in entries].count(entry.name) > 1}
    for name in sorted(twice):
        typer.echo(f"Warning: {kind} {name!r} is registered twice and cannot be used", err=True)


@list_app.command("models")
def list_models(as_json: Json = False) -> None:
    """Registered models."""
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
def list_runs(results_dir: ResultsDir = Path("results"), as_json: Json = False) -> None:
    """Results in a folder, done and failed."""
    from genbench.store import Store

    rows = [
        {
            "model": result.model,
            "dataset": result.dataset,
            "fold": result.fold,
            "seed": result.seed,
            "preset": result.preset,
            "metric": result.metric,
            "status": result.status,
            "value": result.value if as_json or result.value is None else f"{result.value:.2f}",
            "key": result.key if as_json else result.key[:12],
        }
        for result in Store(results_dir)
    ]
    _print_rows(rows, as_json)


@app.command()
def info(as_json: Json = False) -> None:
    """Versions, CPU, GPU, threads: for bug reports."""
    from genbench import provenance

    machine = provenance.machine()
    if as_json:
        typer.echo(json.dumps(machine, indent=2))
        return
    for name, value in machine.items():
        typer.echo(f"{name}: {json.dumps(value) if not isinstance(value, str) else value}")


@app.command(epilog="Example:  genbench check gan")
def check(
    name: Annotated[
        str, typer.Argument(help="A model, dataset or metric.", autocompletion=_any_name)
    ],
    data_dir: DataDir = None,
) -> None:
    """Run the contract tests on one registered thing, ours or a stranger's."""
    from genbench import registry, testing

    wanted = name.replace("-", "_")
    kinds = [kind for kind in registry.KINDS if wanted in registry.names(kind)]
    if not kinds:
        known = [known for kind in registry.KINDS for known in registry.names(kind)]
        raise UsageError(f"nothing is registered as {name!r}; {registry.nearest(wanted, known)}")
    for kind in kinds:
        if kind == "dataset":
            passed = testing.check_dataset(wanted, _data_dir(data_dir))
        else:
            passed = {"model": testing.check_model, "metric": testing.check_metric}[kind](wanted)
        for claim in passed:
            typer.echo(f"ok  {claim}")
        typer.echo(f"{kind} {wanted} keeps its contract: {len(passed)} checks passed")


if __name__ == "__main__":
    main()
