"""Sample: what is drawn from a trained model, by which settings, and what it is near to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import ModelError
from genbench.records.files import sha256_of_json
from genbench.records.run import Run
from genbench.running import provenance, training
from genbench.running.bench import Bench
from genbench.running.rows import checked
from genbench.samples import chains, judging
from genbench.seeding import seeded
from genbench.timing import Clock, timed

Tuned = dict[str, dict[str, Any]]  # what was chosen, by what it was chosen for


def draw(bench: Bench, run: Run, tuned: Tuned) -> tuple[np.ndarray, dict[str, Any]]:
    """Draws a run's samples from the stored weights and keeps them; returns them and their note.

    tuned: what was chosen before for other runs of this training; takes what is chosen now.
    """
    chosen = _tune(bench, run, tuned)
    changed = {chosen["name"]: chosen["value"]} if chosen else {}
    model, trained = bench.loaded(**changed)
    bench.store.log(run, {"stage": "sample"})
    provenance.forget_peak(bench.device)
    clock, further = Clock(), [run.sample_set] if run.sample_set else []
    with seeded(*bench.stream, "sample", *further), bench.device, timed(bench.device, clock):
        rows = model.sample(run.samples)
    record = {**bench.spent("sample", clock.seconds), "code": bench.code("model", "tune")}
    kept = checked(run, rows, bench.dataset)
    if len(kept) > run.samples:
        raise ModelError(f"{run.model} gave {len(kept)} samples where {run.samples} were asked for")
    record |= provenance.of_draw(len(kept), clock.seconds)
    notes = model.notes() if hasattr(model, "notes") else {}
    note = {"kind": model.samples, "notes": notes, "training": trained, "tuned": chosen}
    note["mixing"] = _mixing(bench, run, chosen, kept)
    bench.store.put_samples(run, kept, note, record)
    return kept, note


def _tune(bench: Bench, run: Run, tuned: Tuned) -> dict[str, Any]:
    """Tries the values of a sampling hyperparameter, each with the same seed, from noise."""
    chosen = run.tuning
    if not chosen or _stands_still(run):
        return {}
    asked = sha256_of_json([dict(chosen), settings(run, {})])
    if asked in tuned:
        return tuned[asked]
    train, rows = bench.rows_of_training(bench.split(run.data.fold))
    start = {"start": "noise"} if "start" in run.sampling else {}
    curve = []
    for value in chosen["values"]:
        model, _ = bench.loaded(**{chosen["name"]: value, **start})
        with seeded(*bench.stream, "tune"):
            curve.append([value, training.judged(bench, model, train, rows, chosen)])
        bench.store.log(run, {"stage": "tune", chosen["name"]: value, "value": curve[-1][1]})
    found = training.best(curve, chosen)[0]
    tuned[asked] = {"name": chosen["name"], "value": found, "curve": curve}
    return tuned[asked]


def _stands_still(run: Run) -> bool:
    """Whether the samples are reconstructions of training images: no chain, nothing to tune."""
    return "reconstruct" in run.sampling and run.hyperparameters["reconstruct"] is True


def settings(run: Run, tuned: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that only sampling reads, the tuned one as it was chosen."""
    if _stands_still(run):
        return {"reconstruct": True}
    chosen = {tuned["name"]: tuned["value"]} if tuned else {}
    return {name: run.hyperparameters[name] for name in run.sampling} | chosen


def _mixing(bench: Bench, run: Run, tuned: Mapping[str, Any], kept: np.ndarray) -> dict[str, Any]:
    """Which training images the samples are near to, and how chains moved among them.

    Nothing of data that are no images; the same for all folds.
    """
    if len(bench.dataset.shape) < 2:
        return {}
    sampling = settings(run, tuned)
    steps: tuple[int | None, int] = None, 1
    if {"chains", "thinning"} <= sampling.keys():
        steps = sampling["chains"], sampling["thinning"]
    samples = judging.as_given(kept, bench.dataset, bench.device)
    return chains.report(samples, *steps, *_known_rows(bench, run))


def _known_rows(bench: Bench, run: Run) -> tuple[Tensor, Tensor | None, Tensor]:
    """The rows that trained, their labels if all are known, and rows that did not train.

    Of folds that share their training rows, those of the first.
    """
    split_of, name = bench.sources.split, run.data.name
    trained_on = split_of(name, run.data.fold).train
    folds = (split_of(name, fold) for fold in range(run.data.folds))
    split = next(fold for fold in folds if torch.equal(fold.train, trained_on))
    train, held_out = bench.rows_of_training(split)[0], split.valid
    labels = [split.train_labels]
    if run.uses_validation:
        train, held_out = torch.cat([train, split.valid]), split.valid[:0]
        labels.append(split.valid_labels)
    known = [part for part in labels if part is not None]
    classes = torch.cat(known)[: len(train)] if len(known) == len(labels) else None
    on_device = None if classes is None else classes.to(bench.device)
    return train.to(bench.device), on_device, held_out.to(bench.device)
