"""Pictures: sheets of samples with the nearest training images, and walks between two samples.

Figures 2 and 3 of Goodfellow et al. 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genbench.errors import UsageError
from genbench.figures import style
from genbench.figures.style import SMALL, Drawn

COUNT = 100  # samples of a sheet
STEPS, WALKS = 11, 4
_WIDTH = 6.8
_MOST = 0.75  # inches of an image
_GAP = 12  # an image is so many times as wide as the gap beside it
_TITLE = 62  # characters of a title
_TEXT = 0.5  # inches of the words beside a neighbour
_TAIL = 0.1  # of values of unbounded data are clipped, in percent, at each end
_COLOURS = sns.color_palette("colorblind").as_hex()
_FRAMES = ((_COLOURS[3], "-"), (_COLOURS[0], (0, (2.2, 1.4))))


@dataclass(frozen=True)
class Tones:
    """Which value is black and which is white; values beyond are shown as these."""

    low: float
    high: float

    @property
    def words(self) -> str:
        return f"{self.low:.3g} is black and {self.high:.3g} is white, linearly between"


@dataclass(frozen=True)
class Beside:
    """A column beside the samples: the training image nearest to the last sample of each row.

    shifts: (down, right) of each, or none where there are no shifts.
    """

    images: np.ndarray
    distances: Sequence[float]
    shifts: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Sheet:
    """Samples (rows, columns, d) of one row of a table, in the order in which they were drawn.

    name: of the file. label, head: of the row and the column. said: more for the caption.
    """

    name: str
    label: str
    head: str
    shape: tuple[int, ...]
    tones: Tones
    samples: np.ndarray
    pixel: Beside | None = None
    tolerant: Beside | None = None
    reach: int = 0
    searched: int = 0
    said: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Walks:
    """Images (walks, steps, d) of one model along straight lines in z."""

    label: str
    head: str
    images: np.ndarray


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


def arranged(rows: np.ndarray, count: int) -> np.ndarray:
    """The first of the samples (m, d) as whole rows: (rows, columns, d), at most `count`.

    >>> arranged(np.zeros((50, 4)), 30).shape
    (6, 5, 4)
    """
    count = min(count, len(rows))
    columns = int(count**0.5)
    down = count // columns
    return rows[: down * columns].reshape(down, columns, -1)


# --- a sheet ---


def samples(sheet: Sheet) -> Drawn:
    """Rows of samples, and at the right the training images nearest to each row's last one.

    Raises UsageError where the samples are no images.
    """
    check_pictures(sheet.shape)
    down, across, _ = sheet.samples.shape
    columns = [column for column in (sheet.pixel, sheet.tolerant) if column is not None]
    ratio = sheet.shape[1] / sheet.shape[2]
    room = _WIDTH - 0.1 - len(columns) * (_TEXT + 0.08) - 0.1 * bool(columns)
    wide = min(room / (_width(sheet.shape, across) + len(columns)), _MOST)
    gap = wide * _gap(sheet.shape) / sheet.shape[2]
    tall, top = wide * ratio, 0.62 if columns else 0.34
    with style.style():
        figure = style.new(_WIDTH, top + down * (tall + gap) + 0.02, layout=None)
        place = _Places(figure, top, tall, tall + gap)
        _title(figure, _named(sheet.label, sheet.head))
        for i, row in enumerate(sheet.samples):
            ax = place.axes(i, 0.05, _width(sheet.shape, across) * wide)
            ax.imshow(_strip(row, sheet), aspect="auto")
        left = 0.05 + _width(sheet.shape, across) * wide + 0.14
        for column, frame, head in zip(columns, _FRAMES, _heads(sheet), strict=False):
            _beside(figure, place, sheet, column, (left, wide), frame, head)
            left += wide + _TEXT + 0.08
    return Drawn(sheet.name, figure, _sheet_alt(sheet), style.sentences(_sheet_said(sheet)))


@dataclass(frozen=True)
class _Places:
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


def _named(label: str, head: str) -> str:
    """Which row and which data; of a longer name the beginning."""
    return f"{style.name(label)} on {style.line(head, 200)}"


def _in_full(label: str, head: str) -> list[str]:
    """What a title says that has no room for all of it, such as that data are a stand-in."""
    named = _named(label, head)
    return [named] if len(named) > _TITLE else []


def _title(figure: Figure, text: str, below: float = 0.05) -> None:
    width, height = figure.get_size_inches()
    figure.text(
        0.05 / width,
        1 - below / height,
        style.line(text, _TITLE),
        va="top",
        fontsize=10,
        fontweight="bold",
    )


def _heads(sheet: Sheet) -> tuple[str, str]:
    return "nearest\nby pixels", f"nearest, shifts\nup to {sheet.reach} pixels"


def _beside(
    figure: Figure,
    place: _Places,
    sheet: Sheet,
    column: Beside,
    at: tuple[float, float],
    frame: tuple[str, Any],
    head: str,
) -> None:
    """A column of framed training images, each with its distance and shift."""
    (left, wide), (colour, dashes) = at, frame
    width, height = figure.get_size_inches()
    y = 1 - (place.top - 0.06) / height
    figure.text(left / width, y, head, va="bottom", fontsize=SMALL, color=colour, linespacing=1.15)
    for i, image in enumerate(column.images):
        ax = place.axes(i, left, wide)
        ax.imshow(_picture(image, sheet), aspect="auto")
        for spine in ax.spines.values():
            spine.set(visible=True, color=colour, linestyle=dashes, linewidth=1.8)
        words = f"{column.distances[i]:#.3g}"
        if column.shifts:
            words += f"\n{_arrows(*column.shifts[i])}"
        ax.annotate(
            words,
            (1, 0.5),
            (4, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=6.5,
            linespacing=1.2,
            annotation_clip=False,
        )


def _arrows(down: int, right: int) -> str:
    """How the sample was shifted.

    >>> _arrows(1, -2), _arrows(0, 0)
    ('↓1 ←2', 'no shift')
    """
    parts = [f"{'↓' if down > 0 else '↑'}{abs(down)}"] if down else []
    parts += [f"{'→' if right > 0 else '←'}{abs(right)}"] if right else []
    return " ".join(parts) or "no shift"


def _picture(image: np.ndarray, sheet: Sheet) -> np.ndarray:
    return picture(image, sheet.shape, sheet.tones)


def picture(image: np.ndarray, shape: Sequence[int], tones: Tones) -> np.ndarray:
    """One image (d,) as (height, width, 3) bytes: (x - low) / (high - low), clipped to [0, 1]."""
    levels = (np.asarray(image, dtype=np.float64) - tones.low) / (tones.high - tones.low)
    pixels = np.round(255 * levels.clip(0, 1)).astype(np.uint8).reshape(tuple(shape))
    return np.broadcast_to(pixels, (3, *shape[1:])).transpose(1, 2, 0)


def _strip(row: np.ndarray, sheet: Sheet) -> np.ndarray:
    return strip(row, sheet.shape, sheet.tones)


def strip(row: np.ndarray, shape: Sequence[int], tones: Tones) -> np.ndarray:
    """Images (k, d) side by side, with white between them."""
    blank = np.full((shape[1], _gap(shape), 3), 255, dtype=np.uint8)
    parts = [part for image in row for part in (blank, picture(image, shape, tones))]
    return np.concatenate(parts[1:], axis=1)


def _gap(shape: Sequence[int]) -> int:
    """Pixels between two images."""
    return max(1, round(shape[2] / _GAP))


def _width(shape: Sequence[int], count: int) -> float:
    """Of so many images side by side, in widths of one."""
    return count + (count - 1) * _gap(shape) / shape[2]


def _sheet_said(sheet: Sheet) -> list[str]:
    down, across, _ = sheet.samples.shape
    said = [f"the first {down * across} samples, in the order in which they were drawn, not chosen"]
    if sheet.pixel is not None:
        said.append(
            f"solid frame: of {sheet.searched:,} training images the nearest, by Euclidean "
            "distance between pixels, to the sample beside it, the last of its row; the distance "
            "stands at its right"
        )
        said.append(
            "pixel distance misses shifted copies: an image moved by a pixel or two is far from "
            "itself"
        )
    if sheet.tolerant is not None:
        tried = (2 * sheet.reach + 1) ** 2
        said.append(
            f"dashed frame: the nearest where the sample may be shifted; the least of {tried} "
            f"distances, for shifts of up to {sheet.reach} pixels down or up and right or left "
            "(arrows), pixels at the edge repeated"
        )
    return [*_in_full(sheet.label, sheet.head), *said, *sheet.said, f"{sheet.tones.words}"]


def _sheet_alt(sheet: Sheet) -> str:
    down, across, _ = sheet.samples.shape
    said = f"{down * across} samples of {style.name(sheet.label)} on {sheet.head}"
    if sheet.pixel is None:
        return style.line(f"{said}.")
    said += f", and beside the last of each row its nearest training image, {_span(sheet.pixel)}"
    if sheet.tolerant is not None:
        said += f" by pixels and {_span(sheet.tolerant)} with shifts"
    return style.line(f"{said}.")


def _span(column: Beside) -> str:
    return f"{min(column.distances):.3g} to {max(column.distances):.3g} away"


# --- walks in z ---


def interpolation(
    name: str, walks: Sequence[Walks], shape: tuple[int, ...], tones: Tones, said: Sequence[str]
) -> Drawn:
    """For each model, images along straight lines between two points of its latent space.

    Raises UsageError where the samples are no images.
    """
    check_pictures(shape)
    steps = max(own.images.shape[1] for own in walks)
    wide = min((_WIDTH - 0.1) / _width(shape, steps), _MOST)
    gap = wide * _gap(shape) / shape[2]
    tall, top = wide * shape[1] / shape[2], 0.34
    heights = [top + len(own.images) * (tall + gap) + 0.08 for own in walks]
    with style.style():
        figure = style.new(_WIDTH, sum(heights), layout=None)
        for i, own in enumerate(walks):
            above = sum(heights[:i])
            _title(figure, _named(own.label, own.head), above + 0.05)
            place = _Places(figure, above + top, tall, tall + gap)
            for j, row in enumerate(own.images):
                ax = place.axes(j, 0.05, _width(shape, len(row)) * wide)
                ax.imshow(strip(row, shape, tones), aspect="auto")
    count = len(walks[0].images)
    lines = [
        *(text for own in walks for text in _in_full(own.label, own.head)),
        f"each row: {steps} images for z in equal steps from one draw of it, the first, to "
        "another, the last; the first pairs that were drawn, not chosen",
        *said,
        tones.words,
    ]
    names = style.listed([own.label for own in walks])
    alt = f"{count} rows of images for each of {names}, linearly interpolated in z"
    return Drawn(name, figure, style.line(f"{alt} on {walks[0].head}."), style.sentences(lines))
