"""Scores of the epochs of a training, or its losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import (
    MaxNLocator,
)

from genbench.errors import UsageError
from genbench.figures import rows, style
from genbench.figures.rows import End, Look, Panel
from genbench.figures.style import Drawn
from genbench.figures.traces import (
    Found,
    Points,
    Trace,
    ends_of,
    height_of,
    lines_of,
    mark,
    traced,
    width_of,
)
from genbench.records.run import Result
from genbench.tables.cells import Cell

Events = Mapping[str, Sequence[Mapping[str, Any]]]  # result's key -> the log of its training


def epochs(found: Found, references: Sequence[str], events: Events) -> Drawn:
    """Score on held-out rows against epochs; losses, where epochs were not scored.

    `events` are the logs of the trainings, by a result's key. Raises UsageError if no row has
    either.
    """
    scored = traced(found, _by_epoch, _kept)
    known = {(panel.title, trace.cell.label) for panel, traces in scored for trace in traces}
    trained = [
        (panel, cell, losses)
        for panel in rows.panels(found)
        for cell in panel.cells
        if (panel.title, cell.label) not in known and (losses := _losses(cell, events))
    ]
    if not scored and not trained:
        raise UsageError("no row trained by epochs")
    looks = rows.looks(found, references)
    with style.style():
        most = max((len(losses) for *_, losses in trained), default=0)
        height = max(3.1, 1.0 + 0.32 * most, height_of(scored) if scored else 0)
        figure, axes = rows.grid(len(scored) + len(trained), 6.0, height)
        for ax, (panel, traces) in zip(axes, scored, strict=False):
            _epoch_panel(ax, panel, traces, looks)
        names = [ends_of(traces, looks) for _, traces in scored]
        for ax, (panel, cell, losses) in zip(axes[len(scored) :], trained, strict=True):
            names.append(_loss_panel(ax, panel, cell, losses))
        rows.name_ends(axes, names)
    score = "score of the epoch's samples on rows that are no test rows; marked: the epoch kept"
    loss = "losses: mean over an epoch's batches; those of different models do not compare"
    said = [*([score] if scored else []), *([loss] if trained else [])]
    several = any(len(t.lines) > 1 for _, traces in scored for t in traces)
    several = several or any(len(runs) > 1 for *_, by in trained for runs in by.values())
    said += ["thin lines: single trainings"] if several else []
    return Drawn(
        "epochs",
        figure,
        _epochs_alt(scored, trained),
        style.sentences([*said, *rows.remarks(found)]),
    )


def _by_epoch(result: Result) -> Points:
    points: Points = [(epoch, value) for epoch, value in result.training.curve if value is not None]
    return points if len(points) > 1 else []


def _kept(result: Result) -> Points:
    """The epoch whose weights were kept, and its score."""
    return [point for point in _by_epoch(result) if point[0] == result.training.epoch]


def _losses(cell: Cell, events: Events) -> dict[str, list[Points]]:
    """By name, a line of losses for each training behind a cell; of one epoch there is no line."""
    found: dict[str, list[Points]] = {}
    logs = {id(log): log for result in cell.results if (log := events.get(result.key))}
    for log in logs.values():
        for name, points in losses_of(log).items():
            if len(points) > 1 and points not in found.get(name, []):
                found.setdefault(name, []).append(points)
    return found


def losses_of(log: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """By name, (epoch, loss) of a training that may have been resumed or made again."""
    kept: dict[int, Mapping[str, float]] = {}
    for event in log:
        if event.get("stage") == "fit":
            kept = {epoch: losses for epoch, losses in kept.items() if epoch <= event["done"]}
        elif "epoch" in event:
            kept[event["epoch"]] = event["losses"]
    found: dict[str, Points] = {}
    for epoch in sorted(kept):
        for name, loss in kept[epoch].items():
            found.setdefault(name, []).append((epoch, loss))
    return found


def _epoch_panel(
    ax: Axes, panel: Panel, traces: Sequence[Trace], looks: Mapping[str, Look]
) -> None:
    for trace in traces:
        look = looks[trace.cell.label]
        lines_of(ax, trace, look, ".")
        mark(ax, trace, look)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel(f"held-out {panel.axis}")
    rows.finish(ax, panel)


def _loss_panel(
    ax: Axes, panel: Panel, cell: Cell, losses: Mapping[str, Sequence[Points]]
) -> list[End]:
    """The losses of one row, each in dashes of its own."""
    ends = []
    for i, (name, lines) in enumerate(losses.items()):
        look = replace(rows.nth(i), dashes=rows.DASHES[i % len(rows.DASHES)], marker="")
        for points in lines:
            x, y = zip(*points, strict=True)
            ax.plot(x, y, color=look.colour, ls=look.dashes, lw=width_of(lines))
        x, y = lines[0][-1]
        ends.append(End(fill(style.name(name), 26), x, y, look, keyed=True))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    rows.finish(ax, Panel(f"{panel.title}: {style.name(cell.label)}", [cell]))
    return ends


def _epochs_alt(
    scored: Sequence[tuple[Panel, Sequence[Trace]]],
    trained: Sequence[tuple[Panel, Cell, Mapping[str, Sequence[Points]]]],
) -> str:
    said = [
        f"on {panel.title} {style.name(trace.cell.label)} is best after epoch "
        f"{trace.marked[0][0]:g} ({rows.number(trace.marked[0][1])})"
        for panel, traces in scored
        for trace in traces
        if trace.marked
    ]
    for panel, cell, losses in trained:
        ends = ", ".join(
            f"{name} from {rows.number(lines[0][0][1])} to {rows.number(lines[0][-1][1])}"
            for name, lines in losses.items()
        )
        said.append(f"losses of {style.name(cell.label)} on {panel.title}: {ends}")
    return style.line(f"Training by epochs: {'; '.join(said)}.")
