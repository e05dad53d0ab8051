"""The exact interval of a share, of which so many were counted: Clopper & Pearson 1934."""

from __future__ import annotations

LEVEL = 0.95


def clopper_pearson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of p, where k of n were counted: P(K ≥ k | low) = P(K ≤ k | high) = 2.5 %.

    Raises ValueError where that is no count.

    >>> [round(end, 2) for end in clopper_pearson(0, 5)]
    [0.0, 0.52]
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"so many of so many, such as 0 of 5; got {k} of {n}")
    from scipy import special  # here, as it takes a quarter of a second to load

    tail = (1 - LEVEL) / 2
    low = special.betaincinv(k, n - k + 1, tail) if k else 0.0
    high = special.betaincinv(k + 1, n - k, 1 - tail) if k < n else 1.0
    return float(low), float(high)
