"""What all side-by-side measurements share: the same cores for everyone, and calls in turns."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

from genbench.timing import Clock, timed

SLOW = 20.0  # seconds: whoever takes longer runs once
PACKAGES = ("torch", "numpy", "scipy", "jax", "jaxlib", "pykeops", "scikit-learn")


@dataclass
class Measured:
    """One contender on one case: every counted call, and what the last one returned."""

    job: Callable[[], Tensor | None]
    chunk: int | None = None
    seconds: list[float] = field(default_factory=list)
    ll: Tensor | None = None

    def call(self) -> float:
        clock = Clock()
        with timed(torch.device("cpu"), clock):
            self.ll = self.job()
        return clock.seconds


def alternate(
    measured: Mapping[str, Measured], repeats: int, told: Callable[[str, float], None]
) -> None:
    """Calls all in turns; the first round warms up, and is the only one for whoever is slow."""
    for name, one in measured.items():
        first = one.call()
        if first > SLOW:
            one.seconds.append(first)
        told(name if one.seconds else f"{name} (warm-up)", first)
    quick = {name: one for name, one in measured.items() if not one.seconds}
    for _ in range(repeats):
        for name, one in quick.items():
            one.seconds.append(one.call())
            told(name, one.seconds[-1])


def confine(threads: int | None) -> int:
    """Gives every library the same cores, before those that read this once are loaded."""
    pinned = hasattr(os, "sched_setaffinity")
    cores = sorted(os.sched_getaffinity(0)) if pinned else list(range(os.cpu_count() or 1))
    cores = cores[:threads]
    if pinned:
        os.sched_setaffinity(0, cores)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(len(cores))
    os.environ["JAX_PLATFORMS"] = "cpu"
    torch.set_num_threads(len(cores))
    return len(cores)


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """The version of each package that a contender may need."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
