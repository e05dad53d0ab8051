"""Quality against sampling speed: a score for each row against its samples per second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.transforms import Bbox

from genbench.errors import UsageError
from genbench.figures import captions, rows, style
from genbench.figures.rows import Panel
from genbench.figures.style import Drawn
from genbench.tables import frames
from genbench.tables.cells import Cell
from genbench.tables.speed import Layout, Records, notes, samples_per_second
from genbench.words import three_digits

BLUE, ORANGE = sns.color_palette("colorblind").as_hex()[:2]
KINDS = {"trained": ("o", BLUE), "reference row, untrained": ("D", ORANGE)}
_SIDES = (
    *((9, 0, "left", "center"), (-9, 0, "right", "center")),
    *((0, 9, "center", "bottom"), (0, -9, "center", "top")),
    *((7, 6, "left", "bottom"), (-7, 6, "right", "bottom")),
    *((7, -6, "left", "top"), (-7, -6, "right", "top")),
)
_PLACES = [(x * far, y * far, h, v) for far in (1, 2, 3) for x, y, h, v in _SIDES]


@dataclass(frozen=True)
class Point:
    """One row of a table: its samples per second, its score, and its error, NaN where unknown."""

    name: str
    rate: float
    value: float
    error: float
    kind: str


def speed(
    found: Sequence[tuple[str, Sequence[Cell]]], references: Sequence[str], records: Records
) -> Drawn:
    """Score, with its error, against samples per second: a panel for each table and dataset.

    Raises UsageError if no row has both.
    """
    drawn = [(panel, _points(panel, references, records)) for panel in rows.panels(found)]
    shown = [(panel, points) for panel, points in drawn if points]
    if not shown:
        raise UsageError("no result has both a score and the seconds of its sampling")
    with style.style():
        figure, axes = rows.grid(len(shown), 6.8, 4.5)
        for ax, (panel, points) in zip(axes, shown, strict=True):
            _panel(ax, panel, points)
        _legend(figure, own=[point.kind for _, points in shown for point in points])
        renderer = style.renderer(figure)  # so that it is known where the points are
        for ax, (_, points) in zip(axes, shown, strict=True):
            _name(ax, points, renderer)
    return Drawn("speed", figure, _alt(shown), style.sentences(_said(found, records)))


def _points(panel: Panel, references: Sequence[str], records: Records) -> list[Point]:
    """A point for each row that has a score and a time."""
    points = []
    for cell in panel.cells:
        rate = samples_per_second(cell.results, records)
        if cell.value is not None and rate is not None:
            error = math.nan if cell.error is None else cell.error
            kind = list(KINDS)[rows.is_reference(cell, references)]
            points.append(Point(style.name(cell.label), rate, cell.value, error, kind))
    return points


def _said(found: Sequence[tuple[str, Sequence[Cell]]], records: Records) -> list[str]:
    """What stands below: the error bars, where it was timed, and which rows are not there."""
    every = [cell for _, own in found for cell in own]
    scored = [cell for cell in every if cell.value is not None]
    bars = dict.fromkeys(f"bars: ± {captions.over(cell)}" for cell in scored if cell.over)
    bare = style.listed([cell.label for cell in scored if cell.error is None])
    bars |= {f"no bar, since no standard error is known: {bare}": None} if bare else {}
    timed = notes(frames.rows(every), Layout(("sample",), records))
    return [*bars, *timed, *captions.remarks(found)]


def _alt(shown: Sequence[tuple[Panel, Sequence[Point]]]) -> str:
    said = [
        (panel, [f"{p.name} {captions.number(p.value)} at {three_digits(p.rate)}" for p in points])
        for panel, points in shown
    ]
    return captions.told("against samples per second", said)


# --- how it is drawn ---


def _panel(ax: Axes, panel: Panel, points: Sequence[Point]) -> None:
    """One dataset: points and error bars, samples per second on a logarithmic axis."""
    frame = pd.DataFrame([vars(point) for point in points])
    ax.set_xscale("log")
    ax.set_xlim(*_around([point.rate for point in points]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: three_digits(rate)))
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
    ax.set_xlabel("sampling speed, samples/s (logarithmic)")
    ax.set_ylabel(fill(panel.axis, rows.AXIS))
    rows.finish(ax, panel.title)


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


def _name(ax: Axes, points: Sequence[Point], renderer: Any) -> None:
    """Writes each name where it covers the least of other names and points, inside the frame."""
    pixels, frame = renderer.points_to_pixels(1), ax.get_window_extent(renderer)
    at = ax.transData.transform([(point.rate, point.value) for point in points])
    texts = [
        ax.annotate(
            style.broken(point.name, 32),
            (point.rate, point.value),
            (0, 0),
            textcoords="offset points",
            fontsize=8,
            linespacing=1.1,
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


def _square(centre: Sequence[float], reach: float) -> Bbox:
    x, y = centre
    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def _area(box: Bbox | None) -> float:
    return 0.0 if box is None else box.width * box.height
