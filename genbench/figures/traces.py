"""What scores along an axis share: the lines of each row in a panel, their marks and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from textwrap import fill

from matplotlib.axes import Axes

from genbench.figures import rows, style
from genbench.figures.rows import End, Look
from genbench.tables.cells import Cell

Found = Sequence[tuple[str, Sequence[Cell]]]
Points = list[tuple[float, float]]

MARKS = ("", "*", "D", "h", "8")  # of the first kind of marks the row's own, then these
_MOST = 60  # points of a line that are shown as such


@dataclass(frozen=True)
class Trace:
    """A row's lines in a panel, one for each of its results; by what they are, points it marks.

    part: which of the row's curves, where they are no single line, and its place among them.
    """

    cell: Cell
    lines: Sequence[Points]
    marks: Mapping[str, Points] = field(default_factory=dict)
    part: str = ""
    place: int = 0

    @property
    def name(self) -> str:
        """What stands beside its line."""
        part = fill(style.name(self.part), 26)
        return "\n".join(filter(None, [style.broken(self.cell.label), part]))

    @property
    def marked(self) -> Points:
        return [point for points in self.marks.values() for point in points]

    def look(self, looks: Mapping[str, Look]) -> Look:
        """Its row's; further curves of a row differ in their dashes."""
        own = looks[self.cell.label]
        return replace(own, dashes=rows.DASHES[self.place % 4]) if self.place else own


def width_of(lines: Sequence[Points]) -> float:
    return 1.7 if len(lines) == 1 else 0.8


def lines_of(ax: Axes, trace: Trace, look: Look, marker: str | None = None) -> None:
    """A line for each result; thin ones, where there are several."""
    for points in trace.lines:
        x, y = zip(*points, strict=True)
        shown = look.marker if marker is None else marker
        ax.plot(
            x,
            y,
            color=look.colour,
            ls=look.dashes,
            lw=width_of(trace.lines),
            marker=shown if len(points) <= _MOST else "",
            mfc=look.face,
            ms=5 if marker is None else 3,
            zorder=3,
        )


def mark(ax: Axes, trace: Trace, look: Look, kinds: Sequence[str]) -> None:
    """What is marked of each line, by its kind; smaller marks, where there are several lines."""
    size = 8 if len(trace.lines) < 2 else 5
    for kind, points in trace.marks.items():
        shape = MARKS[kinds.index(kind) % len(MARKS)] or look.marker
        for x, y in points:
            ax.plot(x, y, shape, color=look.colour, mfc=look.face, ms=size, mec="black", zorder=5)


def ends_of(traces: Sequence[Trace], looks: Mapping[str, Look], best: bool = False) -> list[End]:
    """Names beside the last points, or beside what each row marks."""
    ends = []
    for trace in traces:
        x, y = trace.lines[0][-1] if trace.lines else trace.marked[0]
        if best and trace.marked:
            x, y = trace.marked[0]
        ends.append(End(trace.name, x, y, trace.look(looks), keyed=best))
    return ends


def height_of(drawn: Sequence[Sequence[Trace]], more: int = 0) -> float:
    """Inches of a panel that has room for the names of its rows."""
    most = max(len(traces) for traces in drawn)
    lines = max(trace.name.count("\n") + 1 for traces in drawn for trace in traces)
    return max(4.2, 1.2 + 0.15 * lines * (most + more))
