"""The few lines under a table without which it would be misread; `notes` has all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from genbench.plugins import registry
from genbench.protocols import better
from genbench.records.names import judge
from genbench.tables.cells import ONE, SETS, Cell, best
from genbench.words import shortened

MOST = 8  # lines under a table, its signature among them
FULL, NOTHING = "`genbench table --notes full` says more of each row and column", ""
_OVER = {  # whose standard error ± is, in few words
    "seeds": "over seeds",
    "folds": "over folds",
    SETS: "over one training's sample sets and test rows",
    "sets alone": "over one training's sample sets",
    ONE: "within one run",
}
_SIGNS = {  # what a value is that is a bound
    ">=": "the likelihood is at least this, in expectation",
    "<=": "the likelihood is at most this, in expectation",
    "~": "on which side of the value it lies is not known",
}


def lines(
    found: Sequence[Cell], references: Sequence[str], further: Sequence[str], more: str = FULL
) -> list[str]:
    """What must be known, in at most MOST - 1 lines: a signature is still to come.

    further: sentences that change how a column may be read, the gravest first. more: where there
    is more to read.
    """
    first = ["; ".join([*_metrics(found), *_bounds(found)]), _errors(found), _counts(found)]
    first += [_marks(found, references)]
    first += [_listed(_missing(found)), _listed(_made_otherwise(found))]
    first = [line for line in first if line]
    last = "; ".join(filter(None, [_warned(found), more]))
    return [*first, *further[: MOST - 2 - len(first)], *filter(None, [last])]


def _metrics(found: Sequence[Cell]) -> list[str]:
    """ "parzen (nats), precision (share): higher is better", "frechet: lower is better"."""
    by: dict[str, dict[str, None]] = {}
    for first in (cell.results[0] for cell in found if cell.value is not None):
        unit = f" ({shortened(first.unit)})" if first.unit else ""
        by.setdefault(better(first.best), {})[judge(first) + unit] = None
    return [f"{', '.join(metrics)}: {what}" for what, metrics in by.items()]


def _errors(found: Sequence[Cell]) -> str:
    """Over what each ± is; by row where that differs, and by column where it differs in a row."""
    over: dict[str, list[Cell]] = {}
    for cell in found:
        if cell.value is not None and cell.error is not None and cell.over in _OVER:
            over.setdefault(_OVER[cell.over], []).append(cell)
    if len(over) == 1:
        return f"± is one standard error, {next(iter(over))}"
    rows = {how: dict.fromkeys(cell.label for cell in own) for how, own in over.items()}
    kinds = Counter(label for labels in rows.values() for label in labels)
    named = _by_column(over, kinds) if max(kinds.values(), default=0) > 1 else rows
    said = [f"{how} ({', '.join(labels)})" for how, labels in named.items()]
    return f"± is one standard error: {'; '.join(said)}" if said else ""


def _by_column(
    over: Mapping[str, Sequence[Cell]], kinds: Mapping[str, int]
) -> dict[str, Iterable[str]]:
    """Of which rows each ± is, with the columns of those that have several; the usual one last.

    over: the cells of each kind of ±; kinds: how many a row has.
    """
    *fewer, usual = sorted(over, key=lambda how: len(over[how]))
    datasets = {cell.data for own in over.values() for cell in own}
    named: dict[str, Iterable[str]] = {}
    for how in fewer:
        columns: dict[str, list[str]] = {}
        for cell in over[how]:
            columns.setdefault(cell.label, []).append(_column(cell, len(datasets) > 1))
        named[how] = [
            label + (" and".join(own) if kinds[label] > 1 else "") for label, own in columns.items()
        ]
    return {**named, usual: ["all else"]}


def _column(cell: Cell, with_data: bool) -> str:
    """ " by parzen", " on mnist", " on mnist by parzen"."""
    by = "" if cell.head == cell.data else f" by {judge(cell.results[0])}"
    return (f" on {cell.data}" if with_data else "") + by


def _bounds(found: Sequence[Cell]) -> list[str]:
    """ ">=: the likelihood is at least this, in expectation, over 50 of 500 test rows"."""
    over: dict[str, dict[str, None]] = {}
    for cell in found:
        if cell.value is not None and cell.bound:
            over.setdefault(cell.bound, {})[cell.results[0].over] = None
    return [
        ", ".join([f"{sign}: {_SIGNS[sign]}", *filter(None, rows)]) for sign, rows in over.items()
    ]


def _counts(found: Sequence[Cell]) -> str:
    """ "10000 samples a set; held_out: 9000"."""
    by: dict[int, dict[str, None]] = {}
    for cell in found:
        for result in cell.results:
            if result.status == "done" and result.run.draws:
                by.setdefault(result.scored, {})[cell.label] = None
    usual, *others = sorted(by, key=lambda count: -len(by[count])) or [0]
    said = [f"{', '.join(by[count])}: {count}" for count in others]
    return "; ".join([f"{usual} samples a set", *said]) if usual else ""


def _marks(found: Sequence[Cell], references: Sequence[str]) -> str:
    """What bold means, and which rows are references."""
    shown = {cell.results[0].model for cell in found}
    beside = ", ".join(name for name in references if name in shown)
    said = ["bold: no other trained row is shown to beat it"] if best(found, references) else []
    said += [f"{beside}: untrained reference rows"] if beside else []
    return "; ".join(said)


def _missing(found: Sequence[Cell]) -> list[str]:
    """Why a cell has no number."""
    reasons = [f"n/a: {r.error}" for c in found for r in c.results if r.status == "unmet"]
    return [*_failures(found), *reasons]


def _failures(found: Iterable[Cell]) -> list[str]:
    """Each failure of a training once, however many metrics were to score it."""
    heads: dict[tuple[str, str, int, str], dict[str, None]] = {}
    for cell in found:
        for result in cell.results:
            if result.status == "failed":
                what = cell.label, cell.data, result.seed, result.error
                heads.setdefault(what, {})[cell.head] = None
    return [
        f"{label} on {data if len(on) > 1 else next(iter(on))}, seed {seed}, failed: {error}"
        for (label, data, seed, error), on in heads.items()
    ]


def _made_otherwise(found: Sequence[Cell]) -> list[str]:
    """Rows whose trainings were cut, that other code made, or whose samples were brought."""
    cut = [cell.label for cell in found if any(result.cut for result in cell.results)]
    known = registry.names("model")
    stale, absent = [], []
    for cell in (cell for cell in found if cell.stale or cell.older):
        first = cell.results[0]
        (stale if first.run.source or first.model in known else absent).append(cell.label)
    brought = [cell.label for cell in found if cell.results[0].run.source]
    kinds = (
        (cut, "cut by the time budget"),
        (stale, "made by other code or another recipe than the installed one"),
        (absent, "the model is not installed; if a file holds it, --model-file FILE names it"),
        (brought, "of samples that were brought"),
    )
    return [f"{', '.join(dict.fromkeys(rows))}: {what}" for rows, what in kinds if rows]


def _warned(found: Sequence[Cell]) -> str:
    """Which rows have warnings, and how many."""
    count = sum(len(result.warnings) for cell in found for result in cell.results)
    rows = dict.fromkeys(cell.label for cell in found for r in cell.results if r.warnings)
    what = "1 warning" if count == 1 else f"{count} warnings"
    return f"{what} on {', '.join(rows)}" if count else ""


def _listed(sentences: Sequence[str]) -> str:
    """The first two sentences, and how many more there are."""
    distinct = list(dict.fromkeys(sentences))
    more = [f"and {len(distinct) - 2} more"] if len(distinct) > 2 else []
    return "; ".join([*distinct[:2], *more])
