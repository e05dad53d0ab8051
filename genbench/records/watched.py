"""What trainings have logged so far, for whoever looks on while they go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.records import files
from genbench.records.store import CHECKPOINT, EVENTS, FAILED, GRID


@dataclass(frozen=True)
class Training:
    """A training as far as its log says; `epochs` are those since it was begun or resumed last.

    at_work: whether a process holds its lock. unfinished: whether a checkpoint waits to be gone on
    with. failed: whether a result of it is a failure. grids: pictures of samples, by epoch.
    """

    dataset: str
    model: str
    name: str
    epochs: list[Mapping[str, Any]]
    stage: str
    at_work: bool
    unfinished: bool
    failed: bool
    grids: Mapping[int, Path]


def best_so_far(epochs: Sequence[Mapping[str, Any]]) -> str:
    """How a training stands that ends once its best value rises no more; empty of any other.

    >>> look = {"epoch": 30, "score": 180.0, "best": [20, 183.25], "ends_after": 120}
    >>> best_so_far([look, {"epoch": 31}])
    'best held-out 183.25 of epoch 20, ends after epoch 120 unless that rises'
    """
    looks = (event for event in reversed(epochs) if "ends_after" in event)
    last = next(looks, None)
    if last is None:
        return ""
    ends = f"ends after epoch {last['ends_after']} unless that rises"
    return f"{best_said(last['best'])}, {ends}"


def best_said(best: Sequence[Any] | None) -> str:
    """The best [epoch, value] of a training whose epochs are looked at."""
    epoch, value = best or (None, None)
    return "best held-out " + ("no number" if value is None else f"{value:.5g} of epoch {epoch}")


def since_begun(events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """What was logged of a training since it began at its first epoch last."""
    begun = [i for i, event in enumerate(events) if event.get("done") == 0]
    return events[max(begun, default=0) :]


def trainings(results_dir: Path) -> Iterator[Training]:
    """Every training in a folder of results that has a log, by its path."""
    for path in sorted((results_dir / "runs").glob(f"*/*/*/{EVENTS}")):
        events = files.peeked_lines(path)
        epochs = {event["epoch"]: event for event in since_begun(events) if "epoch" in event}
        stages = [event["stage"] for event in events if "stage" in event]
        folder = path.parent
        yield Training(
            dataset=folder.parent.parent.name,
            model=folder.parent.name,
            name=folder.name,
            epochs=[epochs[index] for index in sorted(epochs)],
            stage=stages[-1] if stages else "",
            at_work=files.is_locked(folder / ".lock"),
            unfinished=(folder / CHECKPOINT).exists(),
            failed=any(folder.rglob(FAILED)),
            grids={_epoch(grid): grid for grid in sorted(folder.glob(GRID.format("*")))},
        )


def _epoch(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
