"""Sheets of samples, with the nearest training images: Figure 2 of Goodfellow et al. 2014."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from genbench.figures import style
from genbench.figures.images import (
    MOST,
    WIDTH,
    Places,
    Tones,
    check_pictures,
    gap_of,
    in_full,
    picture,
    row_on,
    strip,
    title,
    width_of,
)
from genbench.figures.style import SMALL, Drawn

COUNT = 100  # samples of a sheet
_TEXT = 0.5  # inches of the words beside a neighbour
_COLOURS = sns.color_palette("colorblind").as_hex()
_FRAMES = ((_COLOURS[3], "-"), (_COLOURS[0], (0, (2.2, 1.4))))


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
    classes: of each row, where samples were asked for by class; its own are in order.
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
    classes: Sequence[int] = ()
    said: Sequence[str] = field(default_factory=tuple)


def arranged(rows: np.ndarray, count: int) -> np.ndarray:
    """The first of the samples (m, d) as whole rows: (rows, columns, d), at most `count`.

    >>> arranged(np.zeros((50, 4)), 30).shape
    (6, 5, 4)
    """
    count = min(count, len(rows))
    columns = int(count**0.5)
    down = count // columns
    return rows[: down * columns].reshape(down, columns, -1)


def by_class(rows: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, list[int]]:
    """A row of the first samples (m, d) of each class that occurs, and the classes.

    Rows are equally long, and hold `count` samples at most, or one each.

    >>> shown, classes = by_class(np.arange(6)[:, None], np.array([1, 0, 1, 0, 1, 0]), 5)
    >>> shown[..., 0].tolist(), classes
    ([[1, 3], [0, 2]], [0, 1])
    """
    classes = np.unique(labels).tolist()
    own = [rows[labels == label] for label in classes]
    columns = max(1, min(count // len(classes), *map(len, own)))
    return np.stack([part[:columns] for part in own]), classes


def samples(sheet: Sheet) -> Drawn:
    """Rows of samples, and at the right the training images nearest to each row's last one.

    Raises UsageError where the samples are no images.
    """
    check_pictures(sheet.shape)
    down, across, _ = sheet.samples.shape
    columns = [column for column in (sheet.pixel, sheet.tolerant) if column is not None]
    ratio = sheet.shape[1] / sheet.shape[2]
    room = WIDTH - 0.1 - len(columns) * (_TEXT + 0.08) - 0.1 * bool(columns)
    wide = min(room / (width_of(sheet.shape, across) + len(columns)), MOST)
    gap = wide * gap_of(sheet.shape) / sheet.shape[2]
    tall, top = wide * ratio, 0.62 if columns else 0.34
    with style.style():
        figure = style.new(WIDTH, top + down * (tall + gap) + 0.02, layout=None)
        place = Places(figure, top, tall, tall + gap)
        title(figure, row_on(sheet.label, sheet.head))
        for i, row in enumerate(sheet.samples):
            ax = place.axes(i, 0.05, width_of(sheet.shape, across) * wide)
            ax.imshow(strip(row, sheet.shape, sheet.tones), aspect="auto")
        left = 0.05 + width_of(sheet.shape, across) * wide + 0.14
        for column, frame, head in zip(columns, _FRAMES, _heads(sheet), strict=False):
            _beside(figure, place, sheet, column, (left, wide), frame, head)
            left += wide + _TEXT + 0.08
    return Drawn(sheet.name, figure, _sheet_alt(sheet), style.sentences(_sheet_said(sheet)))


def _heads(sheet: Sheet) -> tuple[str, str]:
    return "nearest\nby pixels", f"nearest, shifts\nup to {sheet.reach} pixels"


def _beside(
    figure: Figure,
    place: Places,
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
        ax.imshow(picture(image, sheet.shape, sheet.tones), aspect="auto")
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


def _sheet_said(sheet: Sheet) -> list[str]:
    down, across, _ = sheet.samples.shape
    said = [f"the first {down * across} samples, in the order in which they were drawn, not chosen"]
    if sheet.classes:
        which = ", ".join(map(str, sheet.classes))
        said = [
            f"a row of the first {across} samples that were asked for of each class, not chosen: "
            f"from the top {which}"
        ]
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
    return [*in_full(sheet.label, sheet.head), *said, *sheet.said, f"{sheet.tones.words}"]


def _sheet_alt(sheet: Sheet) -> str:
    down, across, _ = sheet.samples.shape
    said = f"{down * across} samples of {style.name(sheet.label)} on {sheet.head}"
    said += ", a row for each class" if sheet.classes else ""
    if sheet.pixel is None:
        return style.line(f"{said}.")
    said += f", and beside the last of each row its nearest training image, {_span(sheet.pixel)}"
    if sheet.tolerant is not None:
        said += f" by pixels and {_span(sheet.tolerant)} with shifts"
    return style.line(f"{said}.")


def _span(column: Beside) -> str:
    return f"{min(column.distances):.3g} to {max(column.distances):.3g} away"
