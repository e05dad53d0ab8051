"""Random numbers of the worlds: numpy's frozen streams, each named by whole numbers."""

from __future__ import annotations

import zlib

import numpy as np

YEAR = 2026  # the first number of every stream's seed


def stream(*key: int | str) -> np.random.Generator:
    """The generator of a key, the same on every machine; words are taken by their CRC-32."""
    numbers = [zlib.crc32(k.encode()) if isinstance(k, str) else k for k in key]
    return np.random.default_rng(np.random.SeedSequence([YEAR, *numbers]))
