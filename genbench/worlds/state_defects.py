"""Laws over the 65,536 states with one defect each, and the families that they make.

A law is float64 (65536,). What the mixture's families do to densities is done here to masses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genbench.worlds.enumerated import (
    PIXELS,
    STATES,
    EnumeratedWorld,
    numbers,
    pictures_of,
    smoothed,
)
from genbench.worlds.families import Family

_SIDE = 4


@dataclass(frozen=True, eq=False)
class StateGround:
    """The world, and the order in which its classes are dropped."""

    world: EnumeratedWorld
    dropped: tuple[int, ...]

    @cached_property
    def p(self) -> np.ndarray:
        return self.world.p

    @cached_property
    def pictures(self) -> np.ndarray:
        """All states, float64 (65536, 16)."""
        return pictures_of(np.arange(STATES)).astype(np.float64)


def truth(ground: StateGround, strength: float) -> np.ndarray:
    """p itself."""
    return ground.p


def drop(ground: StateGround, strength: float) -> np.ndarray:
    """Without so many classes."""
    kept = ~np.isin(np.arange(len(ground.world.counts)), ground.dropped[: int(strength)])
    return smoothed(ground.world.counts[kept].sum(axis=0))


def reweight(ground: StateGround, strength: float) -> np.ndarray:
    """Class c is strength^c times too rare, all of them then scaled to one."""
    rarer = float(strength) ** -np.arange(len(ground.world.counts))
    return smoothed(rarer @ ground.world.counts)


def power(ground: StateGround, strength: float) -> np.ndarray:
    """p^strength, scaled to one: flatter below 1, sharper above."""
    q = ground.p**strength
    return q / q.sum()


def flip(ground: StateGround, strength: float) -> np.ndarray:
    """Each pixel is turned over with this probability."""
    q = ground.p.reshape((2,) * PIXELS)
    for axis in range(PIXELS):
        q = (1 - strength) * q + strength * np.flip(q, axis)
    return q.reshape(-1)


def junk(ground: StateGround, strength: float) -> np.ndarray:
    """So much of it is any state."""
    return (1 - strength) * ground.p + strength / STATES


def shift(ground: StateGround, strength: float) -> np.ndarray:
    """Pictures move right by so many pixels; what leaves comes in at the left."""
    squares = ground.pictures.reshape(-1, _SIDE, _SIDE)
    moved = np.roll(squares, int(strength), axis=2).reshape(-1, PIXELS)
    q = np.empty(STATES)
    q[numbers(moved > 0.5)] = ground.p
    return q


def independent(ground: StateGround, strength: float) -> np.ndarray:
    """So much of it has p's pixels, each drawn on its own."""
    return (1 - strength) * ground.p + strength * _bernoulli(ground, ground.p)


def class_independent(ground: StateGround, strength: float) -> np.ndarray:
    """So much of it has its class's pixels, each drawn on its own."""
    counts = ground.world.counts
    shares = counts.sum(axis=1) / counts.sum()
    laws = [_bernoulli(ground, each / each.sum()) for each in counts]
    return (1 - strength) * ground.p + strength * (shares @ np.stack(laws))


def memorise(ground: StateGround, strength: float) -> np.ndarray:
    """Only what so many training rows show, and .01 of any state."""
    states = ground.world.memorised(int(strength))
    return smoothed(np.bincount(states, minlength=STATES))


def top(ground: StateGround, strength: float) -> np.ndarray:
    """Only so many states, the likeliest, and .01 of any state."""
    likeliest = np.argsort(-ground.p, kind="stable")[: int(strength)]
    q = np.zeros(STATES)
    q[likeliest] = ground.p[likeliest]
    return smoothed(q)


def _bernoulli(ground: StateGround, law: np.ndarray) -> np.ndarray:
    """The law of independent pixels that are set as often as in a law."""
    mu, q = law @ ground.pictures, np.ones(1)
    for one in mu[::-1]:  # the last pixel is the highest bit
        q = np.concatenate([np.outer(q, [1 - one, one])], axis=1).reshape(-1)
    return q


def of_states() -> tuple[Family[StateGround, np.ndarray], ...]:
    """The families, the truth first. None of them copies: here the truth repeats itself too."""
    return (
        Family("truth", (0.0,), truth),
        Family("drop", (1.0, 2.0, 3.0, 5.0, 8.0), drop),
        Family("reweight", (1.1, 1.25, 1.5, 2.0, 3.0), reweight, neutral=1.0),
        Family("flatten", (0.95, 0.9, 0.8, 0.6, 0.4), power, neutral=1.0),
        Family("sharpen", (1.05, 1.1, 1.25, 1.5, 2.0), power, neutral=1.0),
        Family("flip", (0.002, 0.01, 0.02, 0.05, 0.1), flip, neutral=0.0),
        Family("junk", (0.01, 0.05, 0.1, 0.25, 0.5), junk, neutral=0.0),
        Family("shift", (1.0, 2.0), shift),
        Family("independent", (0.05, 0.1, 0.25, 0.5, 1.0), independent, neutral=0.0),
        Family("class_independent", (0.05, 0.1, 0.25, 0.5, 1.0), class_independent, neutral=0.0),
        Family("memorise", (10_000.0, 5_000.0, 2_500.0, 1_000.0, 250.0), memorise),
        Family("top", (500.0, 250.0, 100.0, 50.0, 20.0), top),
    )
