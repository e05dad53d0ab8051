"""Mapped files: their pages, given back behind whoever reads them.

A page of a mapped file that was read counts as memory of the process until the system takes it,
so a file that is read from end to end would take its whole length. What is given back is read
from the file again, where it is used again.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np

HELD = 2**25  # bytes that are read of a map before its pages are given back


class Pages:
    """Counts what is read of an array; of one that lies in no mapped file there is nothing to do.

    Nobody may have written into it: what is given back is as it is in the file.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._map = mapped(array)
        self._since = 0

    def about_to_read(self, size: int) -> None:
        """Gives back what was read before, where it is more than HELD bytes with these."""
        self._since += size
        if self._since > HELD and self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._since = size


def mapped(array: np.ndarray) -> mmap.mmap | None:
    """The map that an array lies in, where there is one and the system takes pages back."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") else None


def blocks(array: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Its rows in order, at most `size` at a time, each until the next one is asked for."""
    pages = Pages(array)
    for start in range(0, len(array), size):
        block = array[start : start + size]
        pages.about_to_read(block.nbytes)
        yield block
