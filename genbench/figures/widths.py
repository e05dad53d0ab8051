"""Scores on the validation rows along sigma, the width of the windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    NullFormatter,
)

from genbench.errors import UsageError
from genbench.figures import rows, style
from genbench.figures.rows import Look, Panel
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
)
from genbench.records.run import Result

BY = "validation score by sigma"
_ROOM = 0.6  # of the spread of the rows' best scores, that is shown below the least of them


def sigma(found: Found, references: Sequence[str]) -> Drawn:
    """Score on the validation rows against sigma, the chosen one marked, the grid's ends too.

    Raises UsageError if no result has such a curve.
    """
    drawn = traced(found, _tried, _chosen)
    if not drawn:
        raise UsageError("no result has a score at several sigma")
    looks = rows.looks(found, references)
    with style.style():
        figure, axes = rows.grid(len(drawn), 6.8, height_of(drawn))
        for ax, (panel, traces) in zip(axes, drawn, strict=True):
            _sigma_panel(ax, panel, traces, looks)
        chosen: dict[str, Any] = {
            "marker": "o",
            "linestyle": "",
            "color": "0.3",
            "mec": "black",
            "ms": 8,
        }
        end = {"color": "0.45", "lw": 0.9, "linestyle": (0, (1, 2))}
        marks = [
            Line2D([], [], **chosen, label="chosen sigma"),
            Line2D([], [], **end, label="end of what was tried"),
        ]
        figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False)
        rows.name_ends(axes, [ends_of(traces, looks, best=True) for _, traces in drawn])
    said = [
        "mean over the validation rows that choose sigma; each line is one result",
        "points of the grid are joined with those that were tried between them",
        *_least_shown(axes, drawn),
        *_edges(drawn),
        *rows.remarks(found),
    ]
    return Drawn("sigma", figure, _sigma_alt(drawn), style.sentences(said))


def _tried(result: Result) -> Points:
    """(sigma, score), by sigma; none where fewer than two were tried."""
    names = [f"{BY}: {part}" for part in ("grid", "between its points")]
    points = {(s, v) for name in names for s, v in result.curves.get(name, [])}
    return sorted(points) if len(points) > 1 else []


def _chosen(result: Result) -> Points:
    return list(result.curves.get(f"{BY}: chosen", []))


def _sigma_panel(
    ax: Axes, panel: Panel, traces: Sequence[Trace], looks: Mapping[str, Look]
) -> None:
    for trace in traces:
        look = looks[trace.cell.label]
        lines_of(ax, trace, look, ".")
        mark(ax, trace, look)
    tried = [x for trace in traces for points in trace.lines for x, _ in points]
    for x in (min(tried), max(tried)):
        ax.axvline(x, color="0.45", lw=0.9, ls=(0, (1, 2)), zorder=1)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("sigma, in units of the data (logarithmic)")
    ax.set_ylabel(f"validation {panel.axis}")
    if panel.first.best == "high":
        ax.set_ylim(_bottom(traces), None)
    rows.finish(ax, panel)


def _bottom(traces: Sequence[Trace]) -> float:
    """The least score that is shown, so that wide and narrow sigma do not flatten the rest."""
    lines = [[y for _, y in points] for trace in traces for points in trace.lines]
    best = [max(line) for line in lines]
    least, reach = min(map(min, lines)), max(best) - min(map(min, lines))
    shown = min(best) - max(_ROOM * (max(best) - min(best)), 0.25 * reach)
    return max(shown, least - 0.05 * reach)


def _least_shown(axes: Sequence[Axes], drawn: Sequence[tuple[Panel, Sequence[Trace]]]) -> list[str]:
    """Which scores lie below a panel."""
    said = []
    for ax, (panel, traces) in zip(axes, drawn, strict=True):
        bottom = ax.get_ylim()[0]
        if any(y < bottom for trace in traces for points in trace.lines for _, y in points):
            said.append(f"{panel.title}: scores below {rows.number(bottom)} are not shown")
    return said


def _edges(drawn: Sequence[tuple[Panel, Sequence[Trace]]]) -> list[str]:
    """Rows whose sigma is the least or the greatest that was tried."""
    at_edge = [
        trace.cell.label
        for _, traces in drawn
        for trace in traces
        for points in trace.lines
        if any(x in (points[0][0], points[-1][0]) for x, _ in trace.marked)
    ]
    names = style.listed([*dict.fromkeys(at_edge)])
    return [f"sigma at an end of its grid, a better one may lie outside: {names}"] if names else []


def _sigma_alt(drawn: Sequence[tuple[Panel, Sequence[Trace]]]) -> str:
    said = [
        f"on {panel.title} "
        + ", ".join(
            f"{style.name(trace.cell.label)} best at {trace.marked[0][0]:.3g} "
            f"({rows.number(trace.marked[0][1])})"
            for trace in traces
            if trace.marked
        )
        for panel, traces in drawn
    ]
    unit = drawn[0][0].first.unit
    return style.line(f"Validation score in {unit} against sigma: {'; '.join(said)}.")
