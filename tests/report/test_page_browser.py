"""The page in a browser: it sorts, fits, reads aloud, runs no stranger's script, loads nothing."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from test_page import NASTY, USUAL, hostile

from genbench.report import page
from genbench.report.page import Column, Group, Report, Row, Table, cell

pytestmark = pytest.mark.browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """Headless Chromium, for all tests of the file."""
    if CHROMIUM is None:
        pytest.skip("no chromium on the path (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """An open page, and what it asked for and complained of."""

    page: "playwright.Page"
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        return [" ".join(text.split()) for text in self.page.locator(selector).all_inner_texts()]

    def column(self, index: int, body: int = 0) -> list[str]:
        rows = f"#table-1 tbody:nth-of-type({body + 1}) tr[data-place]"
        return self.texts(f"{rows} > :nth-child({index + 1})")


Open = Callable[..., Seen]


@pytest.fixture
def opened(chromium, tmp_path: Path) -> Iterator[Open]:
    """Opens a report as a file: `opened(report, width=400, color_scheme="dark")`."""
    contexts = []

    def call(report: Report, width: int = 1280, **options) -> Seen:
        path = tmp_path / "report.html"
        path.write_bytes(page.render(report).encode())
        context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        seen = Seen(context.new_page())
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on("console", lambda message: seen.complaints.append(message.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.goto(path.as_uri())
        return seen

    yield call
    for context in contexts:
        context.close()


@pytest.mark.parametrize("report", [USUAL, hostile(" ".join(NASTY))], ids=["usual", "hostile"])
def test_the_file_asks_for_nothing_and_complains_of_nothing(opened: Open, report: Report) -> None:
    seen = opened(report)
    seen.page.wait_for_load_state("networkidle")
    asked = [url for url in seen.requests if not url.startswith("data:image/")]
    assert asked == [seen.page.url]
    assert seen.complaints == []


def test_a_request_from_the_page_is_refused(opened: Open) -> None:
    seen = opened(USUAL)
    seen.page.evaluate(
        "document.body.append(Object.assign(new Image(), {src: 'http://[::1]:9/a'}))"
    )
    seen.page.wait_for_timeout(200)
    assert any("Content Security Policy" in complaint for complaint in seen.complaints)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_runs_even_where_the_policy_is_off(opened: Open, text: str) -> None:
    seen = opened(hostile(text), bypass_csp=True)
    seen.page.eval_on_selector_all("button, summary", "all => all.forEach(one => one.click())")
    seen.page.wait_for_timeout(100)
    assert seen.page.evaluate("window.trapped") is None


def test_the_trap_shuts_where_a_text_is_not_escaped(chromium) -> None:
    opened = chromium.new_page()
    opened.set_content(f"<p>{NASTY[1]}</p>")
    opened.wait_for_function("window.trapped === 1")
    opened.close()


def test_the_policy_stops_what_escaping_would_not(opened: Open) -> None:
    seen = opened(USUAL)
    seen.page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.trapped = 1';
        document.body.append(script);
    }""")
    assert seen.page.evaluate("window.trapped") is None


# --- sorting ---


def names(seen: Seen) -> list[str]:
    return seen.column(0)


MODELS = ["dbn", "stacked_cae", "deep_gsn", "gan [quick, rate=0.05]"]
BY_MNIST = ["gan [quick, rate=0.05]", "deep_gsn", "dbn", "stacked_cae"]


def head(seen: Seen, name: str):
    return seen.page.locator("#table-1 th", has=seen.page.get_by_role("button", name=name))


def test_a_click_sorts_by_number_both_ways_and_then_as_written(opened: Open) -> None:
    seen = opened(USUAL)
    button = seen.page.locator("#table-1").get_by_role("button", name="mnist, this suite")
    found = []
    for _ in range(3):
        button.click()
        found.append((head(seen, "mnist, this suite").get_attribute("aria-sort"), names(seen)))
    expected = [("descending", BY_MNIST), ("ascending", BY_MNIST[::-1]), (None, MODELS)]
    assert found == expected


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_sorts_as_a_click_does(opened: Open, key: str) -> None:
    seen = opened(USUAL)
    button = seen.page.locator("#table-1").get_by_role("button", name="mnist, this suite")
    button.focus()
    seen.page.keyboard.press(key)
    assert names(seen) == BY_MNIST
    assert "Sorted by" in seen.page.locator("[role=status]").inner_text()


def test_missing_and_failed_cells_are_last_both_ways(opened: Open) -> None:
    seen = opened(USUAL)
    button = seen.page.locator("#table-1").get_by_role("button", name="tfd (stand-in data), this")
    button.click()
    assert seen.column(4) == ["2110 ± 50", "-37.2 ± 4.1", "–", "failed"]
    button.click()
    assert seen.column(4) == ["-37.2 ± 4.1", "2110 ± 50", "–", "failed"]


def test_reference_rows_stay_apart_and_sort_among_themselves(opened: Open) -> None:
    seen = opened(USUAL)
    button = seen.page.locator("#table-1").get_by_role("button", name="mnist, this suite")
    button.click()
    assert seen.column(0, body=1) == ["kmeans", "gaussian"]
    button.click()
    assert seen.column(0, body=1) == ["gaussian", "kmeans"]


def test_names_sort_by_the_alphabet_and_one_column_at_a_time(opened: Open) -> None:
    seen = opened(USUAL)
    table = seen.page.locator("#table-1")
    table.get_by_role("button", name="mnist, this suite").click()
    table.get_by_role("button", name="model").click()
    assert names(seen) == ["dbn", "deep_gsn", "gan [quick, rate=0.05]", "stacked_cae"]
    assert table.locator("[aria-sort]").count() == 1


def test_numbers_do_not_sort_as_words(opened: Open) -> None:
    values = ["9", "10", "-5", "0.25", "-10", "1,000", "0.5", "1e-05"]
    rows = [Row(value, [cell(value)]) for value in values]
    table = Table("numbers", "row", [Column("value")], [Group(rows)])
    seen = opened(Report("numbers", "0.1.0", tables=[table]))
    seen.page.get_by_role("button", name="value").click()
    assert seen.column(1) == ["1,000", "10", "9", "0.5", "0.25", "1e-05", "-5", "-10"]


# --- filtering ---


def test_the_filter_keeps_the_rows_with_a_word_in_every_table_and_says_how_many(
    opened: Open,
) -> None:
    seen = opened(USUAL)
    seen.page.locator("#filter").fill("DBN, kmeans")
    shown = seen.texts("#table-1 tr[data-place]:visible th, .strips tr[data-place]:visible th")
    assert sorted(shown) == ["dbn", "dbn", "kmeans"]
    assert seen.page.locator("[role=status]").inner_text() == "3 of 8 rows are shown."
    seen.page.locator("#filter").fill("")
    assert names(seen) == MODELS


# --- what is seen ---


def test_every_figure_loads(opened: Open) -> None:
    seen = opened(USUAL)
    widths = seen.page.eval_on_selector_all(
        "img", "images => Promise.all(images.map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(widths) == 4
    assert all(width > 0 for width in widths)


def unfolded(seen: Seen) -> None:
    seen.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")


VIEWS = [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")]


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_axe_finds_nothing_serious(opened: Open, width: int, scheme: str) -> None:
    seen = opened(USUAL, width, color_scheme=scheme, reduced_motion="reduce")
    unfolded(seen)
    found = axe.Axe().run(seen.page).response["violations"]
    assert [(each["id"], each["impact"]) for each in found if each["impact"] != "minor"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_once_the_button_turned_the_colours(
    opened: Open, scheme: str
) -> None:
    seen = opened(USUAL, color_scheme=scheme)
    background = "getComputedStyle(document.body).backgroundColor"
    before = seen.page.evaluate(background)
    seen.page.get_by_role("button", name="Dark").click()
    assert seen.page.evaluate(background) != before
    unfolded(seen)
    found = axe.Axe().run(seen.page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def test_axe_would_find_something_serious(opened: Open) -> None:
    seen = opened(USUAL)
    seen.page.eval_on_selector_all("img", "all => all.forEach(one => one.removeAttribute('alt'))")
    found = axe.Axe().run(seen.page).response["violations"]
    assert any(each["impact"] in ("serious", "critical") for each in found)


LONG = [hostile("x" * 300), hostile(" ".join(NASTY))]


@pytest.mark.parametrize("report", [USUAL, *LONG], ids=["usual", "one long word", "hostile"])
def test_nothing_is_wider_than_a_narrow_screen(opened: Open, report: Report) -> None:
    seen = opened(report, width=400)
    unfolded(seen)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_keyboard_reaches_every_control_and_first_of_all_the_results(opened: Open) -> None:
    seen = opened(USUAL)
    wanted = seen.page.locator(
        "button:visible, input:visible, a, summary:visible, .scroll:visible, .plate"
    ).count()
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the results"
    reached = 1
    while reached < 200:
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement === document.body"):
            break
        reached += 1
    assert reached == wanted


def test_the_copy_button_copies_the_whole_signature(opened: Open) -> None:
    seen = opened(USUAL)
    seen.page.locator(".signature summary").click()
    seen.page.locator(".signature .copy").click()
    seen.page.wait_for_function("document.querySelector('[role=status]').textContent")
    assert seen.texts(".signature .copy") == ["Copied"]
    box = "document.body.prepend(document.createElement('textarea'))"
    seen.page.evaluate(box)
    seen.page.locator("textarea").focus()
    seen.page.keyboard.press("Control+V")
    assert seen.page.locator("textarea").input_value() == USUAL.tables[0].signatures[0].full


def test_copying_goes_on_where_the_clipboard_is_refused(opened: Open) -> None:
    seen = opened(USUAL)
    seen.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject('no') }")
    seen.page.locator(".signature summary").click()
    seen.page.locator(".signature .copy").click()
    seen.page.wait_for_function("document.querySelector('[role=status]').textContent")
    selected = seen.page.evaluate("getSelection().toString()")
    assert selected == USUAL.tables[0].signatures[0].full


def test_one_button_unfolds_every_record(opened: Open) -> None:
    seen = opened(replace(USUAL, records=[*USUAL.records] * 3))
    seen.page.get_by_role("button", name="Unfold all").click()
    assert seen.page.locator("details.record[open]").count() == 3
    seen.page.get_by_role("button", name="Unfold all").click()
    assert seen.page.locator("details.record[open]").count() == 0


def test_a_print_shows_whole_signatures_and_no_buttons(opened: Open) -> None:
    seen = opened(USUAL, color_scheme="dark")
    assert seen.page.locator("details.signature[open]").count() == 0
    seen.page.emulate_media(media="print")
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert seen.page.locator("details.signature[open]").count() == 1
    assert not any(seen.texts("button.copy:visible, #theme:visible, nav:visible, #unfold:visible"))
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    seen.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert seen.page.locator("details.signature[open]").count() == 0


def test_without_scripts_every_number_and_every_record_is_there(opened: Open) -> None:
    seen = opened(USUAL, java_script_enabled=False)
    assert names(seen) == MODELS
    tools = ("#theme", "#unfold", ".copy", ".arrow", "#filter")
    dead = seen.page.locator(", ".join(f"{tool}:visible" for tool in tools))
    assert dead.count() == 0
    seen.page.locator("details.record > summary").click()
    assert seen.page.get_by_text("genbench run --models dbn").is_visible()
