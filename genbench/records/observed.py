"""What the runner observed on the way to a score, as plain data, apart from what a metric says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Training:
    """How a training went: epochs made, the one that is kept, on how many rows.

    cut: whether a time budget ended it. curve: where epochs are selected, [epoch, value], the value
    None where it was no number.
    """

    epochs: int = 0
    epoch: int = 0
    cut: bool = False
    rows: int = 0
    curve: Sequence[tuple[int, float | None]] = ()


@dataclass(frozen=True)
class Tuned:
    """A sampling hyperparameter that was chosen after training: its name, the value, what of."""

    name: str
    value: Any
    curve: Sequence[tuple[Any, float | None]]


@dataclass(frozen=True)
class Mixing:
    """Which training images samples are near to, and how chains moved; see `samples.chains`."""

    looked_at: int
    distinct_nearest: int
    near_copies: float | None = None
    chains: int | None = None
    steps: int | None = None
    class_transitions_per_100_steps: float | None = None
    class_entropy: float | None = None
    classes: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Drawn:
    """How samples came about: their kind, the training, the model's notes, the rest as above."""

    kind: str
    training: Training
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tuned: Tuned | None = None
    mixing: Mixing | None = None


def training(note: Mapping[str, Any]) -> Training:
    """A training as it was noted beside its weights."""
    return Training(**{**note, "curve": tuple(map(tuple, note.get("curve", ())))})


def as_note(drawn: Drawn) -> dict[str, Any]:
    """What is noted beside samples."""
    return asdict(drawn)


def drawn(note: Mapping[str, Any]) -> Drawn:
    """What was noted beside samples; what there was none of may be an empty table."""
    return Drawn(
        kind=note["kind"],
        training=training(note["training"]),
        notes=note["notes"],
        tuned=Tuned(**note["tuned"]) if note["tuned"] else None,
        mixing=Mixing(**note["mixing"]) if note["mixing"] else None,
    )
