"""How far two boards order the same metrics alike: over worlds, over rows of a set, over strengths.

    tau = mean over pairs of metrics i < j of sign(a_i - a_j) sign(b_i - b_j)
a_i is the order in families of metric i on one board, b_i on the other. Its interval comes from
orders drawn anew, a_i + s_i e with s_i the spread that the board itself found.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from genbench.seeding import generator
from genbench.worlds.judging import grading, wording
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Estimate

FEWEST = 3  # metrics, of which there are three pairs
TITLE = "Whether two boards order the metrics alike"
NOTE = (
    "same order: Kendall's tau between the orders in families of the metrics that both boards "
    "have; in brackets 95 % intervals over sets drawn anew"
)


def frame(boards: Sequence[Board]) -> pd.DataFrame:
    """A row for each two boards that share metrics enough; every cell a text."""
    return pd.DataFrame(
        [
            {
                "board": one.name,
                "other board": other.name,
                "metrics": str(len(shared)),
                "same order (tau)": wording.interval(agreement(one, other)),
                "moves most": _moved(one, other),
            }
            for one, other in combinations(boards, 2)
            if len(shared := _shared(one, other)) >= FEWEST
        ]
    )


def agreement(one: Board, other: Board) -> Estimate:
    """Kendall's tau of the orders of the metrics that both have."""
    orders = [_orders(board, _shared(one, other)) for board in (one, other)]
    random = generator("judge", "agreement", one.name, other.name)
    anew = [
        value + spread * random.standard_normal((grading.RESAMPLED, len(value)))
        for value, spread in orders
    ]
    (a, _), (b, _) = orders
    return grading.estimated(float(_tau(a, b)), _tau(*anew), grading.TAU)


def _tau(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Over pairs of the last axis, (..., n) -> (...)."""
    i, j = np.triu_indices(a.shape[-1], 1)
    return (np.sign(a[..., i] - a[..., j]) * np.sign(b[..., i] - b[..., j])).mean(axis=-1)


def _orders(board: Board, metrics: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The order of each metric, and its spread."""
    grades = {grade.metric: grade for grade in board.grades}
    value = np.array([wording.order_of(grades[metric]).value for metric in metrics])
    return value, np.array([grades[metric].spread for metric in metrics])


def _shared(one: Board, other: Board) -> list[str]:
    names = {grade.metric for grade in other.grades}
    return [grade.metric for grade in one.ranked if grade.metric in names]


def _moved(one: Board, other: Board) -> str:
    """The metric whose order differs most: "recall, .36 to .81"."""
    shared = _shared(one, other)
    (a, _), (b, _) = (_orders(board, shared) for board in (one, other))
    k = int(np.abs(a - b).argmax())
    return f"{shared[k]}, {wording.share(a[k])} to {wording.share(b[k])}"
