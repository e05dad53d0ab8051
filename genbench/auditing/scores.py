"""Is a metric to be trusted on a dataset? It scores real data, and copies that cannot be better.

What follows from the scores is said in `findings`; `kept` keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from genbench.auditing.subjects import FOLD, Asked, Subject
from genbench.comparing import estimates
from genbench.errors import GenbenchError
from genbench.precision import float32_products
from genbench.protocols import Best, Dataset, Split
from genbench.samples import judging, pixels
from genbench.seeding import seeded

NOTICED = 2.0  # paired standard errors from which on a difference is spoken of


@dataclass(frozen=True)
class Gap:
    """How much better a row scores than the row `of`: mean over test rows, paired error."""

    of: str
    difference: float
    error: float

    @property
    def sign(self) -> int:
        """1 or -1 where the difference is noticed, else 0."""
        noticed = abs(self.difference) > NOTICED * self.error
        return int(math.copysign(1, self.difference)) if noticed else 0


@dataclass(frozen=True)
class Row:
    """What some samples score.

    kind: what they are; of COPIES, CONTROLS, or "images", "all", "held_out", "as_many",
    "covariance". count, distinct: how many they are and how many of them differ. error: standard
    error over the test rows, None where none is known. notes: what the metric noted in one number
    or word each; warnings: its own. gaps: to other rows, the first of them to
    what the samples are made of or compare with; none where test rows have no scores of their own.
    """

    kind: str
    name: str
    count: int
    distinct: int
    value: float
    error: float | None
    notes: Mapping[str, float | str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    gaps: Sequence[Gap] = ()

    @property
    def sign(self) -> int:
        """1 where it outscores what it compares with, -1 where that outscores it, else 0."""
        return self.gaps[0].sign if self.gaps else 0


@dataclass(frozen=True)
class Audit:
    """A finished audit; `remarks` say what was left out and how, `verdict` what follows.

    examples: what a row of the data is called, "images" or "rows".
    """

    key: str
    dataset: str
    digest: str
    caveat: str
    folds: int
    metric: str
    unit: str
    best: Best
    examples: str
    rows: Sequence[Row]
    remarks: Sequence[str] = ()
    verdict: Sequence[str] = ()


@dataclass(frozen=True)
class Scored:
    """A row and the scores of the single test rows (n_test,), float64, if the metric gives any."""

    row: Row
    per_example: np.ndarray | None


def rows(
    plan: Sequence[Subject],
    asked: Asked,
    source: Dataset,
    metric: Any,
    device: torch.device,
    known: Sequence[Scored] = (),
) -> Iterator[Scored]:
    """The score of each subject, in their order; of those that are `known`, as they are.

    Raises GenbenchError where the metric refuses samples or gives no number.
    """
    found = {one.row.name: one for one in known}
    split = source.split(FOLD)
    train, test = split.train.to(device), split.test.to(device)
    for subject in plan:
        if subject.name not in found:
            tuned = Split(train, subject.valid.to(device), test)
            stream = ("audit", asked.data.name, subject.name, "score")
            found[subject.name] = _scored(subject, source, metric, tuned, found, stream)
        yield found[subject.name]


def _scored(
    subject: Subject,
    source: Dataset,
    metric: Any,
    split: Split,
    found: Mapping[str, Scored],
    stream: tuple[str, ...],
) -> Scored:
    """Makes the samples, keeps them as samples of a model are kept, and scores what was kept."""
    with seeded(*stream), float32_products():
        kept = pixels.as_stored(subject.make().clamp(*source.range), source)
    try:
        score = judging.score(subject.name, metric, judging.given(kept, source, split), stream)
    except ValueError as error:
        raise GenbenchError(f"{subject.name} cannot be scored: {error}") from error
    said = judging.fold_score(FOLD, score)
    single = None if score.per_example is None else score.per_example.cpu().double().numpy()
    row = Row(
        kind=subject.kind,
        name=subject.name,
        count=len(kept),
        distinct=len(set(pixels.digests(kept))),
        value=said.value,
        error=said.stderr,
        notes={k: v for k, v in said.notes.items() if isinstance(v, int | float | str)},
        warnings=said.warnings,
        gaps=_gaps(single, [found[name] for name in subject.against], metric.best),
    )
    return Scored(row, single)


def _gaps(ours: np.ndarray | None, others: Sequence[Scored], best: Best) -> tuple[Gap, ...]:
    """The paired differences to other rows, positive where ours are better.

    None where what is best is no direction: single rows have no distance to it.
    """
    sign, gaps = 1 if best == "high" else -1, []
    for other in others if best in ("high", "low") else []:
        if ours is not None and other.per_example is not None:
            difference, error = estimates.paired_difference(ours, other.per_example)
            gaps.append(Gap(other.row.name, sign * difference, error))
    return tuple(gaps)
