"""A table of scores on the page: of each dataset our value, the published one, the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from genbench.defaults import DEFAULTS
from genbench.records import names
from genbench.records.store import Store
from genbench.report import page
from genbench.tables import brief, contents
from genbench.tables.cells import Cell, best
from genbench.tables.speed import Layout
from genbench.words import MISSING

_OURS, _PUBLISHED, _VERDICT = "this suite", "published", "verdict"
_Column = tuple[str, str, Callable[[Cell], str]]  # the dataset's head, the part, what it shows


MOST = 7  # columns of a table that a screen shows whole


def fits(cells: Sequence[Cell]) -> bool:
    """Whether the columns of these cells are few enough to stand side by side."""
    heads = dict.fromkeys(cell.head for cell in cells)
    own = [[cell for cell in cells if cell.head == head] for head in heads]
    return len(heads) == 1 or sum(len(_parts(column)) for column in own) <= MOST


def table(title: str, cells: Sequence[Cell], store: Store, layout: Layout) -> page.Table:
    """The table under its caption, its signatures and notes below."""
    metrics = ", ".join(dict.fromkeys(cell.results[0].metric for cell in cells))
    one = len({cell.data for cell in cells}) == 1 and len({cell.head for cell in cells}) > 1
    named = {c.head: names.judge(c.results[0]) if one else c.head for c in cells}
    columns = [
        (head, *part)
        for head in dict.fromkeys(cell.head for cell in cells)
        for part in _parts([cell for cell in cells if cell.head == head])
    ]
    split = any(name != _OURS for _, name, _ in columns)
    caption, *points = contents.brief_of(cells, store, brief.NOTHING) or [""]
    return page.Table(
        title=f"Scores by {title or metrics}" + (f" on {cells[0].data}" if one else ""),
        first="model",
        columns=[
            page.Column(name, named[head], words=name == _VERDICT)
            if split
            else page.Column(named[head])
            for head, name, _ in columns
        ],
        groups=_groups(cells, columns),
        caption=page.sentence(caption, capital=False) if caption else "",
        points=points,
        signatures=[
            page.Signature(head, each.short, each.full)
            for head, each in contents.signatures(cells, layout.records).items()
        ],
        notes=[note.text for note in contents.notes_of(cells, store, layout)],
    )


def _groups(cells: Sequence[Cell], columns: Sequence[_Column]) -> list[page.Group]:
    """The trained rows, then those of untrained models; what is missing is a dash."""
    references = DEFAULTS.references
    marked = best(cells, references)
    places = {(cell.label, cell.head): cell for cell in cells}

    def row(label: str) -> page.Row:
        found = []
        for head, name, text in columns:
            cell, ours = places.get((label, head)), name == _OURS
            shown = text(cell) if cell else MISSING if ours else ""
            found.append(page.cell(shown, best=ours and (label, head) in marked))
        return page.Row(label, found)

    untrained = {cell.label for cell in cells if cell.results[0].model in references}
    labels = dict.fromkeys(cell.label for cell in cells)
    groups = [
        page.Group([row(label) for label in labels if label not in untrained]),
        page.Group(
            [row(label) for label in labels if label in untrained],
            "Reference rows, untrained: no floor, no ceiling",
        ),
    ]
    return [group for group in groups if group.rows]


def _parts(cells: Sequence[Cell]) -> list[tuple[str, Callable[[Cell], str]]]:
    """The columns of one dataset and what each shows of a cell."""
    parts: list[tuple[str, Callable[[Cell], str]]] = [(_OURS, lambda cell: cell.text)]
    if any(cell.published for cell in cells):
        parts.append((_PUBLISHED, lambda cell: cell.published.text if cell.published else ""))
    if any(cell.verdict for cell in cells):
        parts.append((_VERDICT, lambda cell: cell.verdict))
    return parts
