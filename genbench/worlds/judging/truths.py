"""The rungs of a ladder as arrays: how far each is from the truth, and which of two is nearer.

Four divergences say how far; they disagree, so that each is kept. A pair is ordered by a divergence
where its two values differ by more than their own errors by Monte Carlo:
    o_ij = sign(D_j - D_i) where |D_i - D_j| > Z √(e_i² + e_j²) + SOLVED max(D_i, D_j), else 0
+1: rung i is nearer to the truth than j.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from genbench.worlds.ladder import Rung

DIVERGENCES = ("kl", "reverse_kl", "jsd", "tv")
KL, TV = 0, 3  # their places
Z = 1.96
SOLVED = 1e-6  # relative error of an exact divergence: of a root, or a term left out
ISO = 1e-4  # relative difference up to which two exact divergences are the same
NEAR = 0.05  # and up to which rungs of one family have one KL: where components overlap, about


@dataclass(frozen=True)
class Truths:
    """R rungs, the truth first. values, stderrs: (4, R) of DIVERGENCES, the error 0 where exact.

    values may be infinite. copies: (R,) bool, rungs that repeat training rows.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    strengths: tuple[float, ...]
    values: np.ndarray
    stderrs: np.ndarray
    copies: np.ndarray

    @cached_property
    def orders(self) -> np.ndarray:
        """o (4, R, R), int8, by each of DIVERGENCES."""
        return np.stack([ordered(d, e) for d, e in zip(self.values, self.stderrs, strict=True)])

    @cached_property
    def unanimous(self) -> np.ndarray:
        """(R, R): the order of pairs that all divergences order alike, else 0."""
        return np.where(np.abs(self.orders.sum(axis=0)) == len(DIVERGENCES), self.orders[KL], 0)

    @property
    def kl(self) -> np.ndarray:
        return self.values[KL]

    @cached_property
    def members(self) -> dict[str, list[int]]:
        """The rungs of each family, by KL; the truth's own is none, nor is a set of one KL."""
        return {family: of for family, of in self._families.items() if not self._is_iso(of)}

    @cached_property
    def _families(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for r, family in enumerate(self.families):
            if family != self.families[0]:
                found.setdefault(family, []).append(r)
        return {family: sorted(of, key=lambda r: self.kl[r]) for family, of in found.items()}

    def _is_iso(self, members: list[int]) -> bool:
        """Whether three innocent rungs or more have one KL, nearly or as far as is known."""
        if len(members) < 3 or self.copies[members].any():
            return False
        kl, orders = self.kl[members], self.orders[KL][np.ix_(members, members)]
        return not orders.any() or bool(np.isfinite(kl).all() and np.ptp(kl) <= NEAR * kl.max())

    @cached_property
    def iso(self) -> list[list[int]]:
        """Sets of three rungs or more with one KL: families of such, and rungs of exact KL."""
        told = [of for of in self._families.values() if self._is_iso(of)]
        apart = [r for of in self.members.values() for r in of if self.stderrs[KL, r] == 0]
        sets: list[list[int]] = []
        for r in sorted((r for r in apart if np.isfinite(self.kl[r])), key=lambda r: self.kl[r]):
            same = sets and abs(self.kl[r] - self.kl[sets[-1][0]]) <= ISO * self.kl[r]
            sets[-1].append(r) if same else sets.append([r])
        return told + [of for of in sets if len(of) > 2]


def ordered(value: np.ndarray, stderr: np.ndarray) -> np.ndarray:
    """o (R, R) of divergences (R,) and their errors; equal infinite ones are not ordered."""
    with np.errstate(invalid="ignore"):
        apart = value[None, :] - value[:, None]
    noise = Z * np.hypot(stderr[None, :], stderr[:, None])
    size = np.where(np.isfinite(value), np.abs(value), 0.0)
    noise += SOLVED * np.maximum(size[None, :], size[:, None])
    return np.where(np.abs(apart) > noise, np.sign(np.nan_to_num(apart)), 0).astype(np.int8)


def of_rungs(rungs: Sequence[Rung]) -> Truths:
    """The arrays of a ladder."""
    each = [[getattr(rung, name) for rung in rungs] for name in DIVERGENCES]
    return Truths(
        names=tuple(rung.name for rung in rungs),
        families=tuple(rung.family for rung in rungs),
        strengths=tuple(float(rung.strength) for rung in rungs),
        values=np.array([[one.value for one in of] for of in each], float),
        stderrs=np.array([[one.stderr or 0.0 for one in of] for of in each], float),
        copies=np.array([rung.copies for rung in rungs]),
    )


def as_json(truths: Truths) -> list[dict[str, Any]]:
    """A record for each rung; an infinite divergence is null."""
    records = []
    for r, name in enumerate(truths.names):
        record = {"name": name, "family": truths.families[r], "strength": truths.strengths[r]}
        for d, divergence in enumerate(DIVERGENCES):
            value = float(truths.values[d, r])
            record[divergence] = value if np.isfinite(value) else None
            record[f"{divergence}_stderr"] = float(truths.stderrs[d, r])
        records.append({**record, "copies": bool(truths.copies[r])})
    return records


def from_json(records: Sequence[Mapping[str, Any]]) -> Truths:
    """What `as_json` made plain."""

    def values(name: str) -> list[float]:
        return [np.inf if record[name] is None else record[name] for record in records]

    return Truths(
        names=tuple(record["name"] for record in records),
        families=tuple(record["family"] for record in records),
        strengths=tuple(record["strength"] for record in records),
        values=np.array([values(name) for name in DIVERGENCES]),
        stderrs=np.array([values(f"{name}_stderr") for name in DIVERGENCES]),
        copies=np.array([record["copies"] for record in records]),
    )
