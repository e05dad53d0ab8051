"""Several boards beside each other: how a metric's worth changes with world, rows and strengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genbench.words import MISSING
from genbench.worlds.judging import agreement, wording
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Estimate, Grade

ORDERS = "Order in families on each board"
NOTICED = "Least KL noticed on each board"
_TINY = 1e-300  # nats, so that 0 has a logarithm
_BRACKETS = f"{MISSING}: not judged there; in brackets 95 % intervals over sets drawn anew"

_ORDER = (
    "order in families: Kendall's tau with KL within one defect, averaged over families; metrics "
    f"by its mean over the boards that have them, the highest first; {_BRACKETS}"
)
_LEAST = (
    "least KL noticed: in nats, in the median family, none where that is not noticed; metrics by "
    "its geometric mean over the boards that have them, the lowest first, those that notice none "
    f"on some board after them; {_BRACKETS}"
)


@dataclass(frozen=True)
class Sweep:
    """A table of several boards; every cell of `frame` a text."""

    name: str
    title: str
    frame: pd.DataFrame
    note: str


def tables(boards: Sequence[Board]) -> list[Sweep]:
    """Each metric on each board, then whether two boards order metrics alike; none of one board."""
    each = list({one.name: one for one in boards}.values())
    if len(each) < 2:
        return []
    orders = _frame(each, wording.order_of, wording.interval, _by_order)
    noticed = _frame(each, _power, wording.least, _by_power)
    found = [
        Sweep("orders", ORDERS, orders, _ORDER),
        Sweep("noticed", NOTICED, noticed, _LEAST),
        Sweep("agreement", agreement.TITLE, agreement.frame(each), agreement.NOTE),
    ]
    return [one for one in found if len(one.frame)]


def _frame(
    boards: Sequence[Board],
    of: Callable[[Grade], Estimate],
    text: Callable[[Estimate], str],
    rank: Callable[[np.ndarray], tuple[float, ...]],
) -> pd.DataFrame:
    """A row for each metric, by the rank of its values on all boards, a column for each board."""
    on_each = [{grade.metric: of(grade) for grade in board.grades} for board in boards]
    names = dict.fromkeys(name for on in on_each for name in on)
    scores = {name: [on.get(name) for on in on_each] for name in names}
    known = {name: np.array([one.value for one in scores[name] if one]) for name in names}
    ranked = sorted(names, key=lambda name: (rank(known[name]), name))
    texts = [[name, *(text(one) if one else MISSING for one in scores[name])] for name in ranked]
    return pd.DataFrame(texts, columns=["metric", *(board.name for board in boards)])


def _power(grade: Grade) -> Estimate:
    return grade.power_kl


def _by_order(values: np.ndarray) -> tuple[float, ...]:
    return (-float(values.mean()),)


def _by_power(values: np.ndarray) -> tuple[float, ...]:
    """The share of boards on which nothing is noticed, then the mean logarithm of the others."""
    noticed = values[np.isfinite(values)]
    mean = float(np.log(np.maximum(noticed, _TINY)).mean()) if len(noticed) else 0.0
    return float(np.isinf(values).mean()), mean
