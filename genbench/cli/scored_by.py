"""Who judges files of samples: this process, an executor, or, of a large score, both part by part.

What a store says already of the same samples is not computed again.

A metric that computes a large score in parts puts it together here; its parts are done one after
the other, or by the executor. They stay until the score is done, so that the same command goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.cli.showing import new_console, say
from genbench.words import duration

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from genbench.protocols import Split
    from genbench.records.run import Data, Result, Run
    from genbench.running.brought import Brought
    from genbench.running.data import Sources
    from genbench.running.engines import Engine
    from genbench.running.filed import Filed
    from genbench.running.runner import Environment
    from genbench.running.spreading import Begun, Spread
    from genbench.samples.judging import Counted, Judgement

Judge = Callable[["Brought", str], "Judgement"]
EVERY = 20.0  # seconds between two lines of how far a score is


@dataclass(frozen=True)
class Scoring:
    """On which dataset files are scored, by which metrics, and what was set of each."""

    dataset: str
    metrics: Sequence[str]
    overrides: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, Mapping[str, Any]]
    sources: Sources
    folds: Sequence[Data]
    unmet: Mapping[str, str]

    @property
    def source(self) -> Any:
        return self.sources.dataset(self.dataset)

    def split(self, fold: int) -> Split:
        return self.sources.split(self.dataset, fold)

    @property
    def met(self) -> list[str]:
        """The metrics that can score samples here."""
        return [metric for metric in self.metrics if not self.unmet[metric]]

    def runs(self, one: Brought, metric: str) -> list[Run]:
        """What is asked of a file by a metric: a run for each fold."""
        from genbench.running import brought

        overrides = self.overrides.get(metric, {})
        return brought.runs(one, self.folds, metric, overrides, self.sources)

    def is_large(self, one: Brought, metric: str) -> bool:
        """Whether the score of a file is so large that it is computed in parts."""
        from genbench.plugins import registry
        from genbench.running import spreading

        n_test = len(self.split(self.folds[-1].fold).test)
        return spreading.suits(registry.load("metric", metric), n_test, len(one.samples.rows))


@dataclass
class _Judges:
    """What is scored, where files are by the names of their rows, and what is done already.

    keep: whether the store keeps their rows.
    """

    scoring: Scoring
    paths: Mapping[str, Path]
    environment: Environment
    keep: bool
    quiet: bool
    counts: dict[str, Counted] = field(default_factory=dict)
    finished: list[Spread] = field(default_factory=list)

    def filed(self, one: Brought, metric: str) -> Filed:
        from genbench.running.filed import Filed

        environment, settings = self.environment, self.scoring.settings[metric]
        about = self.scoring.dataset, metric, settings
        places = environment.data_dir, environment.store.features, environment.device
        path = self.paths[one.name].absolute()
        return Filed(path, one.name, *about, *places, environment.threads)

    def whole(self, one: Brought, metric: str, spread: Spread | None = None) -> Judgement:
        """In this process; of what a spread says, its parts elsewhere."""
        from genbench.running.filed import judged

        known = self.scoring.sources, one.samples, self.counted(one)
        return judged(self.filed(one, metric), *known, spread.on if spread else None)

    def counted(self, one: Brought) -> Counted:
        from genbench.samples.judging import counted

        if one.name not in self.counts:
            about = self.scoring.source, self.scoring.split
            self.counts[one.name] = counted(one.samples.rows, *about)
        return self.counts[one.name]

    def kept(self, one: Brought, metric: str) -> list[Result]:
        """What the store says already of these samples, where it keeps their rows."""
        from genbench.running import brought

        runs = self.scoring.runs(one, metric) if self.keep else []
        return brought.kept(self.environment.store, runs)

    def known_or(self, judge: Judge) -> Judge:
        """As `judge`, which is asked only of what the store does not say already."""
        from genbench.running import brought

        def either(one: Brought, metric: str) -> Judgement:
            results = self.kept(one, metric)
            if not results:
                return judge(one, metric)
            return brought.judgement(self.environment.store, results, self.counted(one))

        return either

    def in_parts(self, one: Brought, metric: str, begun: Begun) -> Judgement:
        from genbench.running.spreading import Spread

        scoring, runs = self.scoring, self.scoring.runs(one, metric)
        told = _told(f"{one.name} by {metric}", self.quiet)
        place = self.environment.store.parts(runs[0].score_key)
        of = self.filed(one, metric)
        spread = Spread(of, runs, scoring.source.digest, place, begun, told)
        found = self.whole(one, metric, spread)
        self.finished.append(spread)
        return found

    def here(self) -> Judge:
        from genbench.running import spreading

        def judge(one: Brought, metric: str) -> Judgement:
            if not self.scoring.is_large(one, metric):
                return self.whole(one, metric)
            return self.in_parts(one, metric, spreading.here(self.scoring.sources, one.samples))

        return judge

    def by(self, executor: Executor, rows: Sequence[Brought]) -> Judge:
        """An executor that has all but what comes in parts in hand at once."""
        from genbench.running import clusters, engines, spreading
        from genbench.running.filed import judged

        every = [(one, metric) for one in rows for metric in self.scoring.met]
        todo = [o for o in every if not self.scoring.is_large(*o) and not self.kept(*o)]
        jobs = {(o.name, m): executor.submit(judged, self.filed(o, m)) for o, m in todo}

        def judge(one: Brought, metric: str) -> Judgement:
            if self.scoring.is_large(one, metric):
                return self.in_parts(one, metric, spreading.by(executor))
            try:
                return engines.outcome(jobs[one.name, metric])
            except clusters.LostError:
                return self.whole(one, metric)

        return judge


@contextmanager
def judging(
    rows: Sequence[Brought],
    paths: Sequence[Path],
    scoring: Scoring,
    environment: Environment,
    how: Engine | None,
    keep: bool,
    quiet: bool,
) -> Iterator[Judge]:
    """What judges a file by a metric, with one executor for all; at the end it drops all parts.

    how: who does the work; this process, where nobody is named. keep: whether the store keeps the
    rows of files.
    """
    from genbench.running import engines

    files = {one.name: path for one, path in zip(rows, paths, strict=True)}
    judges = _Judges(scoring, files, environment, keep, quiet)
    if any(scoring.is_large(one, metric) for one in rows for metric in scoring.met):
        environment.store.prepare()  # before any work, where the folder cannot be written
    if how is None:
        yield judges.known_or(judges.here())
    else:
        executor = engines.open(how, environment.workers or 1, environment.threads)
        try:
            yield judges.known_or(judges.by(executor, rows))
        finally:
            executor.shutdown(cancel_futures=True)
    for spread in judges.finished:
        spread.drop()


def _told(what: str, quiet: bool) -> Callable[[int, int, float | None], None]:
    """Says now and then how many blocks of a score are done."""
    from genbench.timing import Since

    said = Since()

    def told(done: int, blocks: int, left: float | None) -> None:
        nonlocal said
        if quiet or blocks == 1 or (done < blocks and said.seconds < EVERY):
            return
        said = Since()
        more = f", about {duration(left)} left" if left is not None and done < blocks else ""
        say(new_console(), f"{what}: {done} of {blocks} blocks{more}")

    return told
