# pyright: strict
"""Rows of 256 greys as densities are scored on them: (k + u) / 256, u ~ U[0, 1) drawn once.

The mean log density of such rows is at most the log mass of the greys, plus d log 256 (Theis, van
den Oord, Bethge 2016). u has a stream of its own, named by the part of the data and the number of
its rows, and goes by the rows' own order, so that it does not hang on that of the file; equal rows
get equal u. So every metric scores the same rows, whatever it draws itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genbench.likelihood.observations import is_binary
from genbench.seeding import seeded

GREYS = 256
CLOSE = 1e-4  # of a grey to a whole number


def are_greys(rows: Tensor) -> bool:
    """Whether all entries are k / 255, and not all of them 0 or 1."""
    k = rows * (GREYS - 1)
    inside = bool(((rows >= 0) & (rows <= 1)).all())
    return inside and bool(((k - k.round()).abs() < CLOSE).all()) and not is_binary(rows)


def dequantised(rows: Tensor, part: str) -> Tensor:
    """(k + u) / 256 of all rows (n, d) of a part of the data, "test" or "valid", float32.

    Other rows than those of 256 greys, binary ones too, are returned as they are.
    """
    if not are_greys(rows):
        return rows
    with seeded("dequantised", part, len(rows)):
        u = torch.rand(rows.shape)
    k = (rows * (GREYS - 1)).round()
    kept = k.cpu().to(torch.uint8)
    place = torch.tensor(np.unique(kept.numpy(), axis=0, return_inverse=True)[1].ravel())
    return ((k + u[place].to(rows.device)) / GREYS).to(torch.float32)
