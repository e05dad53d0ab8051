"""The families of a ladder: a kind of defect, its grid of strengths, and how they are redrawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from genbench.worlds import defects
from genbench.worlds.defects import Ground
from genbench.worlds.mixture import Generator
from genbench.worlds.streams import stream

World = TypeVar("World")
Law = TypeVar("Law")


@dataclass(frozen=True)
class Family(Generic[World, Law]):
    """made(world, strength) is a generator; the strengths are ordered from weak to strong.

    neutral: the strength that is no defect, which redrawn strengths keep their side of; None
        where the grid is of whole numbers or named things and stays as it is.
    copies: whether its generators repeat training rows.
    """

    name: str
    grid: tuple[float, ...]
    made: Callable[[World, float], Law]
    neutral: float | None = None
    copies: bool = False

    def strengths(self, seed: int | None) -> tuple[float, ...]:
        """The grid, or as many strengths, log-uniform between its weakest and its strongest."""
        if seed is None or self.neutral is None or len(self.grid) < 2:
            return self.grid
        apart = [abs(strength - self.neutral) for strength in self.grid]
        low, high = math.log(min(apart)), math.log(max(apart))
        drawn = sorted(stream("strengths", seed, self.name).uniform(low, high, len(apart)))
        side = math.copysign(1, self.grid[0] - self.neutral)
        found = [self.neutral + side * math.exp(t) for t in drawn]
        return tuple(found if apart[0] < apart[-1] else found[::-1])


def of_mixture(ground: Ground) -> tuple[Family[Ground, Generator], ...]:
    """The families of a mixture of pictures, the truth first."""
    k, side = len(ground.p.weights), ground.world.side
    s = float(ground.p.s2.mean()) ** 0.5
    classes = len(set(ground.world.classes.tolist()))
    merged = tuple(dict.fromkeys(float(n) for n in (k, k // 2, k // 4, k // 8, 1) if n >= 1))
    rows = tuple(float(k * n) for n in (500, 250, 125, 62, 31))
    shifts = tuple(float(n) for n in range(1, min(5, side // 2) + 1))
    half = tuple(n for n in (1, 2, 3, 5, 8) if n < classes)
    return (
        Family("truth", (0.0,), defects.truth),
        Family("drop", half, defects.drop),
        Family("reweight", (1.1, 1.25, 1.5, 2.0, 3.0), defects.reweight, neutral=1.0),
        Family("inflate", (1.02, 1.05, 1.1, 1.2, 1.5), defects.scale, neutral=1.0),
        Family("shrink", (0.98, 0.95, 0.9, 0.8, 0.6), defects.scale, neutral=1.0),
        Family("truncate", (0.9, 0.8, 0.7, 0.4, 0.1), defects.signal, neutral=1.0),
        Family("overdo", (1.1, 1.25, 1.5, 2.0, 3.0), defects.signal, neutral=1.0),
        Family("noise_up", (1.05, 1.1, 1.25, 1.5, 2.0), defects.noise, neutral=1.0),
        Family("noise_down", (0.95, 0.9, 0.75, 0.5, 0.25), defects.noise, neutral=1.0),
        Family("contrast", (0.98, 0.95, 0.9, 0.8, 0.6), defects.contrast, neutral=1.0),
        Family("brightness", (0.005, 0.01, 0.02, 0.05, 0.1), defects.brightness, neutral=0.0),
        Family("blur", (0.1, 0.25, 0.5, 0.75, 1.0), defects.blur, neutral=0.0),
        Family("shift", shifts, defects.shift),
        Family("junk", (0.01, 0.05, 0.1, 0.25, 0.5), defects.junk, neutral=0.0),
        Family("prototypes", merged, defects.prototypes),
        Family("merge", merged[1:], defects.merge),
        Family("gaussian", (1.0,), defects.gaussian),
        Family("refit", rows, defects.refit),
        Family(
            "memorise",
            (1.5 * s, s, 0.5 * s, 0.2 * s, defects.COPIED),
            defects.memorise,
            neutral=0.0,
            copies=True,
        ),
        Family(
            "copied_share",
            (0.01, 0.1, 0.25, 0.5, 1.0),
            defects.copied_share,
            neutral=0.0,
            copies=True,
        ),
    )
