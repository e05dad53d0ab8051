"""Fit: the one place that drives a model's epochs, and what is kept after each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import ModelError, StoreError
from genbench.precision import subnormals_flushed
from genbench.protocols import Epoch, Split
from genbench.records.run import Run
from genbench.records.store import BEST, CHECKPOINT
from genbench.running import provenance, selecting
from genbench.running.bench import Bench
from genbench.running.rows import drawn
from genbench.samples import judging
from genbench.samples.pixels import grid
from genbench.seeding import seeded
from genbench.timing import Clock, timed

TRAINING_ONLY = "train."
_END = object()  # what no model yields
GRID = 8  # samples along a side of a picture for whoever watches


def epochs(
    model: Any,
    train: Tensor,
    valid: Tensor,
    stream: tuple[str | int, ...],
    done: int = 0,
    clock: Clock | None = None,
    labels: Tensor | None = None,
) -> Iterator[Epoch]:
    """The epochs of `fit`, those after the first `done`, each with its own random stream.

    labels: of the training rows, for a model that is given them.
    clock: has the seconds of the epoch that was made last.
    """
    told = () if labels is None else (labels,)
    running, device = model.fit(train, valid, *told), train.device
    clock = clock or Clock()
    while True:
        done += 1
        with seeded(*stream, "fit", done), device, timed(device, clock), subnormals_flushed():
            epoch = next(running, _END)
        if epoch is _END:
            return
        if not isinstance(epoch, Epoch):
            raise ModelError(
                f"{type(model).__name__}: fit() yielded {type(epoch).__name__} as epoch {done}; "
                "it must yield a genbench.Epoch after each epoch"
            )
        yield epoch


def train(bench: Bench) -> None:
    """Trains to the end and keeps the weights; a checkpoint after each epoch, the best one apart.

    Goes on from the last checkpoint, unless other code made it: then it starts anew.
    """
    run, store = bench.run, bench.store
    bench.check_unchanged(run)
    store.events(run)  # an edited log is refused before the work, not after it
    split = bench.split(run.data.fold)
    rows, looked_at = bench.rows_of_training(split)
    model, clock = bench.build(), Clock()
    note = _resumed(bench, model) or _nothing_done(bench, len(rows))
    start = {"stage": "fit", "done": note["done"], "workers": bench.workers}
    store.log(run, {**start, **bench.settings()})
    provenance.forget_peak(bench.device)
    cut, valid = False, split.valid if run.uses_validation else split.valid[:0]
    labels = bench.labels_of_training(split) if "labels" in run.fit_reads else None
    running = epochs(model, rows, valid, bench.stream, note["done"], clock, labels)
    given = [rows, valid] if labels is None else [rows, valid, labels]
    held_out = Split(rows, *selecting.halves(looked_at))
    level = selecting.rises_no_more(note["curve"], run.selection)  # stopped after its last epoch
    for epoch in () if level else _leaving_alone(run, running, given):
        _keep(bench, model, epoch, note, clock.seconds, held_out)
        level = selecting.rises_no_more(note["curve"], run.selection)
        budget = run.minutes is not None and note["seconds"] > 60 * run.minutes
        cut = budget and not level and epoch.index < epoch.total
        if cut or level:
            break
    if run.selection.get("patience"):
        store.log(run, _end(run, note, cut))
    _finish(bench, model, note, cut)


def _keep(
    bench: Bench, model: Any, epoch: Epoch, note: dict[str, Any], seconds: float, held_out: Split
) -> None:
    """Looks at an epoch where its turn is, and keeps the state after it; then it is in the log."""
    run, store, losses = bench.run, bench.store, _losses(bench.run, epoch)
    note["done"] += 1
    note["seconds"] += seconds
    seen = {}
    if selecting.is_looked_at(run, note["done"]):
        seen = _look(bench, model, held_out, note)
    store.put_checkpoint(run, arrays(run, model.state_dict()), note)
    event = {"epoch": epoch.index, "of": epoch.total, "losses": losses}
    store.log(run, {**event, **seen, "seconds": seconds})
    if bench.grids and epoch.index % bench.grids == 0:
        _picture(bench, model, epoch.index)


def _end(run: Run, note: Mapping[str, Any], cut: bool) -> dict[str, Any]:
    """Why a training that may end before its last epoch ended where it did."""
    level = selecting.rises_no_more(note["curve"], run.selection)
    why = "patience" if level else "minutes" if cut else "epochs"
    rule = {name: run.selection[name] for name in ("patience", "gain")}
    return {"stage": "ended", "by": why, "after": note["done"], "best": note["best"], **rule}


def _leaving_alone(run: Run, running: Iterator[Epoch], given: Sequence[Tensor]) -> Iterator[Epoch]:
    """The epochs of a training that leaves the rows and labels it was given as they are.

    Others read them after it. Raises ModelError where it does not, once they are as they were.
    """
    before = [rows.clone() for rows in given]
    while True:
        epoch = next(running, None)
        changed = [(n, b) for n, b in zip(given, before, strict=True) if not torch.equal(n, b)]
        for now, then in changed:
            now.copy_(then)
        if changed:
            raise ModelError(
                f"{run.model}: fit() changed the rows or labels that it was given, in place; "
                "the operation that returns its result leaves them as they are, or clone() first"
            )
        if epoch is None:
            return
        yield epoch


def _picture(bench: Bench, model: Any, epoch: int) -> None:
    """Keeps a grid of samples of images; no other stream of random numbers moves."""
    shape = tuple(bench.dataset.shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or tuple(bench.dataset.range) != (0.0, 1.0):
        return
    shown = bench.build()  # drawing may change a model
    shown.load_state_dict(bench.tensors(arrays(bench.run, _finished(model.state_dict()))))
    with seeded(*bench.stream, "picture"), bench.device, torch.no_grad():
        kept, _ = drawn(bench.run, shown, GRID**2, bench.dataset, bench.pool)
    rows = judging.as_given(kept, bench.dataset, torch.device("cpu"))
    bench.store.put_grid(bench.run, epoch, grid(rows, shape, GRID))


def _nothing_done(bench: Bench, rows: int) -> dict[str, Any]:
    """The note of a training before its first epoch."""
    begun = {"done": 0, "seconds": 0.0, "curve": [], "best": None, "rows": rows}
    return {**begun, "code": bench.code("model", "select")}


def _resumed(bench: Bench, model: Any) -> dict[str, Any] | None:
    """Brings a model to the last checkpoint and returns its note; None if there is none to use."""
    found = bench.store.checkpoint(bench.run)
    if found is None:
        return None
    state, note = found
    if not may_go_on(bench, note):
        bench.store.log(bench.run, {"stage": "fit", "dropped": "a checkpoint by other code"})
        bench.store.drop_checkpoint(bench.run)
        return None
    _check_best(bench, note)
    model.load_state_dict(bench.tensors(state))
    return note


def may_go_on(bench: Bench, note: Mapping[str, Any]) -> bool:
    """Whether a checkpoint with this note was made by the installed code."""
    return note.get("code") == bench.code("model", "select")


def _check_best(bench: Bench, note: Mapping[str, Any]) -> None:
    """Raises StoreError where a checkpoint came without the weights of its best epoch.

    They may be of the epoch after it, if it was killed before the checkpoint of that.
    """
    if note["best"] is None:
        return
    kept, epoch = bench.store.best(bench.run), note["best"][0]
    if kept is None or (kept[1] != note["best"] and kept[1][0] != note["done"] + 1):
        raise StoreError(
            f"{bench.run.fit_folder}: the checkpoint of epoch {note['done']} is there without the "
            f"weights of epoch {epoch}, the best so far: bring {BEST} from where {CHECKPOINT} came "
            "from, or delete both to begin anew"
        )


def _look(bench: Bench, model: Any, held_out: Split, note: dict[str, Any]) -> dict[str, Any]:
    """Scores the epoch on rows that are not test rows and keeps it if it is the best so far.

    What its event says of it: what it scores, and where a training may end early the best epoch
    with its value, and the epoch at which it ends unless that rises.
    """
    chosen, curve = bench.run.selection, note["curve"]
    seen = selecting.look(bench, model, held_out, note["done"])
    curve.append([note["done"], seen["score"]])
    found = selecting.best(curve, chosen)
    if found != note["best"]:
        note["best"] = found
        bench.store.put_best(bench.run, arrays(bench.run, _finished(model.state_dict())), found)
    end = selecting.ends_after(curve, chosen)
    return seen if end is None else {**seen, "best": found, "ends_after": end}


def _finish(bench: Bench, model: Any, note: dict[str, Any], cut: bool) -> None:
    """Keeps the finished weights: the best epoch's where epochs are selected."""
    state, epoch = arrays(bench.run, _finished(model.state_dict())), note["done"]
    kept_best = bench.store.best(bench.run) if note["best"] else None
    if kept_best is not None:
        state, (epoch, _) = kept_best
    kept = {"epochs": note["done"], "epoch": epoch, "cut": cut}
    kept |= {"curve": note["curve"], "rows": note["rows"]}
    record = {**bench.spent("fit", note["seconds"]), "code": note["code"]}
    log = bench.store.events(bench.run)
    record |= provenance.of_training(log, note["seconds"], note["done"])
    bench.store.put_weights(bench.run, state, kept, record)


def _finished(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(TRAINING_ONLY)}


def arrays(run: Run, state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """A model's state as it is stored; raises ModelError for what is no tensor."""
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise ModelError(
                f"{run.model}: state_dict()[{name!r}] is {type(value).__name__}; every entry must "
                "be a torch tensor, and none a dict of its own (torch.tensor(3) for a number)"
            )
    return {name: value.detach().cpu().numpy() for name, value in state.items()}


def _losses(run: Run, epoch: Epoch) -> dict[str, float]:
    """The losses of an epoch as numbers; raises ModelError if one is none, or is not finite."""
    losses = {name: _number(run, name, loss) for name, loss in epoch.losses.items()}
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise ModelError(
                f"{run.model}: the loss {name!r} became {loss} in epoch {epoch.index} "
                f"of {epoch.total}; a smaller learning rate is the usual cure"
            )
    return losses


def _number(run: Run, name: str, loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError, RuntimeError) as error:  # the last: a tensor of many numbers
        raise ModelError(
            f"{run.model}: the loss {name!r} is {type(loss).__name__}, not one number: {error}"
        ) from error
