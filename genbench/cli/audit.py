"""`genbench audit`: is the metric to be trusted on a dataset?"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli.options import (
    DataDir,
    Device,
    Json,
    Quiet,
    ResultsDir,
    Threads,
    app,
    completing,
    cores,
    data_folder,
    is_live,
    new_console,
    option,
    split,
)
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from genbench.auditing.scores import Audit, Scored
    from genbench.auditing.subjects import Asked, Subject


@app.command(
    epilog="Examples:  genbench audit  |  genbench audit -d mnist --threads 2  |  "
    "genbench audit -d mnist --json > scores.json"
)
def audit(
    dataset: Annotated[
        str,
        option(
            "The dataset to audit on.",
            "DATASET",
            "--dataset",
            "-d",
            autocompletion=completing("dataset"),
        ),
    ] = DEFAULTS.datasets[0],
    metrics: Annotated[
        str,
        option("The metric, one.", "METRICS", "--metrics", autocompletion=completing("metric")),
    ] = DEFAULTS.metrics[0],
    device: Device = "auto",
    threads: Threads = None,
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Is the metric to be trusted here? Score real data, and copies that cannot be better.

    Training and held-out rows; copies shifted, blurred, binarised, projected and averaged; noise.

    Sentences below the table say what follows. The finished audit is kept in the results folder,
    and printed at once by the same command; one that was interrupted goes on.
    """
    import torch

    from genbench.auditing import kept, subjects
    from genbench.plugins import registry
    from genbench.running.data import Sources
    from genbench.running.runner import choose_device

    where = choose_device(device)
    named = split(metrics, "--metrics")
    if len(named) > 1:
        raise UsageError(f"an audit is of one metric; --metrics names {', '.join(named)}")
    metric = registry.find("metric", named[0]).name
    dataset, folder = registry.find("dataset", dataset).name, data_folder(data_dir)
    torch.set_num_threads(threads or cores())
    asked = subjects.Asked(
        data=Sources(folder).identity(dataset, subjects.FOLD),
        metric=metric,
        centroids=DEFAULTS.centroids,
        covariance=DEFAULTS.covariance,
        samples=DEFAULTS.samples,
    )
    usual = metric == DEFAULTS.metrics[0]
    path = kept.place(results_dir, dataset, "" if usual else metric)
    key = kept.key(asked)
    found = kept.current(path, key)
    if found is None:
        found = _made(asked, folder, where, path, key, quiet)
        kept.put(path, found)
    if as_json:
        text = json.dumps(kept.as_json(found), indent=2, allow_nan=False, ensure_ascii=False)
        typer.echo(text)
    else:
        typer.echo(shown(found, quiet))


def shown(found: Audit, quiet: bool = False) -> str:
    """The table in Markdown, notes and verdict below."""
    from genbench.auditing import findings
    from genbench.tables.formats import markdown

    lines = [] if quiet else findings.notes(found)
    return markdown(findings.frame(found), [*lines, *found.verdict])


def _made(
    asked: Asked, data_dir: Path, where: torch.device, path: Path, key: str, quiet: bool
) -> Audit:
    """The audit, made now; each row is kept as soon as it is there."""
    from genbench.auditing import kept, scores, subjects
    from genbench.plugins import registry
    from genbench.samples import judging

    source = registry.load("dataset", asked.data.name)(data_dir)
    metric = judging.metric_with(asked.metric, {})
    before = kept.known(path, key)
    kept.keep(path, key, before)  # before any work, where the folder cannot be written
    done: list[Scored] = []
    with _Watch(new_console(), quiet, len(before)) as watch:
        plan, remarks = subjects.subjects(asked, source, metric, where, watch.step)
        watch.plan(plan)
        try:
            for one in scores.rows(plan, asked, source, metric, where, before):
                done.append(one)
                if len(done) > len(before):
                    kept.keep(path, key, done)
                watch.row(one)
        except KeyboardInterrupt:
            typer.echo("Interrupted; the same command goes on from the last row.", err=True)
            raise
    return kept.finished(asked, source, metric, key, [one.row for one in done], remarks)


class _Watch:
    """Shows how far an audit is: a bar on a terminal, a line for each row elsewhere."""

    def __init__(self, console: Console, quiet: bool, known: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._console, self._lines = console, not quiet and not is_live(console)
        self._known, self._rows, self._begun = known, 0, time.monotonic()
        self._weights: list[float] = []
        self._names: list[str] = []
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[state]}"),
            console=console,
            disable=quiet or not is_live(console),
            transient=True,
        )
        self._task = self._bar.add_task("reading", total=None, state="")

    def __enter__(self) -> _Watch:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def plan(self, plan: Sequence[Subject]) -> None:
        """Takes what is to be scored; the time begins to count."""
        self._weights = [subject.weight for subject in plan]
        self._names = [subject.name for subject in plan]
        self._bar.update(self._task, total=sum(self._weights))
        self._begun = time.monotonic()
        self._show(0.0)

    def step(self, step: int, steps: int) -> None:
        """A training of a reference model went on."""
        self._show(step / steps)

    def row(self, one: Scored) -> None:
        """A row is there."""
        self._rows += 1
        if self._rows <= self._known:
            self._begun = time.monotonic()
        elif self._lines:
            text = f"{one.row.name}: {one.row.value:.2f} ({self._rows} of {len(self._names)})"
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)
        if self._rows < len(self._names):
            self._show(0.0)

    def _show(self, part: float) -> None:
        """`part`: how much of the row in progress is done."""
        from rich.markup import escape

        from genbench.words import duration

        done = sum(self._weights[: self._rows]) + part * self._weights[self._rows]
        here = done - sum(self._weights[: self._known])
        left = ""
        if here > 0:
            seconds = time.monotonic() - self._begun
            left = f", about {duration(seconds / here * (sum(self._weights) - done))} left"
        self._bar.update(
            self._task,
            completed=done,
            description=escape(self._names[self._rows]),
            state=f"{self._rows} of {len(self._names)} rows{left}",
        )
