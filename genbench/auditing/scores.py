"""Is a metric to be trusted on a dataset? It scores real data, and copies that cannot be better.

What follows from the scores is said in `findings`; `kept` keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from genbench.auditing.subjects import FOLD, Audited, Subject
from genbench.comparing import estimates
from genbench.errors import GenbenchError
from genbench.precision import float32_products
from genbench.protocols import Best, Dataset, Split, goodness
from genbench.samples import judging, pixels
from genbench.seeding import seeded

REAL = ("as_many", "held_out")  # kinds of rows that are two sets of real ones
NOTICED = 2.0  # paired standard errors from which on a difference is spoken of


@dataclass(frozen=True)
class Gap:
    """How much better a row scores than the row `of`, and the standard error of that.

    Paired over test rows where these have scores of their own. Of a metric that knows no error,
    what two sets of real rows are apart counts as `NOTICED` of them.
    """

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

    examples: what a row of the data is called, "images" or "rows". orders: the kinds of rows that
    the metric says it ranks below real ones; None if it says nothing.
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
    orders: Sequence[str] | None = None


@dataclass(frozen=True)
class Scored:
    """A row and the scores of the single test rows (n_test,), float64, if the metric gives any."""

    row: Row
    per_example: np.ndarray | None


def rows(
    plan: Sequence[Subject],
    audited: Audited,
    source: Dataset,
    metric: Any,
    device: torch.device,
    known: Sequence[Scored] = (),
    features: Any = None,
    made: dict[str, np.ndarray] | None = None,
) -> Iterator[Scored]:
    """The score of each subject, in their order; of those that are `known`, as they are.

    features: what the metric is given to look at rows by, if it takes features. made: samples by
    name, which audits by several metrics share; those made now are put there.
    Raises GenbenchError where the metric refuses samples or gives no number.
    """
    found = {one.row.name: one for one in known}
    split = source.split(FOLD)
    train, test = split.train.to(device), split.test.to(device)
    for subject in plan:
        if subject.name not in found:
            beside = test if subject.test is None else subject.test.to(device)
            tuned = Split(train, subject.valid.to(device), beside)
            kept = _kept(subject, source, audited, {} if made is None else made)
            here = judging.given(kept, source, tuned, features=features)
            found[subject.name] = _scored(subject, kept, metric, here, found, audited)
        yield found[subject.name]


def _stream(subject: Subject, audited: Audited) -> tuple[str, ...]:
    return "audit", audited.data.name, subject.name, "score"


def _kept(
    subject: Subject, source: Dataset, audited: Audited, made: dict[str, np.ndarray]
) -> np.ndarray:
    """The samples, made once, and kept as samples of a model are kept."""
    if subject.name not in made:
        with seeded(*_stream(subject, audited)), float32_products():
            made[subject.name] = pixels.as_stored(subject.make().clamp(*source.range), source)
    return made[subject.name]


def _scored(
    subject: Subject,
    kept: np.ndarray,
    metric: Any,
    here: judging.Given,
    found: Mapping[str, Scored],
    audited: Audited,
) -> Scored:
    """Scores what was kept."""
    try:
        score = judging.score(subject.name, metric, here, _stream(subject, audited))
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
    )
    scored, others = Scored(row, single), [found[name] for name in subject.against]
    if audited.orders is None:
        return replace(scored, row=replace(row, gaps=_paired(single, others, metric.best)))
    real = [one.row for one in found.values() if one.row.kind in REAL]
    return replace(scored, row=replace(row, gaps=_by_value(row, others, real, metric.best)))


def _paired(ours: np.ndarray | None, others: Sequence[Scored], best: Best) -> tuple[Gap, ...]:
    """The paired differences to other rows, positive where ours are better.

    None where what is best is no direction: single rows have no distance to it.
    """
    sign, gaps = 1 if best == "high" else -1, []
    for other in others if best in ("high", "low") else []:
        if ours is not None and other.per_example is not None:
            difference, error = estimates.paired_difference(ours, other.per_example)
            gaps.append(Gap(other.row.name, sign * difference, error))
    return tuple(gaps)


def _by_value(
    row: Row, others: Sequence[Scored], real: Sequence[Row], best: Best
) -> tuple[Gap, ...]:
    """The differences to other rows by how good their values are, positive where ours is better."""
    aim = next((one.value for one in real if one.kind == "held_out"), None)

    def good(one: Row) -> float:
        return goodness(best, one.value, aim)

    values = [good(one) for one in real]
    apart = max(values, default=0.0) - min(values, default=0.0)
    gaps = []
    for other in (one.row for one in others):
        difference = good(row) - good(other)
        known = row.error is not None and other.error is not None
        error = math.hypot(row.error or 0.0, other.error or 0.0) if known else apart / NOTICED
        if math.isfinite(difference):
            gaps.append(Gap(other.name, difference, error))
    return tuple(gaps)
