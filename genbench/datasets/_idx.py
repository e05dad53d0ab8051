"""The IDX format of MNIST: two zero bytes, a type, the number of axes, their lengths, the values.

Lengths are big-endian and four bytes long; type 8 is one unsigned byte a value, row-major.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from genbench.errors import DataError

_BYTE = 8


def parse_idx(raw: bytes, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """The bytes of an IDX file as uint8 of `shape`, a view of `raw`.

    Raises DataError, naming `path`, if it is of another shape, longer or shorter.
    """
    header = struct.pack(f">HBB{len(shape)}I", 0, _BYTE, len(shape), *shape)
    if not raw.startswith(header):
        raise DataError(
            f"{path} should be an IDX file of bytes {shape}, but {_declared(raw)}. "
            "It may be another file under this name (labels for images?), or damaged."
        )
    size = len(header) + math.prod(shape)
    if len(raw) != size:
        raise DataError(f"{path} should have {size:,} bytes of IDX data and has {len(raw):,}")
    return np.frombuffer(raw, np.uint8, offset=len(header)).reshape(shape)


def _declared(raw: bytes) -> str:
    """What the header of a file says it is, for the error."""
    if len(raw) < 4 or raw[:3] != bytes((0, 0, _BYTE)):
        return f"starts with {raw[:4].hex() or 'nothing'}, not with 000008"
    lengths = raw[4 : 4 + 4 * raw[3]]
    if len(lengths) != 4 * raw[3]:
        return "ends within its header"
    return f"declares {struct.unpack(f'>{raw[3]}I', lengths)}"
