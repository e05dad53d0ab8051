"""Samples of toys on the line and in the plane: a histogram or dots, the data, and D's levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

from genbench.errors import UsageError
from genbench.figures import style
from genbench.figures.images import row_on
from genbench.figures.style import GREY, SMALL, Drawn

Points = np.ndarray
_COLOURS = sns.color_palette("colorblind").as_hex()
_SAMPLES, _CRITIC = _COLOURS[2], _COLOURS[0]
_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)  # of D
_SHOWN = 2000  # dots
_GRID = 120  # points along a side, on which D is asked


@dataclass(frozen=True)
class Toy:
    """Samples (m, d) of one row of a table, d 1 or 2, and training rows, None where not at hand.

    critic: D(x) in (0, 1) of rows (n, d), or None. name: of the file. said: for the caption.
    """

    name: str
    label: str
    head: str
    samples: Points
    train: Points | None = None
    critic: Callable[[Points], Points] | None = None
    said: Sequence[str] = field(default_factory=tuple)


def is_toy(shape: Sequence[int]) -> bool:
    """Whether rows are points on the line or in the plane.

    >>> is_toy((1,)), is_toy((2,)), is_toy((1, 28, 28))
    (True, True, False)
    """
    return tuple(shape) in ((1,), (2,))


def toy(one: Toy) -> Drawn:
    """A histogram on the line, dots in the plane, over the data's; raises UsageError elsewhere."""
    d = one.samples.shape[1]
    if d not in (1, 2):
        raise UsageError(f"points in {d} dimensions cannot be drawn, 1 or 2 can")
    with style.style():
        figure = style.new(5.2, 3.6 if d == 1 else 4.8)
        ax = figure.subplots()
        (_line if d == 1 else _plane)(ax, one)
        ax.set_title(style.line(row_on(one.label, one.head), 60))
        sns.despine(ax=ax)
        handles, names = ax.get_legend_handles_labels()
        look: dict[str, Any] = {
            "ncols": 3,
            "fontsize": SMALL,
            "frameon": False,
            "handlelength": 2.6,
        }
        figure.legend(handles, names, loc="outside upper center", **look)
    return Drawn(one.name, figure, _alt(one), style.sentences(_said(one)))


def _span(one: Toy, axis: int) -> tuple[float, float]:
    """Where nearly all rows lie, and some room."""
    every = one.samples if one.train is None else np.concatenate([one.samples, one.train])
    low, high = np.percentile(every[:, axis].astype(float), (0.05, 99.95))
    room = 0.08 * (high - low) or 1.0
    return float(low - room), float(high + room)


def _line(ax: Axes, one: Toy) -> None:
    low, high = _span(one, 0)
    edges = np.linspace(low, high, 81)
    more: dict[str, Any] = {"bins": edges, "density": True}
    ax.hist(one.samples[:, 0], color=_SAMPLES, alpha=0.55, label="samples", **more)
    if one.train is not None:
        look: dict[str, Any] = {
            "histtype": "step",
            "color": "black",
            "linestyle": ":",
            "linewidth": 1.6,
        }
        ax.hist(one.train[:, 0], label="training rows", **look, **more)
    ax.set(xlabel="x", ylabel="density", xlim=(low, high))
    if one.critic is not None:
        x = np.linspace(low, high, 400)
        beside = ax.twinx()
        beside.plot(x, one.critic(x[:, None]), color=_CRITIC, ls=(0, (5, 1.6)), lw=1.8)
        beside.set(ylim=(0, 1.02), ylabel="D(x)")
        beside.grid(visible=False)
        ax.plot([], [], color=_CRITIC, ls=(0, (5, 1.6)), lw=1.8, label="D(x), right")


def _plane(ax: Axes, one: Toy) -> None:
    spans = _span(one, 0), _span(one, 1)
    if one.critic is not None:
        x, y = (np.linspace(*span, _GRID) for span in spans)
        places = np.stack(np.meshgrid(x, y), axis=-1)
        D = one.critic(places.reshape(-1, 2)).reshape(_GRID, _GRID)
        lines = ax.contour(x, y, D, levels=_LEVELS, colors=_CRITIC, linewidths=1.0, zorder=3)
        ax.clabel(lines, fmt=lambda level: f"{level:g}", fontsize=SMALL - 0.5)
        ax.plot([], [], color=_CRITIC, lw=1.0, label="D(x), levels")
    if one.train is not None:
        rows = one.train[:_SHOWN]
        grey: dict[str, Any] = {"color": "0.72", "marker": "o", "linewidths": 0}
        ax.scatter(rows[:, 0], rows[:, 1], s=12, label="training rows", **grey)
    shown = one.samples[:_SHOWN]
    look: dict[str, Any] = {"color": _SAMPLES, "marker": "^", "linewidths": 0, "zorder": 2}
    ax.scatter(shown[:, 0], shown[:, 1], s=5, label="samples", **look)
    ax.set(xlabel="x₁", ylabel="x₂", xlim=spans[0], ylim=spans[1])
    ax.set_aspect("equal", adjustable="box")
    ax.tick_params(colors=GREY)


def _moments(rows: Points) -> str:
    """Mean and deviation of each coordinate."""
    pairs = zip(rows.mean(axis=0, dtype=float), rows.std(axis=0, dtype=float), strict=True)
    return ", ".join(f"mean {mean:.4g} and deviation {std:.3g}" for mean, std in pairs)


def _said(one: Toy) -> list[str]:
    d, drawn = one.samples.shape[1], len(one.samples)
    said = [f"filled: all {drawn:,} samples; dotted: the training rows; both as densities"]
    if d == 2:
        shown = min(_SHOWN, drawn)
        said = [f"triangles: the first {shown:,} samples, not chosen; grey: training rows"]
    if one.train is None:
        said.append("training rows: their files are not at hand")
    if one.critic is not None:
        said.append("D(x): what the trained critic takes for the probability of data")
    return [*said, *one.said]


def _alt(one: Toy) -> str:
    kind = "A histogram" if one.samples.shape[1] == 1 else "Dots"
    words = f"{kind} of samples of {style.name(one.label)} on {one.head}: {_moments(one.samples)}"
    if one.train is not None:
        words += f"; of the training rows {_moments(one.train)}"
    if one.critic is not None:
        says = one.critic(one.samples[:_SHOWN])
        words += f"; D of the samples is {says.mean():.2f} on average"
    return style.line(f"{words}.")
