"""`genbench audit`: is the metric to be trusted on a dataset?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.audit_watch import Watch
from genbench.cli.executing import TLS, AuditedBy, Resources, Scheduler, engine, threads_each
from genbench.cli.options import (
    DataDir,
    Device,
    Json,
    Quiet,
    ResultsDir,
    Threads,
    of_datasets,
    of_metrics,
)
from genbench.cli.showing import echo, new_console, print_json, say
from genbench.defaults import DEFAULTS
from genbench.errors import GenbenchError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from genbench.auditing import subjects
    from genbench.auditing.scores import Audit
    from genbench.protocols import Split
    from genbench.running.data import Sources
    from genbench.running.engines import Engine

AuditedOn = Annotated[str, of_datasets("The dataset to audit on.")]
Metrics = Annotated[str, of_metrics("Comma-separated; a group, or all.")]


@app.command(
    epilog="Examples:  genbench audit  |  genbench audit -d mnist --threads 2  |  "
    "genbench audit -d mnist --metrics frechet,prdc  |  "
    "genbench audit -d mnist --json > scores.json"
)
def audit(
    dataset: AuditedOn = DEFAULTS.datasets[0],
    metrics: Metrics = DEFAULTS.metrics[0],
    device: Device = "auto",
    threads: Threads = None,
    executor: AuditedBy = None,
    scheduler: Scheduler = None,
    resources: Resources = None,
    tls: TLS = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Test a metric: does it score real data above spoilt copies of them?

    It scores training and held-out rows; copies of them that are shifted, blurred, made black and
    white, projected or averaged; and noise.

    Sentences below the table say what follows. The finished audit is kept in the results folder,
    and printed at once by the same command; one that was interrupted goes on.
    """
    from genbench.auditing import kept
    from genbench.running.conditions import settled
    from genbench.running.plan import metrics_of

    names = metrics_of(parsing.split(metrics, "--metrics"))
    how = engine(executor, scheduler, resources, tls)
    workers = _workers(names, threads, how)
    each = threads_each(threads, workers, how)
    with settled(each):
        folders = parsing.folders(results_dir)
        if how is not None:
            _made_elsewhere(names, dataset, device, folders, data_dir, how, workers, each, quiet)
        found = list(_audits(dataset, names, device, folders, data_dir, quiet))
    if as_json:
        plain = [kept.as_json(one) for one in found]
        print_json(plain[0] if len(names) == 1 and plain else plain)
    else:
        echo("\n\n".join(_text(one, quiet) for one in found))
    if len(found) < len(names):
        raise typer.Exit(1)


def _workers(metrics: Sequence[str], threads: int | None, how: Engine | None) -> int:
    """How many audits this machine makes at a time: at most one for each metric and core."""
    if how is None or how.kind == "serial" or how.scheduler:
        return 1
    return min(len(metrics), max(1, parsing.cores() // (threads or 1)))


def _made_elsewhere(
    metrics: Sequence[str],
    dataset: str,
    device: str,
    folders: Sequence[Path],
    data_dir: Path | None,
    how: Engine,
    workers: int,
    threads: int,
    quiet: bool,
) -> None:
    """Lets an executor make and keep each metric's audit, which is found here afterwards.

    What it could not make is made, and said, where it is looked for.
    """
    from concurrent.futures import as_completed
    from contextlib import suppress

    from genbench.running import clusters, engines

    places = [folder.absolute() for folder in folders], parsing.data_folder(data_dir).absolute()
    executor = engines.open(how, workers, threads)
    try:
        futures = {
            executor.submit(kept_audit, metric, dataset, device, *places, threads): metric
            for metric in metrics
        }
        for future in as_completed(futures):
            with suppress(GenbenchError, clusters.LostError):
                engines.outcome(future)
                if not quiet:
                    say(new_console(), f"{futures[future]}: audited")
    finally:
        executor.shutdown(cancel_futures=True)


def kept_audit(
    metric: str, dataset: str, device: str, folders: Sequence[Path], data_dir: Path, threads: int
) -> None:
    """Makes and keeps one metric's audit, in whichever process."""
    from genbench.running.conditions import settled

    with settled(threads):
        for _ in _audits(dataset, [metric], device, folders, data_dir, quiet=True):
            pass


def _audits(
    dataset: str,
    metrics: Sequence[str],
    device: str,
    folders: Sequence[Path],
    data_dir: Path | None,
    quiet: bool,
) -> Iterator[Audit]:
    """The audits that are kept, or else made now; a metric that cannot be audited is said."""
    from genbench.plugins import registry
    from genbench.running.data import Sources
    from genbench.running.runner import choose_device

    where, name = choose_device(device), registry.find("dataset", dataset).name
    sources, samples = Sources(parsing.data_folder(data_dir)), {}
    for metric in metrics:
        try:
            audited = _audited(sources, name, metric)
            yield _current(audited, sources, where, folders, quiet, samples)
        except GenbenchError as error:
            if len(metrics) == 1 or error.exit_code == UsageError.exit_code:
                raise
            say(new_console(), f"{metric}: {error}")


def _audited(sources: Sources, dataset: str, metric: str) -> subjects.Audited:
    """Raises GenbenchError where the metric cannot judge samples of this dataset."""
    from genbench.auditing import subjects
    from genbench.plugins import registry
    from genbench.running import needs
    from genbench.samples import featured

    data = sources.identity(dataset, subjects.FOLD)
    settings = featured.settings_of(metric, {}, dataset, sources.dataset(dataset))
    lacks = needs.unmet(needs.Pair(metric, settings, data), sources)
    if lacks:
        raise GenbenchError(f"{lacks}: there is nothing to audit")
    return subjects.Audited(
        data=data,
        metric=metric,
        centroids=DEFAULTS.centroids,
        covariance=DEFAULTS.covariance,
        settings=settings,
        orders=getattr(registry.load("metric", metric), "orders", None),
        computed_with=sources.computed_with(settings, dataset),
        samples=DEFAULTS.samples,
    )


def _current(
    audited: subjects.Audited,
    sources: Sources,
    device: torch.device,
    folders: Sequence[Path],
    quiet: bool,
    samples: dict[str, np.ndarray],
) -> Audit:
    """The audit that is kept, or else one that is made now."""
    from genbench.auditing import kept, making, subjects
    from genbench.records import audits

    name = audited.data.name
    paths = [audits.place(folder, name, audited.metric) for folder in folders]
    key = kept.key(audited)
    for found in (kept.current(path, key) for path in paths):
        if found is not None:
            return found

    def features(split: Split) -> Any:
        taken = audited.settings.get("features")
        return sources.features(name, taken, subjects.FOLD, split) if taken else None

    source = sources.dataset(name)
    try:
        with Watch(new_console(), quiet) as watch:
            return making.made(audited, source, device, paths[0], watch, features, samples)
    except KeyboardInterrupt:
        echo("Interrupted; the same command goes on from the last row.", err=True)
        raise


def _text(found: Audit, quiet: bool) -> str:
    """The table in Markdown, notes and verdict below."""
    from genbench.auditing import findings
    from genbench.tables.formats import markdown

    lines = [] if quiet else findings.notes(found)
    return markdown(findings.frame(found), [*lines, *found.verdict])
