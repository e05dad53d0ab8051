"""How many independent rows the states of Markov chains are worth.

The mean of n rows that chains gave varies as that of n_eff independent ones would:

    n_eff = Σ_j var(x_j) / Σ_j var(mean of x_j)          over the entries j of a row
    var(mean of x_j) = var over chains of a chain's mean / chains

With t states a chain, autocorrelations ρ_k and n = chains t that is n / (1 + 2 Σ_k (1 - k/t) ρ_k).
Of few chains each is cut into blocks of about √t states, whose means stand for those of chains.
"""

from __future__ import annotations

import math

import numpy as np

FEW = 20  # chains, below which the spread of their means is too uncertain


def effective_rows(rows: np.ndarray, chains: int) -> float:
    """n_eff of rows (n, d), step by step: rows [t chains, (t + 1) chains) are t-th states.

    At most n. Raises ValueError where there is one block alone, whose mean has no spread.

    >>> rows = np.random.default_rng(0).random((1000, 5))
    >>> 800 < effective_rows(rows, chains=100) <= 1000
    True
    """
    chains = min(chains, len(rows))
    steps = len(rows) // chains
    states = rows[: steps * chains].reshape(steps, chains, -1).astype(np.float64)
    blocks = states if chains >= FEW else _cut(states)
    if blocks.shape[1] < 2:
        raise ValueError(f"{len(rows)} states of {chains} chains are too few to say how they mix")
    of_rows = blocks.var(axis=(0, 1)).sum()
    of_mean = blocks.mean(axis=0).var(axis=0, ddof=1).sum() / blocks.shape[1]
    n = blocks.shape[0] * blocks.shape[1]
    return float(min(n, of_rows / of_mean)) if of_mean > 0 else float(n)


def _cut(states: np.ndarray) -> np.ndarray:
    """States (t, chains, d) as (√t, chains √t, d): each chain in blocks of neighbours."""
    steps, chains, d = states.shape
    size = math.isqrt(steps)
    count = steps // size
    whole = states[: count * size].reshape(count, size, chains, d)
    return whole.transpose(1, 2, 0, 3).reshape(size, chains * count, d)
