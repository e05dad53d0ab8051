"""No text of a stranger reaches a terminal as anything but text."""

import json
import unicodedata
from pathlib import Path

import pytest
from stores import carried_out, copied, planned, rewritten

import genbench
from genbench.errors import ModelError
from genbench.records.run import Run
from genbench.running.failures import fail

pytestmark = pytest.mark.usefixtures("strangers")

ODD = "\x1b[31m \x9b32m \x00 \x7f \u202e\u2066\u061c"  # ESC, C1, NUL, DEL, marks of direction
COMMANDS = [
    ("table",),
    *(("table", "--format", form) for form in ("csv", "json", "latex", "html")),
    ("table", "--robustness", "--format", "json"),
    ("compare", "drift", "walk", "-d", "tiny"),
    ("compare", "drift", "walk", "-d", "tiny", "--json"),
    ("list", "runs"),
    ("list", "runs", "--json"),
    ("verify", "all"),
    ("verify", "all", "--json"),
]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def results(once: Path, tmp_path: Path, strangers: Path) -> Path:
    """Two models, one with an odd warning and one that failed with an odd text."""
    if not (once / "results").exists():
        damage(planned("drift", "walk"), once / "results")
    return copied(once / "results", tmp_path / "results")


def damage(runs: list[Run], results_dir: Path) -> None:
    store = carried_out(runs, results_dir)
    for run in runs:
        folder = store.runs / run.folder
        if run.model == "drift":
            rewritten(folder / "result.json", warnings=[ODD], caveat=ODD)
        else:
            (folder / "result.json").unlink()
            fail(store, run, ModelError("fails"), None)
            rewritten(folder / "failed.json", error=ODD, warnings=[ODD])


MARKS = {*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}


def is_text(printed: str) -> bool:
    odd = {c for c in printed if unicodedata.category(c) == "Cc" or c in MARKS}
    return odd <= {"\n", "\t"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_what_a_terminal_obeys(
    command: tuple[str, ...], results: Path, genbench
) -> None:
    ended = genbench(*command)
    assert is_text(ended.stdout)
    assert is_text(ended.stderr)
    assert ended.stdout or ended.stderr  # a row that failed is not compared


def test_json_gives_an_odd_text_back_as_it_was(results: Path, genbench) -> None:
    found = json.loads(genbench("table", "--format", "json").stdout)
    assert ODD in {one["error"] for one in found}


def test_an_error_of_odd_text_is_printed_as_text(results: Path, genbench) -> None:
    ended = genbench("table", "--columns", ODD)
    assert is_text(ended.stderr)
    assert "\\x1b[31m" in ended.stderr


def test_every_command_prints_by_the_one_function_that_escapes() -> None:
    files = (Path(genbench.__file__).parent / "cli").glob("*.py")
    printing = [path.name for path in files if "typer.echo(" in path.read_text("utf-8")]
    assert printing == ["showing.py"]
