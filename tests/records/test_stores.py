"""Two folders of results in one table: what was published is read, a user's own is written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from stores import bytes_of, carried_out, planned

from genbench.records.store import Store
from genbench.records.stores import COMMITTED, OWN, Stores, usual
from genbench.running.plan import pending

FIXTURE = Path(__file__).parents[1] / "fixtures" / "verify"
ASKED = ("-d", "tiny", "--no-references", "--samples", "20")


@pytest.fixture
def clone(genbench, tmp_path: Path) -> Path:
    """A small clone: a project of this name, and in `results` two rows, their table, their lock."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "genbench"\n')
    (tmp_path / ".gitignore").write_text("/results/local/\n.lock\n")
    assert genbench("run", "-m", "drift", *ASKED, "--results-dir", "results").returncode == 0
    assert genbench("lock", "--results-dir", "results").returncode == 0
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "a")
    return tmp_path


def git(*words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *who, *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_an_own_row_stands_beside_the_committed_ones_and_changes_none(clone, genbench) -> None:
    before = bytes_of(clone / "results")
    ran = genbench("run", "-m", "walk,drift", *ASKED)
    assert ran.returncode == 0, ran.stderr
    assert "- from results/local: walk [20 samples]" in ran.stdout
    table = genbench("table").stdout
    assert "| drift [20 samples]" in table
    assert "| walk [20 samples]" in table
    assert "- from results/local: walk [20 samples]" in table
    assert "- from results: drift [20 samples]" in table
    assert genbench("report").returncode == 0
    assert genbench("lock", "--check").returncode == 0
    verified = genbench("verify", "results/tables/tiny.md")
    assert verified.returncode == 0, verified.stdout
    assert git("status", "--porcelain") == ""
    now = bytes_of(clone / "results")
    assert {name: now[name] for name in before} == before
    assert (clone / OWN / "report.html").exists()


def test_what_is_committed_is_not_run_again(clone, genbench) -> None:
    done = genbench("run", "-m", "drift", *ASKED)
    assert done.returncode == 0
    assert not [*(clone / OWN).rglob("result.json")]
    assert "| drift [20 samples]" in done.stdout


def test_run_says_that_there_are_committed_rows_to_compare_with(clone, genbench) -> None:
    ran = genbench("run", "-m", "walk", *ASKED)
    assert "to compare with on tiny: drift (genbench table -d tiny)" in ran.stderr


def test_a_report_is_of_the_last_run_unless_all_is_asked_for(clone, genbench) -> None:
    genbench("run", "-m", "walk", *ASKED)
    for words, found in (((), False), (("--all",), True)):
        assert genbench("report", "--no-figures", *words).returncode == 0
        assert ("drift [20 samples]" in (clone / OWN / "report.html").read_text()) == found


def test_outside_a_clone_results_go_to_results(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert usual() == [COMMITTED]
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "genbench"\n')
    assert usual() == [COMMITTED]  # of a project without locked records
    shutil.copytree(FIXTURE, tmp_path / "results")
    assert usual() == [OWN, COMMITTED]
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert usual() == [COMMITTED]


def test_the_first_folder_is_written_and_all_are_read(strangers, genbench, tmp_path: Path) -> None:
    both = ("--results-dir", "own", "--results-dir", "theirs")
    genbench("run", "-m", "drift", *ASKED, "--results-dir", "theirs")
    before = bytes_of(tmp_path / "theirs")
    done = genbench("run", "-m", "drift,walk", *ASKED, *both, "--json")
    assert {one["model"] for one in json.loads(done.stdout)} == {"drift", "walk"}
    assert {result.model for result in Store(tmp_path / "own")} == {"walk"}
    assert bytes_of(tmp_path / "theirs") == before
    named = genbench("table", env={"GENBENCH_RESULTS_DIR": f"own{os.pathsep}theirs"}).stdout
    assert named == genbench("table", *both).stdout


def test_a_second_metric_scores_what_another_folder_keeps(strangers, tmp_path: Path) -> None:
    carried_out(planned("drift"), tmp_path / "theirs")
    runs = planned("drift", metrics=["nearness"])
    own = carried_out(runs, tmp_path / "own", beside=(tmp_path / "theirs",))
    assert {result.metric for result in own} == {"nearness"}
    assert not [*(tmp_path / "own").rglob("weights.safetensors")]
    assert not [*(tmp_path / "own").rglob("samples.npz")]


def test_a_done_result_anywhere_hides_a_failure(strangers, tmp_path: Path) -> None:
    runs = planned("drift")
    carried_out(runs, tmp_path / "theirs")
    own = Store(tmp_path / "own")
    from genbench.records.run import Result

    for run in runs:
        own.put(Result(run, "failed", error="out of memory"), {})
    both = Stores([tmp_path / "own", tmp_path / "theirs"])
    assert {result.status for result in both} == {"done"}
    assert all(run in both for run in runs)
    assert {both.folder_of(result) for result in both} == {tmp_path / "theirs"}


def test_a_training_that_is_made_anew_is_scored_whole(strangers, tmp_path: Path) -> None:
    """Of what is committed samples and weights may be gone: then no row is of two trainings."""
    theirs, own = tmp_path / "theirs", tmp_path / "own"
    asked = planned("drift", metrics=["parzen", "nearness"])
    both = [run for run in asked if run.data.fold == 0]
    carried_out(both[:1], theirs)
    store = Stores([own, theirs])
    assert [run.metric for run in pending(both, store)] == ["nearness"]  # of the kept samples
    for name in ("samples.npz", "weights.safetensors"):
        [kept] = theirs.rglob(name)
        kept.unlink()
    assert [run.metric for run in pending(both, store)] == ["parzen", "nearness"]
    carried_out(both[1:], own, beside=(theirs,))
    assert [run.metric for run in pending(both, store)] == ["parzen"]  # also in a later command
    carried_out(both, own, beside=(theirs,))
    assert pending(both, store) == []
    assert {store.folder_of(result) for result in store} == {own}
