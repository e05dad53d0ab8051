"""Fit, sample, score: the three stages of a run, each of which the store keeps."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench import provenance, registry
from genbench.errors import ModelError
from genbench.protocols import Epoch, Split
from genbench.run import Run, answer
from genbench.seeding import seeded
from genbench.store import Store
from genbench.timing import timed

TRAINING_ONLY = "train."
SIGMA_ROWS = 1000  # validation rows that choose sigma; those after them choose the epoch


class Work:
    """One training and what is drawn and scored from it, each done once."""

    def __init__(self, run: Run, store: Store, data_dir: Path, device: torch.device) -> None:
        self.run, self.store, self.device = run, store, device
        self.dataset = registry.load("dataset", run.data.name)(data_dir)
        self.trained = False
        self._note: dict[str, Any] = {}
        self._model: Any = None

    def split(self, fold: int) -> Split:
        split = self.dataset.split(fold)
        return Split(*(rows.to(self.device) for rows in (split.train, split.valid, split.test)))

    def seeded(self, *purpose: str | int) -> Any:
        return seeded(self.run.model, self.run.data.name, self.run.seed, *purpose)

    def build(self) -> Any:
        with self.seeded("build"):
            cls = registry.load("model", self.run.model)
            return cls(tuple(self.dataset.shape), **self.run.hyperparameters)

    def model(self) -> Any:
        """The trained model, loaded or trained now."""
        if self._model is None:
            stored = self.store.weights(self.run)
            if stored is None:
                self._train()
                stored = self.store.weights(self.run)
                assert stored is not None
            self._model, self._note = self.build(), stored[1]
            self._model.load_state_dict(_tensors(stored[0], self.device))
        self.trained = True
        return self._model

    def _train(self) -> None:
        """Drives `fit` epoch by epoch; keeps a checkpoint after each, the best one apart."""
        run, store = self.run, self.store
        split = self.split(run.data.fold)
        model = self.build()
        note: dict[str, Any] = {"done": 0, "seconds": 0.0, "curve": [], "best": None}
        note["rows"] = len(split.train)
        checkpoint = store.checkpoint(run)
        if checkpoint is not None:
            model.load_state_dict(_tensors(checkpoint[0], self.device))
            note = checkpoint[1]
        valid = split.valid if run.uses_validation else split.valid[:0]
        epochs = model.fit(split.train, valid)
        store.log(run, {"stage": "fit", "done": note["done"]})
        cut = False
        while not cut:
            with self.seeded("fit", note["done"] + 1), timed(self.device) as clock:
                epoch = next(epochs, None)
            if epoch is None:
                break
            _check_losses(run, epoch)
            note["done"] += 1
            note["seconds"] += clock.seconds
            if run.selection and (note["done"] % run.selection["every"] == 0):
                self._look(model, split, note)
            store.put_checkpoint(run, _arrays(model.state_dict()), note)
            store.log(
                run,
                {
                    "epoch": epoch.index,
                    "of": epoch.total,
                    "losses": dict(epoch.losses),
                    "seconds": clock.seconds,
                },
            )
            cut = run.minutes is not None and note["seconds"] > 60 * run.minutes
            cut = cut and epoch.index < epoch.total
        self._finish(model, note, cut)

    def _look(self, model: Any, split: Split, note: dict[str, Any]) -> None:
        """Scores the epoch on validation rows alone and keeps it if it is the best so far."""
        chosen = self.run.selection
        metric = registry.load("metric", chosen["metric"])()
        rows = SIGMA_ROWS if len(split.valid) >= 2 * SIGMA_ROWS else len(split.valid) // 2
        with self.seeded("select", note["done"]):
            samples = self._as_stored(model.sample(chosen["samples"]))
        score = metric(self._as_scored(samples), split.valid[:rows], split.valid[rows:])
        note["curve"].append([note["done"], score.value])
        sign = 1 if metric.higher_is_better else -1
        if note["best"] is None or sign * score.value > sign * note["best"][1]:
            note["best"] = [note["done"], score.value]
            self.store.put_best(self.run, _arrays(_finished(model.state_dict())), note["best"])

    def _finish(self, model: Any, note: dict[str, Any], cut: bool) -> None:
        """Keeps the finished weights: the best epoch's where epochs are selected."""
        state = _arrays(_finished(model.state_dict()))
        epoch = note["done"]
        best = self.store.best(self.run) if note["best"] else None
        if best is not None:
            state, (epoch, _) = best
        kept = {
            "epochs": note["done"],
            "epoch": epoch,
            "curve": note["curve"],
            "cut": cut,
            "rows": note["rows"],
        }
        self.store.put_weights(self.run, state, kept, self._provenance(fit=note["seconds"]))

    def _as_stored(self, samples: Tensor) -> np.ndarray:
        """Checked samples as they are kept: the k of k / (levels - 1), or float32."""
        levels, (low, high) = self.dataset.levels, self.dataset.range
        rows = samples.detach()
        _check_samples(self.run, rows, math.prod(self.dataset.shape), low, high)
        if levels is None or (low, high) != (0.0, 1.0):
            return rows.to("cpu", torch.float32).numpy()
        return (rows.double() * (levels - 1)).round().to("cpu", torch.uint8).numpy()

    def _as_scored(self, stored: np.ndarray) -> Tensor:
        rows = torch.from_numpy(stored).to(self.device)
        if rows.dtype == torch.uint8:
            return rows.float() / (self.dataset.levels - 1)
        return rows

    def samples(self, run: Run) -> Tensor:
        """The samples of a run as they are scored, read or drawn now, (m, d) in the range."""
        stored = self.store.samples(run)
        if stored is None:
            model = self.model()
            self.store.log(run, {"stage": "sample"})
            with self.seeded("sample"), timed(self.device) as clock:
                drawn = model.sample(run.samples)
            if len(drawn) > run.samples:
                raise ModelError(
                    f"{run.model} gave {len(drawn)} samples where {run.samples} were asked for"
                )
            stored = self._as_stored(drawn)
            self.store.put_samples(run, stored, self._provenance(sample=clock.seconds))
        return self._as_scored(stored)

    def score(self, run: Run) -> None:
        """Scores a run's samples and keeps the result."""
        model = self.model()
        samples = self.samples(run)
        split = self.split(run.data.fold)
        metric = registry.load("metric", run.metric)(**run.settings)
        wants_train = "train" in inspect.signature(metric.__call__).parameters
        extra = {"train": split.train} if wants_train else {}
        self.store.log(run, {"stage": "score", "metric": run.metric, "fold": run.data.fold})
        with timed(self.device) as clock:
            score = metric(samples, split.valid, split.test, **extra)
        if not (math.isfinite(score.value) and math.isfinite(score.stderr)):
            raise ModelError(f"{run.metric} gave {score.value} ± {score.stderr}, not a number")
        notes = model.notes() if hasattr(model, "notes") else {}
        result = answer(
            run,
            "done",
            value=float(score.value),
            stderr=float(score.stderr),
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            kind=model.samples,
            scored=len(samples),
            cut=self._note["cut"],
            details={
                **score.details,
                "distinct": _distinct(samples),
                "training": dict(self._note),
                "model": notes,
            },
        )
        per_example = None if score.per_example is None else score.per_example.cpu().numpy()
        self.store.put(run, result, self._record(run, clock.seconds), per_example)

    def _provenance(self, **seconds: float) -> dict[str, Any]:
        return {
            **provenance.machine(),
            "device": str(self.device),
            "seconds": seconds,
            "peak_bytes": provenance.peak_bytes(),
        }

    def _record(self, run: Run, seconds: float) -> dict[str, Any]:
        """All that lies behind a result: the recipe, the digests, the machine, the times."""
        stages = (run.fit_folder, run.sample_folder)
        spent = [self.store.provenance(stage).get("seconds", {}) for stage in stages]
        return {
            **self._provenance(**spent[0], **spent[1], score=seconds),
            "keys": {"fit": run.fit_key, "sample": run.sample_key, "score": run.score_key},
            "seed": run.seed,
            "preset": run.preset,
            "hyperparameters": dict(run.hyperparameters),
            "settings": dict(run.settings),
            "selection": dict(run.selection),
            "code": dict(run.code),
            "data": {"train": run.data.train, "valid": run.data.valid, "test": run.data.test},
            "dataset_digest": run.data.digest,
        }


def _finished(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(TRAINING_ONLY)}


def _arrays(state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy() for name, value in state.items()}


def _tensors(arrays: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(array)).to(device) for name, array in arrays.items()}


def _check_losses(run: Run, epoch: Epoch) -> None:
    for name, loss in epoch.losses.items():
        if not math.isfinite(loss):
            raise ModelError(
                f"{run.model}: the loss {name!r} became {loss} in epoch {epoch.index} "
                f"of {epoch.total}; a smaller learning rate is the usual cure"
            )


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


def _distinct(samples: Tensor) -> int:
    """How many different rows there are."""
    return len({row.tobytes() for row in samples.cpu().numpy()})
