"""Figures of results. Same results, same versions, same bytes; nothing is drawn through pyplot.

Every text is printed as it stands: no dollar or underscore of a name is read as mathematics.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.style
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter
from matplotlib.transforms import Bbox

from genbench import files, table
from genbench.errors import UsageError
from genbench.speed import Asked, Records, notes, samples_per_second
from genbench.table import Cell

DATES = {"png": None, "svg": "Date", "pdf": "CreationDate"}  # where a format keeps the time
BLUE, ORANGE = sns.color_palette("colorblind").as_hex()[:2]
KINDS = {"trained": ("o", BLUE), "reference row, untrained": ("D", ORANGE)}
_STYLE = {
    **sns.axes_style("ticks"),
    "font.family": "DejaVu Sans",  # matplotlib brings it, so it is the same everywhere
    "font.size": 9.5,
    "axes.grid": True,
    "axes.linewidth": 0.8,
    "grid.color": "0.92",
    "pdf.fonttype": 42,
    "svg.hashsalt": "genbench",
    "savefig.dpi": 200,
}
_GREY = "0.35"
_SIDES = (
    *((9, 0, "left", "center"), (-9, 0, "right", "center")),
    *((0, 9, "center", "bottom"), (0, -9, "center", "top")),
    *((7, 6, "left", "bottom"), (-7, 6, "right", "bottom")),
    *((7, -6, "left", "top"), (-7, -6, "right", "top")),
)
_PLACES = [(x * far, y * far, h, v) for far in (1, 2, 3) for x, y, h, v in _SIDES]


@dataclass(frozen=True)
class Point:
    """One row of a table: its samples per second, its score, and the error of that."""

    name: str
    rate: float
    value: float
    error: float
    kind: str


# --- what is drawn ---


def speed(
    tables: Sequence[tuple[str, Sequence[Cell]]], references: Sequence[str], records: Records
) -> Figure:
    """Score, with its error, against samples per second: a panel for each table and dataset.

    Raises UsageError if no row has both.
    """
    panels = [
        (f"{head}: {title}" if title else head, [cell for cell in found if cell.head == head])
        for title, found in tables
        for head in dict.fromkeys(cell.head for cell in found)
    ]
    points = [
        [point for cell in found for point in _points(cell, references, records)]
        for _, found in panels
    ]
    shown = [(*panel, own) for panel, own in zip(panels, points, strict=True) if own]
    if not shown:
        raise UsageError("no result has both a score and the seconds of its sampling")
    across = min(len(shown), 2)
    down = math.ceil(len(shown) / across)
    with _style():
        figure = Figure(figsize=(6.8 if across == 1 else 11, 4.5 * down), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = list(figure.subplots(down, across, squeeze=False).flat)
        for ax, (title, found, own) in zip(axes, shown, strict=False):
            _panel(ax, title, found, own)
        for ax in axes[len(shown) :]:
            ax.remove()
        _legend(figure, own=[point.kind for _, _, own in shown for point in own])
        every = [cell for _, found in panels for cell in found]
        _caption(figure, _said(every, records), characters=105 if across == 1 else 175)
        canvas.draw()  # so that it is known where the points are
        for ax, (_, _, own) in zip(axes, shown, strict=False):
            _name(ax, own, canvas.get_renderer())
    return figure


def _points(cell: Cell, references: Sequence[str], records: Records) -> list[Point]:
    """A cell's point, if it has a score and a time."""
    rate = samples_per_second(cell.results, records)
    if cell.value is None or rate is None:
        return []
    error = cell.error if cell.error and math.isfinite(cell.error) else 0.0
    kind = list(KINDS)[cell.results[0].model in references]
    return [Point(_line(cell.label), rate, cell.value, error, kind)]


def _said(every: Sequence[Cell], records: Records) -> list[str]:
    """What stands below: the error bars, where it was timed, and which rows are not there."""
    bars = dict.fromkeys(f"bars: ± {table.OVER[cell.over]}" for cell in every if cell.over)
    lines = [*bars, *notes(table.rows(every), Asked(("sample",), records))]
    cut = dict.fromkeys(cell.label for cell in every if any(r.cut for r in cell.results))
    lines += [f"training was cut by the time budget: {', '.join(cut)}"] if cut else []
    stale = dict.fromkeys(cell.label for cell in every if cell.stale)
    lines += [f"by other code or recipes than the installed: {', '.join(stale)}"] if stale else []
    failed = [cell.label for cell in every if cell.value is None]
    return lines + ([f"without a score: {', '.join(dict.fromkeys(failed))}"] if failed else [])


# --- how it is drawn ---


def _style() -> AbstractContextManager[None]:
    """Our own settings on matplotlib's defaults, whatever the user's own are."""
    return matplotlib.style.context(["default", _STYLE])


def _panel(ax: Axes, title: str, found: Sequence[Cell], points: Sequence[Point]) -> None:
    """One dataset: points and error bars, samples per second on a logarithmic axis."""
    first = next(cell.results[0] for cell in found if cell.value is not None)
    better = "higher" if first.higher_is_better else "lower"
    frame = pd.DataFrame([vars(point) for point in points])
    ax.set_xscale("log")
    ax.set_xlim(*_around([point.rate for point in points]))
    ax.xaxis.set_minor_formatter(NullFormatter())
    rates, values, errors = frame["rate"], frame["value"], frame["error"]
    ax.errorbar(rates, values, errors, fmt="none", ecolor="0.15", capsize=2.5, zorder=4)
    sns.scatterplot(
        frame,
        x="rate",
        y="value",
        hue="kind",
        style="kind",
        palette={kind: colour for kind, (_, colour) in KINDS.items()},
        markers={kind: marker for kind, (marker, _) in KINDS.items()},
        s=42,
        zorder=3,
        legend=False,
        ax=ax,
    )
    ax.margins(y=0.14)
    ax.set_title(_line(title), loc="left", fontweight="bold", parse_math=False)
    ax.set_xlabel("sampling speed, samples/s (logarithmic)")
    unit = f"{first.metric}, {first.unit} ({better} is better)"
    ax.set_ylabel(_line(unit), parse_math=False)
    sns.despine(ax=ax)


def _around(rates: Sequence[float]) -> tuple[float, float]:
    """Limits with room for the names, 2.1 decades apart or more: two powers of ten are marked."""
    low, high = math.log10(min(rates)), math.log10(max(rates))
    room = max(0.22 * (high - low), (2.1 - (high - low)) / 2)
    return 10 ** (low - room), 10 ** (high + room)


def _legend(figure: Figure, own: Sequence[str]) -> None:
    """Which marker is what, where there are both."""
    if len(set(own)) == len(KINDS):
        marks = [
            Line2D([], [], color=colour, marker=marker, linestyle="", label=kind)
            for kind, (marker, colour) in KINDS.items()
        ]
        figure.legend(handles=marks, loc="outside upper right", ncols=2, frameon=False)


def _caption(figure: Figure, lines: Sequence[str], characters: int) -> None:
    text = "\n".join(fill(_line(line), characters, subsequent_indent="   ") for line in lines)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=7.5, color=_GREY, parse_math=False)


def _name(ax: Axes, points: Sequence[Point], renderer: Any) -> None:
    """Writes each name where it covers the least of other names and points, inside the frame."""
    pixels, frame = renderer.points_to_pixels(1), ax.get_window_extent(renderer)
    at = ax.transData.transform([(point.rate, point.value) for point in points])
    texts = [
        ax.annotate(
            _label(point.name),
            (point.rate, point.value),
            (0, 0),
            textcoords="offset points",
            fontsize=8,
            linespacing=1.1,
            parse_math=False,
            in_layout=False,
        )
        for point in points
    ]

    def cost(i: int, place: tuple) -> float:
        """Pixels of a name outside the frame, three times, and over what it should not cover."""
        dx, dy, ha, va = place
        texts[i].set(position=(dx, dy), ha=ha, va=va)
        boxes[i] = texts[i].get_window_extent(renderer)
        near = [_square(xy, (5 if i == j else 12) * pixels) for j, xy in enumerate(at)]
        others = near + [box for j, box in boxes.items() if j != i]
        covered = sum(_area(Bbox.intersection(boxes[i], other)) for other in others)
        return covered + 3 * (_area(boxes[i]) - _area(Bbox.intersection(boxes[i], frame)))

    boxes: dict[int, Bbox] = {}
    for _ in range(3):  # again, once all the others stand somewhere
        for i in range(len(points)):
            cost(i, min(_PLACES, key=lambda place, i=i: cost(i, place)))


def _label(name: str) -> str:
    """The model on a line, and below it whatever of its run is not the default."""
    model, bracket, marks = name.partition(" [")
    return f"{model}\n{fill(bracket.strip() + marks, 32)}" if marks else fill(model, 32)


def _square(centre: Sequence[float], reach: float) -> Bbox:
    x, y = centre
    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def _area(box: Bbox | None) -> float:
    return 0.0 if box is None else box.width * box.height


def _line(text: str) -> str:
    """In one line, whatever a name holds."""
    return " ".join(text.split())


# --- files ---


def form(path: Path) -> str:
    """The format that a file's name asks for; raises UsageError for one that is not drawn."""
    found = path.suffix.lower().removeprefix(".")
    if found not in DATES:
        raise UsageError(f"a figure's file must end in .png, .svg or .pdf, got {path.name!r}")
    return found


def content(figure: Figure, form: str) -> bytes:
    """A figure as a file's bytes, without the time at which it was drawn."""
    buffer, date = io.BytesIO(), DATES[form]
    with _style():
        figure.savefig(buffer, format=form, metadata={date: None} if date else {})
    return buffer.getvalue()


def save(figure: Figure, path: Path, form: str) -> None:
    """Writes a figure, whole or not at all, in place of what is there."""
    files.write_bytes(path, content(figure, form))
