"""Tables as text: Markdown and HTML of one frame of strings, CSV of one of numbers, JSON.

Every text is escaped where it is printed: no name, note or error of a stranger's model can become
markup, a command, or a formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import pandas as pd

from genbench.errors import json_text
from genbench.records.run import Result, flat
from genbench.tables import speed
from genbench.tables.cells import SCORES
from genbench.tables.speed import Layout


def markdown(shown: pd.DataFrame, lines: Sequence[str]) -> str:
    """The table in Markdown, untrained rows under a heading of their own, notes below."""
    safe = _escaped(shown, escape_markdown, "**{}**")
    models = len(safe) - shown.attrs.get("untrained", 0)
    if 0 < models < len(safe):
        rule = pd.DataFrame([["*untrained*"] + [""] * (safe.shape[1] - 1)], columns=safe.columns)
        safe = pd.concat([safe.iloc[:models], rule, safe.iloc[models:]])
    align = ["left"] + ["right"] * (safe.shape[1] - 1)
    text = safe.to_markdown(index=False, disable_numparse=True, colalign=align)
    return f"{text}\n\n" + "".join(f"- {_note(line)}\n" for line in lines)


def _escaped(shown: pd.DataFrame, escape: Callable[[str], str], strong: str) -> pd.DataFrame:
    """Every text of a frame escaped, its heads too, and the marked ones made `strong`."""
    safe = shown.map(lambda text: escape(str(text)))
    for row, column in shown.attrs.get("best", ()):
        safe.loc[row, column] = strong.format(safe.loc[row, column])
    safe.columns = [escape(str(name)) for name in shown.columns]
    return safe


_INVISIBLE = {
    ord(c): None for c in "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
}


def one_line(text: str) -> str:
    """Text without line breaks, control characters, and marks that turn its direction."""
    return "".join(c for c in " ".join(text.split()).translate(_INVISIBLE) if c.isprintable())


_TAG = re.compile("[<>](?!=)")  # where one could open or end


def escape_markdown(text: str) -> str:
    r"""Text that a cell of Markdown's table prints as it stands; `<=` and `>=` open no tag.

    >>> escape_markdown("<= 1 *"), escape_markdown("<b>")
    ('<= 1 \\*', '\\<b\\>')
    """
    text = one_line(text)
    for special in "\\`*|!":
        text = text.replace(special, f"\\{special}")
    return _TAG.sub(r"\\\g<0>", text).replace("](", "]\\(")


def _note(text: str) -> str:
    """A sentence outside the table, where no tag, link or emphasis can open."""
    text = one_line(text).replace("\\", "\\\\").replace("<", "&lt;").replace("![", "!\\[")
    return text.replace("*", "\\*").replace("](", "]\\(")


def html(shown: pd.DataFrame, lines: Sequence[str], caption: str = "") -> str:
    """The table as a fragment of HTML, untrained rows in a body of their own, notes below."""
    safe = _escaped(shown, lambda text: escape(one_line(text)), "<strong>{}</strong>")
    head = "".join(f'<th scope="col">{name}</th>' for name in safe.columns)
    models = len(safe) - shown.attrs.get("untrained", 0)
    parts = [part for part in (safe.iloc[:models], safe.iloc[models:]) if len(part)]
    bodies = "".join(
        f"<tbody>\n{''.join(map(_row, part.values.tolist()))}</tbody>\n" for part in parts
    )
    above = f"<caption>{escape(one_line(caption))}</caption>\n" if caption else ""
    below = "".join(f"<li>{escape(one_line(line))}</li>\n" for line in lines)
    notes = f"<ul>\n{below}</ul>\n" if lines else ""
    return f"<table>\n{above}<thead>\n<tr>{head}</tr>\n</thead>\n{bodies}</table>\n{notes}"


def _row(texts: Sequence[str]) -> str:
    first, *others = texts
    cells = "".join(f"<td>{text}</td>" for text in others)
    return f'<tr><th scope="row">{first}</th>{cells}</tr>\n'


def comma_separated(numbers: pd.DataFrame) -> str:
    """One line for each cell, numbers unrounded; text cannot become a spreadsheet's formula."""
    safe = numbers.map(_no_formula)
    safe.columns = [_no_formula(str(name)) for name in numbers.columns]
    return safe.to_csv(index=False)


def _no_formula(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    line = one_line(value)
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") else line


def as_json(results: Sequence[Result], layout: Layout = SCORES) -> str:
    """An array with an object for each score."""
    every = [{**flat(result), **speed.numbers([result], layout)} for result in results]
    return json_text(every, sort_keys=True) + "\n"
