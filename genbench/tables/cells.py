"""Results -> the table: models down, datasets and metrics across, "value ± error".

`cells` gives numbers, one for each row and column (see `columns`), published ones beside; `frames`
what is shown of them; `formats` makes text of either. Nothing that is missing, failed, unverified
or made by other code is left unsaid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from genbench.comparing import estimates
from genbench.defaults import DEFAULTS
from genbench.protocols import bound_of_difference, bound_of_mean, goodness
from genbench.records.names import label, settings
from genbench.records.run import Result
from genbench.tables import columns, published
from genbench.tables.columns import Column
from genbench.tables.published import Published
from genbench.tables.signature import Protocol
from genbench.tables.speed import Layout
from genbench.words import several, value_and_error

UNMET = "n/a"  # what a cell shows whose needs are not met
BINARY = "binary"  # the kind of samples that published values, all of means, do not belong beside
SCORES = Layout()
ONE, SETS = "examples", "sets"  # the error is that of one score; of several sets of samples too
OVER = {
    ONE: "standard error over the test examples of one run",
    SETS: "standard error over the test examples and the sample sets of one training",
    "sets alone": "standard error over the sample sets of one training",
    "": "no standard error is known",
    "folds": "standard error over the folds",
    "seeds": "standard error over the seeds",
}
Protocols = Callable[[Result], Protocol]


@dataclass(frozen=True)
class Cell:
    """One model in one column: the mean over its folds, sample sets and seeds.

    head: of the column; data: the dataset's name in it. over: whose standard error `error` is, a
    key of `OVER`; df: its degrees of freedom. by_seed: the mean of each seed.
    published: the value from the literature, if one belongs here; verdict: what may be said of ours
    beside it, and `why`. older: the revisions that made it and are no longer installed.
    """

    label: str
    head: str
    value: float | None
    error: float | None
    over: str
    status: str
    results: Sequence[Result]
    stale: bool = False
    df: float = 0.0
    by_seed: Mapping[int, float] = field(default_factory=dict)
    published: Published | None = None
    verdict: str = ""
    why: str = ""
    older: Sequence[str] = ()
    data: str = ""

    @property
    def text(self) -> str:
        """What the table shows."""
        if self.value is None:
            return UNMET if self.status == "unmet" else self.status
        return value_and_error(self.value, self.error, self.bound)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % by Student's t, over the same as the error; none without one."""
        if self.value is None or not self.error:
            return None
        return estimates.t_interval(self.value, self.error, self.df)

    @property
    def bound(self) -> str:
        """What the value is, if any of its results is a bound, see `protocols.Score`."""
        return bound_of_mean(result.bound for result in self.results)


# --- numbers ---


def tables(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The title and the results of each table: one for each kind of samples.

    Means first, then binary samples, whose scores cannot be compared with them. A failed result,
    and one by a metric that takes no samples, has no kind: it stands where its row has others, else
    with the means, or where there are none, in the only table. A single table has no title. Results
    by another protocol are in none of them.
    """
    results = [result for result in results if not result.protocol]
    rows = {label(result): result.kind for result in results if result.kind}
    usual = BINARY if set(rows.values()) == {BINARY} else "mean"
    groups: dict[str, list[Result]] = {"mean": []}
    for result in results:
        kind = result.kind or rows.get(label(result), usual)
        groups.setdefault(kind, []).append(result)
    found = [(_title(kind, groups[kind]), groups[kind]) for kind in groups if groups[kind]]
    return found if len(found) > 1 else [("", group) for _, group in found]


def _title(kind: str, results: Sequence[Result]) -> str:
    """What a table of one kind of samples is called beside others."""
    metrics = dict.fromkeys(result.metric for result in results)
    if len(metrics) > 1:
        return f"{kind} samples"
    return next(iter(metrics)) + ("" if kind == "mean" else f", {kind} samples")


def cells(
    results: Iterable[Result],
    is_current: Callable[[Result], bool],
    protocols: Protocols | None = None,
    older: Callable[[Result], Sequence[str]] = lambda result: (),
) -> list[Cell]:
    """The cells of a table, rows and columns in the order in which they first appear.

    A result by another code or recipe than the installed one has a row of its own. One by an
    older revision of its model (`older` says so) keeps its row, its verdict and its place among
    the best; only beside newer ones of the same name it is told from them. Where the
    protocol of a result can be told by `protocols`, a verdict stands beside its published value.
    """
    results = list(results)
    column = columns.naming(results)
    stands = [(is_current(result), tuple(older(result))) for result in results]  # each asked once
    newest = {
        (label(r), column(r))
        for r, (current, revisions) in zip(results, stands, strict=True)
        if current and not revisions
    }
    rows: dict[tuple[str, Column], list[Result]] = {}
    revised: dict[tuple[str, Column], list[Sequence[str]]] = {}
    stale = set()
    for result, (current, revisions) in zip(results, stands, strict=True):
        beside = bool(revisions) and (label(result), column(result)) in newest
        key = (label(result, stale=not current, revision=beside), column(result))
        rows.setdefault(key, []).append(result)
        revised.setdefault(key, []).append(revisions)
        stale |= set() if current else {key}
    found = [
        replace(_cell(*key, same, key in stale), older=_distinct(revised[key]))
        for key, same in rows.items()
    ]
    return [_beside_published(cell, protocols) for cell in found]


def _distinct(texts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for each in texts for text in each))


def _beside_published(cell: Cell, protocols: Protocols | None) -> Cell:
    """The cell with the published value that belongs beside it, and what may be said of both.

    Beside settings that are not the metric's default stands only what was published by the same.
    """
    paper = published.beside(cell.results)
    if paper is None:
        return cell
    by = [] if protocols is None else [*map(protocols, cell.results)]
    own = settings(cell.results[0])
    if own and not (by and all(published.belongs(paper, protocol) for protocol in by)):
        return cell
    if cell.value is None or not by or cell.stale or any(result.cut for result in cell.results):
        return replace(cell, published=paper)
    said = [_words(*pair) for pair in zip(cell.results, by, strict=True)]
    ours = {name: several(each.get(name, "not stated") for each in said) for name in said[0]}
    said, why = published.verdict([*cell.by_seed.values()], ours, paper, cell.bound)
    return replace(cell, published=paper, verdict=said, why=why)


def _words(result: Result, protocol: Protocol) -> dict[str, str]:
    """By which protocol a result came about, in the words of published.csv."""
    start, rows = result.sampling.get("start"), result.training.rows
    chain = f"started at {start}" if start else "none"
    labels = str(result.run.fit_reads.get("shown") or "all")
    return {**protocol.fields, "rows": str(rows or "not stated"), "labels": labels, "chain": chain}


def _cell(name: str, column: Column, results: list[Result], stale: bool) -> Cell:
    """No mean over folds or seeds that are missing or failed."""
    head, data = column.head, column.data
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
            return Cell(name, head, None, None, "", status, results, stale, data=data)
    if missing:
        status = ", ".join(dict.fromkeys(missing))
        return Cell(name, head, None, None, "", status, results, stale, data=data)
    means = {seed: fmean(map(_mean, sets.values())) for seed, sets in by_seed.items()}
    over, error, df = _error([*by_seed.values()])
    value = fmean(means.values())
    return Cell(name, head, value, error, over, "done", results, stale, df, means, data=data)


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
        return ONE if examples is not None else "", examples, math.inf
    if examples is None:
        return "sets alone", estimates.mean_and_error([*map(_mean, sets)])[1], len(sets) - 1
    between = estimates.mean_and_error([_mean(of_set) for of_set in sets])[1]
    both = math.hypot(examples, between)
    df = (len(sets) - 1) * (both / between) ** 4 if between else math.inf  # Satterthwaite
    return SETS, both, df


def best(found: Sequence[Cell], references: Sequence[str]) -> set[tuple[str, str]]:
    """The label and head of the cells that no other is shown to beat, over at least 3 seeds each.

    Decided for each column among the trained, current rows, by how good each seed's value is (see
    `protocols.goodness`); none where fewer than two of them have the seeds, where one that has not
    is better than all that have, where they differ in the number of samples, or where the value is
    missing that all should be near to. Beside a bound a cell is marked only if it is shown to beat
    every other, on the sides on which their bounds are.
    """
    marked = set()
    for column in dict.fromkeys(cell.head for cell in found):
        cells = [c for c in found if c.head == column and c.value is not None and not c.stale]
        real = _real(cells)
        cells = [c for c in cells if c.results[0].model not in (*references, DEFAULTS.real)]
        if len({_drawn(cell) for cell in cells}) != 1:
            continue
        aim = cells[0].results[0].best
        goods = {c.label: [goodness(aim, v, real) for v in c.by_seed.values()] for c in cells}
        means = {label: fmean(values) for label, values in goods.items()}
        if any(map(math.isnan, means.values())):
            continue
        names = estimates.best(goods)
        top = max((means[name] for name in names), default=-math.inf)
        if not any(means[n] > top and len(goods[n]) < estimates.FEWEST for n in means):
            bounds = {c.label: _bound_of_goodness(c) for c in cells}
            marked |= {(name, column) for name in names if _leads(name, goods, bounds)}
    return marked


def _bound_of_goodness(cell: Cell) -> str:
    """What the goodness of a cell is, if its value is a bound."""
    best = cell.results[0].best
    if best in ("high", "low"):
        return cell.bound if best == "high" else bound_of_difference("", cell.bound)
    return "~" if cell.bound else ""


def _leads(name: str, goods: Mapping[str, Sequence[float]], bounds: Mapping[str, str]) -> bool:
    """Whether a row stays ahead of each other one whose difference from it is a bound."""
    kinds = {n: bound_of_difference(bounds[name], bounds[n]) for n in goods if n != name}
    return all(
        kind == ">=" and estimates.best({name: goods[name], other: goods[other]}) == {name}
        for other, kind in kinds.items()
        if kind
    )


def _real(cells: Sequence[Cell]) -> float | None:
    """What held-out data score, among the cells of one column; None where they have no row."""
    values = [cell.value for cell in cells if cell.results[0].model == DEFAULTS.real]
    return values[0] if values else None


def lacks_real(found: Sequence[Cell]) -> list[str]:
    """The metrics whose values should be near to that of held-out data, which have no row."""
    lacking = {}
    for cell in found:
        column = [c for c in found if c.head == cell.head and c.value is not None and not c.stale]
        if cell.value is not None and cell.results[0].best == "real" and _real(column) is None:
            lacking[cell.results[0].metric] = None
    return [*lacking]


def _drawn(cell: Cell) -> int:
    """How many samples a row was scored by; 0 where the metric takes none."""
    asked = cell.results[0].run
    return asked.samples if asked.draws else 0
