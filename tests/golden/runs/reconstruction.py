"""Runs of the distance between rows and what their codes decode to."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.metrics.reconstruction import Reconstruction

from ..fingerprints import Given, refusal
from . import _rows
from ._rows import cloud


class Model:
    """Codes are the first two numbers of a row."""

    def encode(self, x: Tensor) -> Tensor:
        return x[:, :2]

    def decode(self, z: Tensor) -> Tensor:
        return torch.cat([z.tanh(), z[:, :1] / 2], dim=1)


def scores() -> Given:
    found = Reconstruction()(Model(), cloud(50, 1))
    assert found.per_example is not None
    assert found.stderr is not None
    noted = [float(str(number)) for number in found.notes.values()]
    numbers = [found.value, found.stderr, *noted]
    errors = [refusal(lambda: Reconstruction()(Model(), cloud(1, 1)))]
    return {"numbers": numbers, "single": found.per_example, "errors": errors}


TOLERANCE = 1e-5
RUNS = (scores, *_rows.READ, *_rows.NEAR)
