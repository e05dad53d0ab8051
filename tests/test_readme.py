"""What README tells a newcomer to do works as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def test_a_model_added_in_three_steps_is_listed_checked_and_run(
    tmp_path: Path, genbench, monkeypatch
) -> None:
    from conftest import install

    (code,) = (block for block in blocks("python") if "class Blur" in block)
    recipe, entry = blocks("toml")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "blur.py").write_text(code)
    (tmp_path / "site" / "blur.toml").write_text(recipe)
    name, _, target = entry.splitlines()[1].partition(" = ")
    install(tmp_path / "site", "blurry", models={name: target.strip('"')})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert "blurry 1.0" in genbench("list", "models").stdout
    checked = genbench("check", "blur")
    assert checked.returncode == 0, checked.stderr
    ran = genbench("run", "-m", "blur", "-d", "tiny", "--no-references", "--samples", "50")
    assert "| blur" in ran.stdout


def test_rows_are_scored_in_python_as_shown() -> None:
    (code,) = (block for block in blocks("python") if "log_likelihood" in block)
    rows = torch.rand(90, 784, generator=torch.Generator().manual_seed(0)).split(30)
    names = dict(zip(("samples", "valid", "test"), rows, strict=True))
    exec(code, names)
    assert names["nats"].shape == (30,)
    assert names["nats"].dtype == torch.float64


def test_every_command_that_readme_shows_is_known() -> None:
    shown = {line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()}
    commands = [line.split() for line in shown if line.startswith("genbench ")]
    assert len(commands) > 8
    for command in commands:
        words = []
        for word in command[1:]:
            if word.startswith("-") or word in (">", "gan"):
                break
            words.append(word)
        done = subprocess.run(
            [sys.executable, "-m", "genbench.cli", *words[:2], "--help"], capture_output=True
        )
        if done.returncode:  # a command without sub-commands
            done = subprocess.run(
                [sys.executable, "-m", "genbench.cli", words[0], "--help"], capture_output=True
            )
        assert done.returncode == 0, command


def pipe_tables(text: str) -> list[str]:
    """The pipe tables of a Markdown text, each in one piece."""
    return re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)


def test_a_table_of_results_that_readme_shows_is_a_committed_one() -> None:
    committed = {path: path.read_text() for path in (ROOT / "results" / "tables").glob("*.md")}
    heads = {table.splitlines()[0] for text in committed.values() for table in pipe_tables(text)}
    shown = [table for table in pipe_tables(README) if table.splitlines()[0] in heads]
    assert pipe_tables(committed[ROOT / "results" / "tables" / "mnist-times.md"])[0] in shown
    for table in shown:
        assert any(table in text for text in committed.values()), table


def test_a_row_of_results_that_readme_shows_is_of_the_table_it_links() -> None:
    rows = [line for table in pipe_tables(README) for line in table.splitlines()]
    linked = [(line, re.findall(r"\]\((results/tables/\S+\.md)\)", line)) for line in rows]
    linked = [(line, paths[0]) for line, paths in linked if paths]
    assert len(linked) >= 3
    for line, path in linked:
        values = re.findall(r"-?\d[\d,.]* ± [\d.]+", line)
        assert values, line
        text = (ROOT / path).read_text()
        assert [value for value in values if f" {value} |" not in text] == [], path
