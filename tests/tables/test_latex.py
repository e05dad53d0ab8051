"""A table in a paper: it fits the page, carries a paper's names, and keeps what it is cited by."""

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made import altered
from test_table import GAN, REFERENCES, REPLAY, current

from genbench.records.run import Result
from genbench.tables import cells, frames, latex
from genbench.tables.published import Published

METRICS = ("parzen", "frechet", "precision", "recall", "train_share", "coverage", "density")
MANY = [
    altered(row, metric=metric, key=f"{row.model}{metric}", unit="nats", dataset=dataset)
    for row in (altered(GAN, model="deep_gsn", preset="budget"), GAN, REPLAY)
    for metric in METRICS
    for dataset in ("mnist", "fashion_mnist")
]


def beside_published(*results: Result) -> list[cells.Cell]:
    """Cells with a published value and a long verdict."""
    paper = Published(225.0, 2.0, "nats", "a paper")
    long = "not comparable: scale, sigma, v, rows, chain"
    return [
        dataclasses.replace(cell, published=paper, verdict=long)
        for cell in cells.cells(results, current)
    ]


def shown(found: list[cells.Cell], **more):
    return frames.frame(found, REFERENCES, **more)


def test_a_wide_table_is_split_into_parts_that_fit_a_page() -> None:
    every = cells.cells(MANY, current)
    parts = frames.blocks(every, lambda found: latex.fits(shown(found)))
    assert len(parts) > 1
    for _, own in parts:
        assert latex.fits(shown(own))
    assert sum(len(own) for _, own in parts) == len(every)


def test_rows_and_columns_have_the_names_of_a_paper() -> None:
    text = latex.latex(shown(cells.cells([*MANY[:2], REPLAY], current)), [])
    assert "Deep GSN {[}budget{]} &" in text
    assert "Fashion MNIST" in text
    assert "deep" not in text


def test_what_all_columns_share_is_not_above_each() -> None:
    of_mnist = [row for row in MANY if row.dataset == "mnist"][1:3]
    text = latex.latex(shown(cells.cells(of_mnist, current)), [])
    assert " & Frechet & Precision" in text
    assert "MNIST" not in text


def test_values_of_two_datasets_by_two_metrics_stand_under_their_dataset() -> None:
    text = latex.latex(shown(cells.cells(MANY[:4], current)), [])
    assert r"\multicolumn" in text
    assert r"\cmidrule" in text


def test_verdicts_can_be_left_out_and_published_values_stay() -> None:
    found = beside_published(GAN)
    assert "not comparable" in latex.latex(shown(found), [])
    without = latex.latex(shown(found, verdicts=False), [])
    assert "not comparable" not in without
    assert "225" in without


def test_a_long_verdict_is_broken_into_lines() -> None:
    assert r"\parbox[t]{11.5em}{\raggedright not comparable" in latex.latex(
        shown(beside_published(GAN)), []
    )


def test_the_signature_ends_the_caption_and_is_not_in_the_list_of_tables() -> None:
    text = latex.latex(shown(cells.cells([GAN], current)), [], "Parzen", "mnist", ["parzen|m:1"])
    assert r"\caption[Parzen]{Parzen. Signature: parzen\textbar{}\allowbreak{}m:1}" in text


def test_many_notes_follow_the_table_as_text_and_few_stand_in_its_float() -> None:
    few = latex.latex(shown(cells.cells([GAN], current)), ["a note"])
    assert few.index("a note") < few.index(r"\end{table")
    many = latex.latex(shown(cells.cells([GAN], current)), ["a note"] * 30)
    assert many.index("a note") > many.index(r"\end{table")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex (Debian's texlive)")
def test_pdflatex_finds_every_table_to_fit_the_page_and_every_reference_to_lead_somewhere(
    tmp_path: Path,
) -> None:
    every = cells.cells(MANY, current)
    parts = [own for _, own in frames.blocks(every, lambda found: latex.fits(shown(found)))]
    parts += [beside_published(GAN, *(altered(GAN, model=m) for m in ("dbn", "stacked_cae")))]
    signature = "parzen|d:mnist@0c36ee5df8|m:9000/10000|sel:parzen/none|rows:train/train+valid"
    lines = ["half as many samples move parzen on mnist by up to 39.9 nats, further than this"] * 7
    bodies = [
        latex.latex(shown(own), lines, "Scores", f"t{i}", [signature] * 3)
        for i, own in enumerate(parts)
    ]
    refs = " ".join(rf"\ref{{tab:t{i}}}" for i in range(len(parts)))
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(head + refs + "\n\n" + "\n".join(bodies) + "\\end{document}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    for _ in range(2):  # references are known in the second
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull \\hbox.*|Float too large.*|undefined.*", done.stdout)
