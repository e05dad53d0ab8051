"""The figure of speed, and what all figures share: bytes, hostile names, no global state."""

import io
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from drawable import GAN, REFERENCES, REPLAY, current, every_text, found, said, stages
from made import altered
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from test_cli import TINY

from genbench import figures
from genbench.errors import UsageError
from genbench.figures import Drawn, style
from genbench.records.observed import Training
from genbench.records.run import Result
from genbench.tables import cells

SLOWER = altered(REPLAY, key="r")
RECORDS = {"k": stages(sample=0.5), "r": stages(sample=2.0), "t": stages()}


def drawn(*results: Result, records: dict = RECORDS) -> Drawn:
    return figures.speed(found(*results), REFERENCES, records)


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_the_points_are_rates_and_scores_with_their_errors() -> None:
    (ax,) = drawn(GAN, SLOWER).figure.axes
    (points, bars) = ax.collections[1], ax.collections[0]
    expected = [[20_000.0, GAN.value], [5_000.0, REPLAY.value]]
    assert np.allclose(points.get_offsets(), expected, rtol=1e-12)
    ends = [[y for _, y in segment] for segment in bars.get_segments()]
    assert ends[0] == pytest.approx([GAN.value - GAN.stderr, GAN.value + GAN.stderr])
    assert ax.get_xscale() == "log"


def test_every_point_has_the_name_of_its_row_inside_the_frame() -> None:
    (ax,) = drawn(GAN, SLOWER).figure.axes
    assert texts(ax) == ["gan", "replay"]
    frame = ax.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1


def test_names_of_points_that_coincide_do_not_cover_each_other() -> None:
    rows = [altered(GAN, model=f"model_{i}", key=str(i)) for i in range(6)]
    (ax,) = drawn(*rows, records={str(i): stages() for i in range(6)}).figure.axes
    boxes = [text.get_window_extent() for text in ax.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_a_trained_row_and_a_reference_row_differ_in_marker_and_colour() -> None:
    figure = drawn(GAN, SLOWER).figure
    points = figure.axes[0].collections[1]
    first, second = points.get_facecolors()
    assert not (first == second).all()
    assert len(points.get_paths()) == 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(figures.KINDS)


def test_each_dataset_has_a_panel() -> None:
    figure = drawn(GAN, SLOWER, altered(GAN, dataset="tfd", key="t")).figure
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["mnist", "tfd"]


def test_the_axes_say_their_units_and_the_caption_the_machine() -> None:
    figure = drawn(GAN)
    (ax,) = figure.figure.axes
    assert "samples/s" in ax.get_xlabel()
    assert "nats" in ax.get_ylabel()
    assert "on AMD EPYC, 2 threads, torch 2.13.0" in said(figure)
    assert "standard error over the test examples" in said(figure)


def test_the_caption_says_what_is_not_shown_and_what_does_not_compare() -> None:
    failed = altered(GAN, model="dbn", status="failed", value=None, stderr=None, key="d")
    records = {"k": stages(), "r": stages(threads=8)}
    figure = drawn(GAN, SLOWER, failed, altered(GAN, model="lost", key="l"), records=records)
    assert "without a score (failed): dbn" in said(figure)
    assert "not recorded for lost" in said(figure)
    assert "do not compare" in said(figure)


def test_the_caption_says_which_rows_are_cut_or_by_other_code() -> None:
    records = {**RECORDS, "cut": stages()}
    cut = altered(GAN, key="cut", model="short", cut=True)
    shown = cells.cells([GAN, cut], lambda result: result.key != "cut")
    caption = said(figures.speed([("", shown)], REFERENCES, records))
    assert "training was cut by the time budget: short" in caption
    assert "by other code or recipes than the installed: short [" in caption


@pytest.mark.parametrize("name", ["$x^2$", "a_b", "$\\frac{1}$", "\\input{x}", "two\nlines", "$"])
def test_a_name_is_printed_as_it_stands(name: str) -> None:
    figure = drawn(altered(GAN, model=name, caveat=name, metric=name))
    (ax,) = figure.figure.axes
    for text in every_text(figure.figure):
        assert text._preprocess_math(text.get_text())[1] is False
    assert texts(ax) == [name.replace("\n", " ")]
    assert figures.content(figure, "svg").startswith(b"<?xml")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_png_of_lines_has_few_colours_and_looks_like_one_of_all() -> None:
    figure = drawn(GAN, SLOWER).figure
    full, lean = io.BytesIO(), figures.as_png(figure)
    with style.style():
        figure.savefig(full, format="png")
    assert Image.open(io.BytesIO(lean)).mode == "P"
    assert Image.open(io.BytesIO(lean)).info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert len(lean) < len(full.getvalue()) / 2
    error = np.abs(pixels(lean) - pixels(full.getvalue())).max(axis=2)
    assert np.mean(error > 16) < 0.005


def test_a_png_that_shows_an_image_keeps_every_tone() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (20, 25, 3), dtype=np.uint8)
    figure = Figure(figsize=(2, 2))
    figure.add_axes((0, 0, 1, 1)).imshow(colours, interpolation="nearest", aspect="auto")
    shown = pixels(figures.as_png(figure)).reshape(-1, 3)
    assert {*map(tuple, colours.reshape(-1, 3).tolist())} <= {*map(tuple, shown.tolist())}


@pytest.mark.parametrize("form", figures.DATES)
def test_the_same_results_are_the_same_bytes(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = figures.content(drawn(GAN, SLOWER), form)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")  # where a file held a time, it would be this
    with matplotlib.rc_context({"axes.labelsize": 30, "errorbar.capsize": 9}):
        again = figures.content(drawn(GAN, SLOWER), form)
    assert first == again
    assert not re.search(rb"19[0-9]{2}-|20[0-9]{2}-[0-9]{2}-|/CreationDate", first)


def test_the_caption_is_in_files_and_not_in_what_a_page_embeds() -> None:
    figure = drawn(GAN)
    before = figures.as_svg(figure.figure)
    assert len(figures.content(figure, "svg")) > len(before) + 1000
    assert figures.as_svg(figure.figure) == before
    assert figures.as_png(figure.figure).startswith(b"\x89PNG")


HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "mathematics": "$x_1$ \\input{x}",
    "path": "../../../etc/passwd",
    "formula": "=cmd|' /C calc'!A0",
    "long": "x" * 300,
    "long words": "a name " * 43,
    "right to left": "\u05d0\u05d1\u05d2 \u202egnp.exe\u202c",
    "controls": "a\x00b\x1bc",
    "no such glyph": "\u4e2d\U0001f600",
}


@pytest.mark.parametrize("text", ["x" * 300, "a name " * 43, "".join(HOSTILE.values())])
@pytest.mark.filterwarnings("error")  # a glyph that no font has, a layout that does not fit
def test_hostile_names_neither_break_a_figure_nor_its_layout(text: str) -> None:
    curves = {f"{text} by {text}: {name}": [(0.1, 1.0), (0.2, 3.0)] for name in ("", text)}
    curves |= {"score by samples": [(5, 1.0), (10, 3.0)], text: [(1.0, 2.0)]}
    like = altered(GAN, caveat=text, metric=text, unit=text, curves=curves)
    like = altered(like, training=Training(curve=((1, 1.0), (2, 2.0)), epoch=2))
    hostile = [altered(like, model=name, key=name) for name in HOSTILE.values()]
    own = [(text, cells.cells(hostile, current))]
    made = [
        figures.values(own, REFERENCES),
        figures.curves(own, REFERENCES),
        figures.epochs(own, REFERENCES, {}),
        figures.speed(own, REFERENCES, {name: stages() for name in HOSTILE.values()}),
    ]
    for one in made:
        inches = one.figure.get_tightbbox().width
        assert inches < 1.15 * one.figure.get_figwidth(), one.name
        assert one.figure.axes[0].get_position().width * one.figure.get_figwidth() > 1.7, one.name
        assert one.figure.axes[0].get_position().height > 0.25, one.name
        assert not {"\u202e", "\x00", "\x1b"} & set(one.alt + one.caption)
    assert figures.content(made[1], "svg").startswith(b"<?xml")


def test_a_name_for_a_file_holds_no_path_and_is_given_once() -> None:
    taken: set[str] = set()
    names = [figures.file_name("samples", "../../etc", name, taken=taken) for name in ("/", "..")]
    assert names == ["samples-etc", "samples-etc-2"]
    assert len(figures.file_name("x" * 300)) == 60


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


def test_figure_all_writes_what_the_results_allow_and_says_why_not_the_rest(
    genbench, tmp_path: Path
) -> None:
    genbench("run", "-m", "walk", "-d", "tiny", "--no-references", "--samples", "50")
    done = genbench("figure", "all", "--out", "out", "--format", "svg,png")
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    names = ("curves", "epochs", "samples-tiny-walk-50-samples", "speed", "values")
    assert written == sorted(f"{name}.{form}" for name in names for form in ("svg", "png"))
    assert sorted(done.stdout.split()) == [f"out/{name}" for name in written]
    assert "no interpolation: none of walk decodes a latent z" in done.stderr
    first = (tmp_path / "out/epochs.svg").read_bytes()
    genbench("figure", "epochs", "--out", "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("values", "-m", "drft"), "did you mean 'drift'?"),
        (("all", "--format", "pgn"), "did you mean 'png'?"),
        (("curves", "--out", "curves.jpg"), "must end in .png, .svg or .pdf"),
        (("interpolation",), "decodes a latent z"),
        (("sigma", "-m", "drift", "--out", "sigma.svg"), "genbench figure curves"),
        (("count",), "genbench figure curves"),
    ],
)
def test_a_wrong_request_ends_in_2_and_says_what_would_do(genbench, arguments, said) -> None:
    genbench(*TINY)
    done = genbench("figure", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
