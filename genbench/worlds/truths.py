"""The worlds: a distribution that is known, with what its ladders and draws need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genbench.worlds.mixture import Mixture
from genbench.worlds.squash import log_slope, squashed, unsquashed
from genbench.worlds.streams import stream

MEMORISED = 10_000  # of the first training rows, what copying rungs repeat
CHUNK = 10_000  # rows that are drawn together
# the streams of the parts, and how many rows their first draw has
PARTS = {"train": (1, MEMORISED), "valid": (10, 1000), "test": (11, CHUNK)}


@dataclass(frozen=True, eq=False)
class MixtureWorld:
    """A mixture of pictures, whose rows may be squashed into (0, 1).

    classes: of each component, (K,). side: of a picture, in pixels. key: names it, whatever its
    squashing. memorised: of the first training rows, how many copying rungs repeat.
    """

    key: str
    mixture: Mixture
    classes: np.ndarray
    rank: int
    side: int
    squash: bool = False
    memorised: int = MEMORISED

    def log_prob(self, rows: np.ndarray) -> np.ndarray:
        """Log density, nats, (n,), of rows (n, d) in the world's units; -inf outside of (0, 1)."""
        if not self.squash:
            return self.mixture.log_prob(rows)
        x = unsquashed(rows)
        outside = ((rows <= 0) | (rows > 1)).any(axis=1)
        x[outside] = 0.0
        found = self.mixture.log_prob(x) - log_slope(x).sum(axis=1)
        return np.where(outside, -np.inf, found)

    def shown(self, x: np.ndarray) -> np.ndarray:
        """Rows x (n, d) of the mixture in the world's units, float32."""
        return (squashed(x) if self.squash else x).astype(np.float32)

    def draw(self, n: int, random: np.random.Generator) -> np.ndarray:
        """Independent rows float32 (n, d), in the world's units."""
        sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)] or [0]
        return np.concatenate([self.shown(self.mixture.sample(m, random)[0]) for m in sizes])

    def part(self, name: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows float32 (n, d) of a part, "train", "valid" or "test", and their classes (n,)."""
        rows = np.empty((n, self.mixture.d), np.float32)
        labels, start = np.empty(n, np.int64), 0
        for x, k in self._drawn(name, n):
            rows[start : start + len(x)], labels[start : start + len(x)] = self.shown(x), k
            start += len(x)
        return rows, labels

    def first(self, name: str, n: int) -> np.ndarray:
        """The first n rows of a part as the mixture drew them, float64 (n, d)."""
        return np.concatenate([x for x, _ in self._drawn(name, n)])

    def _drawn(self, name: str, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        key, size = PARTS[name]
        random = stream(key)
        while n > 0:
            x, k = self.mixture.sample(min(size, CHUNK), random)
            yield x[:n], self.classes[k[:n]]
            n -= len(x)
            size = CHUNK
