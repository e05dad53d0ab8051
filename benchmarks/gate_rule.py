"""The rule of gate.py: when a benchmark is slower."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

ALPHA = 0.01
SLOWER, FASTER = "slower", "faster"


@dataclass(frozen=True)
class Verdict:
    """Medians in seconds, head / base, p of the direction that the ratio has, and the word."""

    base: float
    head: float
    ratio: float
    p: float
    word: str


def judge(
    measured: Mapping[str, tuple[Sequence[float], Sequence[float]]], factor: float
) -> dict[str, Verdict]:
    """The verdict on each benchmark from its seconds at base and at head, one number a process.

    slower: p < ALPHA and ratio > factor; faster: the same of 1 / ratio. All have equally many.
    """
    if not measured:
        return {}
    base, head = (np.array([pair[side] for pair in measured.values()]) for side in (0, 1))
    slower, faster = (
        holm(mannwhitneyu(head, base, alternative=tail, method="exact", axis=1).pvalue)
        for tail in ("greater", "less")
    )
    middle = np.median(base, axis=1), np.median(head, axis=1)
    found = {}
    for name, b, h, up, down in zip(measured, *middle, slower, faster, strict=True):
        ratio, p = h / b, (up if h >= b else down)
        beyond = max(ratio, 1 / ratio) > factor and p < ALPHA
        word = (SLOWER if h >= b else FASTER) if beyond else ""
        found[name] = Verdict(float(b), float(h), float(ratio), float(p), word)
    return found


def holm(p: np.ndarray) -> np.ndarray:
    """Of k ordered p-values: max over i <= j of min(1, (k - i + 1) p_i), i from 1 (Holm 1979)."""
    order, k = np.argsort(p), len(p)
    adjusted = np.empty(k)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, np.arange(k, 0, -1) * p[order]))
    return adjusted


def rounds_needed(k: int) -> int:
    """The fewest rounds n after which one of k benchmarks can be slower: k / (2n over n) < ALPHA.

    >>> rounds_needed(1), rounds_needed(100)
    (5, 8)
    """
    return next(n for n in range(1, 100) if k / math.comb(2 * n, n) < ALPHA)
