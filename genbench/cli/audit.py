"""`genbench audit`: is the metric to be trusted on a dataset?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.audit_watch import Watch
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
from genbench.cli.showing import new_console, print_json
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.auditing.scores import Audit

AuditedOn = Annotated[str, of_datasets("The dataset to audit on.")]
OneMetric = Annotated[str, of_metrics("The metric, one.")]


@app.command(
    epilog="Examples:  genbench audit  |  genbench audit -d mnist --threads 2  |  "
    "genbench audit -d mnist --json > scores.json"
)
def audit(
    dataset: AuditedOn = DEFAULTS.datasets[0],
    metrics: OneMetric = DEFAULTS.metrics[0],
    device: Device = "auto",
    threads: Threads = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Is the metric to be trusted here? Score real data, and copies that cannot be better.

    Training and held-out rows; copies shifted, blurred, binarised, projected and averaged; noise.

    Sentences below the table say what follows. The finished audit is kept in the results folder,
    and printed at once by the same command; one that was interrupted goes on.
    """
    from genbench.auditing import kept
    from genbench.running.conditions import settled

    metric = _one(metrics)
    with settled(threads or parsing.cores()):
        found = _current(dataset, metric, device, parsing.folders(results_dir), data_dir, quiet)
    if as_json:
        print_json(kept.as_json(found))
    else:
        typer.echo(_text(found, quiet))


def _one(metrics: str) -> str:
    """The registered name of the only metric; raises UsageError for several."""
    found = parsing.registered("metric", metrics, "--metrics")
    if len(found) > 1:
        raise UsageError(f"an audit is of one metric; --metrics names {', '.join(found)}")
    return found[0]


def _current(
    dataset: str,
    metric: str,
    device: str,
    folders: Sequence[Path],
    data_dir: Path | None,
    quiet: bool,
) -> Audit:
    """The audit that is kept, or else one that is made now."""
    from genbench.auditing import kept, making, subjects
    from genbench.plugins import registry
    from genbench.running.data import Sources
    from genbench.running.runner import choose_device

    where, name = choose_device(device), registry.find("dataset", dataset).name
    sources = Sources(parsing.data_folder(data_dir))
    asked = subjects.Asked(
        data=sources.identity(name, subjects.FOLD),
        metric=metric,
        centroids=DEFAULTS.centroids,
        covariance=DEFAULTS.covariance,
        samples=DEFAULTS.samples,
    )
    own = "" if metric == DEFAULTS.metrics[0] else metric
    paths, key = [kept.place(folder, name, own) for folder in folders], kept.key(asked)
    for found in (kept.current(path, key) for path in paths):
        if found is not None:
            return found
    try:
        with Watch(new_console(), quiet) as watch:
            return making.made(asked, sources.dataset(name), where, paths[0], watch)
    except KeyboardInterrupt:
        typer.echo("Interrupted; the same command goes on from the last row.", err=True)
        raise


def _text(found: Audit, quiet: bool) -> str:
    """The table in Markdown, notes and verdict below."""
    from genbench.auditing import findings
    from genbench.tables.formats import markdown

    lines = [] if quiet else findings.notes(found)
    return markdown(findings.frame(found), [*lines, *found.verdict])
