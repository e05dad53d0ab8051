"""Randomness is named, not saved.

A run draws from streams that are seeded by a hash of (model, dataset, seed, purpose, epoch). So the
order of runs and workers cannot matter, no generator's state is ever stored, and a resumed run
equals an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(*name: str | int) -> Iterator[None]:
    """Seeds Python, numpy and torch from a hash of `name`, for as long as the block lasts."""
    seed = int.from_bytes(hashlib.sha256("/".join(map(str, name)).encode()).digest()[:8], "big")
    python, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed % 2**63)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)


def generator(*name: str | int) -> np.random.Generator:
    """numpy's generator of a named stream, for whoever draws from one of his own."""
    digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
