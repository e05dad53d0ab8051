"""A judgement that is kept, read from its record alone: nothing is scored or graded anew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genbench.worlds.judging import truths
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Bags, Estimate, Grade, Preferred
from genbench.worlds.judging.measured import Values
from genbench.worlds.judging.truths import DIVERGENCES

_TOLD = ("world", "caveat", "samples", "sets", "many", "measured", "seconds", "draw", "left_out")


def board(record: Mapping[str, Any]) -> Board:
    """With the grades that the record keeps."""
    ladder = truths.from_json(record["rungs"])
    grades = [grade(one["grade"], [*ladder.members]) for one in record["metrics"]]
    told = {name: record[name] for name in _TOLD}
    return Board(**told, truths=ladder, grades=grades)


def values(record: Mapping[str, Any]) -> dict[str, Values]:
    """By metric, what it said of each set."""
    found: dict[str, Values] = {}
    for one in record["metrics"]:
        of = tuple(np.array(each, float) for each in one["values"])
        apart = np.array(one["apart"], float)
        found[one["metric"]] = Values(one["metric"], one["best"], one["unit"], of, apart)
    return found


def grade(record: Mapping[str, Any], families: Sequence[str]) -> Grade:
    """What `making.as_json` made plain; null is infinite where a number must stand.

    families: of the ladder, in its order, which a file does not keep.
    """
    sure, open_ = ("power_kl", "power_tv", "false_alarms"), ("accuracy", "iso_spread", "copies")
    known: dict[str, Any] = {
        **{name: _estimate(record[name]) for name in sure},
        **{name: record[name] and _estimate(record[name]) for name in open_},
        "preferred": [Preferred(p["rung"], _estimate(p["margin"])) for p in record["preferred"]],
        "order": {d: _estimate(one) for d, one in _in(DIVERGENCES, record["order"])},
        "families": dict(_in(families, record["families"])),
        "limits": {family: _number(one) for family, one in _in(families, record["limits"])},
        "bags": _bags(record["bags"], families),
    }
    return Grade(**{**record, **known})


def _bags(record: Mapping[str, Any], families: Sequence[str]) -> Bags:
    without = dict(_in(families, record["without"]))
    return Bags(**{**record, "mean": _estimate(record["mean"]), "without": without})


def _in(order: Sequence[str], record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The entries of a record, as far as there are such, in an order."""
    return [(name, record[name]) for name in order if name in record]


def _estimate(record: Mapping[str, Any]) -> Estimate:
    return Estimate(**{name: _number(one) for name, one in record.items()})


def _number(value: float | None) -> float:
    return math.inf if value is None else value
