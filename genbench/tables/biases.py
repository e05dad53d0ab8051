"""Where the number of samples decides more of a score than its rows differ by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from genbench.defaults import DEFAULTS
from genbench.protocols import BY_SAMPLES
from genbench.records.names import judge
from genbench.tables.cells import Cell
from genbench.words import decimals, shortened


def notes(found: Sequence[Cell], references: Sequence[str]) -> list[str]:
    """For each column, which of its trained rows lie nearer together than their bias is great.

    A bias of c / m is what half the samples move a score by.
    """
    trained = [c for c in found if c.value is not None and c.results[0].model not in references]
    columns = dict.fromkeys(cell.head for cell in trained)
    said = (_note([cell for cell in trained if cell.head == head]) for head in columns)
    return [line for line in said if line]


def at_real_count(found: Sequence[Cell]) -> list[str]:
    """For each column, what rows score by as many samples as the row of real data has.

    Read off each row's own curve: of the line in 1 / m through its last two points, at that m.
    """
    lines = []
    for head in dict.fromkeys(cell.head for cell in found):
        cells = [cell for cell in found if cell.head == head and cell.value is not None]
        real = [cell for cell in cells if cell.results[0].model == DEFAULTS.real]
        count = real[0].results[0].scored if real else 0
        values = {cell.label: at for cell in cells if (at := _at(cell, count)) is not None}
        if values:
            places = decimals(values.values())
            said = ", ".join(f"{label} {value:.{places}f}" for label, value in values.items())
            by = f"{judge(real[0].results[0])} on {real[0].data}"
            lines.append(
                f"{by} at the {count} samples of {real[0].label}, by each row's own curve: {said}"
            )
    return lines


def _at(cell: Cell, count: int) -> float | None:
    """What a row would score by fewer samples, mean over its results; None if not known."""
    curves = [result.curves.get(BY_SAMPLES, []) for result in cell.results]
    if not all(len(points) > 1 and points[-2][0] <= count < points[-1][0] for points in curves):
        return None
    return fmean(_between(points[-2], points[-1], count) for points in curves)


def _between(one: Sequence[float], other: Sequence[float], m: int) -> float:
    """(1 - s) y + s z at m of points (a, y) and (b, z), s = (1 / a - 1 / m) / (1 / a - 1 / b)."""
    (a, y), (b, z) = one, other
    s = (1 / a - 1 / m) / (1 / a - 1 / b)
    return (1 - s) * y + s * z


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
