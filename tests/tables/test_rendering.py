"""Whatever a stranger's model is called, no rendering of a table becomes markup or a command."""

import csv
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import altered
from test_table import GAN, REFERENCES, REPLAY, current

from genbench.records.run import Result
from genbench.tables import cells, formats, frames, latex, notes

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    r"\input{/etc/passwd}",
    r"\write18{id} ^^5cinput",
    '=cmd|"/c calc"!A1',
    "@SUM(1)",
    "../../etc/passwd",
    "x" * 300,
    "\u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd",
    "a\nb\r\n| c | d |\t%\x00\x1b[31m",
    "50% & #1_x ~ ^ $x$ {y} `code` [a](b) ![c](d)",
    "μ ± σ – 模型 🙂",
]


def rows_of(*results: Result) -> tuple[pd.DataFrame, list[str]]:
    found = cells.cells(results, current)
    return frames.frame(found, REFERENCES), notes.under_table(found, REFERENCES)


def hostile(text: str) -> Result:
    """A result whose every text is hostile."""
    return altered(GAN, model=text, error=text, caveat=text, warnings=[text])


class Elements(HTMLParser):
    """The names of all elements, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        assert {name for name, _ in attrs} <= {"scope"}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_element_to_html(text: str) -> None:
    shown, lines = rows_of(hostile(text), REPLAY)
    found = Elements(formats.html(shown, lines, caption=text))
    assert set(found.names) <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert "\u202e" not in found.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_in_latex(text: str) -> None:
    shown, lines = rows_of(hostile(text), REPLAY)
    check_latex(latex.latex(shown, lines, caption=text))


OURS = {
    *("begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule", "medskip"),
    *(
        "parbox",
        "linewidth",
        "small",
        "footnotesize",
        "scriptsize",
        "pm",
        "textbackslash",
        "textasciitilde",
    ),
    *("textasciicircum", "ldots", "textless", "textgreater", "textbf", "setlength", "tabcolsep"),
    *("textbar", "allowbreak", "par", "raggedright", "strut", "multicolumn"),
    *("cmidrule", "mu", "textsuperscript"),
}


def check_latex(text: str) -> None:
    """Only our own commands, no comment, every brace and environment closed, one width."""
    needs, _, text = text.partition("\n")
    assert needs == r"% needs \usepackage{booktabs}"
    assert text.isascii()
    assert set(re.findall(r"\\([a-zA-Z]+)", text)) <= OURS
    bare = re.sub(r"\\[\\{}%&$#_]", "", text)
    assert not re.search(r"[%#~^]", bare)
    depth = 0
    for brace in re.findall(r"[{}]", bare):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"\\begin{([\w*]+)}", text) == re.findall(r"\\end{([\w*]+)}", text)[::-1]
    assert len({columns(line) for line in text.splitlines() if line.endswith(r" \\")}) == 1


def columns(line: str) -> int:
    """Over how many columns a line of a table goes."""
    spans = re.findall(r"\\multicolumn{(\d+)}", line)
    return line.count(" &") + 1 + sum(int(span) - 1 for span in spans)


@pytest.mark.parametrize(
    ("label", "safe"), [("fashion_mnist", "fashion_mnist"), ("a}\\input{b", "a-input-b")]
)
def test_a_label_is_plain_text_that_can_be_referred_to(label: str, safe: str) -> None:
    text = latex.latex(*rows_of(GAN), caption="x", label=label)
    assert f"\\label{{tab:{safe}}}\n" in text
    assert "\\label" not in latex.latex(*rows_of(GAN), caption="", label=label)


def test_the_latex_check_bites() -> None:
    shown, lines = rows_of(GAN)
    for wrong in (r"\input{x}", "50% more", "{", "é"):
        with pytest.raises(AssertionError):
            check_latex(latex.latex(shown, lines).replace("GAN".lower(), wrong, 1))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_no_formula_and_one_field_in_csv(text: str) -> None:
    found = cells.cells([hostile(text)], current)
    (row,) = csv.DictReader(io.StringIO(formats.comma_separated(frames.numbers(found))))
    assert None not in row
    assert not any(value.startswith(("=", "+", "@", "-")) for value in row.values() if value)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_keeps_markdowns_table_whole(text: str) -> None:
    shown, lines = rows_of(hostile(text), REPLAY)
    markdown = formats.markdown(shown, lines)
    above, _, below = markdown.partition("\n\n")
    rows = [line.replace("\\|", "") for line in above.splitlines()]
    assert len({row.count("|") for row in rows}) == 1
    assert len(below.splitlines()) == len(lines)
    assert not re.search(r"(?<!\\)<\w", markdown)


@given(st.text(max_size=80))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_any_text_is_harmless_in_every_rendering(text: str) -> None:
    shown = pd.DataFrame({"model": [text, "b"], text + "x": ["1.0 ± 0.2", text]})
    shown.attrs["untrained"] = 1
    check_latex(latex.latex(shown, [text]))
    Elements(formats.html(shown, [text], caption=text))
    columns = {
        line.replace("\\|", "").count("|")
        for line in formats.markdown(shown, []).split("\n")
        if line
    }
    assert len(columns) == 1


def test_marked_values_are_bold_in_every_rendering_that_has_it() -> None:
    rows = [
        altered(GAN, model=model, seed=seed, value=value + seed, key=f"{model}{seed}")
        for model, value in (("a", 100.0), ("b", 150.0))
        for seed in range(3)
    ]
    shown, lines = rows_of(*rows)
    assert "| **151.0" in formats.markdown(shown, lines)
    assert r"\textbf{151.0" in latex.latex(shown, lines)
    assert "<strong>151.0" in formats.html(shown, lines)
    assert any(line.startswith("bold: ") for line in lines)


def test_with_one_seed_no_best_is_marked() -> None:
    shown, lines = rows_of(GAN, altered(GAN, model="dbn", value=10.0))
    assert shown.attrs["best"] == []
    assert not any(line.startswith("bold: ") for line in lines)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex (Debian's texlive)")
def test_the_latex_compiles_as_it_stands(tmp_path: Path) -> None:
    shown, lines = rows_of(*(hostile(text) for text in HOSTILE), GAN, REPLAY)
    body = latex.latex(shown, lines, caption="parzen|d:mnist@0c36ee5df8|m:10000")
    page = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "table.tex").write_text(page + body + "\\end{document}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
