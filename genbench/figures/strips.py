"""The first samples of each row side by side, one picture a row, to compare at a glance."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from genbench.errors import DataError, UsageError
from genbench.figures import images, pictures
from genbench.figures.pictures import Found, Sources
from genbench.records.store import Store
from genbench.samples import pixels

COUNT = 12  # samples of a strip


@dataclass(frozen=True)
class Strip:
    """The samples of one row on one dataset, as a PNG, and what is to be seen in words."""

    label: str
    head: str
    png: bytes
    alt: str


def strips(found: Found, store: Store, sources: Sources, count: int = COUNT) -> Iterator[Strip]:
    """A strip for each row whose samples are kept and are pictures; nothing for the others."""
    for cell, result in pictures.each_drawn(found):
        try:
            source = sources.data(result.dataset)
            images.check_pictures(source.shape)
            kept = store.samples(result.run)
        except (UsageError, DataError):
            continue
        if kept is not None:
            scored = pixels.as_scored(torch.from_numpy(kept[0][:count]), source.levels).numpy()
            tones = images.tones(source.range, scored)
            alt = f"{len(scored)} samples of {cell.label} on {cell.data}"
            yield Strip(cell.label, cell.data, _png(scored, tuple(source.shape), tones), alt)


def _png(rows: np.ndarray, shape: tuple[int, ...], tones: images.Tones) -> bytes:
    """Images (k, d) side by side, a pixel for a pixel."""
    buffer = io.BytesIO()
    Image.fromarray(images.strip(rows, shape, tones)).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
