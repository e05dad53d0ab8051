"""A world of binary pictures so small that every one of them is known: 65,536 states of 4 x 4.

    p = .99 (what share of real pictures is this state) + .01 / 65,536
A state's number has bit i set where pixel i is. Every divergence is a sum over all states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genbench.worlds.streams import stream
from genbench.worlds.truths import MEMORISED, PARTS

PIXELS = 16
STATES = 1 << PIXELS
UNIFORM = 0.01  # the share of pictures that are any state


@dataclass(frozen=True, eq=False)
class EnumeratedWorld:
    """A law p over all states, (65536,), of pictures whose states were counted by class.

    counts: of real pictures in each state, (classes, 65536). key: names the world.
    """

    key: str
    counts: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """(65536,)."""
        return smoothed(self.counts.sum(axis=0))

    def log_prob(self, rows: np.ndarray) -> np.ndarray:
        """Log mass, nats, (n,), of the states of rows (n, 16); a pixel is set above .5."""
        return np.log(self.p)[numbers(rows > 0.5)]

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        """Independent rows float32 (n, 16)."""
        return drawn(self.p, n, random)

    def part(self, name: str, n: int) -> np.ndarray:
        """Rows float32 (n, 16) of a part: "train", "valid" or "test"."""
        return self.draw(n, stream(PARTS[name][0]))

    def memorised(self, n: int = MEMORISED) -> np.ndarray:
        """The states of the first training rows, (n,)."""
        rows = self.part("train", max(n, MEMORISED))
        return numbers(rows[:n] > 0.5)


def counted(pictures: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many of the pictures, bool (n, 16), with labels (n,), are in each state, by class."""
    state, classes = numbers(pictures), np.unique(labels)
    return np.stack([np.bincount(state[labels == c], minlength=STATES) for c in classes])


def smoothed(counts: np.ndarray) -> np.ndarray:
    """.99 counts / their sum + .01 / 65,536."""
    return (1 - UNIFORM) * counts / counts.sum() + UNIFORM / STATES


def numbers(pictures: np.ndarray) -> np.ndarray:
    """The states of pictures, bool (n, 16): int64 (n,)."""
    return pictures.astype(np.int64) @ (1 << np.arange(PIXELS))


def pictures_of(states: np.ndarray) -> np.ndarray:
    """The pictures of states (n,): float32 (n, 16)."""
    return ((states[:, None] >> np.arange(PIXELS)) & 1).astype(np.float32)


def drawn(law: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    """Rows float32 (n, 16) of a law over the states."""
    return pictures_of(random.choice(STATES, n, p=law))
