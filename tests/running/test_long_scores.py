"""A score that takes long is kept as it comes, and goes on where it was stopped."""

from pathlib import Path

import pytest
import torch

from genbench.protocols import Score
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running.plan import Question, plan
from genbench.running.progress import _state
from genbench.running.runner import Environment, execute

STEPS = 4


def nearness() -> type:
    """The stranger's metric, from where the stranger's package lies while a test runs."""
    from stranger.nearness import Nearness

    return Nearness


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, strangers: Path) -> list[int]:
    """The steps that a metric made which sums named random numbers, one a step."""
    made: list[int] = []

    def call(self, samples: torch.Tensor) -> Score:
        total, first = self.kept.get("total", torch.zeros(())), int(self.kept.get("step", 0))
        for step in range(first, STEPS):
            made.append(step)
            if self.stop_at == step:
                raise RuntimeError("stopped")
            total = total + torch.rand((), generator=torch.Generator().manual_seed(step))
            self.told({"total": total, "step": torch.tensor(step + 1)}, "sum", step + 1, STEPS)
        return Score(float(total))

    Nearness = nearness()
    monkeypatch.setattr(Nearness, "__call__", call)
    monkeypatch.setattr(Nearness, "told", None, raising=False)
    monkeypatch.setattr(Nearness, "stop_at", None, raising=False)
    return made


def score(folder: Path, rerun: bool = False) -> tuple[Run, Store]:
    run, *_ = plan(Question(["drift"], ["tiny"], ["nearness"], samples=50), folder)
    environment = Environment(folder, folder, "cpu", rerun)
    execute([run], environment)
    return run, environment.store


def test_a_stopped_score_goes_on_and_ends_in_the_same_number(
    made: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run, store = score(tmp_path / "whole")
    whole = store.result(run)
    with monkeypatch.context() as patched:
        patched.setattr(nearness(), "stop_at", 2)
        run, store = score(tmp_path / "stopped")
    assert store.result(run).status == "failed"
    assert set(store.scoring(run)) == {"total", "step"}
    made.clear()
    run, store = score(tmp_path / "stopped")
    assert made == [2, 3]
    assert store.result(run) == whole


def test_a_score_that_is_made_again_begins_anew(
    made: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(nearness(), "stop_at", 2)
        score(tmp_path)
    made.clear()
    score(tmp_path, rerun=True)
    assert made == [0, 1, 2, 3]


def test_what_a_score_had_come_to_is_gone_when_it_is_done(made: list[int], tmp_path: Path) -> None:
    run, store = score(tmp_path)
    assert store.scoring(run) == {}


def test_how_far_a_score_is_is_shown_with_a_time_left(made: list[int], tmp_path: Path) -> None:
    run, store = score(tmp_path)
    *_, last = (event for event in store.events(run) if "step" in event)
    assert _state(last, [], "") == "scoring by nearness: sum, step 4 of at most 4, 0 s left"
