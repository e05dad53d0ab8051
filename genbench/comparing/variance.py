"""Where the variance of a score comes from: test examples, blocks of them, sample sets, seeds.

Conventions
    ll: per-example scores (S, K, n) of S seeds with K sample sets each, on n test rows in the order
    of their file. A block of b rows is b neighbours: n rows make n // b blocks whose sizes differ
    by at most one, so that no row is dropped.
    Sets are nested in seeds, rows in blocks, and the two sides are crossed: every set is scored on
    every row.

Source: Searle, Casella and McCulloch, Variance Components, 1992, chapter 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MeanSquares = dict[tuple[str, str], tuple[float, int]]


@dataclass(frozen=True)
class Components:
    """Variances of a single score, one test example of one sample set of one seed, by source.

    ll = mean + seed + sample set(seed) + block + example(block) + interactions

    None where there is nothing to estimate one from. A value can be below 0, as an unbiased
    estimate of a small variance must now and then; `shown` has 0 there. Where there is only one
    seed, sample_sets are those of this seed; where one set of each, a seed's variance includes its
    set's; where one of both, the examples' variance includes the remainder, interactions.
    """

    examples: float | None
    blocks: float | None
    sample_sets: float | None
    seeds: float | None
    remainder: float | None
    counts: Mapping[str, int]

    @property
    def shown(self) -> dict[str, float | None]:
        """What is printed: by name, and 0 for a negative estimate."""
        names = ("examples", "blocks", "sample_sets", "seeds", "remainder")
        values = {name: getattr(self, name) for name in names}
        return {name: None if v is None else max(0.0, v) for name, v in values.items()}


def components(ll: np.ndarray, block: int = 1) -> Components:
    """Variance of single scores ll (S, K, n) by source, from the mean squares of the nested design.

    With S seeds, K sets of each, and blocks of q rows:
        σ²_sets = (MS_sets - MS_sets×blocks) / n
        σ²_seeds = (MS_seeds - MS_seeds×blocks - MS_sets + MS_sets×blocks) / (K n)
        σ²_examples = (MS_examples - MS_seeds×examples) / (S K)
        σ²_blocks = (MS_blocks - MS_seeds×blocks - MS_examples + MS_seeds×examples) / (S K q)
    and the remainder is what the interactions add up to. Without blocks (block = 1), examples take
    their place; with one seed, sets take that of seeds. Source: Searle et al. 1992, chapter 4.
    Raises ValueError where n makes fewer than two blocks.
    """
    ll = np.asarray(ll, float)
    seeds, sets, n = ll.shape
    at_least_two(n, block)
    squares, top, q = mean_squares(ll, block), independent(block), n / blocks_in(n, block)

    def of(models: str, rows: str) -> float:
        return squares.get((models, rows), (0.0, 0))[0]

    other = "seeds" if seeds > 1 else "sets"  # what examples are crossed with
    between = of("seeds", "") - of("seeds", top) - of("sets", "") + of("sets", top)
    examples = (of("", "examples") - of(other, "examples")) / (seeds * sets)
    blocks = of("", "blocks") - of(other, "blocks") - of("", "examples") + of(other, "examples")
    return Components(
        examples=examples,
        blocks=blocks / (seeds * sets * q) if block > 1 else None,
        sample_sets=(of("sets", "") - of("sets", top)) / n if sets > 1 else None,
        seeds=between / (sets * n) if seeds > 1 else None,
        remainder=_interactions(squares, sets, q) if seeds * sets > 1 else None,
        counts={"seeds": seeds, "sample sets": sets, "test examples": n, "blocks": round(n / q)},
    )


def _interactions(squares: MeanSquares, sets: int, q: float) -> float:
    """Σ of the variances of (sets, seeds) × (examples, blocks), those that can be told apart."""

    def beyond(models: str) -> np.ndarray:
        """The mean square by rows, and what that by blocks has beyond it."""
        single, _ = squares.get((models, "examples"), (0.0, 0))
        block, _ = squares.get((models, "blocks"), (single, 0))
        return np.array([single, block - single])

    rows = np.array([1, q])
    found = (beyond("sets") / rows).sum()
    if ("seeds", "examples") in squares:
        found += ((beyond("seeds") - beyond("sets")) / (sets * rows)).sum()
    return float(found)


def mean_squares(ll: np.ndarray, block: int) -> MeanSquares:
    """Mean squares of ll (S, K, n) and their degrees of freedom, where there are any.

    By what differs between models ("seeds", "sets", or "" for their mean) and what differs
    between rows ("blocks", "examples", or "" for their mean).
    """
    seeds, sets, _ = ll.shape
    mean, by_seed = ll.mean(axis=(0, 1), keepdims=True), ll.mean(axis=1, keepdims=True)
    models = {
        "": (mean, 1),
        "seeds": (by_seed - mean, seeds - 1),
        "sets": (ll - by_seed, seeds * (sets - 1)),
    }
    squares: MeanSquares = {}
    for name, (effect, df) in models.items():
        for column, (part, columns) in _by_rows(effect, block).items():
            if df * columns > 0:
                total = float((part**2).sum()) * ll.size / effect.size
                squares[name, column] = total / (df * columns), df * columns
    return squares


def _by_rows(effect: np.ndarray, block: int) -> dict[str, tuple[np.ndarray, int]]:
    """effect (..., n) = its mean + what blocks deviate + what rows deviate, each with its df."""
    n = effect.shape[-1]
    mean = effect.mean(axis=-1, keepdims=True)
    parts = {"": (np.broadcast_to(mean, effect.shape), 1)}
    if block == 1:
        return {**parts, "examples": (effect - mean, n - 1)}
    count = blocks_in(n, block)
    place = np.arange(n) * count // n
    starts = np.searchsorted(place, np.arange(count))
    sums = np.add.reduceat(effect, starts, axis=-1)
    means = (sums / np.bincount(place))[..., place]
    return {**parts, "blocks": (means - mean, count - 1), "examples": (effect - means, n - count)}


def blocks_in(n: int, block: int) -> int:
    """How many blocks n rows make."""
    return max(1, n // block)


def at_least_two(n: int, block: int) -> None:
    """Raises ValueError where n rows make fewer than two blocks."""
    if blocks_in(n, block) < 2:
        raise ValueError(f"{n} rows make no two blocks of {block}")


def independent(block: int) -> str:
    """What is taken for independent among rows."""
    return "examples" if block == 1 else "blocks"
