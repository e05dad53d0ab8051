"""A program of its own: the numeric arrays of a MATLAB file, from stdin to stdout as .npz.

    python _mat.py BYTES_OF_MEMORY NAME... < file.mat > arrays.npz

scipy's reader is not hardened: one wrong byte in a tag makes it read anywhere and die. So it runs
in a process that may die, with a limit on its memory, and with nothing of the project in it.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

if __name__ == "__main__":
    # before numpy is there: each of its threads would reserve memory, and none is needed
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
if sys.platform != "win32":
    import resource

import numpy as np
from scipy.io import loadmat


def main(memory: int, names: list[str]) -> None:
    """Writes those of `names` that are arrays of numbers."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    content = loadmat(io.BytesIO(sys.stdin.buffer.read()), variable_names=names)
    arrays: dict[str, Any] = {
        name: array
        for name, array in content.items()
        if name in names and isinstance(array, np.ndarray) and array.dtype.kind in "iuf"
    }
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    sys.stdout.buffer.write(packed.getbuffer())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
