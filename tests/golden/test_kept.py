"""What is said of numbers that moved, are not kept, or were changed where they are kept."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from . import kept
from .fingerprints import RAISED, Numbers
from .parts import GoldenPart

PART = GoldenPart("model", "gan", 1, "`revision` in the body of class GAN (models.gan)")


@pytest.fixture(autouse=True)
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> kept.Found:
    """What is kept of revision 1, in a file of its own."""
    found: kept.Found = {"small": {"losses": [2.0, 0.5], "errors": ["ValueError"]}}
    line = {"part": PART.name, "revision": 1, "tolerance": 0.01, "numbers": found}
    monkeypatch.setattr(kept, "FILE", tmp_path / "numbers.jsonl")
    kept.FILE.write_text(json.dumps(line) + "\n")
    return found


@pytest.mark.parametrize(
    ("losses", "holds"),
    [
        *[([2.0, 0.5], True), ([2.019, 0.481], True), ([2.021, 0.5], False), ([2.0], False)],
        *[([float("nan"), 0.5], False), (["2", 0.5], False)],
    ],
)
def test_numbers_hold_within_the_tolerance_of_the_greatest(
    numbers: kept.Found, losses: Numbers, holds: bool
) -> None:
    fault = kept.fault(PART, {"small": {**numbers["small"], "losses": losses}})
    assert (fault == "") is holds


@pytest.mark.parametrize(("now", "holds"), [(2.0e-15, True), (2.0e-9, False)])
def test_numbers_that_are_rounding_alone_may_round_otherwise(now: float, holds: bool) -> None:
    was, is_now = {"ties": [1.6e-15]}, {"ties": [now]}
    assert (kept.differences(was, is_now, tolerance=0.01) == []) is holds


def test_numbers_that_moved_are_named_with_the_way_out(numbers: kept.Found) -> None:
    fault = kept.fault(PART, {"small": {**numbers["small"], "losses": [1.0, 0.5]}})
    assert fault == (
        "the numbers of genbench model gan moved (small, losses: was [2.0, 0.5], is [1.0, 0.5]): "
        "if that is meant, raise `revision` in the body of class GAN (models.gan) and append a "
        "line by `python -m tests.golden gan`"
    )


def test_a_run_that_raised_an_error_is_named_whether_it_is_kept_or_not() -> None:
    for run in ("small", "large"):
        fault = kept.fault(PART, {run: {RAISED: ["ValueError: why"]}})
        assert f"the numbers of genbench model gan moved ({run} raised ValueError: why)" in fault


def test_a_revision_and_a_run_that_are_not_kept_are_named_with_the_command(
    numbers: kept.Found,
) -> None:
    assert kept.fault(replace(PART, revision=2), numbers) == (
        "no numbers are kept of genbench model gan at revision 2 (small): append a line by "
        "`python -m tests.golden gan`"
    )
    assert "at revision 1 (large): append" in kept.fault(PART, {**numbers, "large": {}})


def test_a_kept_run_that_is_gone_and_a_revision_that_is_missing_are_named() -> None:
    assert "kept runs of genbench model gan are gone (small)" in kept.fault(PART, {})
    assert "has no revision: give it one" in kept.fault(replace(PART, revision=None), {})


def test_a_withdrawn_run_holds_nothing_and_another_stands_for_it(numbers: kept.Found) -> None:
    line = {"part": PART.name, "revision": 1, "withdrawn": {"small": "it hangs on the processor"}}
    with kept.FILE.open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert kept.contradiction(PART, {}) == ""
    assert "(large): append" in kept.fault(PART, {"large": {"losses": [1.0]}})
    kept.append(PART, {"large": {"losses": [1.0]}})
    assert kept.fault(PART, {"large": {"losses": [1.0]}}) == ""
    assert "moved (large, losses" in kept.fault(PART, {"large": {"losses": [2.0]}})


# --- what git knows ---


def commit(text: str) -> None:
    """Commits the file of kept lines with this text, in a repository of its own."""
    kept.FILE.write_text(text)
    name = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "numbers.jsonl"), ("commit", "-q", "-m", "more")):
        subprocess.run(["git", *name, *command], cwd=kept.FILE.parent, check=True)


def test_a_line_that_any_commit_held_is_remembered() -> None:
    commit("one\n")
    commit("one\ntwo\n")
    kept.FILE.write_text("changed\n")
    assert sorted(kept.committed() or []) == ["one", "two"]


def test_without_a_repository_nothing_is_compared() -> None:
    assert kept.committed() is None


def test_a_shallow_clone_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit("one\n")
    commit("two\n")
    shallow = tmp_path / "shallow"
    source = kept.FILE.parent.as_uri()
    subprocess.run(["git", "clone", "-q", "--depth", "1", source, shallow], check=True)
    monkeypatch.setattr(kept, "FILE", shallow / "numbers.jsonl")
    assert kept.committed() is None
