"""A plug-in whose code changes between two runs, and one whose code cannot be read whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from plugin import Plugin, unload

from genbench.records.run import Result
from genbench.records.store import Store

TOY = """
import math
import torch
from genbench import Epoch
from near import SHIFT


class Toy:
    samples = "mean"

    def __init__(self, shape: tuple) -> None:
        self.rows = torch.zeros(50, math.prod(shape))

    def fit(self, train, valid):
        if not self.rows.any():
            self.rows = train[torch.randint(len(train), (50,))].clone()
            yield Epoch(1, 1)

    def sample(self, n):
        rows = self.rows[torch.randint(len(self.rows), (n,))]
        return rows + 0.1 * torch.randn_like(rows) + SHIFT

    def state_dict(self):
        return {"rows": self.rows}

    def load_state_dict(self, state):
        self.rows = state["rows"]
"""
FEW = """
import torch
from genbench import Split


class Few:
    shape, range, levels, folds = (2,), (float("-inf"), float("inf")), None, 1
    caveat, digest = "", "few"

    def __init__(self, data_dir) -> None:
        pass

    def split(self, fold):
        rows = torch.randn(600, 2, generator=torch.Generator().manual_seed(0))
        return Split(*rows.split(200))
"""
ASKED = ("run", "-m", "toy", "-d", "few", "--samples", "300", "--no-references")


@dataclass
class Run:
    """A plug-in, what asks for it, and what was kept."""

    plugin: Plugin
    genbench: object
    store: Store

    def __call__(self, *arguments: str):
        """The command, as a process that has imported nothing of the plug-in."""
        unload("toy", "near")
        return self.genbench(*arguments)  # type: ignore[operator]

    def results(self) -> list[Result]:
        return sorted(self.store, key=lambda result: result.value or 0.0)


@pytest.fixture
def run(plugged, genbench, tmp_path: Path):
    """A plug-in with a helper, not yet run."""
    files = {"toy.py": TOY, "near.py": "SHIFT = 0.0\n", "few.py": FEW}
    plugin = plugged(files, model={"toy": "toy:Toy"}, dataset={"few": "few:Few"})
    yield Run(plugin, genbench, Store(tmp_path / "results"))
    unload("toy", "near", "few")


@pytest.fixture
def edited(run: Run) -> Run:
    """The same after a run, an edit of the helper that shifts its samples, and another run."""
    assert run(*ASKED).returncode == 0
    run.plugin.write({"near.py": "SHIFT = 30.0\n"})
    assert run(*ASKED).returncode == 0
    return run


def test_an_edited_helper_gives_another_number_under_another_key(edited: Run) -> None:
    new, old = edited.results()
    assert new.key != old.key
    assert new.value < old.value - 100


def test_what_is_run_again_without_an_edit_is_not_done_again(run: Run) -> None:
    first, second = run(*ASKED), run(*ASKED)
    assert len(run.results()) == 1
    assert first.stdout == second.stdout


def test_a_comment_in_a_helper_trains_nothing_again(run: Run) -> None:
    run(*ASKED)
    run.plugin.write({"near.py": "# how far samples are moved\nSHIFT = 0.0\n"})
    run(*ASKED)
    assert len(run.results()) == 1


def test_the_row_of_the_code_before_is_shown_apart(edited: Run) -> None:
    shown = edited("table").stdout
    rows = [line for line in shown.splitlines() if line.startswith("| toy")]
    assert [line.startswith("| toy [300 samples, version ") for line in rows].count(True) == 1
    assert len(rows) == 2


@pytest.mark.parametrize("how", ["--rescore", "--retrain"])
def test_verifying_the_row_of_the_code_before_says_that_the_code_is_another(
    edited: Run, how: str
) -> None:
    _, old = edited.results()
    said = edited("verify", old.key, how).stdout
    assert "with other code (toy was edited)" in said


@pytest.mark.parametrize("how", ["--rescore", "--retrain"])
def test_verifying_the_row_of_the_code_of_now_says_nothing_of_code(edited: Run, how: str) -> None:
    new, _ = edited.results()
    said = edited("verify", new.key, how).stdout
    assert "holds to the last bit" in said
    assert "code" not in said


def test_a_revision_keeps_the_key_and_verifying_names_the_edit(run: Run) -> None:
    run.plugin.write({"toy.py": TOY.replace("samples =", "revision = 1\n    samples =")})
    run(*ASKED)
    run.plugin.write({"near.py": "SHIFT = 30.0\n"})
    run(*ASKED)
    (only,) = run.results()
    assert "with other code (toy)" in run("verify", only.key, "--retrain").stdout


# --- what cannot be read off the code ---


def test_code_that_is_loaded_unseen_is_named_once_when_it_is_planned(run: Run) -> None:
    run.plugin.write({"toy.py": TOY.replace("from near import", "exec('')\nfrom near import")})
    said = run(*ASKED, "--seeds", "0,1").stderr
    assert said.count("toy.py:5") == 1
    assert "`revision`" in said


def test_code_that_can_be_read_whole_is_not_named(run: Run) -> None:
    assert "revision" not in run(*ASKED).stderr


def test_a_revision_settles_what_cannot_be_read(run: Run) -> None:
    text = TOY.replace("from near import", "exec('')\nfrom near import")
    run.plugin.write({"toy.py": text.replace("samples =", "revision = 1\n    samples =")})
    assert "`revision`" not in run(*ASKED).stderr
