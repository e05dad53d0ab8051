"""The pages of `genbench theory` that are kept beside results, as sections and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genbench.report import page
from genbench.theory import kept
from genbench.theory.kept import KeptPage

FORMS = ("png", "svg")  # of pictures that can stand in a page


def sections(folders: Sequence[Path]) -> list[page.Section]:
    """What each page says, and its numbers beside what they should be."""
    return [_section(one) for _, one in kept.pages(folders)]


def figures(folders: Sequence[Path]) -> list[page.Figure]:
    """The pictures of the pages that are still there."""
    return [
        page.Figure(one.title, path.suffix[1:], path.read_bytes(), alt)
        for place, one in kept.pages(folders)
        for path, alt in ((place / Path(name).name, alt) for name, alt in one.pictures)
        if path.suffix[1:] in FORMS and path.is_file()
    ]


def _section(one: KeptPage) -> page.Section:
    first, *others = one.columns
    rows = [page.Row(name, [page.cell(text) for text in texts]) for name, *texts in one.rows]
    columns = [page.Column(name) for name in others]
    table = page.Table(one.title, first, columns, [page.Group(rows)])
    return page.Section(one.title, one.sentences, [table] if rows else [], group="Theory")
