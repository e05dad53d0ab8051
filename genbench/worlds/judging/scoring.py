"""Every set of a judgement scored by every metric; each set is kept as soon as it is done.

    FOLDER/judgement/sets/WORLD-N/RUNG.SET.json    {"values": {metric: {key, value, seconds}}}

A metric is given rows, as it is of any model: the drawn rows of a rung, as they would be stored;
the world's training and validation rows; and N test rows, drawn from the truth for the set's
number. What a rung is called it never learns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.errors import AlteredError, GenbenchError, StoreError, UsageError, reason
from genbench.plugins.code import FEATURES
from genbench.protocols import Best, Split
from genbench.records import files, judgements
from genbench.records.run import Data
from genbench.records.store import Store
from genbench.running import engines
from genbench.running.clusters import LostError
from genbench.running.conditions import settled
from genbench.running.data import TUNING_ROWS, Sources
from genbench.running.engines import Engine
from genbench.samples import judging
from genbench.samples.featured import Featured
from genbench.samples.pixels import as_stored
from genbench.seeding import generator, seeded
from genbench.timing import Clock, timed
from genbench.worlds.judging.asked import (
    FOLD,
    Judge,
    Judgement,
    Unit,
    check,
    key,
    of_kept,
    of_rung,
    rungs,
)
from genbench.worlds.judging.truths import Truths, as_json
from genbench.worlds.ladder import Rung

POLL = 2.0  # seconds between two looks at what other processes have kept
_REFUSED = (GenbenchError, ValueError, TypeError, LookupError, RuntimeError)


@dataclass(frozen=True)
class Work:
    """What a process needs to score sets of a judgement: names and places only."""

    judgement: Judgement
    judges: tuple[Judge, ...]
    data_dir: Path
    results_dir: Path

    def path(self, unit: Unit) -> Path:
        """Where the values of a set are kept."""
        asked = self.judgement
        whole = judgements.place(self.results_dir, asked.world, asked.samples, asked.draw)
        return whole.parent / "sets" / whole.stem / f"{unit.name}.json"


class Scorer:
    """A world with its ladder, and the metrics, ready to score sets."""

    def __init__(self, work: Work, sources: Sources | None = None) -> None:
        self.work = work
        asked = work.judgement
        sources = sources or Sources(work.data_dir)
        self.world: Any = sources.dataset(asked.world)
        self.data: Data = sources.identity(asked.world, FOLD)
        self.ladder: tuple[Rung, ...] = rungs(self.world, asked.draw)
        self.truths: Truths = check(asked.world, self.ladder)
        self._records = as_json(self.truths)
        self._split: Split = sources.split(asked.world, FOLD)
        self._metrics = [judging.metric_with(j.metric, j.settings) for j in work.judges]
        self._features: dict[str, Any] = {}
        self._sources = sources

    def lacking(self, unit: Unit) -> list[Judge]:
        """The metrics that a set has no value of yet; of truth sets apart, those that need one."""
        kept = _kept(self.work.path(unit))
        return [
            judge
            for judge, metric in zip(self.work.judges, self._metrics, strict=True)
            if kept.get(judge.metric, {}).get("key") != self._key(judge, unit)
            and (not unit.apart or metric.best == "real")
        ]

    def best(self, judge: Judge) -> Best:
        """The metric's own."""
        return self._metrics[self.work.judges.index(judge)].best

    def unit(self, judge: Judge) -> str:
        """The metric's own."""
        return self._metrics[self.work.judges.index(judge)].unit

    def _key(self, judge: Judge, unit: Unit) -> str:
        rows = of_kept(unit.kept) if unit.kept else of_rung(self._records[unit.rung])
        return key(self.work.judgement, self.data, judge, rows)

    def value(self, judge: Judge, unit: Unit) -> float | str:
        """What is kept of a metric on a set: its value, or why it gave none."""
        one = _kept(self.work.path(unit))[judge.metric]
        return one["error"] if one["value"] is None else one["value"]

    def seconds(self, unit: Unit) -> float:
        """What the metrics of this judgement took on a set."""
        kept = _kept(self.work.path(unit))
        names = {judge.metric for judge in self.work.judges}
        return math.fsum(one["seconds"] for name, one in kept.items() if name in names)

    def score(self, unit: Unit) -> None:
        """Scores a set by the metrics that lack it, and keeps all of its values."""
        path, lacking = self.work.path(unit), self.lacking(unit)
        if not lacking:
            return
        given = self._given(unit)
        found = {judge.metric: self._scored(judge, unit, given) for judge in lacking}
        files.write_json(path, {"values": {**_kept(path), **found}})

    def _scored(self, judge: Judge, unit: Unit, given: judging.Given) -> dict[str, Any]:
        metric = judging.metric_with(judge.metric, judge.settings)
        features, clock = judge.settings.get(FEATURES), Clock()
        shown = judging.Given(**{**vars(given), "features": self._of(features)})
        error, value = "", None
        with timed(torch.device("cpu"), clock):
            try:
                stream = (*self._stream(unit), judge.metric)
                value = float(judging.score(judge.metric, metric, shown, stream).value)
            except _REFUSED as refused:
                error = reason(refused)
        seconds = round(clock.seconds, 4)
        return {"key": self._key(judge, unit), "value": value, "error": error, "seconds": seconds}

    def _of(self, features: str | None) -> Any:
        """Features of this world's rows; metrics that take the same share what is computed."""
        if not features:
            return None
        if features not in self._features:
            found = Featured(features, self.world, self.work.data_dir).of(self._split)
            self._features[features] = found
        return self._features[features]

    def _stream(self, unit: Unit) -> tuple[str, ...]:
        asked, name = self.work.judgement, "apart" if unit.apart else self.truths.names[unit.rung]
        name = unit.kept.key if unit.kept else name
        return ("judge", asked.world, str(asked.draw), str(asked.samples), name, str(unit.number))

    def _given(self, unit: Unit) -> judging.Given:
        """The rows of a set, and what they are compared with."""
        asked, n = self.work.judgement, self.work.judgement.samples
        side = "apart" if unit.apart else "test"
        with seeded("judge", asked.world, str(n), side, unit.number):
            test = self.world.density.draw(n)
        split = self._split
        shown = Split(split.train[: asked.train], split.valid[:TUNING_ROWS], test)
        return judging.given(self._rows(unit), self.world, shown)

    def _rows(self, unit: Unit) -> np.ndarray:
        """The rows of a set (n, d) as they are stored; raises UsageError where they are gone."""
        n = self.work.judgement.samples
        if unit.kept is None:
            drawn = self.ladder[unit.rung].draw(n, generator(*self._stream(unit)))
            return as_stored(drawn, self.world)
        drawn = Store(unit.kept.folder).samples(unit.kept.run)
        if drawn is None:
            raise UsageError(f"the samples of {unit.kept.run.model} were deleted in the meantime")
        order = generator("judge", "model", unit.kept.key).permutation(len(drawn[0]))
        return drawn[0][order[unit.kept.part * n :][:n]]


def _kept(path: Path) -> Mapping[str, Any]:
    """The values of a set by metric; none of a file that is not there, or was damaged."""
    try:
        return files.read_json(path)["values"] if path.exists() else {}
    except AlteredError:
        return {}


def scored(
    scorer: Scorer,
    every: Sequence[Unit],
    workers: int,
    threads: int | None,
    engine: Engine | None = None,
) -> Iterator[int]:
    """Scores what no file holds yet; yields, now and then, how many sets are still to be done.

    engine: who does it; None for this process, or for `workers` more than one processes of this
    machine. What lost workers leave, this process does itself.

    Ctrl-C leaves what is kept: the same call goes on from there. Raises UsageError where the folder
    cannot be written.
    """
    todo = [unit for unit in every if scorer.lacking(unit)]
    yield len(todo)
    try:
        if engine is not None or workers > 1:
            yield from _apart(scorer, todo, workers, threads, engine or Engine())
            todo = [unit for unit in todo if scorer.lacking(unit)]
        yield from _here(scorer, todo)
    except StoreError as error:
        raise UsageError(f"{error}; --results-dir names another folder") from error


def _here(scorer: Scorer, todo: Sequence[Unit]) -> Iterator[int]:
    for done, unit in enumerate(todo, start=1):
        scorer.score(unit)
        yield len(todo) - done


def _apart(
    scorer: Scorer, todo: Sequence[Unit], workers: int, threads: int | None, engine: Engine
) -> Iterator[int]:
    """Each process takes every so-manyth set, since it has to build the world once."""
    executor = engines.open(engine, workers, threads)
    workers = engines.places(executor, workers)
    shares = [todo[i::workers] for i in range(workers) if todo[i::workers]]
    futures = {executor.submit(of_share, scorer.work, share, threads) for share in shares}
    waiting, left = set(futures), list(todo)
    try:
        while waiting:
            done, waiting = wait(waiting, timeout=POLL)
            for future in done:
                with suppress(LostError):  # what it leaves is lacking
                    engines.outcome(future)
            left = [unit for unit in left if scorer.lacking(unit)]
            yield len(left)
    finally:
        executor.shutdown(cancel_futures=True)  # of what is done nothing is left to cancel


def of_share(work: Work, share: Sequence[Unit], threads: int | None) -> None:
    """Scores some sets, in a process of their own."""
    with settled(threads):
        scorer = Scorer(work)
        for unit in share:
            scorer.score(unit)
