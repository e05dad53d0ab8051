"""What captions and texts for those who cannot see a figure have in common."""

from __future__ import annotations

from collections.abc import Sequence

from genbench.figures import style
from genbench.figures.rows import Panel
from genbench.tables import cells
from genbench.tables.cells import Cell


def remarks(found: Sequence[tuple[str, Sequence[Cell]]]) -> list[str]:
    """Which rows are cut, by other code, or without a score and why."""
    cells = [cell for _, own in found for cell in own]
    heads = {cell.head for cell in cells}
    said: dict[str, list[str]] = {}
    for cell in cells:
        name = style.name(cell.label)
        of = [f"on {cell.head}"] if len(heads) > 1 else []
        for words in _remarked(cell):
            where = of if words.startswith(_SCORELESS) else []
            said.setdefault(words, []).append(" ".join([name, *where]))
    return [f"{words}: {style.listed([*dict.fromkeys(of)])}" for words, of in said.items()]


_SCORELESS = "without a score"


def _remarked(cell: Cell) -> list[str]:
    """What is to be said of one cell."""
    said = ["training was cut by the time budget"] if any(r.cut for r in cell.results) else []
    said += ["by other code or recipes than the installed"] if cell.stale else []
    if cell.value is None:
        why = [r.error for r in cell.results if r.status == "unmet" and cell.status == "unmet"]
        words = style.line(": ".join([cell.status, *dict.fromkeys(why)][:2]), 120)
        said.append(f"{_SCORELESS} ({words})")
    return said


def over(cell: Cell) -> str:
    """What a cell's error is the error of; of one without it, that there is none."""
    return cells.OVER.get(cell.over, cell.over)


def told(about: str, shown: Sequence[tuple[Panel, Sequence[str]]]) -> str:
    """What several panels show, for those who cannot see it: each row's words, by panel."""
    names = dict.fromkeys(panel.quantity for panel, _ in shown)
    one = len(names) == 1
    parts = [
        f"{'' if one else f'{panel.quantity} '}on {panel.title}: {', '.join(words)}"
        for panel, words in shown
    ]
    return style.line(f"{next(iter(names)) if one else 'Scores'} {about} {'; '.join(parts)}.")


def number(value: float) -> str:
    """For a sentence: one decimal, thousands apart.

    >>> number(-2057.26), number(0.016)
    ('-2,057.3', '0.016')
    """
    return f"{value:,.1f}" if abs(value) >= 1 else f"{value:.3g}"
