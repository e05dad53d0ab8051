"""One training and all that hangs on it: fit, sample, score, each done once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.plugins import registry
from genbench.plugins.settings import of_settings
from genbench.records.files import sha256_of_arrays
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running import drawing, provenance, training
from genbench.running.bench import Bench
from genbench.running.data import Sources
from genbench.samples import judging
from genbench.samples.pixels import digests
from genbench.timing import Clock, timed


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
    ) -> None:
        self.bench = Bench(run, store, Sources(data_dir), device, workers)
        self.broken: BaseException | None = None  # what ended the training, for all that need it
        self._fits_again, self._draws_again = rerun, rerun
        self._drawn: set[str] = set()  # keys of the samples that were drawn again
        self._tuned: drawing.Tuned = {}

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

    def samples(self, run: Run) -> tuple[np.ndarray, dict[str, Any]]:
        """The samples of a run as they are kept (m, d), drawn now if need be, and their note."""
        again = self._draws_again and run.sample_key not in self._drawn
        stored = None if again else self.bench.store.samples(run)
        if stored is None:
            self.trained()
            stored = drawing.draw(self.bench, run, self._tuned)
            self._drawn.add(run.sample_key)
        return stored

    def score(self, run: Run) -> None:
        """Scores a run's samples and keeps the result."""
        bench = self.bench
        kept, note = self.samples(run)
        bench.check_unchanged(run)
        split = bench.split(run.data.fold)
        metric = registry.load("metric", run.metric)(**run.settings)
        bench.store.log(run, {"stage": "score", "metric": run.metric, "fold": run.data.fold})
        provenance.forget_peak(bench.device)
        clock, stream = Clock(), (*bench.stream, "score", run.metric, run.data.fold)
        with timed(bench.device, clock):
            score = judging.score(run.model, metric, kept, bench.dataset, split, stream)
        spent = {**bench.spent("score", clock.seconds), "code": bench.code("metric")}
        details = {**score.details, "distinct": len(set(digests(kept)))}
        details |= {"training": note["training"], "model": note["notes"]}
        details["sampling"] = drawing.settings(run, note["tuned"])
        details |= {name: note[name] for name in ("tuned", "mixing") if note[name]}
        rows = None if score.per_example is None else score.per_example.cpu().numpy()
        result = Result(
            run,
            "done",
            value=float(score.value),
            stderr=float(score.stderr),
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            kind=note["kind"],
            scored=len(kept),
            cut=note["training"]["cut"],
            details=details,
            per_example="" if rows is None else sha256_of_arrays({"values": rows}),
        )
        bench.store.put(result, self._record(run, spent), rows)

    def _record(self, run: Run, spent: dict[str, Any]) -> dict[str, Any]:
        """The provenance of all three stages, and what the metric says of its settings."""
        store = self.bench.store
        fit, sample = (store.provenance(run, stage) for stage in ("fit", "sample"))
        record = provenance.of_stages(fit=fit, sample=sample, score=spent)
        signature = of_settings(run.metric, run.settings, run.data.levels)
        return {**record, "signature": signature, "registered_by": registered_by(run)}


def registered_by(run: Run) -> dict[str, str]:
    """Distribution and version behind each part of a run."""
    kinds = {"model": run.model, "dataset": run.data.name, "metric": run.metric}
    return {kind: registry.owner(registry.find(kind, name)) for kind, name in kinds.items()}
