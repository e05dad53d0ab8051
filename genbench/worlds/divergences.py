"""How far a generator q is from the truth p, in nats: exactly, or with a standard error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Divergence:
    """A number, and its standard error by Monte Carlo; None: exact."""

    value: float
    stderr: float | None = None
