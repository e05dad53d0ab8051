"""Rows whose error over samples takes states of a chain for independent samples."""

from __future__ import annotations

from collections.abc import Sequence

from genbench.tables.cells import ONE, Cell
from genbench.words import several


def notes(found: Sequence[Cell]) -> list[str]:
    """One for each kind of chains: of which rows ± may be too small.

    Where the metric says over what its error is (an error over the test rows alone needs no word),
    the error shown is that of one set of samples, and a chain gave several of them.
    """
    rows: dict[str, list[str]] = {}
    for cell in found:
        chains = [result.sampling.get("chains") for result in cell.results]
        states = [result.scored for result in cell.results]
        one = cell.over == ONE and cell.error is not None and cell.results[0].over
        if one and all(n and n < m for n, m in zip(chains, states, strict=True)):
            kind = f"{several(states)} states of {several(chains)} chains"
            rows.setdefault(kind, []).append(cell.label)
    return [
        f"samples of {', '.join(dict.fromkeys(labels))} are {kind}: ± over samples takes them for "
        "independent and may be too small; that over several seeds is not"
        for kind, labels in rows.items()
    ]
