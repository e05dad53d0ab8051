"""Is a metric to be trusted on a dataset? It scores real data, and copies that cannot be better.

A metric that prefers copies to the rows they are made of measures something else than the quality
of samples. Every sentence of the verdict follows from differences over the same test rows that
exceed `NOTICED` paired standard errors.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from genbench import copies, files, recipe, registry, scoring, statistics
from genbench.copies import FOLD, Asked, Subject, examples, hyperparameters
from genbench.errors import GenbenchError, StoreError, UsageError
from genbench.precision import float32_products
from genbench.protocols import Dataset, Split
from genbench.seeding import seeded
from genbench.table import value_and_error

NOTICED = 2.0  # paired standard errors from which on a difference is spoken of
COPIES = ("shifted", "blurred", "binarised", "linear", "centroids")
CONTROLS = ("repeated", "noise")


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
    error over the test rows. sigma: the width that the metric chose, None where it has none; edge:
    whether it is the least or greatest of those tried. gaps: to other rows, the first of them to
    what the samples are made of or compare with; none where test rows have no scores of their own.
    """

    kind: str
    name: str
    count: int
    distinct: int
    value: float
    error: float
    sigma: float | None
    edge: bool
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
    higher_is_better: bool
    examples: str
    rows: Sequence[Row]
    remarks: Sequence[str] = ()
    verdict: Sequence[str] = ()


@dataclass(frozen=True)
class Scored:
    """A row and the scores of the single test rows (n_test,), float64, if the metric gives any."""

    row: Row
    per_example: np.ndarray | None


# --- scores ---


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
            with seeded("audit", asked.data.name, subject.name, "score"), float32_products():
                tuned = Split(train, subject.valid.to(device), test)
                found[subject.name] = _scored(subject, source, metric, tuned, found)
        yield found[subject.name]


def _scored(
    subject: Subject, source: Dataset, metric: Any, split: Split, found: Mapping[str, Scored]
) -> Scored:
    """Makes the samples, keeps them as samples of a model are kept, and scores what was kept."""
    kept = scoring.as_stored(subject.make().clamp(*source.range), source)
    stored, levels = torch.from_numpy(kept).to(split.test.device), scoring.levels_of(source)
    large = stored.numel() > scoring.LARGEST
    samples = scoring.Deferred(stored, levels) if large else scoring.as_scored(stored, levels)
    try:
        score = scoring.scored(metric, samples, split)
    except ValueError as error:
        raise GenbenchError(f"{subject.name} cannot be scored: {error}") from error
    value, stderr = float(score.value), float(score.stderr)
    if not (math.isfinite(value) and math.isfinite(stderr)):
        raise GenbenchError(f"{subject.name} scored {value} ± {stderr}, which is no number")
    sigma = score.details.get("sigma")
    tried = [point[0] for point in score.details.get("curve", [])]
    single = None if score.per_example is None else score.per_example.cpu().double().numpy()
    row = Row(
        kind=subject.kind,
        name=subject.name,
        count=len(kept),
        distinct=len(set(scoring.digests(kept))),
        value=value,
        error=stderr,
        sigma=None if sigma is None else float(sigma),
        edge=len(tried) > 2 and sigma in (min(tried), max(tried)),
        gaps=_gaps(single, [found[name] for name in subject.against], metric.higher_is_better),
    )
    return Scored(row, single)


def _gaps(
    ours: np.ndarray | None, others: Sequence[Scored], higher_is_better: bool
) -> tuple[Gap, ...]:
    """The paired differences to other rows, positive where ours are better."""
    sign, gaps = 1 if higher_is_better else -1, []
    for other in others:
        if ours is not None and other.per_example is not None:
            difference, error = statistics.paired_difference(ours, other.per_example)
            gaps.append(Gap(other.row.name, sign * difference, error))
    return tuple(gaps)


# --- the verdict ---


def verdict(audit: Audit) -> list[str]:
    """What follows from the rows, a sentence each; the last one is the verdict as a whole."""
    said = [
        *_centroids(audit),
        *_outscoring(audit),
        *_losing(audit),
        *_counts(audit),
        *_real(audit),
        *_fitted(audit),
        *_junk(audit),
        *_edges(audit),
    ]
    return [*said, _overall(audit)]


def _of(audit: Audit, *kinds: str) -> list[Row]:
    return [row for row in audit.rows if row.kind in kinds]


def _by(gap: Gap, audit: Audit) -> str:
    return f"by {value_and_error(abs(gap.difference), gap.error)} {audit.unit}"


def _centroids(audit: Audit) -> list[str]:
    """Averages that outscore what they average, at equal data and with more data seen."""
    better = [row for row in _of(audit, "centroids") if any(gap.sign > 0 for gap in row.gaps)]
    parts = [
        f"{row.count:,} {row.name} outscore "
        + " and ".join(f"{gap.of} {_by(gap, audit)}" for gap in row.gaps if gap.sign > 0)
        for row in better
    ]
    if not parts:
        return []
    lead = "at equal data, " if better[0].sign > 0 else ""
    return [f"{lead}{'; '.join(parts)}: {audit.metric} here does not mean better samples"]


def _outscoring(audit: Audit) -> list[str]:
    """Other copies that outscore what they are made of."""
    found = [row for row in _of(audit, *COPIES) if row.kind != "centroids" and row.sign > 0]
    lines = [
        f"{row.name} outscore the {audit.examples} that they are made of {_by(row.gaps[0], audit)}"
        for row in found
        if row.kind != "linear"
    ]
    linear = [row for row in found if row.kind == "linear"]
    if linear:
        best = max(linear, key=lambda row: row.gaps[0].difference)
        of = len(_of(audit, "linear"))
        lines.append(
            f"{len(linear)} of {of} linear reconstructions outscore the {audit.examples} that they "
            f"are made of, {best.name.rpartition(', ')[2]} {_by(best.gaps[0], audit)}"
        )
    return lines


def _losing(audit: Audit) -> list[str]:
    """Copies that score less than what they are made of; of binary ones, what follows."""
    found = [row for row in _of(audit, *COPIES) if row.sign < 0]
    lines = []
    if found:
        listed = ", ".join(f"{row.name} {_by(row.gaps[0], audit)}" for row in found)
        lines.append(f"below the {audit.examples} that they are made of stay: {listed}")
    if any(row.kind == "binarised" for row in found):
        lines.append("binary samples lose for being binary: they compare with binary samples only")
    return lines


def _counts(audit: Audit) -> list[str]:
    """What more samples of the same kind are worth."""
    return [
        f"{row.name} {'outscore' if row.sign > 0 else 'score less than'} {row.gaps[0].of} "
        f"{_by(row.gaps[0], audit)}: scores compare at equal counts only"
        for row in _of(audit, "all")
        if row.sign
    ]


def _real(audit: Audit) -> list[str]:
    """How far two sets of real data are apart."""
    return [
        f"{row.count:,} {row.name} {'outscore' if row.sign > 0 else 'score less than'} "
        f"{row.gaps[0].of}, {_by(row.gaps[0], audit)}, and both are real: models that differ by no "
        "more cannot be told apart by one set of samples each"
        for row in _of(audit, "held_out")
        if row.sign
    ]


def _is_beyond_chance(row: Row, audit: Audit) -> bool:
    """Whether a row outscores the images by more than two sets of real data are apart.

    Its samples are no copies, so that the paired error over test rows is not all that varies.
    """
    real = [abs(other.gaps[0].difference) for other in _of(audit, "held_out") if other.gaps]
    return row.sign > 0 and row.gaps[0].difference > max(real, default=0.0)


def _fitted(audit: Audit) -> list[str]:
    """Samples with the right mean and covariance and nothing else."""
    lines = []
    for row in _of(audit, "covariance"):
        if _is_beyond_chance(row, audit):
            lines.append(f"{row.name}, outscore {row.gaps[0].of} {_by(row.gaps[0], audit)}")
        elif row.sign < 0:
            lines.append(
                f"this does hold: {row.name}, stay below {row.gaps[0].of} {_by(row.gaps[0], audit)}"
            )
    return lines


def _junk(audit: Audit) -> list[str]:
    """Whether samples that no one would call good score less than real ones."""
    rows = [row for row in _of(audit, *CONTROLS) if row.gaps]
    below = [row for row in rows if row.sign < 0]
    verbs = {0: "is not shown to score less than", 1: "scores more than"}
    lines = [f"{r.name}, {verbs[r.sign]} {r.gaps[0].of}" for r in _not_below(audit)]
    if below:
        listed = " and ".join(f"{row.name}, {_by(row.gaps[0], audit)}" for row in below)
        lines.append(f"this does hold: below {below[0].gaps[0].of} stay {listed}")
    return lines


def _not_below(audit: Audit) -> list[Row]:
    return [row for row in _of(audit, *CONTROLS) if row.gaps and row.sign >= 0]


def _edges(audit: Audit) -> list[str]:
    """Rows whose width is not known to be the best one."""
    found = [f"{row.name} (sigma {row.sigma:.4g})" for row in audit.rows if row.edge]
    where = "at the edge of its grid, so that a better one may lie outside"
    return [f"sigma is {where}: {', '.join(found)}"] if found else []


def _overall(audit: Audit) -> str:
    copies = [row for row in _of(audit, *COPIES) if row.gaps]
    if not copies:
        return f"verdict: none, as {audit.metric} gave nothing that can be compared"
    better = len([row for row in copies if row.sign > 0])
    made_of = f"outscore the {audit.examples} that they are made of"
    found = f"{better} of {len(copies)} copies that are worse or equal by construction {made_of}"
    fitted = any(_is_beyond_chance(row, audit) for row in _of(audit, "covariance"))
    wrong = [found] if better else []
    wrong += ["samples with no more than the right mean and covariance do"] if fitted else []
    above = [row for row in _not_below(audit) if row.sign > 0]
    wrong += [f"{row.name}, scores more" for row in above]
    if wrong:
        quality = f"a measure of sample quality on {audit.dataset}"
        return f"verdict: {audit.metric} is not to be trusted as {quality}: {'; '.join(wrong)}"
    edge = any(row.edge for row in _of(audit, "images"))
    but = ", but sigma is at the edge of its grid for the data themselves" if edge else ""
    unsure = [row.name for row in _not_below(audit)]
    but += f", but not shown to score less: {', '.join(unsure)}" if unsure else ""
    return f"verdict: no defect of {audit.metric} found on {audit.dataset} ({found}){but}"


def finished(
    asked: Asked,
    source: Dataset,
    metric: Any,
    key: str,
    rows: Sequence[Row],
    remarks: Sequence[str],
) -> Audit:
    """The audit of all rows, with its verdict."""
    audit = Audit(
        key=key,
        dataset=asked.data.name,
        digest=asked.data.digest,
        caveat=asked.data.caveat,
        folds=asked.data.folds,
        metric=asked.metric,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        examples=examples(source.shape),
        rows=tuple(rows),
        remarks=tuple(remarks),
    )
    return replace(audit, verdict=tuple(verdict(audit)))


# --- shown and kept ---


def frame(audit: Audit) -> pd.DataFrame:
    """The rows as strings, for any rendering."""
    head = f"{audit.dataset} ({audit.caveat})" if audit.caveat else audit.dataset
    shown = pd.DataFrame(
        {
            f"samples, on {head}": [row.name for row in audit.rows],
            "count": [f"{row.count:,}" for row in audit.rows],
            "distinct": [f"{row.distinct:,}" for row in audit.rows],
            f"{audit.metric}, {audit.unit}": [
                value_and_error(row.value, row.error) for row in audit.rows
            ],
            "sigma": ["–" if row.sigma is None else f"{row.sigma:.4g}" for row in audit.rows],
            "better by": [_better_by(row) for row in audit.rows],
        }
    )
    shown.attrs["untrained"] = 0
    return shown


def _better_by(row: Row) -> str:
    return value_and_error(row.gaps[0].difference, row.gaps[0].error) if row.gaps else "–"


def notes(audit: Audit) -> list[str]:
    """How the numbers came about."""
    better = "higher" if audit.higher_is_better else "lower"
    lines = [f"{audit.metric} in {audit.unit}, {better} is better; ± standard error over test rows"]
    if audit.folds > 1:
        lines.append(f"fold {FOLD} of {audit.folds} folds")
    lines.append(
        f"better by: than the {audit.examples} that the samples are made of or compare with, "
        f"± paired standard error over test rows; what is within {NOTICED:g} of them is not spoken "
        "of below"
    )
    return [*lines, *audit.remarks]


def key(asked: Asked) -> str:
    """sha256 of all that an audit depends on: data, metric, samples, recipes and code."""
    models = (asked.centroids, asked.covariance)
    own = ast.unparse(ast.parse(registry.source(__name__).read_bytes()))  # not of what prints it
    return files.sha256_of_json(
        {
            **asdict(asked),
            "settings": recipe.defaults(registry.load("metric", asked.metric)),
            "recipes": {model: hyperparameters(model, asked.data.name) for model in models},
            "code": {model: registry.code_of(model, asked.metric, {}) for model in models},
            "audit": [own, *(registry.code_digest(m.__name__) for m in (copies, scoring))],
        }
    )


def as_json(audit: Audit) -> dict[str, Any]:
    """An audit as plain data."""
    return asdict(audit)


def from_json(record: Mapping[str, Any]) -> Audit:
    """The audit that `as_json` made plain; raises StoreError for that of another version."""
    try:
        said = {name: tuple(record[name]) for name in ("remarks", "verdict")}
        return Audit(**{**record, **said, "rows": tuple(map(_row, record["rows"]))})
    except (TypeError, KeyError) as error:
        raise StoreError(f"an audit was written by another version of genbench: {error}") from error


def _row(record: Mapping[str, Any]) -> Row:
    return Row(**{**record, "gaps": tuple(Gap(**gap) for gap in record["gaps"])})


def place(results_dir: Path, dataset: str, metric: str = "") -> Path:
    """Where an audit is kept; `metric` is named where it is not the usual one."""
    return results_dir / "audit" / f"{dataset}{metric and '.'}{metric}.json"


def stored(results_dir: Path, dataset: str, metric: str = "") -> Audit | None:
    """The finished audit that a folder of results holds, or None; arguments as of `place`.

    Raises AlteredError if it is damaged or was edited, StoreError if another version wrote it.
    """
    path = place(results_dir, dataset, metric)
    return from_json(files.read_json(path)) if path.exists() else None


def current(path: Path, wanted: str) -> Audit | None:
    """The finished audit in a file if it has this key, else None."""
    if not path.exists():
        return None
    record = files.read_json(path)
    return from_json(record) if record.get("key") == wanted else None


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".part.npz")


def known(path: Path, wanted: str) -> list[Scored]:
    """The rows that an audit with this key had finished when it was interrupted."""
    beside = _unfinished(path)
    if not beside.exists():
        return []
    arrays, note = files.read_arrays(beside)
    if note["key"] != wanted:
        return []
    return [Scored(_row(row), arrays.get(str(i))) for i, row in enumerate(note["rows"])]


def keep(path: Path, wanted: str, done: Sequence[Scored]) -> None:
    """Keeps the finished rows of an audit; raises UsageError where the folder is not writable."""
    single = {str(i): one.per_example for i, one in enumerate(done)}
    arrays = {name: values for name, values in single.items() if values is not None}
    note = {"key": wanted, "rows": [asdict(one.row) for one in done]}
    try:
        files.write_arrays(_unfinished(path), arrays, note)
    except StoreError as error:
        raise UsageError(f"{error}; --results-dir names another folder") from error


def put(path: Path, audit: Audit) -> None:
    """Keeps a finished audit in the place of its rows."""
    files.write_json(path, as_json(audit))
    _unfinished(path).unlink(missing_ok=True)
