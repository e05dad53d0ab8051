"""Scores along the number of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    NullLocator,
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
    traced,
)
from genbench.protocols import BY_SAMPLES
from genbench.records.run import Result
from genbench.tables.cells import Cell
from genbench.tables.published import Published


def count(found: Found, references: Sequence[str]) -> Drawn:
    """Score against the number of samples m; published values as dashed lines.

    Raises UsageError if no result was scored at several m.
    """
    drawn = traced(found, _by_count)
    if not drawn:
        raise UsageError("no result has a score at several numbers of samples")
    looks = rows.looks(found, references)
    with style.style():
        figure, axes = rows.grid(len(drawn), 6.8, height_of(drawn, more=2))
        for ax, (panel, traces) in zip(axes, drawn, strict=True):
            _count_panel(ax, panel, traces, looks)
        ends = [
            [*ends_of(traces, looks), *_dashed(ax, traces, looks)]
            for ax, (_, traces) in zip(axes, drawn, strict=True)
        ]
        rows.name_ends(axes, ends)
    sources = [paper.source for _, traces in drawn for _, paper in _papers(traces)]
    said = [
        "m: every 4th, every 2nd and every sample; sigma is chosen anew for each m",
        f"dashed: published, {'; '.join(dict.fromkeys(sources))}" if sources else "",
        *rows.remarks(found),
    ]
    return Drawn("count", figure, _count_alt(drawn), style.sentences(said))


def _by_count(result: Result) -> Points:
    points = sorted(result.curves.get(BY_SAMPLES, []))
    return points if len(points) > 1 else []


def _count_panel(
    ax: Axes, panel: Panel, traces: Sequence[Trace], looks: Mapping[str, Look]
) -> None:
    for trace in traces:
        lines_of(ax, trace, looks[trace.cell.label])
    counts = sorted({m for trace in traces for points in trace.lines for m, _ in points})
    for cell, paper in _papers(traces):
        look = looks[cell.label]
        ax.axhline(paper.value, color=look.colour, lw=1.0, ls=(0, (7, 4)), zorder=1)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(counts))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda m, _: f"{m:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("samples m (logarithmic, base 2)")
    ax.set_ylabel(panel.axis)
    rows.finish(ax, panel)


def _papers(traces: Sequence[Trace]) -> list[tuple[Cell, Published]]:
    """Each published value once, with the first row that it stands beside."""
    found: dict[tuple[str, float], tuple[Cell, Published]] = {}
    for trace in traces:
        paper = trace.cell.published
        if paper is not None:
            found.setdefault((trace.cell.results[0].model, paper.value), (trace.cell, paper))
    return list(found.values())


def _dashed(ax: Axes, traces: Sequence[Trace], looks: Mapping[str, Look]) -> list[End]:
    """The names of the dashed lines."""
    right = ax.get_xlim()[1]
    return [
        End(
            f"{style.name(cell.results[0].model)}, published {paper.value:g}",
            right,
            paper.value,
            looks[cell.label],
        )
        for cell, paper in _papers(traces)
    ]


def _count_alt(drawn: Sequence[tuple[Panel, Sequence[Trace]]]) -> str:
    said = [
        f"on {panel.title} "
        + ", ".join(f"{style.name(trace.cell.label)} {_from_to(trace)}" for trace in traces)
        for panel, traces in drawn
    ]
    first = drawn[0][0].first
    return style.line(
        f"{first.metric} in {first.unit} against the number of samples: {'; '.join(said)}."
    )


def _from_to(trace: Trace) -> str:
    """ "87.2 with 2,500 to 123.6 with 10,000", mean over the results."""
    ends = []
    for at in (0, -1):
        value = fmean(points[at][1] for points in trace.lines)
        ends.append(f"{rows.number(value)} with {trace.lines[0][at][0]:,.0f}")
    return " to ".join(ends)
