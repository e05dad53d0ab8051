"""Panels of plain values as a figure, and several such figures as an animation.

A look is a colour, a kind of dashes, a width and a marker, so that it is known in grey too.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from PIL import Image

from genbench.figures import style
from genbench.figures.panels import Line, Panel, Picture
from genbench.figures.style import GREY, SMALL, Drawn

_COLOURS = sns.color_palette("colorblind").as_hex()
_DASHES: Sequence[Any] = ("-", (0, (5, 1.6)), (0, (5, 1.5, 1, 1.5)), (0, (1.2, 1.4)), (0, (9, 3)))
_MARKERS = ("o", "s", "^", "v", "P", "X")
_FLOOR, _BELOW = -0.09, -0.34  # where arrows end and begin, in heights of the panel
_DPI, _TONES = 80, 64  # of a frame


@dataclass(frozen=True)
class _Look:
    colour: str
    dashes: Any
    width: float
    marker: str


_NAMED = {
    "data": _Look("black", (0, (1, 1.2)), 2.2, "o"),
    "generator": _Look(_COLOURS[2], "-", 2.0, "^"),
    "critic": _Look(_COLOURS[0], (0, (5, 1.6)), 1.8, "s"),
    "optimum": _Look(_COLOURS[3], (0, (6, 1.4, 1, 1.4)), 1.1, "v"),
}


def _look(look: str | int) -> _Look:
    if isinstance(look, str):
        return _NAMED[look]
    colour = [_COLOURS[i] for i in (0, 3, 2, 4, 7, 1)][look % 6]
    return _Look(colour, _DASHES[look % len(_DASHES)], 1.7, _MARKERS[look % len(_MARKERS)])


def drawn(picture: Picture) -> Drawn:
    """The panels in their order, names in one legend where all panels have the same."""
    down = math.ceil(len(picture.panels) / picture.across)
    wide, high = picture.size
    names = [tuple(_names(panel)) for panel in picture.panels]
    shared = len(names) > 1 and len({*names}) == 1
    with style.style():
        figure = style.new(wide * picture.across, high * down + 0.3 * shared)
        axes = list(figure.subplots(down, picture.across, squeeze=False).flat)
        for ax in axes[len(picture.panels) :]:
            ax.remove()
        for ax, panel in zip(axes, picture.panels, strict=False):
            _panel(ax, panel)
            if not shared and len(_names(panel)) > 1:
                ax.legend(fontsize=SMALL, frameon=False, handlelength=2.6)
        if shared and len(names[0]) > 1:
            _legend(figure, axes[0], len(names[0]))
    return Drawn(picture.name, figure, style.line(picture.alt), style.sentences(picture.caption))


def animated(pictures: Sequence[Picture], milliseconds: int = 120) -> bytes:
    """A GIF of the pictures one after the other, as frames of one size; the last one stays."""
    frames = []
    for picture in pictures:
        image = Image.open(io.BytesIO(style.as_png(drawn(picture).figure, _DPI)))
        frames.append(image.convert("RGB").quantize(_TONES, dither=Image.Dither.NONE))
    buffer, first = io.BytesIO(), frames[0]
    shown = [milliseconds] * (len(frames) - 1) + [12 * milliseconds]
    more = {"append_images": frames[1:], "duration": shown, "loop": 0, "optimize": False}
    first.save(buffer, format="GIF", save_all=True, **more)
    return buffer.getvalue()


def _names(panel: Panel) -> list[str]:
    return [one.name for one in (*panel.lines, *panel.dots) if one.name]


def _legend(figure: Figure, ax: Axes, count: int) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=min(count, 5),
        fontsize=SMALL + 0.5,
        frameon=False,
        handlelength=2.8,
    )


def _panel(ax: Axes, panel: Panel) -> None:
    for one in panel.dots:
        look = _look(one.look)
        ax.scatter(
            one.x,
            one.y,
            s=5,
            marker=look.marker,
            color=look.colour,
            linewidths=0,
            alpha=0.55,
            label=style.line(one.name),
        )
    for one in panel.lines:
        _line(ax, one)
    for height, words in panel.levels:
        ax.axhline(height, color=GREY, lw=0.8, zorder=0.9)
        at = (1, height)
        ax.annotate(
            style.line(words),
            at,
            (-2, 2),
            xycoords=("axes fraction", "data"),
            ha="right",
            textcoords="offset points",
            va="bottom",
            fontsize=SMALL - 0.5,
            color=GREY,
        )
    _scales(ax, panel)
    if panel.arrows:
        _arrows(ax, panel)
    ax.set_title(style.line(panel.title, 60))
    sns.despine(ax=ax)


def _line(ax: Axes, one: Line) -> None:
    look = _look(one.look)
    ax.plot(
        one.x,
        one.y,
        color=look.colour,
        ls=look.dashes,
        lw=look.width,
        label=style.line(one.name),
        marker=look.marker if one.marks else "",
        ms=3.6,
    )


def _scales(ax: Axes, panel: Panel) -> None:
    ax.set(xlabel=style.line(panel.x), ylabel=style.line(panel.y))
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        if name in panel.log:
            ax.set(**{f"{name}scale": "log"})
            axis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:g}"))
            axis.set_minor_formatter(NullFormatter())
    if panel.x == "epoch":
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel.x_span:
        ax.set_xlim(*panel.x_span)
    if panel.y_span:
        ax.set_ylim(*panel.y_span)
    if panel.square:
        ax.set_aspect("equal", adjustable="box")


def _arrows(ax: Axes, panel: Panel) -> None:
    """Two lines below the panel, z and x, and arrows from the one to the other."""
    low, high = ax.get_ylim()
    floor, below = (low + share * (high - low) for share in (_FLOOR, _BELOW))
    left, right = ax.get_xlim()
    for height, name in ((floor, "x"), (below, "z")):
        ax.plot([left, right], [height, height], color="black", lw=0.8, clip_on=False)
        ax.annotate(name, (left, height), (-8, -3), textcoords="offset points", fontsize=SMALL)
    for start, end in panel.arrows:
        if left <= end <= right and left <= start <= right:
            tip = {"arrowstyle": "-|>", "color": GREY, "linewidth": 0.7, "mutation_scale": 5}
            ax.annotate("", (end, floor), (start, below), arrowprops={**tip, "shrinkA": 0})
    ax.set_ylim(below - 0.04 * (high - low), high)
    ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])
    ax.set_xlim(left, right)
