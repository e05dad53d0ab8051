"""What the figures of scores share: a panel for each dataset, a look and a place for each row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from scipy.optimize import isotonic_regression

from genbench.figures import style
from genbench.protocols import better
from genbench.records.run import Result
from genbench.tables.cells import Cell

_COLOURS = [sns.color_palette("colorblind").as_hex()[i] for i in (0, 3, 2, 4, 5, 9, 1)]
_MARKERS = ("o", "s", "^", "v", "P", "X", "<")
DASHES = ("-", (0, (6, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
_REFERENCE = ("0.1", "0.28", "0.45")
_NAMES = 1.11  # where names begin, right of a panel of width 1
AXIS = 46  # letters in a line beside an axis
_OPEN = ("o", "s", "^", "v", "p", "h", "<")


@dataclass(frozen=True)
class Panel:
    """One dataset of one table, by one metric and its settings."""

    title: str
    cells: Sequence[Cell]

    @property
    def first(self) -> Result:
        """A result that says what the metric is; one with a score, if there is any."""
        return min(self.cells, key=lambda cell: cell.value is None).results[0]

    @property
    def axis(self) -> str:
        """What the axis of the score says; of long names the beginning."""
        named = ", ".join(filter(None, [self.first.metric, self.first.unit]))
        return f"{style.line(named, 44)} ({better(self.first.best)})"

    @property
    def quantity(self) -> str:
        """What is scored, in a sentence."""
        return " in ".join(filter(None, [self.first.metric, self.first.unit]))


@dataclass(frozen=True)
class Look:
    """How a row is drawn, the same in all panels; reference rows are grey, with open markers."""

    colour: str
    marker: str
    dashes: Any
    face: str


def panels(found: Sequence[tuple[str, Sequence[Cell]]]) -> list[Panel]:
    """A panel for each table, dataset, metric and settings that a user gave it, in their order."""
    grouped: dict[tuple[str, str, str, str], list[Cell]] = {}
    for title, cells in found:
        for cell in cells:
            grouped.setdefault((title, cell.head, *_scored_by(cell)), []).append(cell)
    alike = Counter((title, head) for title, head, *_ in grouped)
    made = []
    for (title, head, metric, settings), cells in grouped.items():
        more = [metric if metric not in title else "", settings]
        said = ", ".join(filter(None, [title, *(more if alike[title, head] > 1 else [])]))
        made.append(Panel(style.line(f"{head}: {said}" if said else head, 110), cells))
    return made


def _scored_by(cell: Cell) -> tuple[str, str]:
    """The metric of a cell, and what a user set of it."""
    first = cell.results[0]
    own = f"{first.metric}."
    settings = {k.removeprefix(own): v for k, v in first.overrides.items() if k.startswith(own)}
    return first.metric, ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))


def is_reference(cell: Cell, references: Sequence[str]) -> bool:
    return cell.results[0].model in references


def looks(
    found: Sequence[tuple[str, Sequence[Cell]]], references: Sequence[str]
) -> dict[str, Look]:
    """By a row's name, in the order in which rows first appear."""
    cells = {cell.label: cell for _, cells in found for cell in cells}
    trained = [label for label, cell in cells.items() if not is_reference(cell, references)]
    chosen = {label: nth(i) for i, label in enumerate(trained)}
    others = [label for label in cells if label not in chosen]
    return chosen | {label: _untrained(i) for i, label in enumerate(others)}


def nth(i: int) -> Look:
    """The i-th look, of trained rows."""
    colour = _COLOURS[i % len(_COLOURS)]
    dashes = DASHES[i // len(_COLOURS) % len(DASHES)]
    return Look(colour, _MARKERS[i % len(_MARKERS)], dashes, colour)


def _untrained(i: int) -> Look:
    return Look(_REFERENCE[i % len(_REFERENCE)], _OPEN[i % len(_OPEN)], (0, (1, 1.2)), "white")


def grid(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Axes for so many panels, two across; call it inside `style`."""
    across = min(count, 2)
    down = math.ceil(count / across)
    figure = style.new(width if across == 1 else 1.65 * width, height * down)
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for ax in axes[count:]:
        ax.remove()
    return figure, axes[:count]


def finish(ax: Axes, title: str) -> None:
    """The title of a panel, and no more lines around it than it needs."""
    ax.set_title(fill(style.line(title, 130), 42))
    sns.despine(ax=ax)


# --- names beside the ends of lines ---


@dataclass(frozen=True)
class End:
    """A line to be named: it ends at (x, y), in the units of the data, and looks so.

    keyed: whether a piece of the line stands beside its name; else a thin line joins both.
    """

    text: str
    x: float
    y: float
    look: Look
    keyed: bool = False


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Places in the order of the wanted ones, at least `apart`, as near to them as can be.

    Least squares under p_(i+1) - p_i >= apart; between `low` and `high` where they all fit.

    >>> spread([5.0, 5.0, 0.0], 2, 0, 10)
    [4.0, 6.0, 0.0]
    """
    if len(wanted) == 0:
        return []
    order = np.argsort(wanted, kind="stable")
    steps = apart * np.arange(len(order))
    fitted = isotonic_regression(np.asarray(wanted, dtype=float)[order] - steps).x
    placed = np.clip(fitted, low, max(low, high - steps[-1])) + steps
    found = np.empty(len(order))
    found[order] = placed
    return found.tolist()


def name_ends(axes: Sequence[Axes], ends: Sequence[Sequence[End]]) -> None:
    """Writes each name right of its panel, at the height of its line or near it, none over another.

    Call it when all else is drawn: the layout makes room for the names, then they are moved.
    """
    figure = axes[0].get_figure(root=True)
    assert figure is not None
    texts = [[_text(ax, end) for end in own] for ax, own in zip(axes, ends, strict=True)]
    renderer = style.renderer(figure)
    figure.set_layout_engine("none")  # what moves now is no reason to lay out again
    for ax, own, written in zip(axes, ends, texts, strict=True):
        height = ax.get_window_extent(renderer).height
        heights = [Text.get_window_extent(text, renderer).height for text in written]
        apart = 1.15 * max(heights, default=0) / height
        wanted = [_share(ax, end.y) for end in own]
        for end, text, at in zip(own, written, spread(wanted, apart, 0, 1), strict=True):
            text.set_position((_NAMES, at))
            if end.keyed:
                _key(ax, end.look, at)


def _share(ax: Axes, y: float) -> float:
    """Where y lies in the height of a panel, from 0 to 1."""
    at = ax.transAxes.inverted().transform(ax.transData.transform((ax.get_xlim()[1], y)))[1]
    return min(max(float(at), 0.0), 1.0)


def _text(ax: Axes, end: End) -> Annotation:
    """A name, not yet at its height."""
    thin = {"arrowstyle": "-", "color": end.look.colour, "linewidth": 0.6, "shrinkB": 3}
    low, high = sorted(ax.get_ylim())
    return ax.annotate(
        end.text,
        (end.x, min(max(end.y, low), high)),
        (_NAMES, 0.5),
        textcoords="axes fraction",
        va="center",
        fontsize=8,
        arrowprops=None if end.keyed else {**thin, "shrinkA": 1, "relpos": (0, 0.5)},
    )


def _key(ax: Axes, look: Look, at: float) -> None:
    """A piece of a line between its panel and its name."""
    ax.plot(
        [_NAMES - 0.085, _NAMES - 0.05, _NAMES - 0.015],
        [at, at, at],
        color=look.colour,
        ls=look.dashes,
        lw=1.7,
        marker=look.marker,
        markevery=[1],
        mfc=look.face,
        ms=5,
        transform=ax.transAxes,
        clip_on=False,
        scalex=False,
        scaley=False,
    )
