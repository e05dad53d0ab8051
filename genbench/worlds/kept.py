"""Fits and ladders that are computed once: files in the user's cache, checked when read.

They are what code and data say they are, so a file that is missing or damaged is made again, and
where the cache cannot be written nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from genbench.errors import StoreError
from genbench.records import files


def folder() -> Path:
    """Where they lie."""
    return Path(platformdirs.user_cache_dir("genbench", False)) / "worlds"


def arrays(
    key: Mapping[str, Any], computed: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays of a key, JSON-able; computed where no file has them."""
    digest = files.sha256_of_json(key)
    path = folder() / f"{digest}.safetensors"
    try:
        found, note = files.read_tensors(path)
        if files.sha256_of_json(note) == digest:
            return found
    except StoreError:
        pass  # not there, or damaged
    made = dict(computed())
    with suppress(StoreError):  # computed again next time
        files.write_tensors(path, made, dict(key))
    return made
