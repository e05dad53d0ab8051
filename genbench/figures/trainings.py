"""Scores of the epochs of a training, or its losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import (
    MaxNLocator,
)

from genbench.errors import UsageError
from genbench.figures import captions, rows, style
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
    width_of,
)
from genbench.records.run import Result
from genbench.tables.cells import Cell

KEPT = "the epoch kept"
Events = Mapping[str, Sequence[Mapping[str, Any]]]  # result's key -> the log of its training


def epochs(found: Found, references: Sequence[str], events: Events) -> Drawn:
    """Score on held-out rows against epochs; losses, where epochs were not scored.

    `events` are the logs of the trainings, by a result's key. Raises UsageError if no row has
    either.
    """
    scored = _scored(found)
    known = {_training(r) for each in scored for t in each.traces for r in t.cell.results}
    trained = _unscored(found, events, known)
    if not scored and not trained:
        raise UsageError("no row trained by epochs")
    looks = rows.looks(found, references)
    with style.style():
        most = max((len(losses) for _, losses in trained), default=0)
        room = height_of([each.traces for each in scored]) if scored else 0
        figure, axes = rows.grid(len(scored) + len(trained), 6.0, max(3.1, 1.0 + 0.32 * most, room))
        for ax, each in zip(axes, scored, strict=False):
            _epoch_panel(ax, each, looks)
        names = [ends_of(each.traces, looks) for each in scored]
        for ax, (cell, losses) in zip(axes[len(scored) :], trained, strict=True):
            names.append(_loss_panel(ax, cell, losses))
        rows.name_ends(axes, names)
    score = "score of the epoch's samples on rows that are no test rows; marked: the epoch kept"
    loss = "losses: mean over an epoch's batches; those of different models do not compare"
    said = [*([score] if scored else []), *([loss] if trained else [])]
    several = any(len(t.lines) > 1 for each in scored for t in each.traces)
    several = several or any(len(runs) > 1 for _, by in trained for runs in by.values())
    said += ["thin lines: single trainings"] if several else []
    return Drawn(
        "epochs",
        figure,
        _epochs_alt(scored, trained),
        style.sentences([*said, *captions.remarks(found)]),
    )


# --- each training once, whichever metrics scored it ---


@dataclass(frozen=True)
class Scored:
    """The epochs of a column that one metric scored, or of another what that metric chose."""

    title: str
    axis: str
    traces: Sequence[Trace]


def _scored(found: Found) -> list[Scored]:
    """First the columns of the metrics that chose; then trainings of which there is no such."""
    panels, shown = rows.panels(found), []
    drawn: set[tuple[str, str]] = set()
    for own in (True, False):
        for panel in panels:
            by = {_by(r) for cell in panel.cells for r in cell.results if _by_epoch(r)}
            for metric in sorted(name for name in by if (name == panel.first.metric) is own):
                axis = next((p.axis for p in panels if p.first.metric == metric), metric)
                title = f"{panel.cells[0].head}: epochs chosen by {metric}"
                traces = _traces(panel, metric, drawn)
                shown += [Scored(panel.title if own else title, axis, traces)] if traces else []
    return shown


def _by(result: Result) -> str:
    """The metric by which its epoch was chosen."""
    return result.run.selection.get("metric", result.metric)


def _traces(panel: Panel, metric: str, drawn: set[tuple[str, str]]) -> list[Trace]:
    """The rows of a panel with trainings that are not drawn yet."""
    traces = []
    for cell in panel.cells:
        new = [r for r in cell.results if r.status == "done" and _training(r) not in drawn]
        new = [r for r in _each_training(new) if _by(r) == metric and _by_epoch(r)]
        drawn |= {*map(_training, new)}
        kept = [point for result in new for point in _kept(result)]
        lines = [_by_epoch(result) for result in new]
        traces += [Trace(replace(cell, results=new), lines, {KEPT: kept})] if new else []
    return traces


def _each_training(results: Sequence[Result]) -> list[Result]:
    """Folds and sample sets may share a training."""
    return [*{_training(result): result for result in reversed(results)}.values()][::-1]


def _training(result: Result) -> tuple[str, str]:
    """What tells one training from another."""
    return result.model, result.run.fit_key


def _by_epoch(result: Result) -> Points:
    points: Points = [(epoch, value) for epoch, value in result.training.curve if value is not None]
    return points if len(points) > 1 else []


def _kept(result: Result) -> Points:
    """The epoch whose weights were kept, and its score."""
    return [point for point in _by_epoch(result) if point[0] == result.training.epoch]


def _unscored(
    found: Found, events: Events, known: set[tuple[str, str]]
) -> list[tuple[Cell, dict[str, list[Points]]]]:
    """Rows with losses, each training once."""
    trained, seen = [], set(known)
    for panel in rows.panels(found):
        for cell in panel.cells:
            new = [r for r in cell.results if _training(r) not in seen]
            losses = _losses(new, events)
            seen |= {*map(_training, new)} if losses else set()
            trained += [(cell, losses)] if losses else []
    return trained


def _losses(results: Sequence[Result], events: Events) -> dict[str, list[Points]]:
    """By name, a line of losses for each training behind a cell; of one epoch there is no line."""
    found: dict[str, list[Points]] = {}
    logs = {id(log): log for result in results if (log := events.get(result.key))}
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
            kept = {
                epoch: losses for epoch, losses in kept.items() if epoch <= event.get("done", 0)
            }
        elif "epoch" in event:
            kept[event["epoch"]] = event["losses"]
    found: dict[str, Points] = {}
    for epoch in sorted(kept):
        for name, loss in kept[epoch].items():
            found.setdefault(name, []).append((epoch, loss))
    return found


def _epoch_panel(ax: Axes, scored: Scored, looks: Mapping[str, Look]) -> None:
    for trace in scored.traces:
        look = looks[trace.cell.label]
        lines_of(ax, trace, look, ".")
        mark(ax, trace, look, [KEPT])
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel(fill(f"held-out {scored.axis}", rows.AXIS))
    rows.finish(ax, scored.title)


def _loss_panel(ax: Axes, cell: Cell, losses: Mapping[str, Sequence[Points]]) -> list[End]:
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
    rows.finish(ax, f"{cell.head}: {style.name(cell.label)}")
    return ends


def _epochs_alt(
    scored: Sequence[Scored],
    trained: Sequence[tuple[Cell, Mapping[str, Sequence[Points]]]],
) -> str:
    said = [
        f"on {each.title} {style.name(trace.cell.label)} is best after epoch "
        f"{trace.marked[0][0]:g} ({captions.number(trace.marked[0][1])})"
        for each in scored
        for trace in each.traces
        if trace.marked
    ]
    for cell, losses in trained:
        ends = ", ".join(
            f"{name} from {captions.number(lines[0][0][1])} to {captions.number(lines[0][-1][1])}"
            for name, lines in losses.items()
        )
        said.append(f"losses of {style.name(cell.label)} on {cell.head}: {ends}")
    return style.line(f"Training by epochs: {'; '.join(said)}.")
