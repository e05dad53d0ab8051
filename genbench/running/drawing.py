"""Sample: what is drawn from a trained model, by which settings, and what it is near to."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.protocols import Split
from genbench.records.files import sha256_of_json
from genbench.records.observed import Drawn, Mixing, Tuned, as_note
from genbench.records.run import Run
from genbench.running import provenance, selecting
from genbench.running.bench import Bench
from genbench.running.labels import asked
from genbench.running.rows import kept_of, sampled
from genbench.samples import chains, judging
from genbench.seeding import seeded
from genbench.timing import Clock, timed

CODED = 1000  # rows by which the cost of a code is told
Chosen = dict[str, Tuned | None]  # what was chosen, by what it was chosen for


def draw(bench: Bench, run: Run, tuned: Chosen) -> tuple[np.ndarray, Drawn]:
    """Draws a run's samples from the stored weights and keeps them; returns them and their note.

    tuned: what was chosen before for other runs of this training; takes what is chosen now.
    """
    chosen = _tune(bench, run, tuned)
    changed = {chosen.name: chosen.value} if chosen else {}
    model, trained = bench.loaded(**changed)
    bench.store.log(run, {"stage": "sample"})
    provenance.forget_peak(bench.device)
    clock, further = Clock(), [run.sample_set] if run.sample_set else []
    wanted = asked_for(bench, run)
    with seeded(*bench.stream, "sample", *further), bench.device, timed(bench.device, clock):
        rows = sampled(model, run.samples, wanted)
    record = {**bench.spent("sample", clock.seconds), "code": bench.code("model", "tune")}
    kept = kept_of(run, rows, bench.dataset, run.samples, wanted)
    record |= provenance.of_draw(len(kept), clock.seconds)
    notes = model.notes() if hasattr(model, "notes") else {}
    mixing = _mixing(bench, run, chosen, kept)
    record |= _cost_of_a_code(bench, run, model)
    found = Drawn(model.samples, trained, notes, chosen, mixing)
    labels = None if wanted is None else wanted.cpu().numpy()
    bench.store.put_samples(run, kept, as_note(found), record, labels)
    return kept, found


def _cost_of_a_code(bench: Bench, run: Run, model: Any) -> dict[str, float]:
    """Seconds that the code of a row takes, of CODED training rows.

    Nothing where the model has no codes, or cannot make them: samples are drawn all the same, and a
    metric that needs codes says what is wrong.
    """
    if not callable(getattr(model, "encode", None)):
        return {}
    rows, clock = bench.split(run.data.fold).train[:CODED].clone(), Clock()
    try:
        with seeded(*bench.stream, "encode"), bench.device, torch.no_grad():
            model.encode(rows)  # warms up
            with timed(bench.device, clock):
                model.encode(rows)
    except Exception:  # a stranger's model may raise anything
        return {}
    return {"seconds_per_code": clock.seconds / len(rows)}


def asked_for(bench: Bench, run: Run) -> Tensor | None:
    """The labels that a run's samples are asked for; None where none are."""
    pool = bench.pool
    if pool is None:
        return None
    return asked(pool, run.samples)


def _tune(bench: Bench, run: Run, tuned: Chosen) -> Tuned | None:
    """Tries the values of a sampling hyperparameter, each with the same seed, from noise."""
    chosen = run.tuning
    if not chosen or _stands_still(run):
        return None
    question = sha256_of_json([dict(chosen), settings(run, None)])
    if question in tuned:
        return tuned[question]
    train, rows = bench.rows_of_training(bench.split(run.data.fold))
    split = Split(train, *selecting.halves(rows))
    start = {"start": "noise"} if "start" in run.sampling else {}
    curve = []
    for value in chosen["values"]:
        model, _ = bench.loaded(**{chosen["name"]: value, **start})
        with seeded(*bench.stream, "tune"):
            curve.append([value, selecting.judged(bench, model, split, chosen)])
        bench.store.log(run, {"stage": "tune", chosen["name"]: value, "value": curve[-1][1]})
    found = selecting.best(curve, chosen)[0]
    tuned[question] = Tuned(chosen["name"], found, curve)
    return tuned[question]


def _stands_still(run: Run) -> bool:
    """Whether the samples are reconstructions of training images: no chain, nothing to tune."""
    return "reconstruct" in run.sampling and run.hyperparameters["reconstruct"] is True


def settings(run: Run, tuned: Tuned | None) -> dict[str, Any]:
    """The hyperparameters that only sampling reads, the tuned one as it was chosen."""
    if _stands_still(run):
        return {"reconstruct": True}
    chosen = {tuned.name: tuned.value} if tuned else {}
    return {name: run.hyperparameters[name] for name in run.sampling} | chosen


def _mixing(bench: Bench, run: Run, tuned: Tuned | None, kept: np.ndarray) -> Mixing | None:
    """Which training images the samples are near to, and how chains moved among them.

    Nothing of data that are no images; the same for all folds.
    """
    if len(bench.dataset.shape) < 2:
        return None
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
