"""What a room hands over to be drawn: panels of lines, dots and arrows, and their words.

Plain values: whoever makes them knows nothing of how they are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Numbers: TypeAlias = "Sequence[float] | np.ndarray"


@dataclass(frozen=True)
class Line:
    """A named line through points (x, y).

    look: "data", "generator", "critic" or "optimum", which look the same in every panel; or i, the
    i-th of the others. marks: whether each point is marked.
    """

    name: str
    x: Numbers
    y: Numbers
    look: str | int = 0
    marks: bool = False


@dataclass(frozen=True)
class Dots:
    """Named points (x, y) that no line joins; looks are those of lines."""

    name: str
    x: Numbers
    y: Numbers
    look: str | int = 0


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    levels: heights of thin horizontal lines, each with its words. arrows: (from, to), in units of
    x, from a line below the panel to the panel's floor, as z -> x in the GAN paper's Figure 1.
    spans: least and greatest x and y; None: whatever is drawn. log: "x", "y", "xy" or "".
    square: whether a unit of x is as long as one of y.
    """

    title: str
    x: str
    y: str
    lines: Sequence[Line] = ()
    dots: Sequence[Dots] = ()
    levels: Sequence[tuple[float, str]] = ()
    arrows: Sequence[tuple[float, float]] = ()
    x_span: tuple[float, float] | None = None
    y_span: tuple[float, float] | None = None
    log: str = ""
    square: bool = False


@dataclass(frozen=True)
class Picture:
    """Panels, so many across, and their words.

    name: a file's name without its ending. alt: what is to be seen, with the main numbers, for
    those who cannot see it. caption: sentences. size: inches of a panel, wide and high.
    """

    name: str
    panels: Sequence[Panel]
    alt: str
    caption: Sequence[str]
    across: int = 2
    size: tuple[float, float] = (3.6, 2.7)
