"""An audit, made row by row; each row is kept as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from genbench.auditing import kept, scores, subjects
from genbench.auditing.scores import Audit, Scored
from genbench.auditing.subjects import Audited, Subject
from genbench.protocols import Dataset, Split
from genbench.samples import judging


class Watch(Protocol):
    """Somebody who is told how far an audit is."""

    def plan(self, plan: Sequence[Subject], known: int) -> None:
        """What is scored, of which the first rows may be known from before."""
        ...

    def step(self, step: int, steps: int) -> None:
        """A reference model's training went on."""
        ...

    def row(self, one: Scored) -> None:
        """A row is there."""
        ...


def made(
    audited: Audited,
    source: Dataset,
    device: torch.device,
    path: Path,
    watch: Watch,
    features: Callable[[Split], Any] | None = None,
    samples: dict[str, np.ndarray] | None = None,
) -> Audit:
    """The audit, kept at `path` when it is finished; one that was interrupted there goes on.

    features: gives what a metric that takes features looks at the rows of a fold by.
    samples: those of other audits of the dataset, by name, which are not made again.
    Raises UsageError where the folder cannot be written, GenbenchError where a score is no number.
    """
    key, metric = kept.key(audited), judging.metric_with(audited.metric, audited.settings)
    before = kept.known(path, key)
    done: list[Scored] = []
    kept.keep(path, key, before)  # before any work, where the folder cannot be written
    plan, remarks = subjects.subjects(audited, source, device, watch.step)
    watch.plan(plan, len(before))
    seen = None if features is None else features(source.split(subjects.FOLD).to(device))
    for one in scores.rows(plan, audited, source, metric, device, before, seen, samples):
        done.append(one)
        if len(done) > len(before):
            kept.keep(path, key, done)
        watch.row(one)
    finished = kept.finished(audited, source, metric, key, [one.row for one in done], remarks)
    kept.put(path, finished)
    return finished
