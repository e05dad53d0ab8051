"""What each model finds hard, for people and for programs: a frame, its notes, its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from genbench.defaults import DEFAULTS
from genbench.tables.challenges import COLUMNS, Row, paper


def frame(found: Sequence[Row]) -> pd.DataFrame:
    """A row for each model, and after the last of a family what the paper says of it."""
    said, shown = paper(), []
    for i, row in enumerate(found):
        shown.append({"model": row.label, **{name: row.facts[name].text for name in COLUMNS}})
        last = i + 1 == len(found) or found[i + 1].family != row.family
        if last and row.family in said:
            of = {name: said[row.family].get(name, "") for name in COLUMNS}
            shown.append({"model": f"the paper: {row.family}", **of})
    return pd.DataFrame(shown)


def notes(found: Sequence[Row]) -> list[str]:
    """How to read it, and what was not measured, with the models it was not measured of."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for row in found:
        for name, fact in row.facts.items():
            if fact.lacks:
                lacking.setdefault((name, fact.lacks), []).append(row.model)
    first = DEFAULTS.metrics[0]
    return [
        "training: to the recipe's or preset's end, mean over seeds; sampling: for 10,000, and how "
        "many independent ones their mean is worth; both on the machines that made them",
        "p(x): nats a row, on test rows; a bound holds in expectation",
        f"a training fails if it ends in an error or scores no better by {first} than the "
        f"untrained {DEFAULTS.covariance}; 95 % intervals of the share, Clopper and Pearson's; of "
        "the row with most seeds",
        "the paper: what its Table 2 says of such models, in few words",
        *(f"{name}: {why}: {', '.join(models)}" for (name, why), models in lacking.items()),
    ]


def numbers(found: Sequence[Row], dataset: str) -> pd.DataFrame:
    """A line for each number, unrounded, and one for each cell that has none."""
    lines = []
    for row in found:
        for name, fact in row.facts.items():
            about = {"model": row.label, "dataset": dataset, "challenge": name}
            known = fact.numbers or {"": None}
            for what, value in known.items():
                lines.append({**about, "number": what, "value": value, "lacks": fact.lacks})
    return pd.DataFrame(lines)


def as_json(found: Sequence[Row], dataset: str) -> dict[str, Any]:
    """Every fact by model and column, and the notes."""
    facts = {
        row.label: {
            n: {"text": f.text, **f.numbers, "lacks": f.lacks} for n, f in row.facts.items()
        }
        for row in found
    }
    return {"dataset": dataset, "models": facts, "notes": notes(found)}
