"""One training and all that hangs on it: fit, sample, score, each done once and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.errors import StoreError
from genbench.plugins import registry
from genbench.plugins.code import FEATURES
from genbench.plugins.settings import of_settings
from genbench.protocols import Score, needs
from genbench.records import observed
from genbench.records.observed import Drawn
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running import drawing, provenance, training
from genbench.running.bench import Bench
from genbench.running.data import Sources
from genbench.samples import judging
from genbench.samples.judging import Given
from genbench.samples.pixels import digests
from genbench.timing import Clock, Pace, timed


class Work:
    """The three stages of runs that share one training.

    `rerun` does again what the store holds, each stage once, and replaces it when it is done.
    `workers`: how many trainings there can be at a time, this one included, for the record.
    """

    def __init__(
        self,
        run: Run,
        store: Store,
        data_dir: Path,
        device: torch.device,
        rerun: bool = False,
        workers: int | None = None,
        grids: int = 0,
    ) -> None:
        self.bench: Bench = Bench(run, store, Sources(data_dir), device, workers, grids)
        self.broken: BaseException | None = None  # what ended the training, for all that need it
        self._fits_again, self._draws_again = rerun, rerun
        self._drawn: set[str] = set()  # keys of the samples that were drawn again
        self._tuned: drawing.Chosen = {}

    def trained(self) -> None:
        """Sees to it that the store holds the finished weights."""
        if self.broken is not None:
            raise self.broken
        try:
            if self._fits_again or self.bench.store.weights(self.bench.run) is None:
                training.train(self.bench)
                self._fits_again = False
        except BaseException as error:
            self.broken = error
            raise

    def samples(self, run: Run) -> tuple[np.ndarray, Drawn]:
        """The samples of a run as they are kept (m, d), drawn now if need be, and what of them."""
        again = self._draws_again and run.sample_key not in self._drawn
        stored = None if again else self.bench.store.samples(run)
        if stored is None:
            self.trained()
            behind = self.bench.store.behind(run)
            found = drawing.draw(self.bench, run, self._tuned)
            if any(not path.exists() for path in behind):
                self.bench.store.drop_samples(run)
                _check_kept(behind)
            self._drawn.add(run.sample_key)
            return found
        return stored[0], observed.drawn(stored[1])

    def _drawn_or_trained(self, run: Run) -> tuple[np.ndarray | None, Drawn]:
        """What is scored: samples, or of a metric that takes none the training alone."""
        if run.draws:
            return self.samples(run)
        self.trained()
        model, trained = self.bench.loaded()
        notes = model.notes() if hasattr(model, "notes") else {}
        return None, Drawn("", trained, notes)

    def score(self, run: Run) -> None:
        """Scores a run's samples and keeps the result."""
        bench = self.bench
        kept, drawn = self._drawn_or_trained(run)
        behind = bench.store.behind(run)
        bench.check_unchanged(run)
        metric = registry.load("metric", run.metric)(**run.settings)
        bench.store.log(run, {"stage": "score", "metric": run.metric, "fold": run.data.fold})
        provenance.forget_peak(bench.device)
        clock, stream = Clock(), (*bench.stream, "score", run.metric, run.data.fold)
        if hasattr(metric, "told"):
            self._resume(run, metric)
        with timed(bench.device, clock):
            score = judging.score(
                run.model, metric, given(bench, run, kept, bench.store.features), stream
            )
        spent = {
            **bench.spent("score", clock.seconds),
            "code": bench.code("metric", FEATURES, of=run),
        }
        rows = None if score.per_example is None else score.per_example.cpu().numpy()
        result = _result(run, metric, score, drawn, kept, rows)
        record = self._record(run, spent)
        _check_kept(behind)
        bench.store.put(result, record, rows)
        if any(not path.exists() for path in behind):  # just now
            bench.store.drop_answer(run)
            _check_kept(behind)

    def _resume(self, run: Run, metric: Any) -> None:
        """Gives a metric what a stopped score had come to, and keeps what it comes to now."""
        store, paces, tenths = self.bench.store, dict[str, Pace](), dict[str, int]()
        kept = {} if self._draws_again else store.scoring(run)
        metric.kept = {name: torch.from_numpy(array) for name, array in kept.items()}

        def told(state: Mapping[str, torch.Tensor], job: str, step: int, steps: int) -> None:
            store.put_scoring(run, {name: each.cpu().numpy() for name, each in state.items()})
            left = paces.setdefault(job, Pace(step)).left(step, steps)
            tenth = 10 * step // max(1, steps)
            if tenths.get(job) != tenth:  # a line in a log, ten times at most
                tenths[job] = tenth
                about = {"job": job, "step": step, "steps": steps, "seconds_left": left}
                store.log(run, {"stage": "score", "metric": run.metric, **about})

        metric.told = told

    def _record(self, run: Run, spent: dict[str, Any]) -> dict[str, Any]:
        """The provenance of all three stages, and what the metric says of its settings."""
        store = self.bench.store
        fit, sample = (store.provenance(run, stage) for stage in ("fit", "sample"))
        record = provenance.of_stages(fit=fit, sample=sample, score=spent)
        signature = of_settings(run.metric, run.settings, run.data.levels)
        return {**record, "signature": signature, **owners(run)}


def _check_kept(behind: Sequence[Path]) -> None:
    """Raises StoreError where a file was deleted that a number hangs on: nobody could check it."""
    for path in behind:
        if not path.exists():
            raise StoreError(f"{path} was deleted in the meantime; the same command makes it again")


def given(bench: Bench, run: Run, kept: np.ndarray | None, folder: Path | None = None) -> Given:
    """What the metric of a run is given: a fold, its labels, samples and theirs, the model.

    folder: where features of rows are kept, if anywhere.
    """
    split = bench.split(run.data.fold)
    takes, more = needs(registry.load("metric", run.metric)), {}
    if "model" in takes:
        more["model"] = bench.loaded()[0]
    if "sample_labels" in takes:
        asked = bench.store.sample_labels(run)
        more["sample_labels"] = None if asked is None else torch.from_numpy(asked).to(bench.device)
    if run.settings.get(FEATURES):
        of = run.data.name, run.settings[FEATURES], run.data.fold, split
        more["features"] = bench.sources.features(*of, folder)
    if "labels" in takes:
        more["labels"] = judging.labels_of(split, bench.labels_of_training(split))
    return judging.given(kept, bench.dataset, split, **more)


def _result(
    run: Run,
    metric: Any,
    score: Score,
    drawn: Drawn,
    kept: np.ndarray | None,
    rows: np.ndarray | None,
) -> Result:
    """The answer to a run: what the metric says, and what was observed on the way."""
    return Result(
        run,
        "done",
        unit=metric.unit,
        best=metric.best,
        kind=drawn.kind,
        scored=0 if kept is None else len(kept),
        distinct=0 if kept is None else len(set(digests(kept))),
        cut=drawn.training.cut,
        training=drawn.training,
        sampling=drawing.settings(run, drawn.tuned) if run.draws else {},
        tuned=drawn.tuned,
        mixing=drawn.mixing,
        model_notes=drawn.notes,
        **judging.answer(judging.fold_score(run.data.fold, score), rows),
    )


def owners(run: Run) -> dict[str, Any]:
    """Distribution and version behind each part of a run, and the commits of strangers' ones."""
    kinds = {"model": run.model, "dataset": run.data.name, "metric": run.metric}
    by = {kind: registry.owner(registry.find(kind, name)) for kind, name in kinds.items()}
    theirs = provenance.commits(kinds)
    return {"registered_by": by, **({"commits": theirs} if theirs else {})}
