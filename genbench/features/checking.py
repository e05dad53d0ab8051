"""Whether features are what they were when their digests were written down.

    digest = sha256(F),  F the features (n, width) of n rows, as bytes of little-endian float32

Rows that need no data are fixed ones: bytes k of SHAKE-256, as k / 255.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genbench.protocols import Features

FIXED = 200  # rows
WEIGHTS, FIXED_ROWS, TEST_ROWS = "weights", "fixed rows", "test rows"


@dataclass(frozen=True)
class Check:
    """The sha256, in hex, that something should have, and the one that it has."""

    what: str
    known: str
    found: str

    @property
    def holds(self) -> bool:
        return self.known == self.found


def fixed_rows(shape: Sequence[int], n: int = FIXED) -> Tensor:
    """The same n rows (n, d) in [0, 1] on every machine, float32."""
    d = math.prod(shape)
    noise = hashlib.shake_256(b"genbench features").digest(n * d)
    return torch.from_numpy(np.frombuffer(noise, np.uint8).reshape(n, d) / np.float32(255))


def digest_of(features: Tensor) -> str:
    """sha256, in hex, of features (n, width) as little-endian float32."""
    return hashlib.sha256(features.cpu().numpy().astype("<f4").tobytes()).hexdigest()


def checks(features: Features, test: Tensor | None = None) -> list[Check]:
    """Each digest that the extractor knows, and what it is now.

    test: the test rows of the dataset that it is for, (n, d); None leaves them out.
    """
    known = getattr(features, "known", {})
    found = {}
    if WEIGHTS in known:
        found[WEIGHTS] = features.digest
    if FIXED_ROWS in known:
        rows = fixed_rows(features.shape)  # pyright: ignore[reportAttributeAccessIssue]
        found[FIXED_ROWS] = digest_of(features(rows))
    if TEST_ROWS in known and test is not None:
        found[TEST_ROWS] = digest_of(features(test))
    return [Check(what, known[what], digest) for what, digest in found.items()]
