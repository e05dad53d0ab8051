"""What metrics say of generators at known distances: a panel for each metric, value by distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, SymmetricalLogLocator

from genbench.errors import UsageError
from genbench.figures import rows, style
from genbench.figures.style import Drawn

COLUMNS = 3
_WIDTH, _HEIGHT, _LEGEND = 3.1, 2.5, 0.9  # inches of a panel, and of what names the families
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = "osD^vP"
CROWDED = 50  # the range of values in median distances from the truth's
_HIGH = 1e6  # nats at which what is farther, or infinitely far, is drawn


@dataclass(frozen=True)
class Panel:
    """What one metric said of each rung: mean and deviation (R,); said: its failure in words."""

    metric: str
    unit: str
    mean: Sequence[float]
    deviation: Sequence[float]
    said: str


@dataclass(frozen=True)
class Ladder:
    """Rungs, the truth first: family, distance in nats, whether they are copies."""

    title: str
    families: Sequence[str]
    kl: Sequence[float]
    copies: Sequence[bool]


def ladders(ladder: Ladder, panels: Sequence[Panel]) -> Drawn:
    """A panel for each metric; the band is what the truth's own sets say, two deviations wide.

    Raises UsageError where there is no panel.
    """
    if not panels:
        raise UsageError("no metric was judged")
    count = math.ceil(len(panels) / COLUMNS)
    columns = min(COLUMNS, len(panels))
    looks = _looks(ladder)
    with style.style():
        figure = style.new(_WIDTH * columns, _HEIGHT * count + _LEGEND)
        axes = figure.subplots(count, columns, squeeze=False).ravel()
        for ax, panel in zip(axes, panels, strict=False):
            _panel(ax, ladder, panel, looks)
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        handles, names = axes[0].get_legend_handles_labels()
        place = {"loc": "outside upper left", "ncols": 2 * columns}
        figure.legend(handles, names, frameon=False, fontsize=style.SMALL, **place)
        style.renderer(figure)
    said = [f"{style.name(panel.metric)}: {panel.said}" for panel in panels]
    alt = f"{ladder.title}, {len(panels)} panels. " + "; ".join(said)
    return Drawn("judgement", figure, alt, style.sentences([*caption(ladder.title), *said]))


def caption(title: str) -> list[str]:
    """How to read such a figure."""
    return [
        f"{title}: mean value of each rung by its KL from the truth; lines join a family",
        "band: two deviations of one set of the truth; crosses copy training rows",
    ]


def _looks(ladder: Ladder) -> Mapping[str, tuple[str, str]]:
    """Colour and marker of each family but the truth's; copies are crosses."""
    found: dict[str, tuple[str, str]] = {}
    for family, copies in zip(ladder.families[1:], ladder.copies[1:], strict=True):
        if family not in found:
            colour, marker = len(found) % len(_COLOURS), len(found) // len(_COLOURS)
            own = "x" if copies else _MARKERS[marker % len(_MARKERS)]
            found[family] = _COLOURS[colour], own
    return found


def _near_nought(mean: np.ndarray) -> bool:
    """Whether most values, and the truth's, lie near 0, so that a plain axis shows a few alone."""
    reach = mean.max() - mean.min()
    crowded = reach > CROWDED * max(np.median(np.abs(mean - mean[0])), 1e-12)
    return bool(crowded and abs(mean[0]) < reach / 10)


def _panel(ax: Axes, ladder: Ladder, panel: Panel, looks: Mapping[str, tuple[str, str]]) -> None:
    mean, kl = np.asarray(panel.mean), np.minimum(np.asarray(ladder.kl), _HIGH)
    least = kl[kl > 0].min()
    ax.axhspan(
        mean[0] - 2 * panel.deviation[0], mean[0] + 2 * panel.deviation[0], color="0.88", lw=0
    )
    ax.axhline(mean[0], color="0.4", lw=0.8)
    for family, (colour, marker) in looks.items():
        of = [r for r, name in enumerate(ladder.families) if name == family]
        of.sort(key=lambda r: kl[r])
        form = {"color": colour, "marker": marker, "ms": 3.5, "lw": 0.9, "label": family}
        ax.plot(np.maximum(kl[of], least), mean[of], **form)
    ax.set_xscale("log")
    if _near_nought(mean):
        linear = float(max(4 * panel.deviation[0], 1e-9))
        ax.set_yscale("symlog", linthresh=linear)
        if mean.min() >= 0:
            ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=linear, subs=[1.0]))
        ax.yaxis.set_major_formatter(FuncFormatter(_plain))
    ax.xaxis.set_major_formatter(FuncFormatter(_plain))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("KL from the truth, nats")
    ax.set_ylabel(style.line(panel.unit, 24))
    rows.finish(ax, style.name(panel.metric))


def _plain(value: float, _: float) -> str:
    """A power of ten without mathematics, which no text of ours is read as."""
    return f"{value:g}"
