"""Results -> the table: models down, datasets across, "value ± error", published values beside.

`cells` gives numbers, one row for each model and dataset, `frame` what is shown of them; how either
becomes text is `genbench.rendering`'s. Nothing that is missing, failed, unverified or made by other
code is left unsaid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files as package_files
from statistics import fmean
from typing import Any

import pandas as pd

from genbench import speed, statistics, verdict
from genbench.files import sha256_of_json
from genbench.run import Result
from genbench.speed import Asked
from genbench.verdict import Published

MISSING = "–"
_PUBLISHED, _VERDICT = ", published", ", verdict"
BINARY = "binary"  # the kind of samples that published values, all of means, do not belong beside
SCORES = Asked()
OVER = {
    "examples": "standard error over the test examples of one run",
    "sets": "standard error over the test examples and the sample sets of one training",
    "folds": "standard error over the folds",
    "seeds": "standard error over the seeds",
}
Fields = Callable[[Result], Mapping[str, str]]  # the protocol of a result, as signatures name it


@dataclass(frozen=True)
class Cell:
    """One model on one dataset: the mean over its folds, sample sets and seeds.

    over: whose standard error `error` is, a key of `OVER`; interval: 95 % by Student's t over the
    same. by_seed: the mean of each seed. published: the value from the literature, if one belongs
    here; verdict: what may be said of ours beside it, and `why`.
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

    @property
    def text(self) -> str:
        """What the table shows."""
        if self.value is None or self.error is None:
            return self.status
        return value_and_error(self.value, self.error)


def value_and_error(value: float, error: float) -> str:
    """Both rounded to the error's second digit, never beyond the units.

    >>> value_and_error(241.1892, 2.1314)
    '241.2 ± 2.1'
    >>> value_and_error(-2057.3, 26.4)
    '-2057 ± 26'
    """
    if not math.isfinite(error) or error <= 0:
        return f"{value:.2f}" if error == 0 else f"{value:.2f} ± ?"
    if not 1e-9 < error < 1e9:
        return f"{value:.6g} ± {error:.1e}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if round(error, decimals) >= 10 ** (2 - decimals):  # 0.0996 is 0.10, not 0.100
        decimals = max(0, decimals - 1)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


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


def label(result: Result, stale: bool = False) -> str:
    """A row's name: the model, and whatever of its run is not the default."""
    marks = [result.preset] if result.preset != "paper" else []
    marks += [f"{key}={value}" for key, value in sorted(result.overrides.items())]
    marks += [f"{result.samples} samples"] if result.samples != 10_000 else []
    marks += [f"version {_version(result)}"] if stale else []
    return f"{result.model} [{', '.join(marks)}]" if marks else result.model


def _version(result: Result) -> str:
    """A short name for the code and the recipe that made a result."""
    return sha256_of_json([dict(result.code), dict(result.recipe)])[:8]


def head(result: Result) -> str:
    """A column's head: the dataset, and what must be said of its data."""
    return f"{result.dataset} ({result.caveat})" if result.caveat else result.dataset


def cells(
    results: Iterable[Result], is_current: Callable[[Result], bool], fields: Fields | None = None
) -> list[Cell]:
    """The cells of a table, rows and columns in the order in which they first appear.

    A result by another code or recipe than the installed one has a row of its own, and so have
    other bytes under one dataset's name a column, so that no cell mixes two of them. Where the
    protocol of a result can be told by `fields`, a verdict stands beside its published value.
    """
    results = list(results)
    digests: dict[str, set[str]] = {}
    for result in results:
        digests.setdefault(head(result), set()).add(result.digest)
    rows: dict[tuple[str, str], list[Result]] = {}
    stale = set()
    for result in results:
        column, current = head(result), is_current(result)
        if len(digests[column]) > 1:
            column = f"{column} {result.digest[:8]}"
        key = (label(result, stale=not current), column)
        rows.setdefault(key, []).append(result)
        stale |= set() if current else {key}
    found = [_cell(*key, same, key in stale) for key, same in rows.items()]
    return [_beside_published(cell, fields) for cell in found]


def _beside_published(cell: Cell, fields: Fields | None) -> Cell:
    """The cell with the published value that belongs beside it, and what may be said of both."""
    paper = _published(cell)
    cut = any(result.cut for result in cell.results)
    if paper is None or cell.value is None or fields is None or cell.stale or cut:
        return replace(cell, published=paper)
    said = [_protocol_fields(result, fields) for result in cell.results]
    ours = {name: several(each.get(name, "not stated") for each in said) for name in said[0]}
    said, why = verdict.verdict([*cell.by_seed.values()], ours, paper, _PROTOCOL)
    return replace(cell, published=paper, verdict=said, why=why)


def _protocol_fields(result: Result, fields: Fields) -> dict[str, str]:
    """By which protocol a result came about, in the words of published.csv."""
    sampling = result.details.get("sampling") or {}
    chain = f"started at {sampling['start']}" if sampling.get("start") else "none"
    rows = result.details.get("training", {}).get("rows")
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
    if any(result.status == "failed" for result in results):
        return Cell(name, column, None, None, "", "failed", results, stale)
    if missing:
        return Cell(name, column, None, None, "", ", ".join(dict.fromkeys(missing)), results, stale)
    means = {seed: fmean(map(_mean, sets.values())) for seed, sets in by_seed.items()}
    over, error, df = _error([*by_seed.values()])
    value = fmean(means.values())
    interval = statistics.t_interval(value, error, df) if error else None
    return Cell(name, column, value, error, over, "done", results, stale, interval, means)


def _mean(results: Sequence[Result]) -> float:
    return fmean(float(result.value or 0.0) for result in results)


def _error(seeds: Sequence[Mapping[int, Sequence[Result]]]) -> tuple[str, float, float]:
    """Over whom there is a standard error, that error, and its degrees of freedom.

    Over the seeds if there are several that differ; else over the folds, of the sets' mean each;
    else over sets and test examples, whose squares add (which counts their interaction twice:
    rather too great than too small); else over the test examples alone.
    """
    means = [fmean(map(_mean, sets.values())) for sets in seeds]
    if len(set(means)) > 1:
        return "seeds", statistics.mean_and_error(means)[1], len(means) - 1
    sets = [*seeds[0].values()]
    folds = [_mean(of_fold) for of_fold in zip(*sets, strict=True)]
    if len(folds) > 1:
        return "folds", statistics.mean_and_error(folds)[1], len(folds) - 1
    firsts = [of_set[0] for of_set in sets]
    examples = math.sqrt(fmean(float(result.stderr or 0.0) ** 2 for result in firsts))
    if len(sets) == 1:
        return "examples", examples, math.inf
    between = statistics.mean_and_error([_mean(of_set) for of_set in sets])[1]
    both = math.hypot(examples, between)
    df = (len(sets) - 1) * (both / between) ** 4 if between else math.inf  # Satterthwaite
    return "sets", both, df


def published() -> pd.DataFrame:
    """Values from the literature, each with its source and as much of its protocol as that says."""
    return pd.read_csv(str(package_files("genbench") / "published.csv"), dtype=str)


_PROTOCOL = ("m", "s", "scale", "sigma", "v", "rows", "chain")


def _published(cell: Cell) -> Published | None:
    """The published value that belongs beside a cell, of means on canonical data."""
    first = cell.results[0]
    if first.caveat or not any(result.kind == "mean" for result in cell.results):
        return None
    if first.details.get("sampling", {}).get("reconstruct"):
        return None
    table = published()
    same = (table.model == first.model) & (table.dataset == first.dataset)
    found = table[same & (table.metric == first.metric)]
    if found.empty:
        return None
    row = found.iloc[0].dropna().to_dict()
    fields = {name: row[name] for name in _PROTOCOL if name in row}
    return Published(float(row["value"]), float(row["stderr"]), row["unit"], row["source"], fields)


def best(found: Sequence[Cell], references: Sequence[str]) -> set[tuple[str, str]]:
    """The label and head of the cells that no other is shown to beat, over at least 3 seeds each.

    Decided for each dataset among the trained, current rows; none where fewer than two of them
    have the seeds, where one that has not is better than all that have, or where they differ in
    the number of samples or in the metric's settings.
    """
    marked = set()
    for head in dict.fromkeys(cell.head for cell in found):
        cells = [c for c in found if c.head == head and c.value is not None and not c.stale]
        cells = [c for c in cells if c.results[0].model not in references]
        if len({_scored_alike(cell) for cell in cells}) != 1:
            continue
        higher = cells[0].results[0].higher_is_better
        names = statistics.best({c.label: [*c.by_seed.values()] for c in cells}, higher)
        values = {cell.label: (cell.value or 0.0) * (1 if higher else -1) for cell in cells}
        seeds = {cell.label: len(cell.by_seed) for cell in cells}
        top = max((values[name] for name in names), default=-math.inf)
        if not any(values[n] > top and seeds[n] < statistics.FEWEST for n in values):
            marked |= {(name, head) for name in names}
    return marked


def _scored_alike(cell: Cell) -> str:
    """A name for how a row was scored, by which its value compares with others."""
    first = cell.results[0]
    own = {k: v for k, v in first.overrides.items() if k.startswith(f"{first.metric}.")}
    return sha256_of_json([first.samples, own])


# --- the frame of strings ---


def frame(found: Sequence[Cell], references: Sequence[str], asked: Asked = SCORES) -> pd.DataFrame:
    """What is shown: a row for each model, untrained rows last, missing cells as a dash.

    attrs: "untrained", how many the last rows are; "best", the (row, column) of marked values.
    """
    labels = list(dict.fromkeys(cell.label for cell in found))
    untrained = {cell.label for cell in found if cell.results[0].model in references}
    labels.sort(key=lambda name: name in untrained)
    columns: dict[str, dict[str, str | None]] = {}
    for cell in found:
        for name, text in _texts(cell, asked).items():
            columns.setdefault(f"{cell.head}{name}", {})[cell.label] = text
    blank = {name: "" if name.endswith((_PUBLISHED, _VERDICT)) else MISSING for name in columns}
    kept = {name: text for name, text in columns.items() if blank[name] or any(text.values())}
    shown = pd.DataFrame(kept, index=labels, dtype=object).fillna(blank)
    shown.insert(0, "model", shown.index, allow_duplicates=True)
    shown.attrs["untrained"] = len([name for name in labels if name in untrained])
    marked = best(found, references) if "ll" in asked.columns else set()
    shown.attrs["best"] = sorted((labels.index(label), head) for label, head in marked)
    return shown.reset_index(drop=True)


def _texts(cell: Cell, asked: Asked) -> dict[str, str | None]:
    """What stands in a row for one dataset, by what follows its name in the head."""
    texts: dict[str, str | None] = {}
    for column in asked.columns:
        if column in speed.TITLES:
            texts[f", {speed.TITLES[column]}"] = speed.text(_whole(cell), column, asked.records)
        else:
            beside = cell.published.text if cell.published else None
            texts |= {"": cell.text, _PUBLISHED: beside, _VERDICT: cell.verdict or None}
    return texts


def numbers(found: Sequence[Cell], asked: Asked = SCORES) -> pd.DataFrame:
    """A row for each cell, every number unrounded, for programs that read tables."""
    return pd.DataFrame([_numbers(cell, asked) for cell in found])


def _numbers(cell: Cell, asked: Asked) -> dict[str, Any]:
    first, paper = cell.results[0], cell.published
    low, high = cell.interval or (None, None)
    warnings = (text for r in cell.results for text in [*r.details.get("warnings", []), r.error])
    return {
        "model": cell.label,
        "dataset": cell.head,
        "metric": first.metric,
        "kind": several(r.kind for r in cell.results if r.kind),
        "value": cell.value,
        "error": cell.error,
        "error_over": cell.over,
        "low": low,
        "high": high,
        "unit": first.unit,
        "status": cell.status,
        "preset": first.preset,
        "seeds": " ".join(sorted({str(r.seed) for r in cell.results})),
        "sample_sets": len({r.sample_set for r in cell.results}),
        "samples": first.scored,
        "sigma": sigmas(cell),
        "cut": any(result.cut for result in cell.results),
        "current": not cell.stale,
        "warnings": several(text for text in warnings if text),
        "published": paper.value if paper else None,
        "published_error": paper.stderr if paper else None,
        "verdict": cell.verdict,
        "source": paper.source if paper else "",
        **speed.numbers(_whole(cell), asked),
    }


def _whole(cell: Cell) -> Sequence[Result]:
    """The results that make up a cell's value; none where it has none."""
    return [] if cell.value is None else cell.results


def rows(found: Sequence[Cell]) -> dict[str, list[Result]]:
    """The results of each row that has a value, by its name, with the dataset if there are two."""
    several = len({cell.head for cell in found}) > 1
    named: dict[str, list[Result]] = {}
    for cell in found:
        name = f"{cell.label} on {cell.head}" if several else cell.label
        named.setdefault(name, []).extend(_whole(cell))
    return {name: results for name, results in named.items() if results}


def several(values: Iterable[Any]) -> str:
    """Different values once each, in order."""
    return ", ".join(str(value) for value in dict.fromkeys(values))


def sigmas(cell: Cell) -> str:
    """Every sigma that a cell's results were scored with."""
    found = {r.details["sigma"] for r in cell.results if "sigma" in r.details}
    return several(f"{sigma:.4g}" for sigma in sorted(found))
