"""No change of numbers goes unseen: they stay, or the revision moves and new ones are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
import torch

from . import kept
from .fingerprints import numbers_of
from .parts import parts
from .reached import watched

T = TypeVar("T")
PARTS = {part.name: part for part in parts()}
of_every_part = pytest.mark.parametrize("name", PARTS)


@cache
def outcome(name: str) -> tuple[kept.Found, dict[Path, list[int]]]:
    """What the runs of a part give on two threads, and the lines that they left out."""
    part = PARTS[name]
    return on_threads(2, lambda: watched(lambda: numbers_of(part.runs), part.files))


def on_threads(count: int, call: Callable[[], T]) -> T:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return call()
    finally:
        torch.set_num_threads(before)


# --- the numbers ---


@of_every_part
def test_a_part_gives_the_numbers_that_are_kept_of_its_revision(name: str) -> None:
    numbers, _ = outcome(name)
    if fault := kept.fault(PARTS[name], numbers):
        pytest.fail(fault)


@of_every_part
def test_one_thread_gives_the_same_numbers(name: str) -> None:
    numbers = on_threads(1, lambda: numbers_of(PARTS[name].runs))
    if fault := kept.fault(PARTS[name], numbers):
        pytest.fail(fault)


# --- what the runs execute ---


@pytest.mark.parametrize("name", [name for name, part in PARTS.items() if part.module])
def test_the_runs_of_a_part_execute_every_line_of_its_files(name: str) -> None:
    _, missed = outcome(name)
    left_out = [
        f"{path.name}:{line}: {path.read_text().splitlines()[line - 1].strip()}"
        for path, lines in missed.items()
        for line in lines
    ]
    runs = f"tests/golden/runs/{PARTS[name].stem}.py"
    assert not left_out, f"no run in {runs} reaches\n" + "\n".join(left_out)


@pytest.mark.parametrize("parallel", [False, True])
def test_a_line_that_no_run_reaches_is_named_and_other_threads_count(
    parallel: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        *("from threading import Thread", "", "def worked(deep):", '    """A docstring."""'),
        *("    if deep:", "        return 1", "    return (", "        2", "    )", ""),
        *("def call(parallel):", "    if not parallel:", "        return worked(False)"),
        *("    one = Thread(target=worked, args=(True,))", "    one.start()", "    one.join()"),
    ]
    module = f"watched_{parallel}"
    path = tmp_path / f"{module}.py"
    path.write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    call = __import__(module).call
    _, missed = watched(lambda: call(parallel), [path])
    assert missed == {path: [7, 13] if parallel else [6, 14, 15, 16]}


# --- the revisions and the kept lines ---


@of_every_part
def test_the_revision_of_a_part_is_a_literal_in_the_body_of_its_class(name: str) -> None:
    assert PARTS[name].revision is not None


def test_a_run_is_kept_once_for_each_part_and_revision() -> None:
    count = Counter(
        (line["part"], line["revision"], run)
        for line in kept.lines()
        for run in line.get("numbers", ())
    )
    assert not [key for key, times in count.items() if times > 1]


def test_what_is_withdrawn_was_kept_and_is_run_no_more() -> None:
    for line in kept.lines():
        part = PARTS[line["part"]]
        every = [one for one in kept.lines() if one["part"] == part.name]
        for run, why in line.get("withdrawn", {}).items():
            assert why, f"{part.name}: {run}"
            assert any(run in one.get("numbers", ()) for one in every), f"{part.name}: {run}"
            assert run not in {one.__name__ for one in part.runs}, f"{part.name}: {run}"


def test_every_kept_line_is_of_a_part_and_no_later_than_its_revision() -> None:
    for line in kept.lines():
        assert line["revision"] <= (PARTS[line["part"]].revision or 0), line["part"]


def test_no_line_that_was_committed_has_changed() -> None:
    committed = kept.committed()
    if committed is None:
        pytest.skip("there is no git history here to compare with")
    changed = set(committed) - set(kept.FILE.read_text().splitlines())
    assert not changed, (
        "kept numbers changed: put back, raise the revision and append instead\n"
        + ("\n".join(line[:100] for line in changed))
    )
