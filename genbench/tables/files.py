"""Rows of scored files: above the reference rows; binary samples in a table of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genbench.defaults import DEFAULTS
from genbench.protocols import Best, better
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.tables import cells, chosen, formats, frames, notes
from genbench.tables.centroids import on_centroids
from genbench.words import value_and_error

FORMATS = {"md": formats.markdown, "latex": formats.latex, "html": formats.html}
_OVER = {"examples": "test examples", "folds": "folds"}


@dataclass(frozen=True)
class FileRow:
    """What the samples of a file score; over: what the standard error is over, a key of `_OVER`."""

    name: str
    kind: str
    samples: int
    value: float
    error: float | None
    over: str
    unit: str
    best: Best


@dataclass(frozen=True)
class Scoring:
    """How files are scored: on which dataset, by which metric, and what was set of it."""

    dataset: str
    caveat: str
    metric: str
    settings: Mapping[str, Any]

    @property
    def head(self) -> str:
        """The head of the column, as `tables.columns` has it of results."""
        data = f"{self.dataset} ({self.caveat})" if self.caveat else self.dataset
        marks = [f"{key}={value}" for key, value in sorted(self.settings.items())]
        return f"{data}, {self.metric} [{', '.join(marks)}]" if marks else data


def rendered(
    rows: Sequence[FileRow],
    beside: Sequence[Result],
    how: Scoring,
    store: Store,
    form: str,
    quiet: bool,
) -> list[str]:
    """A text for each kind of samples, in one of FORMATS; `beside`: results of reference rows."""
    found = cells.cells(chosen.ordered(beside), chosen.is_current)
    pair = DEFAULTS.centroids, DEFAULTS.training_images
    further = on_centroids(beside, store.per_example, *pair)
    said = notes.under_table(found, DEFAULTS.references, further)
    texts = []
    for kind in dict.fromkeys(row.kind for row in rows):
        own = [row for row in rows if row.kind == kind]
        below = frames.frame(found, DEFAULTS.references) if found and kind == "mean" else None
        lines = [_unit(own[0], how)] if below is None else said
        texts.append(FORMATS[form](_frame(own, how, below), [] if quiet else lines))
    return texts


def _frame(rows: Sequence[FileRow], how: Scoring, below: pd.DataFrame | None) -> pd.DataFrame:
    own = pd.DataFrame(
        [
            {"model": _name(row, how), how.head: value_and_error(row.value, row.error)}
            for row in rows
        ]
    )
    shown = own if below is None else pd.concat([own, below], ignore_index=True)
    shown.attrs["untrained"] = 0 if below is None else len(below)
    return shown


def _unit(first: FileRow, how: Scoring) -> str:
    said = f"{how.metric} in {first.unit}, {better(first.best)}"
    return f"{said}; ± standard error over the {_OVER[first.over]}"


def _name(row: FileRow, how: Scoring) -> str:
    """A row's name as the table would have it: the file, and whatever is not the default."""
    marks = ["binary"] if row.kind == "binary" else []
    marks += [f"{row.samples} samples"] if row.samples != DEFAULTS.samples else []
    return f"{row.name} [{', '.join(marks)}]" if marks else row.name
