"""Several boards beside each other: each metric's order and power on each of them."""

import math
from types import SimpleNamespace
from typing import Any

from planted_ladders import TRUTHS

from genbench.worlds.judging import sweeps
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Estimate

ORDERS, NOTICED = 0, 1


def board(world: str, samples: int = 60, draw: int | None = None, **at: float) -> Board:
    """Of metrics whose order is `at`, and which notice 1 - `at` nats, below 0 nothing."""
    grades: list[Any] = [
        SimpleNamespace(
            metric=name,
            cluster=1,
            spread=0.0,
            order={"kl": Estimate(value, value - 0.1, value)},
            power_kl=Estimate(1 - value if value > 0 else math.inf, 0.01, math.inf),
        )
        for name, value in at.items()
    ]
    return Board(world, "", samples, 1, 20, [], TRUTHS, grades, draw=draw)


def rows(table: int, *boards: Board) -> dict[str, list[str]]:
    shown = sweeps.tables(boards)[table].frame
    return {str(name): [str(text) for text in texts] for name, *texts in shown.values.tolist()}


def test_each_metric_has_its_order_and_interval_on_each_board() -> None:
    found = rows(ORDERS, board("low", a=0.9, b=0.5), board("high", a=0.4, b=0.3))
    assert found == {
        "a": [".90 [.80, .90]", ".40 [.30, .40]"],
        "b": [".50 [.40, .50]", ".30 [.20, .30]"],
    }


def test_metrics_are_ranked_by_the_mean_over_the_boards_that_have_them() -> None:
    one, other = board("low", a=0.9, b=0.6, c=0.7), board("high", a=0.1, b=0.5)
    assert list(rows(ORDERS, one, other)) == ["c", "b", "a"]
    assert rows(ORDERS, one, other)["c"][1] == "–"


def test_the_least_noticed_stands_first_and_what_notices_nothing_somewhere_last() -> None:
    one, other = board("low", a=0.99, b=0.6, c=-1), board("high", a=-1, b=0.5, c=-1)
    found = rows(NOTICED, one, other)
    assert list(found) == ["b", "a", "c"]
    assert found["b"] == ["0.4 [0.01, none]", "0.5 [0.01, none]"]
    assert found["c"] == ["none [0.01, none]"] * 2


def test_small_divergences_count_as_much_as_large_ones() -> None:
    one, other = board("low", a=0.999, b=0.9), board("high", a=0.01, b=0.3)
    assert list(rows(NOTICED, one, other)) == ["a", "b"]  # by plain means b would be before a


def test_boards_of_one_world_are_told_by_their_rows_and_their_strengths() -> None:
    boards = board("low", a=1, b=0), board("low", 1000, a=1, b=0), board("low", draw=7, a=1, b=0)
    columns = list(sweeps.tables(boards)[ORDERS].frame.columns)
    assert columns == ["metric", "low, 60 rows", "low, 1,000 rows", "low, 60 rows, draw 7"]


def test_one_board_or_the_same_twice_has_nothing_beside_it() -> None:
    assert sweeps.tables([board("low", a=1, b=0)]) == []
    assert sweeps.tables([board("low", a=1, b=0)] * 2) == []


def test_two_metrics_stand_beside_each_other_though_no_agreement_is_known_of_them() -> None:
    found = sweeps.tables([board("low", a=0.9, b=0.5), board("high", a=0.9, b=0.5)])
    assert [one.title for one in found] == [sweeps.ORDERS, sweeps.NOTICED]
