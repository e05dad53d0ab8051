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
