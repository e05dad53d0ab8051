"""Walks between two samples along straight lines in z: Figure 3 of Goodfellow et al. 2014."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genbench.figures import style
from genbench.figures.images import (
    MOST,
    WIDTH,
    Places,
    Tones,
    check_pictures,
    gap_of,
    in_full,
    row_on,
    strip,
    title,
    width_of,
)
from genbench.figures.style import Drawn

STEPS, WALKS = 11, 4


@dataclass(frozen=True)
class Walks:
    """Images (walks, steps, d) of one model along straight lines in z."""

    label: str
    head: str
    images: np.ndarray


def interpolation(
    name: str, walks: Sequence[Walks], shape: tuple[int, ...], tones: Tones, said: Sequence[str]
) -> Drawn:
    """For each model, images along straight lines between two points of its latent space.

    Raises UsageError where the samples are no images.
    """
    check_pictures(shape)
    steps = max(own.images.shape[1] for own in walks)
    wide = min((WIDTH - 0.1) / width_of(shape, steps), MOST)
    gap = wide * gap_of(shape) / shape[2]
    tall, top = wide * shape[1] / shape[2], 0.34
    heights = [top + len(own.images) * (tall + gap) + 0.08 for own in walks]
    with style.style():
        figure = style.new(WIDTH, sum(heights), layout=None)
        for i, own in enumerate(walks):
            above = sum(heights[:i])
            title(figure, row_on(own.label, own.head), above + 0.05)
            place = Places(figure, above + top, tall, tall + gap)
            for j, row in enumerate(own.images):
                ax = place.axes(j, 0.05, width_of(shape, len(row)) * wide)
                ax.imshow(strip(row, shape, tones), aspect="auto")
    count = len(walks[0].images)
    lines = [
        *(text for own in walks for text in in_full(own.label, own.head)),
        f"each row: {steps} images for z in equal steps from one draw of it, the first, to "
        "another, the last; the first pairs that were drawn, not chosen",
        *said,
        tones.words,
    ]
    names = style.listed([own.label for own in walks])
    alt = f"{count} rows of images for each of {names}, linearly interpolated in z"
    return Drawn(name, figure, style.line(f"{alt} on {walks[0].head}."), style.sentences(lines))
