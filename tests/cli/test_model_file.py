"""A model in a file is tried without packaging: checked, run, interrupted and resumed."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import warm
from stores import answers_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "vae"
RUN = ("run", "--model-file", "own_vae.py", "--preset", "smoke", "-d", "mnist5k", "--no-references")
RUN += ("--samples", "20")


@pytest.fixture
def genbench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command in a process of its own: what is registered for one must not reach another."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return warm.run("-m", "genbench.cli", *words, cwd=tmp_path)

    return call


@pytest.fixture
def vae(tmp_path: Path) -> Path:
    for name in ("own_vae.py", "own_vae.toml"):
        shutil.copy(EXAMPLE / name, tmp_path / name)
    return tmp_path / "own_vae.py"


def test_the_worked_example_keeps_the_contract(vae: Path, genbench) -> None:
    done = genbench("check", "--model-file", str(vae))
    assert done.returncode == 0, done.stderr
    assert "model own_vae keeps its contract" in done.stdout


def test_a_file_runs_under_its_own_name_by_the_recipe_beside_it(vae: Path, genbench) -> None:
    done = genbench(*RUN, "--json")
    assert done.returncode == 0, done.stderr
    (first, *_) = json.loads(done.stdout)
    assert (first["model"], first["status"]) == ("own_vae", "done")
    assert first["training"]["epochs"] == 2
    assert first["parts"]["model"]["distribution"] == "own_vae-file"


def test_a_table_knows_the_row_while_the_file_is_named(vae: Path, genbench) -> None:
    genbench(*RUN, "-q")
    assert "| own_vae [smoke, 20 samples]" in genbench("table", "--model-file", str(vae)).stdout
    assert "version" in genbench("table").stdout


def test_a_row_whose_file_is_not_named_stays_one_row_whatever_scored_it(
    vae: Path, genbench
) -> None:
    genbench(*RUN, "-q", "--metrics", "parzen,mmd")
    shown = genbench("table")
    rows = [line for line in shown.stdout.splitlines() if line.startswith("| own_vae")]
    assert len(rows) == 1, shown.stdout
    assert "the model is not installed" in shown.stdout


def test_a_helper_that_the_file_imports_is_part_of_its_identity(vae: Path, genbench) -> None:
    code = vae.read_text().replace("    revision = 1\n", "")
    vae.write_text(code.replace("import math\n", "import math\n\nimport helper\n"))
    digests = []
    for text in ("x = 1", "x = 2"):
        (vae.parent / "helper.py").write_text(text)
        done = genbench(*RUN, "--json")
        assert done.returncode == 0, done.stderr
        digests.append(json.loads(done.stdout)[0]["parts"]["model"]["digest"])
    assert digests[0] != digests[1]


def test_a_training_that_was_killed_ends_with_the_same_bytes(vae: Path, genbench) -> None:
    step, goes_on = "            self.epoch += 1\n", vae.parent / "goes-on"
    stop = f"            if self.epoch == 1 and not os.path.exists({str(goes_on)!r}):\n"
    stop += "                os.kill(os.getpid(), 9)\n"
    code = vae.read_text().replace("import math\n", "import math\nimport os\n")
    vae.write_text(code.replace(step, stop + step))
    killed = genbench(*RUN, "--results-dir", "parts")
    assert killed.returncode == 1
    assert len([*vae.parent.glob("parts/runs/**/checkpoint.safetensors")]) == 1
    goes_on.touch()
    for folder in ("parts", "whole"):
        done = genbench(*RUN, "--results-dir", folder)
        assert done.returncode == 0, done.stderr
    assert answers_of(vae.parent / "whole") == answers_of(vae.parent / "parts")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.txt", "", "takes a Python file"),
        ("gaussian.py", "class A: pass", "registered already"),
        ("two words.py", "", "cannot be imported by its name"),
        ("broken.py", "class (", "is no Python"),
        ("empty.py", "x = 1", "it holds none"),
    ],
)
def test_a_file_that_cannot_be_tried_is_a_usage_error(
    name: str, text: str, said: str, tmp_path: Path, genbench
) -> None:
    (tmp_path / name).write_text(text)
    done = genbench("run", "--model-file", name)
    assert done.returncode == 2
    assert said in done.stderr
