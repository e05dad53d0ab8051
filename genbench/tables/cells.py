"""Results -> the table: models down, datasets across, "value ± error", published values beside.

`cells` gives numbers, one row for each model and dataset; `frames` what is shown of them;
`formats` makes text of either. Nothing that is missing, failed, unverified or made by other code is
left unsaid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from genbench.comparing import estimates
from genbench.protocols import goodness
from genbench.records.files import sha256_of_json
from genbench.records.names import head, label
from genbench.records.run import Result
from genbench.tables import published
from genbench.tables.published import Published
from genbench.tables.speed import Asked
from genbench.words import several, value_and_error

BINARY = "binary"  # the kind of samples that published values, all of means, do not belong beside
SCORES = Asked()
OVER = {
    "examples": "standard error over the test examples of one run",
    "sets": "standard error over the test examples and the sample sets of one training",
    "sets alone": "standard error over the sample sets of one training",
    "": "no standard error is known",
    "folds": "standard error over the folds",
    "seeds": "standard error over the seeds",
}
Fields = Callable[[Result], Mapping[str, str]]  # the protocol of a result, as signatures name it


@dataclass(frozen=True)
class Cell:
    """One model on one dataset: the mean over its folds, sample sets and seeds.

    over: whose standard error `error` is, a key of `OVER`; interval: 95 % by Student's t over the
    same. by_seed: the mean of each seed. published: the value from the literature, if one belongs
    here; verdict: what may be said of ours beside it, and `why`. older: the revisions that made it
    and are no longer installed.
    """

    label: str
    head: str
    value: float | None
    error: float | None
    over: str
    status: str
    results: Sequence[Result]
    stale: bool = False
    interval: tuple[float, float] | None = None
    by_seed: Mapping[int, float] = field(default_factory=dict)
    published: Published | None = None
    verdict: str = ""
    why: str = ""
    older: Sequence[str] = ()

    @property
    def text(self) -> str:
        """What the table shows."""
        if self.value is None:
            return self.status
        return value_and_error(self.value, self.error)


# --- numbers ---


def tables(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The title and the results of each table: one for each metric and kind of samples.

    Means first, then binary samples, whose scores cannot be compared with them. A failed result
    has no kind: it stands where its row has results, else with the means, or where there are none,
    in the only table of its metric. A single table has no title. Results by another protocol are
    in none of them.
    """
    results = [result for result in results if not result.protocol]
    metrics = dict.fromkeys(result.metric for result in results)
    found = [
        group
        for metric in metrics
        for group in _by_kind(metric, [r for r in results if r.metric == metric])
    ]
    return found if len(found) > 1 else [("", group) for _, group in found]


def _by_kind(metric: str, results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The tables of one metric."""
    rows = {label(result): result.kind for result in results if result.kind}
    usual = BINARY if set(rows.values()) == {BINARY} else "mean"
    kinds = [result.kind or rows.get(label(result), usual) for result in results]
    titles = {kind: f"{metric}, {kind} samples" for kind in sorted(set(kinds) - {"mean"})}
    return [
        (title, [result for result, k in zip(results, kinds, strict=True) if k == kind])
        for kind, title in {"mean": metric, **titles}.items()
        if kind in kinds
    ]


def cells(
    results: Iterable[Result],
    is_current: Callable[[Result], bool],
    fields: Fields | None = None,
    older: Callable[[Result], Sequence[str]] = lambda result: (),
) -> list[Cell]:
    """The cells of a table, rows and columns in the order in which they first appear.

    A result by another code or recipe than the installed one has a row of its own, and so have
    other bytes under one dataset's name a column, so that no cell mixes two of them. One by an
    older revision of its model (`older` says so) keeps its row, its verdict and its place among
    the best; only beside newer ones of the same name it is told from them. Where the
    protocol of a result can be told by `fields`, a verdict stands beside its published value.
    """
    results = list(results)
    newest = {(label(r), head(r)) for r in results if is_current(r) and not older(r)}
    digests: dict[str, set[str]] = {}
    for result in results:
        digests.setdefault(head(result), set()).add(result.digest)
    rows: dict[tuple[str, str], list[Result]] = {}
    stale = set()
    for result in results:
        column, current = head(result), is_current(result)
        if len(digests[column]) > 1:
            column = f"{column} {result.digest[:8]}"
        beside = bool(older(result)) and (label(result), head(result)) in newest
        key = (label(result, stale=not current, revision=beside), column)
        rows.setdefault(key, []).append(result)
        stale |= set() if current else {key}
    found = [_cell(*key, same, key in stale) for key, same in rows.items()]
    found = [replace(cell, older=_distinct(map(older, cell.results))) for cell in found]
    return [_beside_published(cell, fields) for cell in found]


def _distinct(texts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for each in texts for text in each))


def _beside_published(cell: Cell, fields: Fields | None) -> Cell:
    """The cell with the published value that belongs beside it, and what may be said of both."""
    paper = published.beside(cell.results)
    cut = any(result.cut for result in cell.results)
    if paper is None or cell.value is None or fields is None or cell.stale or cut:
        return replace(cell, published=paper)
    said = [_protocol_fields(result, fields) for result in cell.results]
    ours = {name: several(each.get(name, "not stated") for each in said) for name in said[0]}
    said, why = published.verdict([*cell.by_seed.values()], ours, paper, published.PROTOCOL)
    return replace(cell, published=paper, verdict=said, why=why)


def _protocol_fields(result: Result, fields: Fields) -> dict[str, str]:
    """By which protocol a result came about, in the words of published.csv."""
    start, rows = result.sampling.get("start"), result.training.rows
    chain = f"started at {start}" if start else "none"
    return {**fields(result), "rows": str(rows or "not stated"), "chain": chain}


def _cell(name: str, column: str, results: list[Result], stale: bool) -> Cell:
    """No mean over folds or seeds that are missing or failed."""
    folds = results[0].folds
    by_seed: dict[int, dict[int, list[Result]]] = {}
    for result in sorted(results, key=lambda result: (result.seed, result.sample_set, result.fold)):
        by_seed.setdefault(result.seed, {}).setdefault(result.sample_set, []).append(result)
    missing = [
        f"seed {seed}: {len(found)} of {folds} folds"
        for seed, sets in by_seed.items()
        for found in sets.values()
        if len(found) < folds
    ]
    for status in ("failed", "unmet"):
        if any(result.status == status for result in results):
            return Cell(name, column, None, None, "", status, results, stale)
    if missing:
        return Cell(name, column, None, None, "", ", ".join(dict.fromkeys(missing)), results, stale)
    means = {seed: fmean(map(_mean, sets.values())) for seed, sets in by_seed.items()}
    over, error, df = _error([*by_seed.values()])
    value = fmean(means.values())
    interval = estimates.t_interval(value, error, df) if error else None
    return Cell(name, column, value, error, over, "done", results, stale, interval, means)


def _mean(results: Sequence[Result]) -> float:
    return fmean(float(result.value or 0.0) for result in results)


def _error(seeds: Sequence[Mapping[int, Sequence[Result]]]) -> tuple[str, float | None, float]:
    """Over whom there is a standard error, that error, and its degrees of freedom.

    Over the seeds if there are several that differ; else over the folds, of the sets' mean each;
    else over sets and test examples, whose squares add (which counts their interaction twice:
    rather too great than too small); else over the test examples alone.
    """
    means = [fmean(map(_mean, sets.values())) for sets in seeds]
    if len(set(means)) > 1:
        return "seeds", estimates.mean_and_error(means)[1], len(means) - 1
    sets = [*seeds[0].values()]
    folds = [_mean(of_fold) for of_fold in zip(*sets, strict=True)]
    if len(folds) > 1:
        return "folds", estimates.mean_and_error(folds)[1], len(folds) - 1
    known = [of_set[0].stderr for of_set in sets]
    errors = [error for error in known if error is not None]
    examples = math.sqrt(fmean(error**2 for error in errors)) if len(errors) == len(sets) else None
    if len(sets) == 1:
        return "examples" if examples is not None else "", examples, math.inf
    if examples is None:
        return "sets alone", estimates.mean_and_error([*map(_mean, sets)])[1], len(sets) - 1
    between = estimates.mean_and_error([_mean(of_set) for of_set in sets])[1]
    both = math.hypot(examples, between)
    df = (len(sets) - 1) * (both / between) ** 4 if between else math.inf  # Satterthwaite
    return "sets", both, df


def best(found: Sequence[Cell], references: Sequence[str]) -> set[tuple[str, str]]:
    """The label and head of the cells that no other is shown to beat, over at least 3 seeds each.

    Decided for each dataset among the trained, current rows; none where fewer than two of them
    have the seeds, where one that has not is better than all that have, or where they differ in
    the number of samples or in the metric's settings.
    """
    marked = set()
    for column in dict.fromkeys(cell.head for cell in found):
        cells = [c for c in found if c.head == column and c.value is not None and not c.stale]
        cells = [c for c in cells if c.results[0].model not in references]
        if len({_scored_alike(cell) for cell in cells}) != 1:
            continue
        aim = cells[0].results[0].best
        goods = {c.label: [goodness(aim, v) for v in c.by_seed.values()] for c in cells}
        values = {cell.label: goodness(aim, cell.value or 0.0) for cell in cells}
        if any(map(math.isnan, values.values())):
            continue
        names = estimates.best(goods)
        seeds = {cell.label: len(cell.by_seed) for cell in cells}
        top = max((values[name] for name in names), default=-math.inf)
        if not any(values[n] > top and seeds[n] < estimates.FEWEST for n in values):
            marked |= {(name, column) for name in names}
    return marked


def _scored_alike(cell: Cell) -> str:
    """A name for how a row was scored, by which its value compares with others."""
    first = cell.results[0]
    own = {k: v for k, v in first.overrides.items() if k.startswith(f"{first.metric}.")}
    return sha256_of_json([first.samples, own])


# --- the frame of strings ---
