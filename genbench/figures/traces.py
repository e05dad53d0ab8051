"""What scores along an axis share: the lines of each row in a panel, their marks and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes

from genbench.figures import rows, style
from genbench.figures.rows import End, Look, Panel
from genbench.tables.cells import Cell

Found = Sequence[tuple[str, Sequence[Cell]]]
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Trace:
    """A row's lines in a panel, one for each of its results, and the points that it marks."""

    cell: Cell
    lines: Sequence[Points]
    marked: Points = field(default_factory=list)


def traced(found: Found, line: Any, marks: Any = None) -> list[tuple[Panel, list[Trace]]]:
    """The panels in which some row has lines, and those rows."""
    shown = []
    for panel in rows.panels(found):
        traces = []
        for cell in panel.cells:
            done = [result for result in cell.results if result.status == "done"]
            lines = [points for result in done if (points := line(result))]
            marked = [point for result in done for point in (marks(result) if marks else [])]
            if lines:
                traces.append(Trace(cell, lines, marked))
        if traces:
            shown.append((panel, traces))
    return shown


def width_of(lines: Sequence[Points]) -> float:
    return 1.7 if len(lines) == 1 else 0.8


def lines_of(ax: Axes, trace: Trace, look: Look, marker: str | None = None) -> None:
    """A line for each result; thin ones, where there are several."""
    for points in trace.lines:
        x, y = zip(*points, strict=True)
        ax.plot(
            x,
            y,
            color=look.colour,
            ls=look.dashes,
            lw=width_of(trace.lines),
            marker=look.marker if marker is None else marker,
            mfc=look.face,
            ms=5 if marker is None else 3,
            zorder=3,
        )


def mark(ax: Axes, trace: Trace, look: Look) -> None:
    """What is chosen on each line; smaller marks, where there are several."""
    size = 8 if len(trace.lines) == 1 else 5
    for x, y in trace.marked:
        ax.plot(x, y, look.marker, color=look.colour, mfc=look.face, ms=size, mec="black", zorder=5)


def ends_of(traces: Sequence[Trace], looks: Mapping[str, Look], best: bool = False) -> list[End]:
    """Names beside the last points, or beside the best of each row."""
    ends = []
    for trace in traces:
        x, y = trace.lines[0][-1]
        if best and trace.marked:
            x, y = trace.marked[0]
        ends.append(End(style.broken(trace.cell.label), x, y, looks[trace.cell.label], keyed=best))
    return ends


def height_of(drawn: Sequence[tuple[Panel, Sequence[Trace]]], more: int = 0) -> float:
    """Inches of a panel that has room for the names of its rows."""
    rows_of = max(len(traces) for _, traces in drawn)
    lines = max(style.broken(t.cell.label).count("\n") + 1 for _, traces in drawn for t in traces)
    return max(4.2, 1.2 + 0.15 * lines * (rows_of + more))
