"""How every figure looks, and how it becomes a file. Same results, same versions, same bytes.

Nothing is drawn through pyplot. Every text is printed as it stands: no dollar or underscore of a
name is read as mathematics. Rows differ in colour, marker and dashes, and carry their names.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.style
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.image import AxesImage
from matplotlib.text import Text
from PIL import Image

from genbench.errors import UsageError
from genbench.records import files

DATES: dict[str, str | None] = {
    "png": None,
    "svg": "Date",
    "pdf": "CreationDate",
}  # where a format keeps the time
FAMILY = "DejaVu Sans"  # matplotlib brings it, so it is the same everywhere
GREY = "0.35"
LONGEST = 48  # characters of a name in a figure; its beginning says which model it is
SMALL = 7.5
_LETTERS = 17  # of a caption, in an inch
_STYLE = {
    **sns.axes_style("ticks"),
    "font.family": FAMILY,
    "font.size": 9.5,
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.linewidth": 0.8,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": "0.92",
    "image.cmap": "gray",
    "image.interpolation": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "genbench",
    "savefig.dpi": 200,
}


@dataclass(frozen=True)
class Drawn:
    """A figure and its words.

    name: a file's name without its ending. figure: without its caption, which `content` puts below
    it. alt: what is to be seen, with the main numbers. caption: sentences, one a line.
    """

    name: str
    figure: Figure
    alt: str
    caption: str


@dataclass(frozen=True)
class Absent:
    """A figure that the results do not allow, and why."""

    name: str
    reason: str


def style() -> AbstractContextManager[None]:
    """Our own settings on matplotlib's defaults, whatever the user's own are."""
    return matplotlib.style.context(["default", _STYLE])


def new(width: float, height: float, layout: str | None = "constrained") -> Figure:
    """An empty figure of so many inches, with a canvas of its own; call it inside `style`."""
    figure = Figure(figsize=(width, height), layout=layout)  # pyright: ignore[reportArgumentType]
    FigureCanvasAgg(figure)
    return figure


def renderer(figure: Figure) -> Any:
    """What knows the size of texts, once the layout is done."""
    figure.draw_without_rendering()
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    return canvas.get_renderer()


# --- words ---


@cache
def _drawable(character: str) -> bool:
    """Whether it is a visible character that the fonts have."""
    if unicodedata.category(character)[0] == "C":
        return False
    faces = (FontProperties(family=FAMILY, weight=weight) for weight in ("normal", "bold"))
    return all(get_font(findfont(face)).get_char_index(ord(character)) for face in faces)


def line(text: str, most: int | None = None) -> str:
    """In one line, without what no font shows, cut after `most` characters.

    >>> line("two\\nlines"), line("a\\u202eb"), line("abcdef", 4)
    ('two lines', 'a\ufffdb', 'abc…')
    """
    found = " ".join(text.split())
    if most is not None and len(found) > most:
        found = found[: most - 1] + "…"
    return "".join(c if _drawable(c) else "\ufffd" for c in found)


def name(label: str, most: int = LONGEST) -> str:
    """A row's name as a figure shows it."""
    return line(label, most)


def broken(label: str, width: int = 26) -> str:
    """The model on a line, and below it whatever of its run is not the default."""
    model, bracket, marks = name(label).partition(" [")
    return f"{model}\n{fill(bracket.strip() + marks, width)}" if marks else fill(model, width)


def sentences(lines: Iterable[str]) -> str:
    """Each once, one a line."""
    return "\n".join(dict.fromkeys(line(text) for text in lines if text))


def listed(labels: Sequence[str], most: int = 6) -> str:
    """The first few names and how many more there are."""
    shown = ", ".join(name(label) for label in labels[:most])
    return shown + (f" and {len(labels) - most} more" if len(labels) > most else "")


# --- files ---


def form(path: Path) -> str:
    """The format that a file's name asks for; raises UsageError for one that is not drawn."""
    found = path.suffix.lower().removeprefix(".")
    if found not in DATES:
        raise UsageError(f"a figure's file must end in .png, .svg or .pdf, got {path.name!r}")
    return found


def content(drawn: Drawn, form: str) -> bytes:
    """A figure as a file's bytes, its caption below it."""
    with style():
        caption = _caption(drawn)
        try:
            return _bytes(drawn.figure, form, bbox_inches="tight", pad_inches=0.08)
        finally:
            caption.remove()


def _caption(drawn: Drawn) -> Text:
    letters = int(_LETTERS * drawn.figure.get_figwidth())
    lines = [fill(text, letters, subsequent_indent="   ") for text in drawn.caption.splitlines()]
    return drawn.figure.text(
        0.01, -0.01, "\n".join(lines), va="top", fontsize=SMALL, color=GREY, linespacing=1.3
    )


def _bytes(figure: Figure, form: str, **more: Any) -> bytes:
    """Without the time at which it was drawn; a PNG of lines and words in few colours."""
    buffer, date = io.BytesIO(), DATES[form]
    figure.savefig(buffer, format=form, metadata={date: None} if date else {}, **more)
    if form == "png" and not figure.findobj(AxesImage):
        return _in_few_colours(buffer)
    return buffer.getvalue()


def _in_few_colours(png: io.BytesIO) -> bytes:
    """The same picture in at most 256 colours: a third of the bytes, and the eye sees no other."""
    buffer, full = io.BytesIO(), Image.open(png)
    few = full.convert("RGB").quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(buffer, format="png", optimize=True, dpi=full.info["dpi"])
    return buffer.getvalue()


def save(drawn: Drawn, path: Path, form: str) -> None:
    """Writes a figure, whole or not at all, in place of what is there."""
    files.write_bytes(path, content(drawn, form))


def as_svg(figure: Figure) -> str:
    """A figure without its caption as an SVG document, for a page."""
    with style():
        return _bytes(figure, "svg").decode()


def as_png(figure: Figure, dpi: int | None = None) -> bytes:
    """A figure without its caption as a PNG, for a page; dpi: dots in an inch, or the style's."""
    more = {} if dpi is None else {"dpi": dpi}
    with style():
        return _bytes(figure, "png", **more)
