"""What README and docs tell a newcomer to do works as it stands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer

from genbench import cli
from genbench.cli.model_file import MEMBERS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("tutorials/*.md"))]
SITE = PAGES[1:]
README = PAGES[0].read_text()


def blocks(language: str, *pages: Path) -> list[str]:
    """The code blocks of pages, without the indentation of a list that they stand in."""
    found = []
    for page in pages or PAGES:
        text = page.read_text()
        found += re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def packaged(site: Path, folder: Path, project: str, **files: str) -> None:
    """Builds a wheel of a project as `pip install .` does, and puts what it holds on a path."""
    folder.mkdir()
    for name, text in {**files, "pyproject.toml": project}.items():
        (folder / name.replace("__", ".")).write_text(text)
    pip = (sys.executable, "-m", "pip", "-q", "install", "--no-deps", "--target", str(site))
    done = subprocess.run([*pip, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_model_added_in_three_steps_is_checked_and_run_from_its_wheel(
    tmp_path: Path, genbench, monkeypatch
) -> None:
    (code,) = (block for block in blocks("python") if "class Blur" in block)
    recipe, project = blocks("toml", DOCS / "tutorials" / "model.md")
    packaged(tmp_path / "site", tmp_path / "own", project, blur__py=code, blur__toml=recipe)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert "blurry 1.0" in genbench("list", "models").stdout
    checked = genbench("check", "blur")
    assert checked.returncode == 0, checked.stderr
    ran = genbench("run", "-m", "blur", "-d", "tiny", "--no-references", "--samples", "50")
    assert "| blur" in ran.stdout


def test_a_metric_added_in_three_steps_is_checked_and_stands_beside_parzen_from_its_wheel(
    tmp_path: Path, genbench, monkeypatch
) -> None:
    (code,) = (block for block in blocks("python") if "class Spread" in block)
    (project,) = blocks("toml", DOCS / "tutorials" / "metric.md")
    packaged(tmp_path / "site", tmp_path / "own", project, spread__py=code)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    checked = genbench("check", "spread")
    assert checked.returncode == 0, checked.stderr
    asked = ("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "50")
    ran = genbench(*asked, "--metrics", "parzen,spread")
    assert ran.returncode == 0, ran.stderr
    assert "nearer to 1 is better" in ran.stdout


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "api.md"], ids=lambda page: page.name)
def test_the_door_for_python_opens_as_shown(page: Path, tmp_path: Path, monkeypatch) -> None:
    (code,) = (block for block in blocks("python", page) if "genbench.plan" in block)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert [*dict.fromkeys(result.model for result in names["results"])] == ["gaussian", "replay"]


def test_rows_are_scored_in_python_as_shown() -> None:
    (code,) = (block for block in blocks("python") if "log_likelihood" in block)
    rows = torch.rand(90, 784, generator=torch.Generator().manual_seed(0)).split(30)
    names = dict(zip(("samples", "valid", "test"), rows, strict=True))
    exec(code, names)
    assert names["nats"].shape == (30,)
    assert names["nats"].dtype == torch.float64


MINE = "class Mine:\n" + "".join(f"    def {name}(self): ...\n" for name in sorted(MEMBERS))


def commands() -> list[tuple[str, ...]]:
    """Every `genbench ...` line of a shell block, as its words."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    shown = [shlex.split(line, comments=True) for line in lines if line.startswith("genbench ")]
    return sorted({tuple(words[1 : words.index(">") if ">" in words else None]) for words in shown})


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_that_readme_or_docs_show_is_known_with_its_options(
    words: tuple[str, ...], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("genbench.cli.model_file._register", lambda *_: None)  # it would stay
    for name in (word for word in words if word.endswith((".py", ".npy", ".npz", ".mat"))):
        (tmp_path / name).write_text(MINE)
    command, rest = typer.main.get_command(cli.app), list(words)
    with command.make_context("genbench", rest) as context:
        while hasattr(command, "resolve_command"):
            _, command, rest = command.resolve_command(context, rest)
            context = command.make_context(words[0], rest)


def test_readme_has_at_most_150_lines() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_to_a_file_leads_to_one(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", text)
    paths = [path for pair in links for path in pair if path and "://" not in path]
    assert [path for path in paths if not (page.parent / path).exists()] == []


def test_every_page_is_in_the_site_and_every_entry_of_the_site_is_a_page() -> None:
    entries = set(re.findall(r"[\w/.-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert {str(page.relative_to(DOCS)) for page in SITE} <= entries
    assert [entry for entry in entries - {"*.md"} if not (DOCS / entry).exists()] == []


def pipe_tables(text: str) -> list[str]:
    """The pipe tables of a Markdown text, each in one piece."""
    return re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)


def heads() -> dict[str, list[str]]:
    """The head of each committed table, and the tables that have it."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "results" / "tables").glob("*.md"):
        for table in pipe_tables(path.read_text()):
            found.setdefault(table.splitlines()[0], []).append(table)
    return found


def cells(table: str) -> list[list[str]]:
    """The texts of a pipe table, row by row, its head first."""
    rows = [line.strip("|").split("|") for line in table.splitlines()]
    return [[text.strip() for text in row] for row in (rows[0], *rows[2:])]


def by_metric(tables: list[str]) -> dict[tuple[str, str], str]:
    """(model, metric) -> what a cell of MNIST's tables shows."""
    return {
        (row[0], head.removeprefix("mnist, ")): text
        for table in tables
        for heads, *rows in [cells(table)]
        for row in rows
        for head, text in zip(heads, row, strict=True)
    }


@pytest.mark.parametrize("page", [PAGES[0], DOCS / "yardsticks.md"], ids=lambda page: page.name)
def test_a_choice_of_metrics_that_readme_or_docs_show_of_mnist_is_as_committed(page: Path) -> None:
    committed = by_metric(pipe_tables((ROOT / "results" / "tables" / "mnist.md").read_text()))
    (table,) = [t for t in pipe_tables(page.read_text()) if "train_share | coverage" in t]
    (_, *metrics), *rows = cells(table)
    for model, *texts in rows:
        assert [committed[model, metric] for metric in metrics] == texts, model


def test_a_table_of_results_that_readme_or_docs_show_is_a_committed_one() -> None:
    committed = heads()
    shown = [table for page in PAGES for table in pipe_tables(page.read_text())]
    of_results = [table for table in shown if table.splitlines()[0] in committed]
    assert len(of_results) >= 1
    for table in of_results:
        assert table in committed[table.splitlines()[0]], table
