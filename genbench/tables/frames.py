"""What is shown of a table's cells: strings for people, numbers for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genbench.plugins.titles import title
from genbench.records.names import judge, settings
from genbench.records.run import Result
from genbench.tables import speed
from genbench.tables.cells import SCORES, Cell, best
from genbench.tables.speed import Layout
from genbench.words import MISSING, several, shortened

VALUE, PUBLISHED, VERDICT = "", "published", "verdict"  # what a column shows of its cells

WIDEST = 5  # columns of values side by side, where nobody says what fits
Fits = Callable[[Sequence[Cell]], bool]


def are_few(found: Sequence[Cell]) -> bool:
    """Whether cells are of so few columns that they may stand side by side."""
    return len({cell.head for cell in found}) <= WIDEST


def blocks(found: Sequence[Cell], fits: Fits = are_few) -> list[tuple[str, list[Cell]]]:
    """The cells of a table that stand side by side, under what they are called in it.

    All of them where they fit; else metric by metric, as many together as fit, and of one that does
    not fit as many of its columns as do.
    """
    if fits(found):
        return [("", [*found])]
    metrics = dict.fromkeys(cell.results[0].metric for cell in found)
    parts: list[tuple[str, list[Cell]]] = []
    for metric in metrics:
        own = [cell for cell in found if cell.results[0].metric == metric]
        if parts and fits([*parts[-1][1], *own]):
            parts[-1] = f"{parts[-1][0]}, {metric}", [*parts[-1][1], *own]
            continue
        split = _fitting(own, fits)
        for i, part in enumerate(split, 1):
            which = [metric] if len(metrics) > 1 else []
            which += [f"{i} of {len(split)}"] if len(split) > 1 else []
            parts.append((", ".join(which), part))
    return parts


def _fitting(found: Sequence[Cell], fits: Fits) -> list[list[Cell]]:
    """The cells of as many columns as fit, again and again."""
    parts: list[list[Cell]] = []
    for head in dict.fromkeys(cell.head for cell in found):
        column = [cell for cell in found if cell.head == head]
        if parts and fits([*parts[-1], *column]):
            parts[-1] += column
        else:
            parts.append(column)
    return parts


def frame(
    found: Sequence[Cell],
    references: Sequence[str],
    layout: Layout = SCORES,
    whole: Sequence[Cell] | None = None,
    verdicts: bool = True,
) -> pd.DataFrame:
    """What is shown: a row for each model, untrained rows last, missing cells as a dash.

    whole: the cells of all blocks of the table; each block has the rows of all.
    attrs: "untrained", how many the last rows are; "best", the (row, column) of marked values;
    "names" and "heads", what a paper calls the rows and the columns, see `Head`.
    """
    every = found if whole is None else whole
    labels = list(dict.fromkeys(cell.label for cell in every))
    untrained = {cell.label for cell in every if cell.results[0].model in references}
    labels.sort(key=lambda name: name in untrained)
    columns: dict[tuple[str, str], dict[str, str | None]] = {}
    for cell in found:
        for column, text in _texts(cell, layout, verdicts).items():
            if text is not None:
                columns.setdefault(column, {})[cell.label] = text
            else:
                columns.setdefault(column, {}).setdefault(cell.label, None)
    blank = {key: "" if key[1] in (PUBLISHED, VERDICT) else MISSING for key in columns}
    shown_columns = [key for key in columns if blank[key] or any(columns[key].values())]
    named = {", ".join(filter(None, key)): key for key in shown_columns}
    kept = {name: columns[key] for name, key in named.items()}
    blanks = {name: blank[key] for name, key in named.items()}
    shown = pd.DataFrame(kept, index=labels, dtype=object).fillna(blanks)
    shown.insert(0, "model", shown.index, allow_duplicates=True)
    shown.attrs["untrained"] = len([name for name in labels if name in untrained])
    marked = best(found, references) if "ll" in layout.columns else set()
    shown.attrs["best"] = sorted((labels.index(label), head) for label, head in marked)
    titles = {cell.label: _row_title(cell) for cell in every}
    shown.attrs["names"] = [titles[label] for label in labels]
    shown.attrs["heads"] = [_head(*named[name], found) for name in named]
    return shown.reset_index(drop=True)


@dataclass(frozen=True)
class Head:
    """What stands above a column in a paper: the data, the metric where it is said, the part."""

    data: str
    by: str
    part: str


def _head(name: str, part: str, found: Sequence[Cell]) -> Head:
    """Of the column of these cells whose head, or whose data, has this name."""
    cell = next(cell for cell in found if name in (cell.head, cell.data))
    data, by = column_title(cell)
    return Head(data, by if name == cell.head != cell.data else "", part)


def column_title(cell: Cell) -> tuple[str, str]:
    """The data and the metric of a cell's column as a paper calls them, what is set of it too."""
    first = cell.results[0]
    data = title("dataset", first.dataset) + cell.data.removeprefix(first.dataset)
    return data, title("metric", first.metric) + judge(first).removeprefix(first.metric)


def _row_title(cell: Cell) -> str:
    model = cell.results[0].model
    return title("model", model) + cell.label.removeprefix(model)


def _texts(cell: Cell, layout: Layout, verdicts: bool) -> dict[tuple[str, str], str | None]:
    """What stands in a row for one column of cells, by that column's head and part.

    Speed is of a dataset's trainings and draws, whatever metrics score them.
    """
    texts: dict[tuple[str, str], str | None] = {}
    for column in layout.columns:
        if column in speed.TITLES:
            text = speed.text(_whole(cell), column, layout.records)
            texts[cell.data, speed.TITLES[column]] = text
        else:
            beside = cell.published.text if cell.published else None
            texts[cell.head, VALUE] = cell.text
            texts[cell.head, PUBLISHED] = beside
            texts[cell.head, VERDICT] = (cell.verdict or None) if verdicts else None
    return texts


def numbers(found: Sequence[Cell], layout: Layout = SCORES) -> pd.DataFrame:
    """A row for each cell, every number unrounded, for programs that read tables."""
    shown = pd.DataFrame([_numbers(cell, layout) for cell in found])
    bounds = [cell.bound for cell in found]
    if any(bounds):
        shown.insert([*shown.columns].index("value"), "bound", bounds)
    own = [", ".join(f"{k}={v}" for k, v in settings(cell.results[0]).items()) for cell in found]
    if any(own):
        shown.insert([*shown.columns].index("metric") + 1, "settings", own)
    return shown


def _numbers(cell: Cell, layout: Layout) -> dict[str, Any]:
    first, paper = cell.results[0], cell.published
    low, high = cell.interval or (None, None)
    warnings = (text for r in cell.results for text in [*r.warnings, r.error])
    return {
        "model": cell.label,
        "dataset": cell.data,
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
        "notes": "; ".join(f"{name} {said}" for name, said in noted(cell).items()),
        "cut": any(result.cut for result in cell.results),
        "current": not cell.stale,
        "warnings": several(text for text in warnings if text),
        "published": paper.value if paper else None,
        "published_error": paper.stderr if paper else None,
        "verdict": cell.verdict,
        "source": paper.source if paper else "",
        **speed.numbers(_whole(cell), layout),
    }


def _whole(cell: Cell) -> Sequence[Result]:
    """The results that make up a cell's value; none where it has none."""
    return [] if cell.value is None else cell.results


def rows(found: Sequence[Cell]) -> dict[str, list[Result]]:
    """The results of each row that has a value, by its name, with the dataset if there are two."""
    several = len({cell.data for cell in found}) > 1
    named: dict[str, list[Result]] = {}
    for cell in found:
        name = f"{cell.label} on {cell.data}" if several else cell.label
        named.setdefault(name, []).extend(_whole(cell))
    return {name: results for name, results in named.items() if results}


def noted(cell: Cell) -> dict[str, str]:
    """What the metric noted of a cell's results in one number or word each, by name."""
    found: dict[str, list[Any]] = {}
    for result in cell.results:
        for name, value in result.notes.items():
            if isinstance(value, int | float | str):
                found.setdefault(shortened(name), []).append(value)
    return {name: several(_plain(v) for v in _sorted(values)) for name, values in found.items()}


def _sorted(values: Sequence[Any]) -> Sequence[Any]:
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numbers else values


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else shortened(str(value))
