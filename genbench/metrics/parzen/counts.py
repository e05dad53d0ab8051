"""Scores by a part of the samples beside those by all of them, from one pass.

By every 4th of m samples, by every 2nd and by all: the pass takes mu_0, mu_4, mu_8 ... first, then
mu_2, mu_6 ..., then mu_1, mu_3, mu_5 ..., and the sums that it has after each of these parts are
those of every 4th, of every 2nd, and of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

from torch import Tensor


@dataclass(frozen=True)
class Parts:
    """Disjoint parts of the samples (m, d); the first k of them make counts[k - 1] samples.

    before: how many samples the pass takes before these.
    """

    parts: Sequence[Tensor]
    before: int = 0

    @classmethod
    def of(cls, samples: Tensor, strides: Sequence[int]) -> Parts:
        """By strides, each of them half the one before, that leave two samples or more."""
        left = [stride for stride in strides if len(samples) >= 2 * stride]
        first = samples[:: left[0]] if left else samples
        return cls([first, *(samples[stride // 2 :: stride] for stride in left)])

    @property
    def counts(self) -> list[int]:
        return list(accumulate(map(len, self.parts)))

    def column(self, start: int, stop: int) -> Parts:
        """Of each part what is among the samples start to stop of the pass, maybe nothing."""
        ends = zip([0, *self.counts], self.parts, strict=False)
        own = [part[max(0, start - at) : max(0, stop - at)] for at, part in ends]
        return Parts(own, start)

    def blocks(self, size: int) -> Iterator[tuple[int, int, Tensor, bool]]:
        """Which part a block of it is of, the samples before it, it, and whether the part ends.

        A part without samples has one block without any.
        """
        before = self.before
        for which, part in enumerate(self.parts):
            for start in range(0, max(1, len(part)), size):
                block = part[start : start + size]
                yield which, before + start, block, start + size >= len(part)
            before += len(part)


@dataclass(frozen=True)
class Asked:
    """The widths of all counts; those of a count are no longer added to once it is reached.

    sigmas: each once, those that are needed longest first. needed: how many of them each part is
    added to. own: by index, the widths of each count.
    """

    sigmas: list[float]
    needed: list[int]
    own: list[list[int]]

    @classmethod
    def of(cls, by_count: Sequence[Sequence[float]]) -> Asked:
        sigmas = list(dict.fromkeys(map(float, chain(*reversed(by_count)))))
        own = [[sigmas.index(float(sigma)) for sigma in widths] for widths in by_count]
        needed = [len({*chain(*own[part:])}) for part in range(len(own))]
        return cls(sigmas, needed, own)
