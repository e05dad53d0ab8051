"""Fit, sample, score: the three stages of a run, each of which the store keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import DataError, ModelError, UsageError
from genbench.plugins import registry
from genbench.plugins.code import code_of
from genbench.plugins.recipe import judges
from genbench.plugins.settings import of_settings
from genbench.protocols import Epoch, Split
from genbench.records.files import sha256_of_json
from genbench.records.run import Run, answer
from genbench.records.store import Store
from genbench.running import provenance
from genbench.running.data import identity
from genbench.samples import chains, judging, pixels
from genbench.seeding import seeded
from genbench.timing import Clock, timed

TRAINING_ONLY = "train."
SIGMA_ROWS = 1000  # validation rows that choose sigma; those after them choose the epoch


class Work:
    """One training and what is drawn and scored from it, each done once.

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
        self.run, self.store, self.device, self.workers = run, store, device, workers
        self.broken: Exception | None = None  # what ended the training, for all that need it
        self._data_dir, self._fits_again, self._draws_again = data_dir, rerun, rerun
        self._drawn: set[str] = set()  # keys of the samples that were drawn again
        self._tuned: dict[str, dict[str, Any]] = {}  # what was chosen, by what it was chosen for
        self._dataset: Any = None
        self._model: Any = None
        self._training: dict[str, Any] = {}

    @property
    def dataset(self) -> Any:
        if self._dataset is None:
            self._dataset = registry.load("dataset", self.run.data.name)(self._data_dir)
        return self._dataset

    def split(self, fold: int) -> Split:
        split = self.dataset.split(fold)
        return Split(*(rows.to(self.device) for rows in (split.train, split.valid, split.test)))

    def seeded(self, *purpose: str | int) -> Any:
        return seeded(self.run.model, self.run.data.name, self.run.seed, *purpose)

    def build(self, **changed: Any) -> Any:
        with self.seeded("build"), self.device:
            cls = registry.load("model", self.run.model)
            return cls(tuple(self.dataset.shape), **{**self.run.hyperparameters, **changed})

    # --- fit ---

    def model(self) -> Any:
        """The trained model, loaded or trained now."""
        if self.broken is not None:
            raise self.broken
        if self._model is None:
            try:
                if self._fits_again or self.store.weights(self.run) is None:
                    self._train()
                    self._fits_again = False
                self._model = self._loaded()
            except Exception as error:
                self.broken = error
                raise
        return self._model

    def _loaded(self, **changed: Any) -> Any:
        """The finished model from the store, with some hyperparameters of sampling changed."""
        stored = self.store.weights(self.run)
        assert stored is not None
        model, self._training = self.build(**changed), stored[1]
        model.load_state_dict(_tensors(stored[0], self.device))
        return model

    def _train(self) -> None:
        """Drives `fit` epoch by epoch; keeps a checkpoint after each, the best one apart."""
        run, store = self.run, self.store
        self._check_unchanged(run)
        split = self.split(run.data.fold)
        train, looked_at = self.rows_of_training(split)
        model = self.build()
        note = {"done": 0, "seconds": 0.0, "curve": [], "best": None, "rows": len(train)}
        checkpoint = store.checkpoint(run)
        if checkpoint is not None:
            model.load_state_dict(_tensors(checkpoint[0], self.device))
            note = checkpoint[1]
        epochs = model.fit(train, split.valid if run.uses_validation else split.valid[:0])
        start = {"stage": "fit", "done": note["done"], "workers": self.workers}
        store.log(run, {**start, **self._settings()})
        provenance.forget_peak(self.device)
        cut = False
        while not cut:
            clock = Clock()
            with self.seeded("fit", note["done"] + 1), self.device, timed(self.device, clock):
                epoch = next(epochs, None)
            if epoch is None:
                break
            losses = _losses(run, epoch)
            note["done"] += 1
            note["seconds"] += clock.seconds
            if run.selection and note["done"] % run.selection["every"] == 0:
                self._look(model, train, looked_at, note)
            store.put_checkpoint(run, _arrays(model.state_dict()), note)
            event = {"epoch": epoch.index, "of": epoch.total, "losses": losses}
            store.log(run, {**event, "seconds": clock.seconds})
            budget = run.minutes is not None and note["seconds"] > 60 * run.minutes
            cut = budget and epoch.index < epoch.total
        self._finish(model, note, cut)

    def _check_unchanged(self, run: Run) -> None:
        """Raises DataError or UsageError where data or code are no longer those of the plan."""
        now = identity(run.data.name, self.dataset, run.data.fold)
        if (now.train, now.valid, now.test) != (run.data.train, run.data.valid, run.data.test):
            raise DataError(f"the rows of {run.data.name} changed after the run was planned")
        if code_of(run.model, run.metric, judges(run.recipe)) != run.code:
            raise UsageError(f"the code of {run.model} or a metric changed after it was planned")

    def rows_of_training(self, split: Split) -> tuple[Tensor, Tensor]:
        """The rows that train, and those that select epochs and tune sampling."""
        if not self.run.carves:
            return split.train, split.valid
        held_out = min(2 * SIGMA_ROWS, len(split.train) // 10)
        kept = len(split.train) - held_out
        return split.train[:kept], split.train[kept:]

    def _look(self, model: Any, train: Tensor, rows: Tensor, note: dict[str, Any]) -> None:
        """Scores the epoch on rows that are not test rows and keeps it if it is the best so far."""
        with self.seeded("select", note["done"]):
            value = self._judged(model, train, rows, self.run.selection)
        note["curve"].append([note["done"], value])
        best = self._best(note["curve"], self.run.selection)
        if best != note["best"]:
            note["best"] = best
            self.store.put_best(self.run, _arrays(_finished(model.state_dict())), best)

    def _judged(self, model: Any, train: Tensor, rows: Tensor, chosen: Mapping[str, Any]) -> Any:
        """What a model's samples score on rows that are no test rows; None if it is no number."""
        metric = registry.load("metric", chosen["metric"])()
        half = SIGMA_ROWS if len(rows) >= 2 * SIGMA_ROWS else len(rows) // 2
        with self.device:
            samples = self._as_scored(self._as_stored(model.sample(chosen["samples"])))
            value = judging.scored(metric, samples, Split(train, rows[:half], rows[half:])).value
        return value if math.isfinite(value) else None

    def _best(self, curve: list[list[Any]], chosen: Mapping[str, Any]) -> list[Any]:
        """The best point of [what was tried, its value]; of equals the first."""
        sign = 1 if registry.load("metric", chosen["metric"]).higher_is_better else -1
        return max(curve, key=lambda point: -math.inf if point[1] is None else sign * point[1])

    def _finish(self, model: Any, note: dict[str, Any], cut: bool) -> None:
        """Keeps the finished weights: the best epoch's where epochs are selected."""
        state = _arrays(_finished(model.state_dict()))
        epoch = note["done"]
        best = self.store.best(self.run) if note["best"] else None
        if best is not None:
            state, (epoch, _) = best
        kept = {"epochs": note["done"], "epoch": epoch, "cut": cut}
        kept |= {"curve": note["curve"], "rows": note["rows"]}
        record = self._provenance("fit", note["seconds"])
        record |= provenance.of_training(self.store.events(self.run), note["seconds"], note["done"])
        self.store.put_weights(self.run, state, kept, record)

    # --- sample ---

    def samples(self, run: Run) -> tuple[Tensor, dict[str, Any]]:
        """The samples of a run as they are scored (m, d), drawn now if need be, and their note."""
        again = self._draws_again and run.sample_key not in self._drawn
        stored = None if again else self.store.samples(run)
        if stored is None:
            stored = self._draw(run)
            self._drawn.add(run.sample_key)
        return self._as_scored(stored[0]), stored[1]

    def _draw(self, run: Run) -> tuple[np.ndarray, dict[str, Any]]:
        self.model()
        tuned = self._tune(run)
        model = self._loaded(**{tuned["name"]: tuned["value"]}) if tuned else self.model()
        self.store.log(run, {"stage": "sample"})
        provenance.forget_peak(self.device)
        clock = Clock()
        further = [run.sample_set] if run.sample_set else []
        with self.seeded("sample", *further), self.device, timed(self.device, clock):
            rows = model.sample(run.samples)
        record = self._provenance("sample", clock.seconds)
        if len(rows) > run.samples:
            raise ModelError(
                f"{run.model} gave {len(rows)} samples where {run.samples} were asked for"
            )
        stored = self._as_stored(rows)
        record |= provenance.of_draw(len(rows), clock.seconds)
        notes = model.notes() if hasattr(model, "notes") else {}
        note = {"kind": model.samples, "notes": notes, "training": self._training, "tuned": tuned}
        note["mixing"] = self._mixing(run, tuned, self._as_scored(stored))
        self.store.put_samples(run, stored, note, record)
        return stored, note

    def _tune(self, run: Run) -> dict[str, Any]:
        """Tries the values of a sampling hyperparameter, each with the same seed, from noise."""
        chosen = run.tuning
        if not chosen or _stands_still(run):
            return {}
        asked = sha256_of_json([dict(chosen), _sampling(run, {})])
        if asked in self._tuned:
            return self._tuned[asked]
        train, rows = self.rows_of_training(self.split(run.data.fold))
        start = {"start": "noise"} if "start" in run.sampling else {}
        curve = []
        for value in chosen["values"]:
            model = self._loaded(**{chosen["name"]: value, **start})
            with self.seeded("tune"):
                curve.append([value, self._judged(model, train, rows, chosen)])
            self.store.log(run, {"stage": "tune", chosen["name"]: value, "value": curve[-1][1]})
        found = {"name": chosen["name"], "value": self._best(curve, chosen)[0], "curve": curve}
        self._tuned[asked] = found
        return found

    def _mixing(self, run: Run, tuned: Mapping[str, Any], samples: Tensor) -> dict[str, Any]:
        """Which training images the samples are near to, and how chains moved among them.

        Nothing of data that are no images; the same for all folds.
        """
        if len(self.dataset.shape) < 2:
            return {}
        steps: tuple[int | None, int] = None, 1
        sampling = _sampling(run, tuned)
        if {"chains", "thinning"} <= sampling.keys():
            steps = sampling["chains"], sampling["thinning"]
        trained_on = self.dataset.split(run.data.fold).train
        folds = map(self.dataset.split, range(self.dataset.folds))
        split = next(fold for fold in folds if torch.equal(fold.train, trained_on))
        train, held_out = self.rows_of_training(split)[0], split.valid
        labels = [split.train_labels]
        if run.uses_validation:
            train, held_out = torch.cat([train, split.valid]), split.valid[:0]
            labels.append(split.valid_labels)
        known = [part for part in labels if part is not None]
        classes = torch.cat(known)[: len(train)] if len(known) == len(labels) else None
        rows = (
            train.to(self.device),
            None if classes is None else classes.to(self.device),
            held_out.to(self.device),
        )
        return chains.report(samples, *steps, *rows)

    def _as_stored(self, samples: Tensor) -> np.ndarray:
        """Checked samples as they are kept: the k of k / (levels - 1), or float32."""
        rows = samples.detach()
        _check_samples(self.run, rows, math.prod(self.dataset.shape), *self.dataset.range)
        return pixels.as_stored(rows, self.dataset)

    def _as_scored(self, stored: np.ndarray) -> Tensor:
        return pixels.as_scored(torch.from_numpy(stored).to(self.device), self.dataset.levels)

    # --- score ---

    def score(self, run: Run) -> None:
        """Scores a run's samples and keeps the result."""
        samples, note = self.samples(run)
        self._check_unchanged(run)
        split = self.split(run.data.fold)
        metric = registry.load("metric", run.metric)(**run.settings)
        self.store.log(run, {"stage": "score", "metric": run.metric, "fold": run.data.fold})
        provenance.forget_peak(self.device)
        clock = Clock()
        with self.seeded("score", run.metric, run.data.fold), timed(self.device, clock):
            score = judging.scored(metric, samples, split)
        spent = self._provenance("score", clock.seconds)
        if not (math.isfinite(score.value) and math.isfinite(score.stderr)):
            raise ModelError(f"{run.metric} gave {score.value} ± {score.stderr}, not a number")
        details = {**score.details, "distinct": len(set(pixels.digests(samples.cpu().numpy())))}
        details |= {"training": note["training"], "model": note["notes"]}
        details["sampling"] = _sampling(run, note["tuned"])
        details |= {name: note[name] for name in ("tuned", "mixing") if note[name]}
        result = answer(
            run,
            "done",
            value=float(score.value),
            stderr=float(score.stderr),
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            kind=note["kind"],
            scored=len(samples),
            cut=note["training"]["cut"],
            details=details,
        )
        per_example = None if score.per_example is None else score.per_example.cpu().numpy()
        fit, sample = map(self.store.provenance, (run.fit_folder, run.sample_folder))
        record = provenance.of_stages(fit=fit, sample=sample, score=spent)
        record |= {"signature": of_settings(run.metric, run.settings, run.data.levels)}
        self.store.put(run, result, {**record, **about(run)}, per_example)

    def _settings(self) -> dict[str, Any]:
        return {"device": str(self.device), "threads": torch.get_num_threads()}

    def _provenance(self, stage: str, seconds: float) -> dict[str, Any]:
        """The machine, and what a stage took, to be called as soon as it is done."""
        peak = provenance.peak_bytes(self.device)
        found = {"seconds": seconds, "peak_bytes": peak, "workers": self.workers}
        measured = {name: {stage: value} for name, value in found.items()}
        return {**provenance.machine(), **self._settings(), **measured}


def about(run: Run) -> dict[str, Any]:
    """All that a result was asked with: keys, full recipe, digests of data and code, owners."""
    kinds = {"model": run.model, "dataset": run.data.name, "metric": run.metric}
    entries = {kind: registry.find(kind, name) for kind, name in kinds.items()}
    return {
        "keys": {"fit": run.fit_key, "sample": run.sample_key, "score": run.score_key},
        "seed": run.seed,
        "sample_set": run.sample_set,
        "protocol": run.protocol,
        "preset": run.preset,
        "overrides": dict(run.overrides),
        "hyperparameters": dict(run.hyperparameters),
        "settings": dict(run.settings),
        "selection": dict(run.selection),
        "tuning": dict(run.tuning),
        "minutes": run.minutes,
        "code": dict(run.code),
        "registered_by": {kind: registry.owner(entry) for kind, entry in entries.items()},
        "data": {"train": run.data.train, "valid": run.data.valid, "test": run.data.test},
        "dataset_digest": run.data.digest,
    }


def _stands_still(run: Run) -> bool:
    """Whether the samples are reconstructions of training images: no chain, nothing to tune."""
    return "reconstruct" in run.sampling and run.hyperparameters["reconstruct"] is True


def _sampling(run: Run, tuned: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that only sampling reads, the tuned one as it was chosen."""
    if _stands_still(run):
        return {"reconstruct": True}
    chosen = {tuned["name"]: tuned["value"]} if tuned else {}
    return {name: run.hyperparameters[name] for name in run.sampling} | chosen


def _finished(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(TRAINING_ONLY)}


def _arrays(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy() for name, value in state.items()}


def _tensors(arrays: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(array)).to(device) for name, array in arrays.items()}


def _losses(run: Run, epoch: Epoch) -> dict[str, float]:
    """The losses of an epoch as numbers; raises ModelError if one is not finite."""
    losses = {name: float(loss) for name, loss in epoch.losses.items()}
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise ModelError(
                f"{run.model}: the loss {name!r} became {loss} in epoch {epoch.index} "
                f"of {epoch.total}; a smaller learning rate is the usual cure"
            )
    return losses


def _check_samples(run: Run, rows: Tensor, d: int, low: float, high: float) -> None:
    """Raises ModelError for samples of the wrong shape, that are no numbers, or out of range."""
    if rows.ndim != 2 or rows.shape[1] != d or len(rows) == 0:
        raise ModelError(
            f"{run.model}: samples must have the shape (at most {run.samples}, {d}) "
            f"and at least one row, got {tuple(rows.shape)}"
        )
    if not torch.isfinite(rows).all():
        bad = int((~torch.isfinite(rows)).any(dim=1).sum())
        raise ModelError(f"{run.model}: {bad} of {len(rows)} samples hold NaN or infinity")
    least, most = float(rows.min()), float(rows.max())
    if least < low or most > high:
        raise ModelError(
            f"{run.model}: samples must lie in [{low:g}, {high:g}], the range of "
            f"{run.data.name}, got values from {least:g} to {most:g}"
        )
