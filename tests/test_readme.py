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
    recipe, project, _ = blocks("toml")
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
    *_, project = blocks("toml")
    packaged(tmp_path / "site", tmp_path / "own", project, spread__py=code)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    checked = genbench("check", "spread")
    assert checked.returncode == 0, checked.stderr
    asked = ("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "50")
    ran = genbench(*asked, "--metrics", "parzen,spread")
    assert ran.returncode == 0, ran.stderr
    assert "nearer to 1 is better" in ran.stdout


def test_the_door_for_python_opens_as_shown(tmp_path: Path, monkeypatch) -> None:
    (code,) = (block for block in blocks("python") if "genbench.plan" in block)
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


def test_every_command_that_readme_shows_is_known(genbench) -> None:
    shown = {line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()}
    commands = [line.split() for line in shown if line.startswith("genbench ")]
    assert len(commands) > 8
    named = set()
    for command in commands:
        words: list[str] = []
        for word in command[1:]:
            if word.startswith("-") or word in (">", "gan"):
                break
            words.append(word)
        named.add(tuple(words[:2]))
    for words in sorted(named):
        done = genbench(*words, "--help")
        if done.returncode:  # a command without sub-commands
            done = genbench(words[0], "--help")
        assert done.returncode == 0, words


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
