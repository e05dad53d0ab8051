"""Where the number of samples decides more of a score than its rows differ by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from genbench.protocols import BY_SAMPLES
from genbench.records.names import judge
from genbench.tables.cells import Cell
from genbench.words import shortened


def notes(found: Sequence[Cell], references: Sequence[str]) -> list[str]:
    """For each column, which of its trained rows lie nearer together than their bias is great.

    A bias of c / m is what half the samples move a score by.
    """
    trained = [c for c in found if c.value is not None and c.results[0].model not in references]
    columns = dict.fromkeys(cell.head for cell in trained)
    said = (_note([cell for cell in trained if cell.head == head]) for head in columns)
    return [line for line in said if line]


def _note(cells: Sequence[Cell]) -> str:
    moved = {cell.label: bias for cell in cells if (bias := _bias(cell)) is not None}
    rows = sorted((_value(cell), cell.label) for cell in cells if cell.label in moved)
    close = [
        f"{one} and {other}"
        for (low, one), (high, other) in pairwise(rows)
        if high - low < max(moved[one], moved[other])
    ]
    if not close:
        return ""
    first = cells[0].results[0]
    most = shortened(f"{max(moved.values()):.3g} {first.unit}".strip())
    return (
        f"half as many samples move {judge(first)} on {cells[0].data} by up to {most}, further "
        f"than these lie apart: {', '.join(close)}"
    )


def _value(cell: Cell) -> float:
    return 0.0 if cell.value is None else cell.value


def _bias(cell: Cell) -> float | None:
    """How far half the samples move a row's value, mean over its results; None if not known."""
    curves = [result.curves.get(BY_SAMPLES, []) for result in cell.results]
    if not all(len(points) > 1 for points in curves):
        return None
    return fmean(abs(points[-1][1] - points[-2][1]) for points in curves)
