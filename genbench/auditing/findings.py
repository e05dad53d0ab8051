"""What follows from an audit, in sentences; and its rows as a table.

A metric that prefers copies to the rows they are made of measures something else than the quality
of samples. Every sentence of the verdict follows from differences over the same test rows that
exceed `NOTICED` paired standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from genbench.auditing.scores import NOTICED, Audit, Gap, Row
from genbench.auditing.subjects import FOLD
from genbench.protocols import better
from genbench.words import MISSING, value_and_error

COPIES = ("shifted", "blurred", "binarised", "linear", "centroids")
CONTROLS = ("repeated", "noise")


def verdict(audit: Audit) -> list[str]:
    """What follows from the rows, a sentence each; the last one is the verdict as a whole."""
    if audit.orders is not None:
        return [*_nulls(audit), *_ranked(audit), *_warned(audit), _kept_promise(audit)]
    said = [
        *_centroids(audit),
        *_outscoring(audit),
        *_losing(audit),
        *_counts(audit),
        *_real(audit),
        *_fitted(audit),
        *_junk(audit),
        *_warned(audit),
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


def _warned(audit: Audit) -> list[str]:
    """What the metric warns of the data themselves, and of which other rows it warns."""
    of_data = _of(audit, "images")
    said = dict.fromkeys(text for row in of_data for text in row.warnings)
    lines = [f"{text}: {', '.join(r.name for r in of_data if text in r.warnings)}" for text in said]
    others = [row.name for row in audit.rows if row not in of_data and row.warnings]
    also = " too" if lines else ""
    return [*lines, *([f"{audit.metric} warns of {', '.join(others)}{also}"] if others else [])]


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
    warned = any(row.warnings for row in _of(audit, "images"))
    but = f", but {audit.metric} warns of the data themselves" if warned else ""
    unsure = [row.name for row in _not_below(audit)]
    but += f", but not shown to score less: {', '.join(unsure)}" if unsure else ""
    return f"verdict: no defect of {audit.metric} found on {audit.dataset} ({found}){but}"


# --- of a metric that says what it ranks below real rows ---


def _promised(audit: Audit) -> list[Row]:
    """The rows that the metric says it ranks below what they are compared with."""
    return [row for row in audit.rows if row.kind in (audit.orders or ()) and row.gaps]


def _nulls(audit: Audit) -> list[str]:
    """What two sets of real rows score."""
    real = _of(audit, "real_split", "held_out", "as_many")
    said = ", ".join(f"{row.name}, {value_and_error(row.value, row.error)}" for row in real)
    return [f"real against real: {said}"] if real else []


_HOW = {-1: "below real rows it ranks", 0: "it does not tell from real rows", 1: "it prefers"}


def _ranked(audit: Audit) -> list[str]:
    """What it ranks below, does not tell apart from, and prefers to real rows."""
    rows = _promised(audit)
    return [
        f"{how}: " + ", ".join(f"{row.name} {_by(row.gaps[0], audit)}" for row in of)
        for sign, how in _HOW.items()
        if (of := [row for row in rows if row.sign == sign])
    ]


def _kept_promise(audit: Audit) -> str:
    rows = _promised(audit)
    if not rows:
        return f"verdict: none, as {audit.metric} gave nothing that can be compared"
    below = len([row for row in rows if row.sign < 0])
    text = f"{audit.metric} on {audit.dataset} ranks {below} of {len(rows)} sets of worse samples "
    text += "below real ones, as it should all"
    for sign in (1, 0):
        names = [row.name for row in rows if row.sign == sign]
        text += f"; {_HOW[sign]}: {', '.join(names)}" if names else ""
    return f"verdict: {text}"


# --- the table ---


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
            **_noted(audit.rows),
            "better by": [_better_by(row) for row in audit.rows],
        }
    )
    shown.attrs["untrained"] = 0
    return shown


def _noted(rows: Sequence[Row]) -> dict[str, list[str]]:
    """A column for each note of the metric that is one number or word."""
    names = dict.fromkeys(name for row in rows for name in row.notes)
    return {name: [_plain(row.notes.get(name)) for row in rows] for name in names}


def _plain(value: float | str | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _better_by(row: Row) -> str:
    return value_and_error(row.gaps[0].difference, row.gaps[0].error) if row.gaps else "–"


def notes(audit: Audit) -> list[str]:
    """How the numbers came about."""
    aim = better(audit.best)
    lines = [f"{audit.metric} in {audit.unit}, {aim}; ± standard error over test rows"]
    if audit.folds > 1:
        lines.append(f"fold {FOLD} of {audit.folds} folds")
    lines.append(
        f"better by: than the {audit.examples} that the samples are made of or compare with, "
        f"± paired standard error over test rows; what is within {NOTICED:g} of them is not spoken "
        "of below"
    )
    return [*lines, *audit.remarks]
