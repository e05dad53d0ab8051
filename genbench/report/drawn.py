"""The figures of a page, as bytes that stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from genbench import figures
from genbench.defaults import DEFAULTS
from genbench.figures import Sources
from genbench.records.store import Store
from genbench.report import page
from genbench.tables.cells import Cell

TITLES = {  # kind of figure -> its title
    "values": "Scores with intervals",
    "speed": "Scores and sampling speed",
    "curves": "Curves",
    "epochs": "Scores by epochs",
    "samples": "Samples",
    "interpolation": "Interpolations in z",
}
PICTURES = ("samples", "interpolation")  # of pixels, so PNG; all others are drawings, so SVG


def strips(
    found: Sequence[tuple[str, list[Cell]]], store: Store, sources: Sources
) -> list[page.Strips]:
    """The first samples of each row, a group for each dataset; none where no row has pictures."""
    rows: dict[str, list[tuple[str, page.Figure]]] = {}
    for one in figures.strips(found, store, sources):
        picture = page.Figure(one.label, "png", one.png, one.alt)
        rows.setdefault(one.head, []).append((one.label, picture))
    return [page.Strips(head, own) for head, own in rows.items()]


def drawn(
    found: Sequence[tuple[str, list[Cell]]], store: Store, sources: Sources
) -> Iterator[page.Figure | page.Absent]:
    """Each figure, made one by one, or why there is none."""
    for one in figures.available(found, store, DEFAULTS.references, sources):
        kind, _, of = one.name.partition("-")
        title = ": ".join(filter(None, [TITLES.get(kind, kind), of.replace("-", " ")]))
        if isinstance(one, figures.Absent):
            yield page.Absent(title, reason=one.reason)
        elif kind in PICTURES:
            content = figures.as_png(one.figure)
            yield page.Figure(title, "png", content, one.alt, one.caption)
        else:
            content = figures.as_svg(one.figure).encode()
            yield page.Figure(title, "svg", content, one.alt, one.caption)
