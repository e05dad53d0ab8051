"""What is shown of a table's cells: strings for people, numbers for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from genbench.records.run import Result
from genbench.tables import speed
from genbench.tables.cells import SCORES, Cell, best
from genbench.tables.speed import Asked
from genbench.words import MISSING, several

_PUBLISHED, _VERDICT = ", published", ", verdict"


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
    warnings = (text for r in cell.results for text in [*r.warnings, r.error])
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
        "notes": "; ".join(f"{name} {said}" for name, said in noted(cell).items()),
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


def noted(cell: Cell) -> dict[str, str]:
    """What the metric noted of a cell's results in one number or word each, by name."""
    found: dict[str, list[Any]] = {}
    for result in cell.results:
        for name, value in result.notes.items():
            if isinstance(value, int | float | str):
                found.setdefault(name, []).append(value)
    return {name: several(_plain(v) for v in _sorted(values)) for name, values in found.items()}


def _sorted(values: Sequence[Any]) -> Sequence[Any]:
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numbers else values


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
