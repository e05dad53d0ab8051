"""Scores with 95 % intervals: a line for each row, a panel for each dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from genbench.errors import UsageError
from genbench.figures import captions, rows, style
from genbench.figures.rows import Look, Panel
from genbench.figures.style import Drawn
from genbench.tables.cells import Cell

PUBLISHED = 1.96  # standard errors that a published value's bar is long, to each side
_BAND = "0.955"
_ROW, _FRAME = 0.36, 1.15  # inches of a row, and of what stands around the rows


def values(found: Sequence[tuple[str, Sequence[Cell]]], references: Sequence[str]) -> Drawn:
    """Values, intervals, single seeds and published values; reference rows apart, below.

    Raises UsageError if no row has a score.
    """
    panels = [_shown(panel, references) for panel in rows.panels(found)]
    panels = [panel for panel in panels if panel.cells]
    if not panels:
        raise UsageError("no row has a score")
    looks = rows.looks(found, references)
    with style.style():
        figure, axes = _grid(panels)
        for ax, panel in zip(axes, panels, strict=True):
            _panel(ax, panel, looks, references)
        _legend(figure, panels, references)
        style.renderer(figure)
    return Drawn("values", figure, _alt(panels), style.sentences(_said(found, panels)))


def _shown(panel: Panel, references: Sequence[str]) -> Panel:
    """The rows with a score, reference rows last."""
    scored = [cell for cell in panel.cells if cell.value is not None]
    return Panel(panel.title, sorted(scored, key=lambda c: rows.is_reference(c, references)))


def _grid(panels: Sequence[Panel]) -> tuple[Figure, list[Axes]]:
    """A panel below the other, as high as its rows need."""
    heights = [_FRAME + _ROW * len(panel.cells) for panel in panels]
    figure = style.new(7.2, sum(heights))
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    return figure, list(axes[:, 0])


# --- how it is drawn ---


def _panel(ax: Axes, panel: Panel, looks: Mapping[str, Look], references: Sequence[str]) -> None:
    for y, cell in enumerate(panel.cells):
        _row(ax, y, cell, looks[cell.label])
    _apart(ax, panel, references)
    ax.set_yticks(range(len(panel.cells)), [style.broken(cell.label, 34) for cell in panel.cells])
    ax.tick_params(axis="y", length=0, labelsize=8.5)
    ax.grid(visible=False, axis="y")
    ax.set_ylim(len(panel.cells) - 0.45, -0.55)
    ax.margins(x=0.06)
    ax.set_xlabel(panel.axis)
    rows.finish(ax, panel.title)


def _row(ax: Axes, y: int, cell: Cell, look: Look) -> None:
    """Interval, value, seeds, published value; the number at the right."""
    ax.annotate(
        style.line(cell.text, 34),
        (1.015, y),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=8.5,
        annotation_clip=False,
    )
    paper = cell.published
    if paper is not None:
        bar = PUBLISHED * paper.stderr
        marks = {"fmt": "d", "mfc": "white", "mec": "black", "ms": 6, "mew": 1.1, "zorder": 5}
        ax.errorbar(paper.value, y + 0.27, xerr=bar, ecolor="0.45", elinewidth=0.9, **marks)
    ends = _ends(cell)
    if ends is not None:
        ax.plot(ends, [y, y], "|-", color=look.colour, lw=2.2, ms=8, mew=1.6, zorder=3)
    seeds = [*cell.by_seed.values()]
    if len(seeds) > 1:
        ax.plot(seeds, [y - 0.24] * len(seeds), ".", color="0.2", ms=4.5, mew=0, zorder=4)
    form = {"color": look.colour, "mfc": look.face, "ms": 5.5, "mew": 1.2, "zorder": 4}
    ax.plot([cell.value or 0.0], [y], look.marker, **form)


def _apart(ax: Axes, panel: Panel, references: Sequence[str]) -> None:
    """Reference rows on a grey ground, under a line."""
    first = sum(not rows.is_reference(cell, references) for cell in panel.cells)
    if first < len(panel.cells):
        ax.axhspan(first - 0.5, len(panel.cells), color=_BAND, zorder=0)
        ax.axhline(first - 0.5, color="0.5", lw=0.8, zorder=1)


def _legend(figure: Figure, panels: Sequence[Panel], references: Sequence[str]) -> None:
    cells = [cell for panel in panels for cell in panel.cells]
    dots: dict[str, Any] = {"marker": ".", "color": "0.2", "ls": ""}
    paper: dict[str, Any] = {"marker": "d", "color": "0.45", "mfc": "white", "mec": "black"}
    ground: dict[str, Any] = {"marker": "s", "color": _BAND, "ls": "", "ms": 11, "mec": "0.5"}
    ends: dict[str, Any] = {"marker": "|", "color": "0.2", "lw": 2.2, "ms": 8, "mew": 1.6}
    marks = [Line2D([], [], **ends, label="95 % interval")] if any(map(_ends, cells)) else []
    if any(len(cell.by_seed) > 1 for cell in cells):
        marks.append(Line2D([], [], **dots, label="one seed"))
    if any(cell.published for cell in cells):
        marks.append(Line2D([], [], **paper, lw=0.9, label="published"))
    if any(rows.is_reference(cell, references) for cell in cells):
        marks.append(Line2D([], [], **ground, label="reference rows, untrained"))
    if marks:
        place = {"loc": "outside upper left", "ncols": len(marks)}
        figure.legend(handles=marks, frameon=False, fontsize=8.5, **place)


# --- words ---


def _ends(cell: Cell) -> tuple[float, float] | None:
    """Of the interval, where it is known."""
    known = cell.interval is not None and all(map(math.isfinite, cell.interval))
    return cell.interval if known else None


def _said(found: Sequence[tuple[str, Sequence[Cell]]], panels: Sequence[Panel]) -> list[str]:
    cells = [cell for panel in panels for cell in panel.cells]
    kinds: dict[str, list[str]] = {}
    for panel in panels:
        for words, of in _errors(panel).items():
            kinds.setdefault(words, []).append(of)
    bars = [
        words + (f" ({'; '.join(of)})" if len(kinds) > 1 else "") for words, of in kinds.items()
    ]
    only = [cell for cell in cells if len(cell.by_seed) < 2]
    alone = ["one seed: what another training would score is not in the interval"] if only else []
    known = any(cell.error is not None for cell in cells)
    numbers = "numbers at the right: value ± one standard error" if known else ""
    papers = dict.fromkeys(cell.published.source for cell in cells if cell.published)
    beside = f"published, ± {PUBLISHED} standard errors: {'; '.join(papers)}" if papers else ""
    return [*bars, *alone, numbers, beside, *captions.remarks(found)]


_NO_INTERVAL = "no interval: no standard error is known"


def _errors(panel: Panel) -> dict[str, str]:
    """What the errors of a panel are the errors of, and of which rows, unless of all."""
    kinds: dict[str, list[str]] = {}
    for cell in panel.cells:
        known = _ends(cell) is not None
        words = f"intervals: 95 % by Student's t, from the {captions.over(cell)}"
        kinds.setdefault(words if known else _NO_INTERVAL, []).append(cell.label)
    if len(kinds) == 1:
        return dict.fromkeys(kinds, panel.title)
    return {words: f"{style.listed(of)} on {panel.title}" for words, of in kinds.items()}


def _alt(panels: Sequence[Panel]) -> str:
    shown = [(panel, [*map(_words, panel.cells)]) for panel in panels]
    known = any(_ends(cell) for panel in panels for cell in panel.cells)
    return captions.told("with 95 % intervals" if known else "of rows", shown)


def _words(cell: Cell) -> str:
    """ "gan 222.3 (218.3 to 226.4), published 225"."""
    said = f"{style.name(cell.label)} {captions.number(cell.value or 0.0)}"
    ends = _ends(cell)
    said += f" ({' to '.join(map(captions.number, ends))})" if ends is not None else ""
    return said + (f", published {cell.published.value:g}" if cell.published else "")
