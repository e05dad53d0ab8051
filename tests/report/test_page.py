"""The page as text: it escapes, loads nothing, and equal reports are equal bytes."""

import base64
import hashlib
import html
import io
import re
import shlex
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Drawing
from PIL import Image

from genbench.plugins.settings import parse_setting
from genbench.records.store import Store
from genbench.report import cell as of_cell
from genbench.report import page
from genbench.report.page import (
    Absent,
    Column,
    Figure,
    Group,
    Record,
    Report,
    Row,
    Section,
    Signature,
    Table,
    cell,
)
from genbench.verifying.commands import setting

NASTY = (
    "<script>window.trapped = 1</script>",
    "<img src=x onerror='window.trapped = 1'>",
    "\"'><svg onload=window.trapped=1>",
    "</title></style></script><script>window.trapped = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.trapped=1",
    "\\input{/etc/passwd}",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "x" * 300,
    "abc\u202e\u2066gpj.exe",
    "\x00\x07\ud800",
)


# --- made-up reports ---


def svg(text: str = "what is drawn") -> bytes:
    figure, buffer = Drawing(figsize=(6, 3)), io.BytesIO()
    axes = figure.subplots()
    axes.plot([0.1, 0.2, 0.4, 1.0], [-200, 225, 100, -600], marker="o")
    axes.set(xlabel="sigma", ylabel="nats, validation")
    axes.set_title(text, parse_math=False)
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def png() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((280, 280), 60).save(buffer, format="png")
    return buffer.getvalue()


DRAWN = svg(), png()

SCORES = Table(
    title="Parzen-window log-likelihood",
    first="model",
    caption="In nats, higher is better; ± is the standard error over 3 seeds; 10,000 samples.",
    columns=[
        Column("this suite", under="mnist"),
        Column("published", under="mnist"),
        Column("verdict", under="mnist", words=True),
        Column("this suite", under="tfd (stand-in data)"),
    ],
    groups=[
        Group(
            [
                Row("dbn", [cell("137.6 ± 1.9"), cell("138 ± 2"), cell("reproduced"), cell("–")]),
                Row(
                    "stacked_cae",
                    [
                        cell("99.06 ± 0.84"),
                        cell("121 ± 1.6"),
                        cell("differs by -21.9 nats (seed spread 1.1)"),
                        cell("2110 ± 50"),
                    ],
                ),
                Row(
                    "deep_gsn",
                    [
                        cell("214.2 ± 1.1"),
                        cell("214 ± 1.1"),
                        cell("not comparable: chain started at data, theirs none"),
                        cell("-37.2 ± 4.1"),
                    ],
                ),
                Row(
                    "gan [quick, rate=0.05]",
                    [cell("225.3 ± 2.1", best=True), cell(""), cell(""), cell("failed")],
                ),
            ]
        ),
        Group(
            [
                Row("gaussian", [cell("-256075 ± 792"), cell(""), cell(""), cell("12.0 ± 3.0")]),
                Row("kmeans", [cell("258.9 ± 2.4"), cell(""), cell(""), cell("1001 ± 17")]),
            ],
            title="Reference rows, untrained: no floor, no ceiling",
        ),
    ],
    signatures=[
        Signature(
            "mnist",
            "parzen|d:mnist@0c36|m:10000|s:mean|seeds:3",
            "parzen|d:mnist@0c36ee5df878|m:10000|s:mean|scale:255|sigma:grid10|v:first1000|sel:none"
            "|sets:3|seeds:3|prec:auto|genbench:0.1.0",
        )
    ],
    notes=[
        "gaussian, kmeans: reference rows, untrained; no floor, no ceiling",
        "dbn on mnist: preset paper, seed 0, 1, 2, sigma 0.2154, 10000 samples (mean), epoch 240 of"
        " 250 made; 74.8 with 2500, 92.9 with 5000",
        "gan on tfd, fold 3, seed 1 failed: the loss is not finite in epoch 17",
        "published dbn on mnist: Goodfellow et al. 2014, Table 1",
    ],
)

STRESSED = Section(
    "Is the order robust?",
    [
        "The order gan > deep_gsn > dbn > stacked_cae holds in 6 of 10 protocols.",
        "Kendall's tau compares each column's order with that of the paper's protocol.",
    ],
    [
        Table(
            "Scores under other protocols",
            "protocol",
            [Column("gan"), Column("deep_gsn"), Column("dbn"), Column("Kendall's tau")],
            [
                Group(
                    [
                        Row("paper", [cell("225.3"), cell("214.2"), cell("137.6"), cell("1.00")]),
                        Row("m/4", [cell("180.1"), cell("190.9"), cell("120.2"), cell("0.33")]),
                        Row("scale 256", [cell("222.0"), cell("211.4"), cell("134"), cell("1.00")]),
                    ]
                )
            ],
        )
    ],
)

AUDITED = Section(
    "Audit of the metric on mnist",
    [
        "At equal data, 2,000 centroids of 10,000 images outscore those images by 18 nats: "
        "likelihood here does not mean better samples."
    ],
    [
        Table(
            "What is scored",
            "samples",
            [Column("count"), Column("score")],
            [Group([Row("centroids", [cell("2,000"), cell("258.9 ± 2.4")])])],
        )
    ],
)

RECORD = Record(
    "dbn on mnist",
    "genbench run --models dbn --dataset mnist --seeds 0,1,2 --no-references",
    [
        ("value", "137.6 ± 1.9 nats, standard error over the seeds"),
        ("machine", "AMD EPYC, 2 threads, torch 2.13.0+cpu"),
        ("model code", "32babcffc27e5901ae73338b93f1e66a043109718890806827495de644271e43"),
    ],
    Table(
        "Runs of dbn on mnist",
        "run",
        [Column("value"), Column("training"), Column("key", words=True)],
        [
            Group(
                [
                    Row("seed 0", [cell("136.1"), cell("1622 s"), cell("f4e22b40210e")]),
                    Row("seed 1", [cell("139.0"), cell("1598 s"), cell("1ace55aa0210")]),
                ]
            )
        ],
    ),
    [("Hyperparameters", '{\n  "rate": 0.05,\n  "layers": [500, 500, 2000]\n}')],
)

USUAL = Report(
    title="gan, deep_gsn, dbn and stacked_cae on mnist and tfd",
    version="0.1.0",
    lead=["Four generative models compared by Parzen-window log-likelihood on two datasets."],
    compared=[("models", "gan, deep_gsn, dbn, stacked_cae"), ("seeds", "0, 1, 2")],
    tables=[SCORES],
    sections=[STRESSED, AUDITED],
    summary=Section("In short", ["dbn leads by parzen.", "Read it beside held_out."]),
    strips=[
        page.Strips("mnist", [("gan", Figure("gan", "png", png(), "12 digits of gan"))]),
        page.Strips("tfd", [("dbn", Figure("dbn", "png", png(), "12 faces of dbn"))]),
    ],
    figures=[
        Figure("Likelihood against sigma", "svg", DRAWN[0], "A peak of 225 nats at 0.2", "Curves."),
        Figure("Samples of gan", "png", DRAWN[1], "A sheet of 100 digits"),
    ],
    records=[RECORD],
    absent=[
        Absent("interpolations", "genbench run --models gan"),
        Absent("speed", reason="no result has both a score and the seconds of its sampling"),
    ],
)


def hostile(text: str) -> Report:
    """The usual report with `text` in every place that takes one."""
    return _poisoned(USUAL, text)


def _poisoned(value, text: str):
    if isinstance(value, str):
        return text
    if isinstance(value, list | tuple):
        return type(value)(_poisoned(part, text) for part in value)
    if isinstance(value, page.Figure):
        return replace(value, title=text, alt=text, caption=text)
    if hasattr(value, "__dataclass_fields__"):
        return replace(
            value, **{f.name: _poisoned(getattr(value, f.name), text) for f in fields(value)}
        )
    return value


# --- what the page says ---


class Read(HTMLParser):
    """Elements of a page in order: (tag, attributes); texts by the tag they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def shape(text: str) -> list[tuple[str, list[str]]]:
    """Elements and the names of their attributes, sorting keys aside: what markup there is."""
    return [
        (tag, sorted(set(attributes) - {"data-number", "class"}))
        for tag, attributes in Read(text).elements
    ]


def test_equal_reports_are_equal_bytes() -> None:
    assert page.render(USUAL) == page.render(replace(USUAL))
    assert page.render(USUAL) != page.render(replace(USUAL, title="another"))


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_becomes_markup(text: str) -> None:
    plain, nasty = page.render(hostile("plain")), page.render(hostile(text))
    assert shape(plain) == shape(nasty)
    assert Read(nasty).texts["script"] == Read(plain).texts["script"]


def test_no_text_of_a_report_is_read_as_a_template() -> None:
    assert "49" not in page.render(Report("{{ 7 * 7 }}", "{% if %}")).partition("<h1>")[2]


def test_characters_that_turn_or_hide_text_are_shown_by_their_numbers() -> None:
    text = page.render(hostile("abc\u202egpj.exe\x00\u200b\ud800"))
    assert "abc[U+202E]gpj.exe[U+0000][U+200B][U+D800]" in text
    assert not set(text) & set("\u202e\x00\u200b\ud800")
    text.encode()


def test_nothing_is_loaded_from_anywhere() -> None:
    text = page.render(USUAL)
    read = Read(text)
    loading = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction"}
    for _, attributes in read.elements:
        for name in loading & set(attributes):
            assert re.match(r"#|data:image/(png|svg\+xml);base64,", attributes[name] or "")
    assert not read.of("link", "iframe", "object", "embed", "base", "form")
    assert "url(" not in read.texts["style"]
    assert "@import" not in read.texts["style"]
    assert not re.search(r"fetch|XMLHttpRequest|import\(|WebSocket|Storage", read.texts["script"])


def test_the_policy_forbids_all_but_the_page_s_own_style_script_and_pictures() -> None:
    read = Read(page.render(USUAL))
    content = next(m["content"] for m in read.of("meta") if "http-equiv" in m) or ""
    rules = dict(rule.strip().split(" ", 1) for rule in content.split(";"))
    digests = {
        tag: base64.b64encode(hashlib.sha256(read.texts[tag].encode()).digest()).decode()
        for tag in ("style", "script")
    }
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digests['style']}'",
        "script-src": f"'sha256-{digests['script']}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_headings_are_in_order() -> None:
    levels = [
        int(tag[1]) for tag, _ in Read(page.render(USUAL)).elements if re.match("h[1-6]", tag)
    ]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_picture_says_what_it_shows() -> None:
    pictures = Read(page.render(USUAL)).of("img")
    strips = [picture for group in USUAL.strips for _, picture in group.rows]
    assert [picture["alt"] for picture in pictures] == [f.alt for f in [*strips, *USUAL.figures]]
    contents = [base64.b64decode((p["src"] or "").partition(",")[2]) for p in pictures]
    assert contents[len(strips) :] == [*DRAWN]


def test_the_summary_comes_first_then_pictures_then_results_and_the_contents_name_them() -> None:
    text = page.render(USUAL)
    places = [text.index(f'<h2 id="{name}">') for name in ("summary", "strips", "results")]
    assert places == sorted(places)
    links = [a["href"] for a in Read(text).of("a")]
    assert links[1:4] == ["#summary", "#strips", "#results"]  # after the one that skips them


def test_notes_are_folded_and_the_points_that_all_must_read_are_not() -> None:
    noted = replace(SCORES, notes=["a note"], points=["± is over seeds"])
    text = page.render(replace(USUAL, tables=[noted]))
    assert '<details class="notes">' in text
    before, _, after = text.partition("± is over seeds")
    assert before.rpartition("<")[2].startswith("bdi")
    assert "<details" not in before.rpartition("</table>")[2]
    assert "a note" in after


def test_sections_of_a_group_stand_folded_under_its_title() -> None:
    first, second = replace(AUDITED, group="Audits"), replace(AUDITED, title="b", group="Audits")
    read = Read(page.render(replace(USUAL, sections=[STRESSED, first, second])))
    assert read.of("details")
    folded = [a for a in read.of("details") if a.get("class") == "part"]
    assert folded == [{"class": "part"}] * 2


def test_every_id_is_there_once_and_every_reference_finds_one() -> None:
    read = Read(page.render(USUAL))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {(a["href"] or "").removeprefix("#") for a in read.of("a")}
    labels = {a["aria-labelledby"] for _, a in read.elements if "aria-labelledby" in a}
    assert links | labels <= set(ids)


def test_a_report_without_anything_is_a_page_still() -> None:
    read = Read(page.render(Report("nothing", "0.1.0")))
    assert not read.of("table", "img", "section", "details")
    assert read.texts["bdi"] == "nothing"


def test_what_is_missing_says_which_command_adds_it_or_why_there_is_none() -> None:
    text = page.render(USUAL)
    assert "<code>genbench run --models gan</code>" in text
    assert "no result has both a score and the seconds of its sampling" in text


def test_a_cell_sorts_by_its_value_and_not_by_its_error() -> None:
    texts = ("225.3 ± 2.1", "-256075 ± 792", "−3.5", "1,234", "1e-05", "–", "", "failed")
    numbers = [225.3, -256075.0, -3.5, 1234.0, 1e-5, None, None, None]
    assert [cell(text).number for text in texts] == numbers


def test_numbers_do_not_pass_for_words() -> None:
    assert cell("1e999").number is None
    assert cell("2 of 5 folds").number == 2.0


# --- the command ---

TINY = ("-m", "drift", "-d", "tiny", "--no-references", "--samples", "50", "-q")


def reported(genbench, *arguments: str) -> str:
    """The page that `genbench report` writes."""
    done = genbench("report", "--out", "out/report.html", "-q", *arguments)
    assert (done.returncode, done.stdout) == (0, "out/report.html\n"), done.stderr
    return Path("out/report.html").read_text("utf-8")


def commands(text: str) -> list[list[str]]:
    """The commands that the page says make its numbers again."""
    found = re.findall(r'<div class="copyable"><code>(genbench run .*?)</code>', text)
    return [shlex.split(html.unescape(line)) for line in found]


def test_a_report_holds_every_result_and_how_it_was_made(genbench) -> None:
    genbench("run", *TINY, "--seeds", "0,1")
    text = reported(genbench, "--no-figures")
    results = [*Store(Path("results"))]
    assert len(results) == 4
    for result in results:
        assert result.key in text
        assert f">{of_cell._value(result)[0]}<" in text.replace("\n", "")
        assert result.digest in text
        for part in result.run.parts.values():
            assert (part.digest or f"revision {part.revision}") in text
    assert "<code>genbench audit --dataset tiny</code>" in text


def test_the_same_results_are_the_same_bytes_and_another_result_is_not(genbench) -> None:
    genbench("run", *TINY)
    first = reported(genbench, "--no-figures")
    assert reported(genbench, "--no-figures") == first
    genbench("run", *TINY, "--seeds", "1")
    assert reported(genbench, "--no-figures") != first


def test_the_command_in_a_report_asks_for_the_same_results(genbench) -> None:
    more = ("--seeds", "1,-3", "--set", "drift.rate=0.25", "--set", "parzen.sigma=0.2")
    genbench("run", *TINY, *more, "--sample-sets", "2", "--minutes", "2", "--epochs", "3")
    before = {result.key for result in Store(Path("results"))}
    assert len(before) == 8
    (found,) = commands(reported(genbench, "--no-figures"))
    done = genbench(*found[1:], "--results-dir", "again")
    assert done.returncode == 0
    assert {result.key for result in Store(Path("again"))} == before


def test_a_failed_run_is_in_the_report_with_its_error(genbench) -> None:
    genbench("run", "-m", "drift,raises", *TINY[2:])
    text = reported(genbench, "--no-figures")
    (error,) = {r.error for r in Store(Path("results")) if r.status == "failed"}
    assert html.escape(error, quote=False) in html.unescape(text)
    assert ">failed<" in text.replace("\n", "")


def test_figures_are_in_the_file(genbench) -> None:
    genbench("run", *TINY)
    pictures = Read(reported(genbench)).of("img")
    assert pictures
    assert all(picture["alt"] for picture in pictures)


def test_a_report_of_nothing_is_refused(genbench) -> None:
    done = genbench("report", "--results-dir", "nowhere")
    assert done.returncode == 2
    assert "no results in" in done.stderr
    assert not Path("report.html").exists()


def test_a_report_that_cannot_be_written_says_where(genbench) -> None:
    genbench("run", *TINY)
    Path("taken").mkdir()
    done = genbench("report", "--no-figures", "--out", "taken")
    assert done.returncode != 0
    assert "cannot write taken" in done.stderr
    nowhere = genbench("report", "--out", "/dev/null/report.html")
    assert nowhere.returncode == 2
    assert "--out names another place" in nowhere.stderr
    assert "drawn:" not in nowhere.stderr


@pytest.mark.parametrize("value", ["plain", "0.5", "true", "a b; rm -rf", [1, 2.5], 0.25, False])
def test_a_setting_is_read_as_it_was_written(value) -> None:
    option, text = setting("model.key", value)
    assert option == "--set"
    assert parse_setting(shlex.split(shlex.quote(text))[0]) == ("model", "key", value)
