"""The only clock: seconds of work that is really finished."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass
class Clock:
    """Seconds that a `timed` block took."""

    seconds: float = 0.0


class Since:
    """How long ago it was made."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begun


class Pace:
    """How many seconds are left of what goes on from a step, by how long its steps took so far."""

    def __init__(self, step: int) -> None:
        self._first, self._begun = step, time.perf_counter()

    def left(self, step: int, steps: int) -> float:
        """Seconds until `steps`, where it is at `step` now."""
        seconds = time.perf_counter() - self._begun
        return seconds * (steps - step) / max(1, step - self._first)


@contextmanager
def timed(device: torch.device, clock: Clock) -> Iterator[None]:
    """Measures wall-clock seconds; waits for the device's work before it looks."""
    begin = _now(device)
    try:
        yield
    finally:
        clock.seconds = time.perf_counter() - begin  # in case the device itself has failed
        clock.seconds = _now(device) - begin


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
