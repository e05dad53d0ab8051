"""Results that figures can be drawn of, and what stands in a drawn panel."""

from __future__ import annotations

from typing import Any

from made import altered, made
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from genbench.figures import Drawn
from genbench.records.observed import Training
from genbench.records.run import Result
from genbench.tables import cells
from genbench.tables.cells import Cell

REFERENCES = ("gaussian", "kmeans", "replay")
GAN = made(
    key="k",
    code={"model": "aaaaaaaa", "metric": "bbbbbbbb"},
    recipe={"rate": 0.1},
    value=222.345,
    stderr=2.0512,
    unit="nats",
    kind="mean",
    scored=10_000,
    distinct=10_000,
    notes={"sigma": 0.2154},
    training=Training(epochs=250, epoch=240),
)
REPLAY = altered(GAN, model="replay", value=241.19, stderr=2.13)
MACHINE = {
    "cpu": "AMD EPYC",
    "device": "cpu",
    "gpus": [],
    "threads": 2,
    "packages": {"torch": "2.13.0", "genbench": "0.1.0"},
    "commit": {"sha": "0123456789abcdef", "dirty": False},
}


def stages(fit: float = 192.0, sample: float = 0.5, **machine: Any) -> dict[str, Any]:
    """The records behind a result."""
    seconds = {"fit": fit, "sample": sample}
    found = {
        stage: {**MACHINE, **machine, "seconds": {stage: taken}, "workers": {stage: 1}}
        for stage, taken in seconds.items()
    }
    return {**found, "score": {"seconds": seconds}}


def current(result: Result) -> bool:
    return True


def found(*results: Result) -> list[tuple[str, list[Cell]]]:
    """Titles and cells of the tables of some results."""
    tables = cells.tables(list(results))
    return [(title, cells.cells(own, current)) for title, own in tables]


def said(drawn: Drawn) -> str:
    """The caption, as if it were on one line."""
    return " ".join(drawn.caption.split())


def every_text(figure: Figure) -> list[Text]:
    """All texts that are drawn, and the tick labels too."""
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def title(ax: Axes) -> str:
    """A panel's title, as if it were on one line."""
    return " ".join(ax.get_title(loc="left").split())


def lines(ax: Axes) -> list[list[tuple[float, float]]]:
    """The points of every line of a panel, keys and single marks aside."""
    return [points for points in _data(ax) if len(points) > 1]


def marks(ax: Axes) -> list[tuple[float, float]]:
    return [points[0] for points in _data(ax) if len(points) == 1]


def _data(ax: Axes) -> list[list[tuple[float, float]]]:
    drawn = [line.get_xydata() for line in ax.lines if line.get_transform() == ax.transData]
    return [[(float(x), float(y)) for x, y in points] for points in drawn]
