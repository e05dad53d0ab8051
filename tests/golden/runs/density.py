"""Runs of density, on rows as they are."""

from __future__ import annotations

from genbench.metrics.prdc import Density

from . import _balls

TOLERANCE = 1e-6
RUNS = _balls.of(Density)
