"""The figures: the points are the data, and the bytes depend on nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from test_cli import TINY
from test_speed_columns import stages
from test_table import GAN, REFERENCES, REPLAY, current

from genbench import figures, table
from genbench.errors import UsageError
from genbench.run import Result

SLOWER = replace(REPLAY, key="r")
RECORDS = {"k": stages(sample=0.5), "r": stages(sample=2.0, key="r"), "t": stages(key="t")}


def drawn(*results: Result, records: dict = RECORDS) -> Figure:
    tables = table.tables(list(results))
    cells = [(title, table.cells(found, current)) for title, found in tables]
    return figures.speed(cells, REFERENCES, records)


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def said(figure: Figure) -> str:
    """The caption, as if it were on one line."""
    return " ".join(figure.get_supxlabel().split())


def test_the_points_are_rates_and_scores_with_their_errors() -> None:
    (ax,) = drawn(GAN, SLOWER).axes
    (points, bars) = ax.collections[1], ax.collections[0]
    expected = [[20_000.0, GAN.value], [5_000.0, REPLAY.value]]
    assert np.allclose(points.get_offsets(), expected, rtol=1e-12)
    ends = [[y for _, y in segment] for segment in bars.get_segments()]
    assert ends[0] == pytest.approx([GAN.value - GAN.stderr, GAN.value + GAN.stderr])
    assert ax.get_xscale() == "log"


def test_every_point_has_the_name_of_its_row_inside_the_frame() -> None:
    figure = drawn(GAN, SLOWER)
    (ax,) = figure.axes
    assert texts(ax) == ["gan", "replay"]
    frame = ax.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1


def test_names_of_points_that_coincide_do_not_cover_each_other() -> None:
    rows = [replace(GAN, model=f"model_{i}", key=str(i)) for i in range(6)]
    (ax,) = drawn(*rows, records={str(i): stages(key=str(i)) for i in range(6)}).axes
    boxes = [text.get_window_extent() for text in ax.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_a_trained_row_and_a_reference_row_differ_in_marker_and_colour() -> None:
    figure = drawn(GAN, SLOWER)
    points = figure.axes[0].collections[1]
    first, second = points.get_facecolors()
    assert not (first == second).all()
    assert len(points.get_paths()) == 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(figures.KINDS)


def test_each_dataset_has_a_panel() -> None:
    figure = drawn(GAN, SLOWER, replace(GAN, dataset="tfd", key="t"))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["mnist", "tfd"]


def test_the_axes_say_their_units_and_the_caption_the_machine() -> None:
    figure = drawn(GAN)
    (ax,) = figure.axes
    assert "samples/s" in ax.get_xlabel()
    assert "nats" in ax.get_ylabel()
    assert "on AMD EPYC, 2 threads, torch 2.13.0" in said(figure)
    assert "standard error over the test examples" in said(figure)


def test_the_caption_says_what_is_not_shown_and_what_does_not_compare() -> None:
    failed = replace(GAN, model="dbn", status="failed", value=None, stderr=None, key="d")
    records = {"k": stages(), "r": stages(key="r", threads=8)}
    figure = drawn(GAN, SLOWER, failed, replace(GAN, model="lost", key="l"), records=records)
    assert "without a score: dbn" in said(figure)
    assert "not recorded for lost" in said(figure)
    assert "do not compare" in said(figure)


def test_the_caption_says_which_rows_are_cut_or_by_other_code() -> None:
    records = {**RECORDS, "cut": stages(key="cut")}
    cut = replace(GAN, key="cut", model="short", cut=True)
    shown = table.cells([GAN, cut], lambda result: result.key != "cut")
    caption = said(figures.speed([("", shown)], REFERENCES, records))
    assert "training was cut by the time budget: short" in caption
    assert "by other code or recipes than the installed: short [" in caption


@pytest.mark.parametrize("name", ["$x^2$", "a_b", "$\\frac{1}$", "\\input{x}", "two\nlines", "$"])
def test_a_name_is_printed_as_it_stands(name: str) -> None:
    figure = drawn(replace(GAN, model=name, caveat=name, metric=name))
    (ax,) = figure.axes
    for text in (ax.texts[0], ax.yaxis.label, ax._left_title, figure._supxlabel):
        assert text._preprocess_math(text.get_text())[1] is False
    assert texts(ax) == [name.replace("\n", " ")]
    assert figures.content(figure, "svg").startswith(b"<?xml")


@pytest.mark.parametrize("form", figures.DATES)
def test_the_same_results_are_the_same_bytes(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = figures.content(drawn(GAN, SLOWER), form)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")  # where a file held a time, it would be this
    with matplotlib.rc_context({"axes.labelsize": 30, "errorbar.capsize": 9}):
        again = figures.content(drawn(GAN, SLOWER), form)
    assert first == again
    assert not re.search(rb"19[0-9]{2}-|20[0-9]{2}-[0-9]{2}-|/CreationDate", first)


def test_drawing_changes_no_global_state() -> None:
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    figures.content(drawn(GAN), "png")
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []


def test_nothing_measured_is_an_error() -> None:
    with pytest.raises(UsageError, match="seconds of its sampling"):
        drawn(GAN, records={})


def test_the_command_writes_the_figure_and_says_where(genbench, tmp_path: Path) -> None:
    genbench(*TINY)
    done = genbench("figure", "speed", "-d", "tiny", "--out", "speed.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "speed.png\n"
    first = (tmp_path / "speed.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    genbench("figure", "speed", "--out", "speed.png")
    assert (tmp_path / "speed.png").read_bytes() == first
