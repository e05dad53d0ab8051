"""A report as one HTML file that loads nothing: tables that sort, figures, and how each was made.

`render` is a function of plain data: equal reports give equal bytes. Every text is escaped, control
characters are shown by their numbers, and a policy in the file's head forbids every request and
every script but the page's own.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_NUMBER = re.compile(r"[-−+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")  # as tables print one
_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and the number it is sorted by; None where it has none."""

    text: str
    number: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A column's head and what it is a part of; of words it stands left, of numbers right."""

    name: str
    under: str = ""
    words: bool = False


@dataclass(frozen=True)
class Row:
    """A row's name and its cells, one for each column."""

    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Group:
    """Rows that sort among themselves, under a title of their own."""

    rows: Sequence[Row]
    title: str = ""


@dataclass(frozen=True)
class Signature:
    """What fixes the meaning of the numbers on a dataset: for a caption, and in full."""

    of: str
    short: str
    full: str


@dataclass(frozen=True)
class Table:
    """A table with its caption above; below it the points that all must read, and folded notes.

    first: heads the rows' names.
    """

    title: str
    first: str
    columns: Sequence[Column]
    groups: Sequence[Group]
    caption: str = ""
    signatures: Sequence[Signature] = ()
    notes: Sequence[str] = ()
    points: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """What was found out, the most important sentence first, and the tables that show it.

    group: the title under which such sections stand together, folded; empty where it stands alone.
    """

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table] = ()
    group: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture's bytes in the format `form`, "png" or "svg", and what it shows in words."""

    title: str
    form: str
    content: bytes
    alt: str
    caption: str = ""

    @property
    def source(self) -> str:
        """The picture as an address that holds it."""
        return f"data:{_TYPES[self.form]};base64,{base64.b64encode(self.content).decode()}"


@dataclass(frozen=True)
class Strips:
    """The first samples of each row on one dataset: the row's name and a PNG, in alt's words."""

    title: str
    rows: Sequence[tuple[str, Figure]]


@dataclass(frozen=True)
class Record:
    """How a table's cell was made: the command that makes it again, facts, and texts to unfold."""

    title: str
    command: str
    facts: Sequence[tuple[str, str]] = ()
    runs: Table | None = None
    blocks: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Absent:
    """What is not in the report, and the command that would add it or why there is none."""

    what: str
    command: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """All that the page says. Whatever is empty is left out.

    made_of: sha256, in hex, of all that it was made from, so that it need not be made again.
    """

    title: str
    version: str
    lead: Sequence[str] = ()
    compared: Sequence[tuple[str, str]] = ()
    summary: Section | None = None
    tables: Sequence[Table] = ()
    sections: Sequence[Section] = ()
    strips: Sequence[Strips] = ()
    figures: Sequence[Figure] = ()
    records: Sequence[Record] = ()
    absent: Sequence[Absent] = ()
    made_of: str = ""


def cell(text: str, best: bool = False) -> Cell:
    """A cell that sorts by the number it begins with.

    >>> [cell(text).number for text in ("-241.2 ± 2.1", "32,000", "3 min 12 s", "-.3", "failed")]
    [-241.2, 32000.0, 3.0, -0.3, None]
    """
    found = _NUMBER.match(text.strip())
    number = float(found[0].replace(",", "").replace("−", "-")) if found else math.nan
    return Cell(text, number if math.isfinite(number) else None, best)


def sentence(text: str, capital: bool = True) -> str:
    """With a full stop, and a capital unless it begins with a name.

    >>> sentence("the order a > b holds in 3 of 4 protocols")
    'The order a > b holds in 3 of 4 protocols.'
    """
    return (text[0].upper() + text[1:] if capital else text) + ("" if text.endswith(".") else ".")


def render(report: Report) -> str:
    """The page. Equal reports, equal texts."""
    style, script = Markup(_asset("page.css")), Markup(_asset("page.js"))
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["split_error"] = _split_error
    environment.filters["heads"] = _heads
    environment.filters["by_group"] = _by_group
    environment.filters["error_width"] = _error_width
    template = environment.from_string(_asset("page.html"))
    return template.render(report=report, style=style, script=script, policy=_policy(style, script))


def _asset(name: str) -> str:
    return (package_files("genbench.report") / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, and only the style and the script with these digests are heeded."""
    allowed = {"style-src": _digest(style), "script-src": _digest(script), "img-src": "data:"}
    rules = [f"{of} {what}" for of, what in allowed.items()]
    return "; ".join(["default-src 'none'", *rules, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    found = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(found).decode()}'"


def _visible(value: Any) -> Any:
    """Characters that would change how the rest is shown, by their numbers.

    >>> _visible("a\\u202eb")
    'a[U+202E]b'
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(
        f"[U+{ord(c):04X}]"
        if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"
        else c
        for c in value
    )


def _by_group(sections: Sequence[Section]) -> list[tuple[str, list[Section]]]:
    """Sections of one group together under its title, each other one under its own."""
    found: list[tuple[str, list[Section]]] = []
    for one in sections:
        if one.group and found and found[-1][1][0].group == one.group:
            found[-1][1].append(one)
        else:
            found.append((one.group or one.title, [one]))
    return found


def _heads(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """What stands above the heads, and over how many columns; empty if nothing does."""
    found: list[tuple[str, int]] = []
    for column in columns:
        if found and column.under and found[-1][0] == column.under:
            found[-1] = (column.under, found[-1][1] + 1)
        else:
            found.append((column.under, 1))
    return found if any(name for name, _ in found) else []


def _split_error(text: str) -> tuple[str, str]:
    """A value and its error, which stand in line below each other; no error if there is none."""
    value, sign, error = text.partition(" ± ")
    return (value, error) if sign and len(error) <= 8 else (text, "")


def _error_width(table: Table, index: int) -> int:
    """Characters of the longest error in a column."""
    rows = [row for group in table.groups for row in group.rows]
    return max((len(_split_error(row.cells[index].text)[1]) for row in rows), default=0)
