"""The board of a judgement that is kept, from its record alone: nothing is graded anew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from genbench.worlds.judging import truths
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Bags, Estimate, Grade, Preferred

_TOLD = ("world", "caveat", "samples", "sets", "many", "measured", "seconds", "draw", "left_out")


def board(record: Mapping[str, Any], grades: Sequence[Grade] | None = None) -> Board:
    """With the grades that the record keeps, or with others."""
    if grades is None:
        grades = [grade(one["grade"]) for one in record["metrics"]]
    told = {name: record[name] for name in _TOLD}
    return Board(**told, truths=truths.from_json(record["rungs"]), grades=grades)


def grade(record: Mapping[str, Any]) -> Grade:
    """What `making.as_json` made plain; null is infinite where a number must stand."""
    sure, open_ = ("power_kl", "power_tv", "false_alarms"), ("accuracy", "iso_spread", "copies")
    known: dict[str, Any] = {
        **{name: _estimate(record[name]) for name in sure},
        **{name: record[name] and _estimate(record[name]) for name in open_},
        "preferred": [Preferred(p["rung"], _estimate(p["margin"])) for p in record["preferred"]],
        "order": {divergence: _estimate(one) for divergence, one in record["order"].items()},
        "limits": {family: _number(one) for family, one in record["limits"].items()},
        "bags": Bags(**{**record["bags"], "mean": _estimate(record["bags"]["mean"])}),
    }
    return Grade(**{**record, **known})


def _estimate(record: Mapping[str, Any]) -> Estimate:
    return Estimate(**{name: _number(one) for name, one in record.items()})


def _number(value: float | None) -> float:
    return math.inf if value is None else value
