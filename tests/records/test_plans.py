"""The same command again: its plan is kept, and made anew where anything that it hangs on moved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from made import RUN

from genbench import front
from genbench.plugins import installed
from genbench.plugins.code import Part
from genbench.records import plans

QUESTION = {"models": ["gan"], "seeds": [0]}
ASKED = ("run", "-m", "gaussian", "-d", "ring", "--metrics", "parzen", "--no-references")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "mnist").mkdir(parents=True)
    (folder / "mnist" / "images").write_bytes(b"abc")
    return folder


def test_a_plan_comes_back_as_it_was(data: Path, tmp_path: Path) -> None:
    asked = plans.plan_digest(QUESTION, data)
    plans.remember(tmp_path, asked, [RUN])
    assert plans.remembered(tmp_path, asked) == [RUN]


def test_another_question_is_not_answered_by_it(data: Path, tmp_path: Path) -> None:
    plans.remember(tmp_path, plans.plan_digest(QUESTION, data), [RUN])
    other = plans.plan_digest({**QUESTION, "seeds": [1]}, data)
    assert plans.remembered(tmp_path, other) is None


def test_a_data_file_that_moved_makes_it_another_question(data: Path) -> None:
    before = plans.plan_digest(QUESTION, data)
    (data / "mnist" / "images").write_bytes(b"abcd")
    after = plans.plan_digest(QUESTION, data)
    (data / "mnist" / "labels").write_bytes(b"")
    assert len({before, after, plans.plan_digest(QUESTION, data)}) == 3


def test_a_file_in_a_linked_folder_counts_and_one_copied_with_its_time(
    data: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "scratch"
    elsewhere.mkdir()
    (elsewhere / "images").write_bytes(b"abc")
    (data / "linked").symlink_to(elsewhere)
    before, time = plans.plan_digest(QUESTION, data), (elsewhere / "images").stat().st_mtime_ns
    (elsewhere / "images").write_bytes(b"xyz")
    os.utime(elsewhere / "images", ns=(time, time))
    assert plans.plan_digest(QUESTION, data) != before


def test_links_in_a_circle_or_to_nothing_leave_it_untold(data: Path) -> None:
    (data / "gone").symlink_to(data / "nowhere")
    assert plans.plan_digest(QUESTION, data) == ""
    (data / "gone").unlink()
    (data / "again").symlink_to(data)
    (data / "mnist" / "up").symlink_to("..")
    assert plans.plan_digest(QUESTION, data)  # it ends, on a system that follows any count of links
    assert len(plans._files(data)) == 1


def test_an_edited_source_makes_it_another_question(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plans.plan_digest(QUESTION, data)
    edited = {**installed.sources(), "genbench: models/gan.toml": "0" * 64}
    monkeypatch.setattr(installed, "sources", lambda: edited)
    assert plans.plan_digest(QUESTION, data) != before


def test_of_too_many_data_files_nothing_is_told(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "MOST_FILES", 0)
    asked = plans.plan_digest(QUESTION, data)
    plans.remember(tmp_path, asked, [RUN])
    assert asked == ""
    assert not (tmp_path / plans.PLAN).exists()


def test_a_part_without_a_revision_is_read_anew_each_time(data: Path, tmp_path: Path) -> None:
    asked = plans.plan_digest(QUESTION, data)
    model = Part("stranger", "gan", digest="a" * 64)
    plans.remember(tmp_path, asked, [replace(RUN, parts={**RUN.parts, "model": model})])
    assert plans.remembered(tmp_path, asked) is None


def test_a_stranger_s_dataset_may_read_any_file_and_is_read_anew(
    strangers: Path, data: Path, tmp_path: Path
) -> None:
    asked = plans.plan_digest(QUESTION, data)
    plans.remember(tmp_path, asked, [replace(RUN, data=replace(RUN.data, name="tiny"))])
    assert plans.remembered(tmp_path, asked) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"digest": 1}'])
def test_a_damaged_plan_is_none(damage: str, data: Path, tmp_path: Path) -> None:
    asked = plans.plan_digest(QUESTION, data)
    (tmp_path / plans.PLAN).write_text(damage)
    assert plans.remembered(tmp_path, asked) is None


def test_a_plan_of_no_runs_of_ours_is_none(data: Path, tmp_path: Path) -> None:
    asked = plans.plan_digest(QUESTION, data)
    plans.remember(tmp_path, asked, [RUN])
    kept = json.loads((tmp_path / plans.PLAN).read_text())
    kept["runs"][0]["seed"] = "first"
    plans.files.write_json(tmp_path / plans.PLAN, {k: kept[k] for k in ("digest", "runs")})
    assert plans.remembered(tmp_path, asked) is None


def test_a_finished_command_prints_the_same_and_plans_nothing(
    genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = genbench(*ASKED)
    assert first.returncode == 0, first.stderr
    monkeypatch.setattr(front, "plan", lambda **_: pytest.fail("a plan was made"))
    assert genbench(*ASKED).stdout == first.stdout


def test_what_a_finished_command_needs_loads_no_torch() -> None:
    needed = "genbench.cli.run, genbench.records.plans, genbench.tables.texts"
    code = f"import sys, {needed}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_result_that_is_gone_is_made_again(genbench, tmp_path: Path) -> None:
    first = genbench(*ASKED)
    (result,) = (tmp_path / "results" / "runs").rglob("result.json")
    result.unlink()
    assert genbench(*ASKED).stdout == first.stdout
    assert result.exists()
