"""The curves that metrics give, drawn: a panel for each column and each name before a colon."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from genbench.errors import UsageError
from genbench.figures import captions, rows, style
from genbench.figures.plots import SCORE, Plot, plots_of
from genbench.figures.rows import End, Look, Panel
from genbench.figures.style import Drawn
from genbench.figures.traces import (
    MARKS,
    Found,
    Trace,
    ends_of,
    height_of,
    lines_of,
    mark,
)
from genbench.protocols import goodness
from genbench.tables.cells import Cell
from genbench.tables.published import Published

MOST = 24  # panels of a figure
_WIDE = 8.0  # the greatest x in least ones, from which on the axis is logarithmic
_HUGE = 1e100  # no logarithmic axis reaches so far
_FEW, _APART = 8, 0.04  # whole numbers that are ticks, and how far apart, in widths of a panel
_ROOM = 0.6  # of the spread of the rows' best scores, that is shown beyond the worst of them


def curves(found: Found, references: Sequence[str]) -> Drawn:
    """Every curve of every metric, what it marks, and published values as dashed lines.

    Raises UsageError if no result has a curve.
    """
    every = plots_of(found)
    if not every:
        raise UsageError("no result has a curve")
    drawn, more = every[:MOST], every[MOST:]
    looks = rows.looks(found, references)
    kinds = list(dict.fromkeys(kind for p in drawn for t in p.traces for kind in t.marks))
    with style.style():
        height = height_of([plot.traces for plot in drawn], more=2)
        figure, axes = rows.grid(len(drawn), 6.8, height)
        for ax, plot in zip(axes, drawn, strict=True):
            _draw(ax, plot, looks, kinds)
        _legend(figure, kinds)
        rows.name_ends(axes, [_ends(*each, looks) for each in zip(axes, drawn, strict=True)])
    said = [
        "each line is one result",
        *_joined(drawn),
        *(_not_shown(*each) for each in zip(axes, drawn, strict=True)),
        *map(_at_an_end, drawn),
        *_dashed(drawn),
        f"not drawn: {style.listed([plot.title for plot in more])}" if more else "",
        *captions.remarks(found),
    ]
    return Drawn("curves", figure, _alt(drawn), style.sentences(said))


# --- how it is drawn ---


def _draw(ax: Axes, plot: Plot, looks: Mapping[str, Look], kinds: Sequence[str]) -> None:
    for trace in plot.traces:
        look = trace.look(looks)
        lines_of(ax, trace, look, "." if any(t.marks for t in plot.traces) else None)
        mark(ax, trace, look, kinds)
    for cell, paper in _papers(plot):
        colour = looks[cell.label].colour
        ax.axhline(paper.value, color=colour, lw=1.0, ls=(0, (7, 4)), zorder=1)
    x, y = plot.axes
    words = _scale(ax, sorted({x for trace in plot.traces for x in _along(trace)}))
    ax.set_xlabel(style.line(x, 60) + words)
    ax.set_ylabel(fill(_named(plot.panel, y), rows.AXIS))
    if plot.searched:
        _reach(ax, plot)
    rows.finish(ax, plot.title)


def _along(trace: Trace) -> list[float]:
    return [x for points in [*trace.lines, trace.marked] for x, _ in points]


def _named(panel: Panel, y: str) -> str:
    """What the y axis says; of scores also the metric, its unit and what is better."""
    *before, last = y.split(" ")
    return style.line(" ".join([*before, panel.axis]) if last in (SCORE, "") else y, 100)


def _scale(ax: Axes, xs: Sequence[float]) -> str:
    """A logarithmic axis for wide ranges, whole numbers as ticks if few; what the axis is told."""
    whole = 1 < len(xs) <= _FEW and all(float(x).is_integer() for x in xs)
    wide = xs[0] > 1 / _HUGE and xs[-1] < _HUGE and xs[-1] / xs[0] >= _WIDE
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(x)))
    if wide:
        ax.set_xscale("log", base=2 if whole else 10)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _plain(x)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    if whole:
        places = [math.log(x) for x in xs] if wide else xs
        gaps = [(b - a) / (places[-1] - places[0]) for a, b in pairwise(places)]
        if min(gaps) >= _APART:
            ax.xaxis.set_major_locator(FixedLocator(xs))
            ax.xaxis.set_minor_locator(NullLocator())
    return f" (logarithmic{', base 2' if whole else ''})" if wide else ""


def _plain(x: float) -> str:
    return f"{x:,.0f}" if float(x).is_integer() and abs(x) < 1e9 else f"{x:.3g}"


def _reach(ax: Axes, plot: Plot) -> None:
    """Shows no worse scores than it takes, so that far ends do not flatten the rest."""
    best = plot.panel.first.best
    lines = [[goodness(best, y) for _, y in ps] for t in plot.traces for ps in t.lines]
    tops = [max(line) for line in lines]
    least, reach = min(map(min, lines)), max(tops) - min(map(min, lines))
    worst = min(tops) - max(_ROOM * (max(tops) - min(tops)), 0.25 * reach)
    worst = max(worst, least - 0.05 * reach)
    if reach > 0:
        low, high = (worst, None) if best == "high" else (None, goodness(best, worst))
        ax.set_ylim(low, high)


def _legend(figure: Figure, kinds: Sequence[str]) -> None:
    """What the marks are, where their curves say it."""
    grey = {"color": "0.3", "mec": "black", "ms": 8, "ls": ""}
    shapes = [MARKS[i % len(MARKS)] or "o" for i in range(len(kinds))]
    named = [(style.line(kind, 30), shape) for kind, shape in zip(kinds, shapes, strict=True)]
    marks = [Line2D([], [], marker=s, label=kind, **grey) for kind, s in named[:5] if kind]
    if marks:
        figure.legend(handles=marks, loc="outside upper left", ncols=3, frameon=False)


def _ends(ax: Axes, plot: Plot, looks: Mapping[str, Look]) -> list[End]:
    """The names of the lines, then of the dashed ones."""
    ends = ends_of(plot.traces, looks, best=any(trace.marks for trace in plot.traces))
    right = ax.get_xlim()[1]
    return ends + [
        End(
            f"{style.name(cell.results[0].model)}, published {paper.value:g}",
            right,
            paper.value,
            looks[cell.label],
        )
        for cell, paper in _papers(plot)
    ]


def _papers(plot: Plot) -> list[tuple[Cell, Published]]:
    """Each published value of the score once, with the first row that it stands beside."""
    found: dict[tuple[str, float], tuple[Cell, Published]] = {}
    for trace in plot.traces:
        paper = trace.cell.published
        if paper is not None and plot.axes[1] == SCORE:
            found.setdefault((trace.cell.results[0].model, paper.value), (trace.cell, paper))
    return list(found.values())


# --- words ---


def _joined(drawn: Sequence[Plot]) -> list[str]:
    """Which curves are one line."""
    names = [" and ".join(f'"{part}"' for part in plot.joined[:4]) for plot in drawn]
    return [f"{p.name}: {n} are one line" for p, n in zip(drawn, names, strict=True) if n]


def _not_shown(ax: Axes, plot: Plot) -> str:
    """Which scores lie beyond a panel."""
    low, high = sorted(ax.get_ylim())
    every = [y for trace in plot.traces for points in trace.lines for _, y in points]
    below, above = min(every, default=low) < low, max(every, default=high) > high
    said = [f"below {captions.number(low)}"] if below else []
    said += [f"above {captions.number(high)}"] if above else []
    return f"{plot.title}: scores {' and '.join(said)} are not shown" if said else ""


def _at_an_end(plot: Plot) -> str:
    """Rows that mark the first or the last x that was looked at."""
    if not plot.searched:
        return ""
    at = [
        trace.cell.label
        for trace in plot.traces
        if any(x in (ps[0][0], ps[-1][0]) for ps in trace.lines for x, _ in trace.marked)
    ]
    names = style.listed([*dict.fromkeys(at)])
    end = f"{plot.name}: at an end of the curve, a better one may lie outside"
    return f"{end}: {names}" if names else ""


def _dashed(drawn: Sequence[Plot]) -> list[str]:
    sources = dict.fromkeys(paper.source for plot in drawn for _, paper in _papers(plot))
    return [f"dashed: published, {'; '.join(sources)}"] if sources else []


def _alt(drawn: Sequence[Plot]) -> str:
    said = [f"{plot.title}: {', '.join(map(_told, plot.traces))}" for plot in drawn]
    return style.line(f"Curves. {'; '.join(said)}.")


def _told(trace: Trace) -> str:
    """ "gan 100.0 at 0.2 (chosen)", or "gan 87.2 at 2,500 to 123.6 at 10,000", in the mean."""
    name = f"{style.name(trace.cell.label)}{f', {style.name(trace.part)},' if trace.part else ''}"
    if trace.marks:
        kind, points = next(iter(trace.marks.items()))
        at = f"{captions.number(points[0][1])} at {_plain(points[0][0])}"
        return f"{name} {at}" + (f" ({style.name(kind)})" if kind else "")
    start, end = trace.lines[0][0][0], trace.lines[0][-1][0]
    alike = [line for line in trace.lines if (line[0][0], line[-1][0]) == (start, end)]
    values = [captions.number(fmean(line[i][1] for line in alike)) for i in (0, -1)]
    return f"{name} {values[0]} at {_plain(start)} to {values[1]} at {_plain(end)}"
