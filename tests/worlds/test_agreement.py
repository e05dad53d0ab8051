"""Two boards beside each other: whether they order the same metrics alike."""

from types import SimpleNamespace
from typing import Any

import pytest
from planted_ladders import TRUTHS
from scipy.stats import kendalltau

from genbench.worlds.judging import agreement
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Estimate


def board(world: str, spread: float = 0.0, samples: int = 60, **orders: float) -> Board:
    grades: list[Any] = [
        SimpleNamespace(metric=name, cluster=1, spread=spread, order={"kl": Estimate(at, at, at)})
        for name, at in orders.items()
    ]
    return Board(world, "", samples, 1, 20, [], TRUTHS, grades)


ONE = board("one", a=0.9, b=0.7, c=0.2, d=-0.1)


def test_the_same_order_is_one_and_the_reverse_minus_one() -> None:
    assert agreement.agreement(ONE, board("other", a=0.4, b=0.3, c=0.2, d=0.1)).value == 1
    assert agreement.agreement(ONE, board("other", a=0.1, b=0.2, c=0.3, d=0.4)).value == -1


def test_it_is_kendalls_tau_over_the_metrics_that_both_have() -> None:
    other = board("other", d=0.5, b=0.9, a=0.6, e=0.0)
    expected = kendalltau([0.9, 0.7, -0.1], [0.6, 0.9, 0.5]).statistic
    assert agreement.agreement(ONE, other).value == pytest.approx(expected)


def test_orders_within_their_spread_leave_it_open_and_sharp_ones_do_not() -> None:
    noisy = agreement.agreement(
        board("one", 0.5, a=0.9, b=0.7, c=0.2), board("other", 0.5, a=0.9, b=0.7, c=0.2)
    )
    assert noisy.low < 0 < noisy.high
    sharp = agreement.agreement(ONE, board("other", a=0.4, b=0.3, c=0.2, d=0.1))
    assert sharp.low == sharp.high == 1


def test_the_metric_that_moves_most_is_named() -> None:
    (line,) = agreement.frame([ONE, board("other", a=0.8, b=0.75, c=0.9)]).to_dict("records")
    assert line["moves most"] == "c, .20 to .90"
    assert line["metrics"] == "3"


def test_boards_that_share_two_metrics_are_not_compared() -> None:
    assert agreement.frame([ONE, board("other", a=0.8, b=0.75)]).empty
    assert agreement.frame([ONE]).empty


def test_boards_of_one_world_are_told_by_their_rows() -> None:
    (line,) = agreement.frame([ONE, board("one", samples=1000, a=1, b=2, c=3)]).to_dict("records")
    assert line["board"] == "one, 60 rows"
    assert line["other board"] == "one, 1,000 rows"
