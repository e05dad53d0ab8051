"""A judgement made: all sets scored, every metric graded, and the whole kept as one record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from genbench.errors import StoreError, UsageError
from genbench.plugins import registry
from genbench.records import files, judgements
from genbench.running.data import Sources
from genbench.running.provenance import machine
from genbench.seeding import generator
from genbench.worlds.judging import grading, truths, wording
from genbench.worlds.judging.asked import (
    FOLD,
    Judge,
    Judgement,
    Unit,
    judges,
    lacking,
    measured_rungs,
)
from genbench.worlds.judging.asked import units as units_of
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Grade
from genbench.worlds.judging.measured import Values
from genbench.worlds.judging.scoring import Scorer, Work


@dataclass(frozen=True)
class Plan:
    """A judgement that can begin: its sets, and the metrics that cannot take part."""

    scorer: Scorer
    units: tuple[Unit, ...]
    left_out: Mapping[str, str]


def planned(asked: Judgement, metrics: Sequence[str], sources: Sources, results_dir: Path) -> Plan:
    """Raises UsageError where the dataset is no world, or no metric can judge its rows."""
    check_world(asked.world, sources)
    data = sources.identity(asked.world, FOLD)
    found, left_out = judges(metrics, data, sources)
    if not found:
        said = "; ".join(left_out.values())
        raise UsageError(f"no metric can be judged on {asked.world}: {said}")
    scorer = Scorer(Work(asked, tuple(found), sources.data_dir, results_dir), sources)
    return Plan(scorer, tuple(units_of(scorer.truths, asked.seeds, True)), left_out)


def check_world(name: str, sources: Sources) -> None:
    """Raises UsageError where a dataset is no world, with those there are; fits none."""
    why = lacking(sources.dataset(name))
    if why:
        raise UsageError(f"{name} is no world: {why}; {registry.nearest(name, _worlds())}")


def _worlds() -> Iterator[str]:
    """The registered datasets that are worlds."""
    for name in registry.names("dataset"):
        with suppress(UsageError):  # a stranger's module that cannot be imported
            if not lacking(registry.load("dataset", name)):
                yield name


@dataclass(frozen=True)
class Record:
    """A judgement that is kept: its board, the values behind it, and with what it was made."""

    board: Board
    values: Mapping[str, Values]
    judges: Mapping[str, Judge]
    digest: str
    seeds: Sequence[int]
    made_with: Mapping[str, Any]


def finished(plan: Plan) -> Record:
    """The judgement of sets that are all scored; a metric that refused a set is left out."""
    scorer, asked = plan.scorer, plan.scorer.work.judgement
    left_out, every = dict(plan.left_out), {}
    for judge in scorer.work.judges:
        try:
            every[judge.metric] = _values(judge, plan)
        except UsageError as error:
            left_out[judge.metric] = str(error)
    measured = measured_rungs(scorer.truths)
    board = Board(
        world=asked.world,
        caveat=scorer.data.caveat,
        samples=asked.samples,
        sets=len(asked.seeds),
        many=sum(unit.rung == 0 and not unit.apart for unit in plan.units),
        measured=[scorer.truths.names[r] for r in measured],
        truths=scorer.truths,
        grades=graded(list(every.values()), scorer.truths),
        left_out=left_out,
        seconds=sum(scorer.seconds(unit) for unit in plan.units),
        draw=asked.draw,
    )
    by_name = {judge.metric: judge for judge in scorer.work.judges if judge.metric in every}
    return Record(board, every, by_name, scorer.data.digest, asked.seeds, machine())


def _values(judge: Judge, plan: Plan) -> Values:
    """All values of one metric; raises UsageError where it refused a set, with its reason."""
    found: dict[Unit, float] = {}
    for unit in plan.units:
        if unit.apart and plan.scorer.best(judge) != "real":
            continue
        value = plan.scorer.value(judge, unit)
        if isinstance(value, str):
            name = plan.scorer.truths.names[unit.rung]
            raise UsageError(f"it gave no value of a set of {name}: {value}")
        found[unit] = value
    of = [
        np.array([v for unit, v in found.items() if unit.rung == r and not unit.apart])
        for r in range(len(plan.scorer.truths.names))
    ]
    apart = np.array([v for unit, v in found.items() if unit.apart])
    best, unit = plan.scorer.best(judge), plan.scorer.unit(judge)
    return Values(judge.metric, best, unit, tuple(of), apart)


def graded(every: Sequence[Values], ladder: truths.Truths) -> list[Grade]:
    """The grades of several metrics on one ladder, with their clusters."""
    found = [grading.grade(of, ladder, generator("judge", "grade", of.metric)) for of in every]
    order = [wording.order_of(one).value for one in found]
    clusters = grading.clustered(order, [one.spread for one in found])
    return [replace(one, cluster=of) for one, of in zip(found, clusters, strict=True)]


def put(record: Record, results_dir: Path) -> Path:
    """Keeps a judgement; raises UsageError where the folder is not writable."""
    board = record.board
    path = judgements.place(results_dir, board.world, board.samples, board.draw)
    try:
        files.write_json(path, as_json(record))
    except StoreError as error:
        raise UsageError(f"{error}; --results-dir names another folder") from error
    return path


def as_json(record: Record) -> dict[str, Any]:
    """A judgement as plain data; what is infinite or no number is null."""
    board = record.board
    metrics = [
        {
            **record.judges[grade.metric].as_json(),
            "best": record.values[grade.metric].best,
            "unit": record.values[grade.metric].unit,
            "values": [of.tolist() for of in record.values[grade.metric].of_rungs],
            "apart": record.values[grade.metric].apart.tolist(),
            "grade": plain(asdict(grade)),
            "short": wording.short(grade),
            "sentence": wording.sentence(grade),
            "failure": wording.failure(grade, board.truths),
        }
        for grade in board.ranked
    ]
    about = ("world", "caveat", "samples", "sets", "many", "seconds", "draw")
    return {
        **{name: getattr(board, name) for name in about},
        "measured": list(board.measured),
        "left_out": dict(board.left_out),
        "digest": record.digest,
        "seeds": list(record.seeds),
        "made_with": dict(record.made_with),
        "rungs": truths.as_json(board.truths),
        "metrics": metrics,
    }


def plain(value: Any) -> Any:
    """JSON of nested values: tuples as lists, infinite numbers and NaN as null.

    >>> plain({"a": (1.0, float("inf"))})
    {'a': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
