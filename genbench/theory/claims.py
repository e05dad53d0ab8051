"""What a page of the theory finds out: numbers, each beside what it should be, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genbench.figures.panels import Picture


@dataclass(frozen=True)
class Number:
    """A number that a claim of the paper is about.

    aim: what it should be; None: nothing is claimed. within: how near to it.
    """

    what: str
    value: float
    aim: float | None = None
    within: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether it is as near as claimed; a NaN is near to nothing."""
        return self.aim is None or abs(self.value - self.aim) <= self.within


@dataclass(frozen=True)
class Page:
    """One page of the theory.

    said: sentences, what a reader should learn. film: the frames of an animation, or none.
    """

    name: str
    title: str
    said: Sequence[str]
    numbers: Sequence[Number]
    pictures: Sequence[Picture]
    film: Sequence[Picture] = ()

    @property
    def broken(self) -> list[Number]:
        """The numbers that are not what they should be."""
        return [number for number in self.numbers if not number.holds]
