"""Images as figures show them: tones, one picture, several side by side, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genbench.errors import UsageError
from genbench.figures import style

WIDTH = 6.8  # inches of a figure
MOST = 0.75  # inches of an image
_GAP = 12  # an image is so many times as wide as the gap beside it
_TITLE = 62  # characters of a title
_TAIL = 0.1  # of values of unbounded data are clipped, in percent, at each end


@dataclass(frozen=True)
class Tones:
    """Which value is black and which is white; values beyond are shown as these."""

    low: float
    high: float

    @property
    def words(self) -> str:
        return f"{self.low:.3g} is black and {self.high:.3g} is white, linearly between"


def check_pictures(shape: Sequence[int]) -> None:
    """Raises UsageError for rows that are neither grey nor colour images."""
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape) < 1:
        raise UsageError(f"examples of shape {tuple(shape)} are no grey or colour images")


def tones(span: Sequence[float], images: np.ndarray) -> Tones:
    """The ends of the data's range; where it has none, of all but the rarest values shown."""
    low, high = map(float, span)
    if not np.isfinite([low, high]).all():
        low, high = map(float, np.percentile(images, (_TAIL, 100 - _TAIL)))
    return Tones(low, high if high > low else low + 1)


# --- pixels ---


def picture(image: np.ndarray, shape: Sequence[int], tones: Tones) -> np.ndarray:
    """One image (d,) as (height, width, 3) bytes: (x - low) / (high - low), clipped to [0, 1]."""
    levels = (np.asarray(image, dtype=np.float64) - tones.low) / (tones.high - tones.low)
    pixels = np.round(255 * levels.clip(0, 1)).astype(np.uint8).reshape(tuple(shape))
    return np.broadcast_to(pixels, (3, *shape[1:])).transpose(1, 2, 0)


def strip(row: np.ndarray, shape: Sequence[int], tones: Tones) -> np.ndarray:
    """Images (k, d) side by side, with white between them."""
    blank = np.full((shape[1], gap_of(shape), 3), 255, dtype=np.uint8)
    parts = [part for image in row for part in (blank, picture(image, shape, tones))]
    return np.concatenate(parts[1:], axis=1)


def gap_of(shape: Sequence[int]) -> int:
    """Pixels between two images."""
    return max(1, round(shape[2] / _GAP))


def width_of(shape: Sequence[int], count: int) -> float:
    """Of so many images side by side, in widths of one."""
    return count + (count - 1) * gap_of(shape) / shape[2]


# --- on the page ---


@dataclass(frozen=True)
class Places:
    """Where rows of images stand, in inches from the left and the top."""

    figure: Figure
    top: float
    tall: float
    pitch: float

    def axes(self, i: int, left: float, wide: float) -> Axes:
        width, height = self.figure.get_size_inches()
        bottom = height - self.top - i * self.pitch - self.tall
        box = (left / width, bottom / height, wide / width, self.tall / height)
        ax = self.figure.add_axes(box)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        return ax


def row_on(label: str, head: str) -> str:
    """Which row and which data; of a longer name the beginning."""
    return f"{style.name(label)} on {style.line(head, 200)}"


def in_full(label: str, head: str) -> list[str]:
    """What a title says that has no room for all of it, such as that data are a stand-in."""
    whole = row_on(label, head)
    return [whole] if len(whole) > _TITLE else []


def title(figure: Figure, text: str, below: float = 0.05) -> None:
    width, height = figure.get_size_inches()
    figure.text(
        0.05 / width,
        1 - below / height,
        style.line(text, _TITLE),
        va="top",
        fontsize=10,
        fontweight="bold",
    )
