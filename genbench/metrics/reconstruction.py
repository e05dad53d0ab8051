# pyright: strict
"""How far a row is from what its code decodes to: does the encoder invert the decoder on data?

Conventions: all n test rows x, as they are; x̂ = decode(encode(x)), not rounded. Distances are
Euclidean, between rows of pixels.
    value = mean_i |x_i - x̂_i|,   of a random pair = mean_{i≠j} |x_j - x̂_i|
A decoder that answers every code with the same blurred row has a small value; its ratio to a random
pair's is 1. Of a model whose encode or decode draws, one draw is taken.
stderr: over test rows.

Source: jeffdonahue/bigan train_gan.py, EGr and EGr_b, there with the next row for a random one.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._distances import sq_distances
from genbench.metrics._rows import check_counts, featured
from genbench.protocols import Score


class Reconstruction:
    """The mean distance of a test row and what its code decodes to."""

    revision = 1
    unit = "L2"
    best = "low"
    requires: tuple[str, ...] = ("encode", "decode")

    def __call__(self, model: Any, test: Tensor) -> Score:
        """test (n, d). Raises ValueError for fewer than 2 rows, and rows that are not finite."""
        check_counts(2, test=len(test))
        with torch.no_grad():
            decoded = featured(lambda x: model.decode(model.encode(x)), test)
        each = (test.double() - decoded.double()).square().sum(dim=1).sqrt()
        value, n = each.mean().item(), len(test)
        pairs = sum(part.double().sqrt().sum().item() for _, part in sq_distances(decoded, test))
        random = (pairs - each.sum().item()) / (n * (n - 1))
        stderr = each.std().item() / math.sqrt(n)
        notes = {
            "of a random pair": random,
            "ratio to a random pair": value / (random or 1.0),
        }
        return Score(value, stderr, per_example=each.cpu(), notes=notes)
