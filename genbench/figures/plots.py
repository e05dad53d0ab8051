"""From the names of curves to what stands in one panel.

"validation score by sigma: chosen" is a curve in the panel "validation score by sigma", whose axes
are what stands before and after " by ". A curve of one point is a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from genbench.figures import rows, style
from genbench.figures.rows import Panel
from genbench.figures.traces import Found, Points, Trace
from genbench.records.run import Result
from genbench.tables.cells import Cell

SCORE = "score"  # what the curves of a metric's own value, or of others like it, are named


@dataclass(frozen=True)
class Plot:
    """The curves of one name before the colon, of all rows of a column."""

    panel: Panel
    name: str
    traces: Sequence[Trace]
    joined: Sequence[str] = ()

    @property
    def axes(self) -> tuple[str, str]:
        """What is x and what is y."""
        y, _, x = self.name.partition(" by ")
        return x.strip(), y.strip()

    @property
    def title(self) -> str:
        return style.line(f"{self.panel.title}: {self.name}", 130)

    @property
    def searched(self) -> bool:
        """Whether a place with a better score was looked for along the curve."""
        scored = self.axes[1].split(" ")[-1] == SCORE and self.panel.first.best in ("high", "low")
        return scored and any(trace.marks and trace.lines for trace in self.traces)


def _split(name: str) -> tuple[str, str]:
    """The panel, and what of it the curve is."""
    panel, _, part = name.partition(":")
    return panel.strip(), part.strip()


def plots_of(found: Found) -> list[Plot]:
    """All that is to be drawn, column by column."""
    return [plot for panel in rows.panels(found) for plot in _plots(panel)]


def _plots(panel: Panel) -> list[Plot]:
    """A plot for each name before a colon; by name, so that no order in a file matters."""
    done = [(c, [r for r in c.results if r.status == "done"]) for c in panel.cells]
    names = {_split(name)[0] for _, results in done for r in results for name in r.curves}
    made = [_plot(panel, name, done) for name in sorted(names)]
    return [plot for plot in made if plot.traces]


def _plot(panel: Panel, name: str, done: Sequence[tuple[Cell, Sequence[Result]]]) -> Plot:
    """Curves whose x differ are one line by x; those that share some are lines of their own."""
    of = [(cell, [_parts(result, name) for result in results]) for cell, results in done]
    lines = [_lines(parts) for _, each in of for parts in each]
    if any(map(_cross, lines)):
        traces = [trace for cell, each in of for trace in _apart(cell, each)]
        return Plot(panel, name, traces)
    traces = []
    for cell, each in of:
        joined = [sorted(chain(*_lines(parts).values()), key=_x) for parts in each]
        trace = Trace(cell, [points for points in joined if points], _marks(each))
        traces += [trace] if trace.lines or trace.marks else []
    several = sorted({part for parts in lines if len(parts) > 1 for part in parts})
    return Plot(panel, name, traces, several)


def _parts(result: Result, name: str) -> dict[str, Points]:
    """The curves of one panel, by what stands behind the colon."""
    own = [(*_split(full), points) for full, points in sorted(result.curves.items()) if points]
    return {part: [(x, y) for x, y in points] for panel, part, points in own if panel == name}


def _x(point: tuple[float, float]) -> float:
    return point[0]


def _lines(parts: Mapping[str, Points]) -> dict[str, Points]:
    return {part: points for part, points in parts.items() if len(points) > 1}


def _marks(each: Sequence[Mapping[str, Points]]) -> dict[str, Points]:
    """The curves of one point, of all results of a row."""
    found: dict[str, Points] = {}
    for parts in each:
        for part, points in parts.items():
            if len(points) == 1:
                found.setdefault(part, []).extend(points)
    return found


def _cross(lines: Mapping[str, Points]) -> bool:
    """Whether two of the lines have an x in common."""
    every = [x for points in lines.values() for x in {x for x, _ in points}]
    return len(every) > len(set(every))


def _apart(cell: Cell, each: Sequence[Mapping[str, Points]]) -> list[Trace]:
    """A trace for each curve of a row; what it marks belongs to the first."""
    names = sorted({part for parts in each for part in _lines(parts)})
    marks = _marks(each)
    if not names:
        return [Trace(cell, [], marks)] if marks else []
    return [
        Trace(
            cell,
            [sorted(_lines(parts)[part], key=_x) for parts in each if part in _lines(parts)],
            {} if place else marks,
            part,
            place,
        )
        for place, part in enumerate(names)
    ]
