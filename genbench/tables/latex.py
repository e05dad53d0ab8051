"""A table for a paper: LaTeX that fits the page of an `article`, with booktabs and nothing else.

Widths are estimated, since only LaTeX knows them: the largest letters are taken in which the table
fits, and a text that is too long for its column is broken into lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from genbench.tables.formats import one_line
from genbench.tables.frames import VALUE, Head

PAGE, HALF = 345.0, 229.0  # points across: of a page in one column, of one column of two


@dataclass(frozen=True)
class Letters:
    """A size of letters: points of an em, points beside a column, em of a text in one line."""

    name: str
    em: float
    gap: float
    longest: float


SIZES = (
    Letters("", 10.0, 6.0, 11.5),
    Letters("small", 9.2, 5.0, 11.5),
    Letters("footnotesize", 8.5, 4.0, 11.5),
    Letters("footnotesize", 8.5, 4.0, 8.5),
    Letters("scriptsize", 7.9, 3.0, 8.5),
)
MOST_NOTES = 8  # below the table, in its float; more of them follow as text, which may break
OURS = "this suite"  # above our values where others stand beside

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "µ": r"$\mu$",
    "²": r"\textsuperscript{2}",
    "–": "--",
    "…": r"\ldots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "[": "{[}",  # after the end of a row it would open an argument
    "]": "{]}",
    "*": "{*}",
    "|": r"\textbar{}\allowbreak{}",
    "−": "$-$",
    "-": "{-}",  # two of them would become one dash
}


def escape_latex(text: str) -> str:
    r"""Text that LaTeX prints as it stands; what its fonts do not have is named by its code.

    >>> escape_latex("50% of \\input{x}")
    '50\\% of \\textbackslash{}input\\{x\\}'
    >>> escape_latex(">= -3")
    '$\\geq$ {-}3'
    >>> escape_latex("5 µs, MMD²")
    '5 $\\mu$s, MMD\\textsuperscript{2}'
    """
    line = one_line(text).replace("<=", "≤").replace(">=", "≥")
    return "".join(_LATEX.get(c, c if c.isascii() else f"(U+{ord(c):04X})") for c in line)


# --- the widths of texts ---


def _em(text: str) -> float:
    """About the width of a text, in em of its font."""
    wide = {"±": 1.4, " ": 0.33, "m": 0.83, "w": 0.72}
    kinds = ((str.isdigit, 0.5), (str.isupper, 0.72), (str.islower, 0.47))
    return sum(
        wide[c] if c in wide else next((em for is_of, em in kinds if is_of(c)), 0.4) for c in text
    )


def _widths(shown: pd.DataFrame, longest: float) -> list[float]:
    """Of each column, in em; a broken text is as wide as its column may be."""
    heads, cells = _heads(shown), [[*map(str, column)] for _, column in shown.items()]
    cells[0] = _names(shown)
    texts = [[below, *column] for (_, below), column in zip(heads, cells, strict=True)]
    found = [min(longest, max(map(_em, column))) for column in texts]
    above = groupby(range(len(found)), lambda i: heads[i][0])
    for name, places in above:  # a head of several columns may be wider than these
        own = [*places]
        found[own[-1]] += max(0.0, min(longest, _em(name)) - sum(found[i] for i in own))
    return found


def points(shown: pd.DataFrame, size: Letters) -> float:
    """About how many points a table takes across, in letters of one of SIZES."""
    return sum(size.em * width + 2 * size.gap for width in _widths(shown, size.longest))


def fits(shown: pd.DataFrame) -> bool:
    """Whether a table fits a page in the smallest of its letters."""
    return points(shown, SIZES[-1]) <= PAGE


# --- heads ---


def _names(shown: pd.DataFrame) -> list[str]:
    return shown.attrs.get("names") or [str(name) for name in shown.iloc[:, 0]]


def _heads(shown: pd.DataFrame) -> list[tuple[str, str]]:
    """What stands over each column in two lines; what all columns share is left to the caption."""
    heads: Sequence[Head] = shown.attrs.get("heads", ())
    if not heads:
        return [("", str(name)) for name in shown.columns]
    many = len({head.data for head in heads}) > 1
    parts = any(head.part != VALUE for head in heads)
    by_both = many and len({head.by for head in heads}) > 1 and not parts
    found = [("", "")]
    for head in heads:
        name = ", ".join(filter(None, [head.data if many else "", head.by]))
        own = {other.part for other in heads if (other.data, other.by) == (head.data, head.by)}
        if by_both:
            found.append((head.data, head.by))
        elif len(own) > 1:
            found.append((name, head.part or OURS))
        else:
            found.append(("", ", ".join(filter(None, [name, head.part])) or head.data))
    return found


def _head_lines(shown: pd.DataFrame, longest: float) -> list[str]:
    """One line of heads, or two where some stand over several columns."""
    heads, lines, at = _heads(shown), [], 1
    if any(above for above, _ in heads):
        spans, rules = [], []
        for name, places in groupby(heads, lambda head: head[0]):
            count = len([*places])
            text = (
                rf"\multicolumn{{{count}}}{{c}}{{{_broken(name, longest)}}}"
                if name
                else " &" * (count - 1)
            )
            spans.append(text)
            rules += [rf"\cmidrule(lr){{{at}-{at + count - 1}}}"] if name else []
            at += count
        lines = [" & ".join(spans) + r" \\", " ".join(rules)]
    below = [_broken(name, longest, "b") for _, name in heads]
    return [*lines, " & ".join(below) + r" \\"]


def _broken(text: str, longest: float, position: str = "t") -> str:
    """A text in one line, or in several as wide as a column may be."""
    if _em(text) <= longest:
        return escape_latex(text)
    box = rf"\parbox[{position}]{{{longest}em}}"
    return rf"{box}{{\raggedright {escape_latex(text)}\strut}}"


# --- the table ---

_NO_LABEL = re.compile(r"[^A-Za-z0-9_-]+")  # what stays is plain text in a \\label


def latex(
    shown: pd.DataFrame,
    lines: Sequence[str],
    caption: str = "",
    label: str = "",
    signatures: Sequence[str] = (),
) -> str:
    r"""The table for booktabs, notes below it; `\usepackage{booktabs}` is all it needs.

    It spans both columns of a paper in two columns where it is wider than one. The signatures end
    the caption, and are not in the list of tables.
    """
    size = next((one for one in SIZES if points(shown, one) <= PAGE), SIZES[-1])
    float_ = "table" if points(shown, size) <= HALF else "table*"
    setting = f"\\{size.name}\\setlength{{\\tabcolsep}}{{{size.gap:g}pt}}\n" if size.name else ""
    inside, after = (lines, []) if len(lines) <= MOST_NOTES else ([], lines)
    return (
        "% needs \\usepackage{booktabs}\n"
        f"\\begin{{{float_}}}\n\\centering\n{_above(caption, label, signatures)}"
        f"{setting}{_tabular(shown, size.longest)}{_notes(inside)}\\end{{{float_}}}\n{_text(after)}"
    )


def _above(caption: str, label: str, signatures: Sequence[str]) -> str:
    r"""Caption and label; without a caption nothing, since \label needs one."""
    if not caption:
        return ""
    said = escape_latex(caption)
    short = f"[{said}]" if signatures else ""
    word = "Signature" if len(signatures) == 1 else "Signatures"
    more = f". {word}: {'; '.join(map(escape_latex, signatures))}" if signatures else ""
    named = f"\\label{{tab:{_NO_LABEL.sub('-', label)}}}\n" if label else ""
    return f"\\caption{short}{{{said}{more}}}\n{named}"


def _tabular(shown: pd.DataFrame, longest: float) -> str:
    best = {(row, [*shown.columns].index(column)) for row, column in shown.attrs.get("best", ())}
    rows = []
    for i, (name, texts) in enumerate(zip(_names(shown), shown.values.tolist(), strict=True)):
        cells = [_broken(str(text), longest) for text in [name, *texts[1:]]]
        marked = [rf"\textbf{{{c}}}" if (i, j) in best else c for j, c in enumerate(cells)]
        rows.append(" & ".join(marked) + r" \\")
    models = len(rows) - shown.attrs.get("untrained", 0)
    if 0 < models < len(rows):
        rows.insert(models, r"\midrule")
    columns = "l" + "r" * (shown.shape[1] - 1)
    ruled = [r"\toprule", *_head_lines(shown, longest), r"\midrule", *rows, r"\bottomrule"]
    body = "\n".join(ruled)
    return f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}\n"


def _notes(lines: Sequence[str]) -> str:
    below = "".join(f"{escape_latex(line)}\\par\n" for line in lines)
    box = "\n\\medskip\n\\parbox{\\linewidth}{\\raggedright\\footnotesize\n"
    return f"{box}{below}}}\n" if lines else ""


def _text(lines: Sequence[str]) -> str:
    """Notes that are too many for a float: text after it, which may go on over the page."""
    below = "".join(f"{escape_latex(line)}\\par\n" for line in lines)
    return f"{{\\raggedright\\footnotesize\n{below}}}\n" if lines else ""
