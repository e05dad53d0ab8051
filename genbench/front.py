"""The front door for Python: what is asked, the work on it, and its table.

    runs = genbench.plan(["gan", "dbn"], "mnist5k")
    results = genbench.run(runs, "my-results")
    print(genbench.table(results))

The command line calls these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.datasets._files import default_data_dir
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.records.files import as_folder
from genbench.records.run import Result, Run
from genbench.records.stores import Stores, usual
from genbench.running import plan as planning
from genbench.running import restored, worker
from genbench.running.data import Sources
from genbench.running.driving import work_on
from genbench.running.plan import Question, pending
from genbench.running.runner import Environment, choose_device

if TYPE_CHECKING:
    import pandas as pd

    from genbench.running.progress import Watch

Names = str | Sequence[str]


def plan(
    models: Names,
    datasets: Names,
    metrics: Names = DEFAULTS.metrics,
    *,
    seeds: Sequence[int] = (0,),
    samples: int = DEFAULTS.samples,
    sample_sets: int = 1,
    preset: str = DEFAULTS.preset,
    references: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    data_dir: Path | str | None = None,
) -> list[Run]:
    """The runs that answer a question; reads the data, trains nothing.

    Args:
        models, datasets, metrics: registered names, one or several.
        samples: how many are drawn from each model; sample_sets: how many times.
        preset: "paper", the full recipe, or a smaller one such as "quick" or "smoke".
        references: models that stand beside, with one sample set each.
        settings: by model or metric, hyperparameters in place of the recipe's.
        epochs, minutes: in place of the recipe's epochs, and a budget for each training.
        data_dir: the folder of datasets; None for GENBENCH_DATA or the user's cache.

    Raises:
        UsageError: for anything that is unknown or ill-typed. DataError: for missing files.

    Examples:
        >>> [run.model for run in plan(["gaussian", "replay"], "ring", "parzen", samples=500)]
        ['gaussian', 'replay']
    """
    question = Question(
        models=_names(models),
        datasets=_names(datasets),
        metrics=_names(metrics),
        seeds=seeds,
        samples=samples,
        sample_sets=sample_sets,
        preset=preset,
        references=references,
        overrides=settings or {},
        epochs=epochs,
        minutes=minutes,
    )
    return planning.plan(question, folder_of_data(data_dir))


def run(
    runs: Sequence[Run],
    results_dir: Path | str | None = None,
    *,
    beside: Sequence[Path | str] = (),
    data_dir: Path | str | None = None,
    device: str = "auto",
    executor: str | Executor = "serial",
    workers: int = 1,
    threads: int | None = None,
    rerun: bool = False,
    watch: Watch | None = None,
) -> list[Result]:
    """Trains, draws and scores what a folder does not hold; the results in the order of the runs.

    A failed run is a result too: its `status` is "failed" and its `error` says why. The same call
    again goes on where this one was interrupted.

    Args:
        results_dir: a folder; everything is kept in its `runs`. None is that of the command line:
            "results", in a clone "results/local" with "results" beside.
        beside: folders of results that are read and not written: what they hold is not done again.
        device: "auto", "cpu", "cuda" or "cuda:1".
        executor: "serial", in this process; "spawned", `workers` processes at a time, each ended
            with its training; "threads"; "dask", `workers` of Dask on this machine; or any
            `concurrent.futures.Executor`.
        threads: that torch uses in each training.
        rerun: do again what is done. watch: somebody to show progress, see `running.progress`.

    Raises:
        UsageError: where the folder cannot be written, or a script that starts processes does so
            when it is imported. StoreError: where nothing can be kept.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     [result] = run(plan("gaussian", "gaussian_1d", "parzen", samples=100), folder)
        >>> result.status, result.unit
        ('done', 'nats')
    """
    worker.refuse_import()
    choose_device(device)
    folder, *others = _folders(results_dir)
    others += [as_folder(path, "beside") for path in beside if results_dir]
    data = folder_of_data(data_dir)
    environment = Environment(folder, data, device, rerun, workers, threads, tuple(others))
    store = environment.store
    todo = pending(runs, store, rerun)
    if todo:
        store.prepare()
        work_on(todo, environment, executor, watch)
    return [result for result in map(store.result, runs) if result]


def load_results(results_dir: Path | str | None = None) -> list[Result]:
    """Every result in a folder, done, failed or unmet, by path; None is that of the command line.

    Raises UsageError where there is no such folder, and AlteredError for an edited record.

    Examples:
        >>> load_results("nowhere")
        Traceback (most recent call last):
            ...
        genbench.errors.UsageError: no results in nowhere/runs; `genbench.run` makes some
    """
    store = Stores(_folders(results_dir))
    if not any(one.runs.is_dir() for one in store.every):
        raise UsageError(f"no results in {store.runs}; `genbench.run` makes some")
    return list(store)


def load_model(
    result: Result,
    results_dir: Path | str | None = None,
    *,
    data_dir: Path | str | None = None,
) -> Any:
    """The trained model of a result, on the CPU: of a GAN both G and D.

    What it can do, it has: `sample(n)`, and a GAN `decode(z)`, which is G(z), and
    `discriminate(x)`, which is D's logit.

    Args:
        results_dir: the folder that keeps its weights; None is that of the command line.
        data_dir: the folder of datasets, which know the shape of a row.

    Raises:
        UsageError: where the weights are not kept, or the installed code cannot take them.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     [result] = run(plan("gaussian", "gaussian_1d", "parzen", samples=100), folder)
    ...     model = load_model(result, folder)
    >>> model.sample(3).shape
    torch.Size([3, 1])
    """
    store = Stores(_folders(results_dir))
    shape = Sources(folder_of_data(data_dir)).dataset(result.dataset).shape
    return restored.model(store, result, tuple(shape))


def folder_of_data(data_dir: Path | str | None) -> Path:
    """The folder of datasets: the one that is given, or the user's."""
    return default_data_dir() if data_dir is None else as_folder(data_dir, "data_dir")


def _folders(results_dir: Path | str | None) -> list[Path]:
    """The folders of results: the one that is given, or those of the command line."""
    return [as_folder(path, "results_dir") for path in ([results_dir] if results_dir else usual())]


def _names(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def table(results: Sequence[Result], numbers: bool = False) -> pd.DataFrame:
    """The table of some results, as it is printed: rows by model, a column for each score.

    Args:
        numbers: a row for each cell instead, every number unrounded: value, error, interval, over
            what the error is, seeds, sample sets, warnings, published value, verdict.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     asked = plan(["gaussian", "replay"], "gaussian_1d", "parzen", samples=100)
        ...     results = run(asked, folder)
        >>> table(results).columns.tolist(), table(results, numbers=True).model.tolist()
        (['gaussian_1d'], ['gaussian [100 samples]', 'replay [100 samples]'])
    """
    import pandas as pd

    from genbench.tables import chosen, contents, frames

    own = [result for result in chosen.ordered(results) if not result.protocol]
    found = contents.tables_of(own)
    if numbers:
        return frames.numbers([cell for _, cells in found for cell in cells])
    parts = []
    for title, cells in found:
        shown = frames.frame(cells, DEFAULTS.references).set_index("model")
        shown.attrs = {}
        parts.append(shown.add_suffix(f" ({title})") if title else shown)
    return pd.concat(parts, axis=1).fillna("") if parts else pd.DataFrame()
