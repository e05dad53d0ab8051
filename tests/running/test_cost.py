"""What a training would take, projected from a piece of it that is timed by a stand-in clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genbench.protocols import Epoch
from genbench.records.store import Store
from genbench.running import cost
from genbench.running.data import Sources
from genbench.running.plan import Question, plan


def test_the_projected_cost_counts_the_batches_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = plan(Question(["gan"], ["mnist5k"], ["parzen"], preset="quick"), tmp_path)
    batch, limit = run.hyperparameters["batch"], run.hyperparameters["max_updates"]
    assert not limit
    monkeypatch.setattr(cost, "_timed", lambda bench, rows, labels: (len(rows) / batch, 7))
    seconds, epochs = cost.projected(run, Store(tmp_path), Sources(tmp_path), torch.device("cpu"))
    assert (seconds, epochs) == (4000 / batch * 7, 7)


def test_what_is_set_up_once_is_not_projected_for_every_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def epochs(*_, clock, **__) -> Iterator[Epoch]:
        for index, seconds in enumerate((10.0, 0.5, 0.4), 1):
            clock.seconds = seconds
            yield Epoch(index, 3, {})

    monkeypatch.setattr(cost.training, "epochs", epochs)
    bench: Any = SimpleNamespace(build=lambda: None, stream=())
    assert cost._timed(bench, torch.zeros(4, 1), None) == (0.5, 3)


def timed_by(
    monkeypatch: pytest.MonkeyPatch, seconds: Callable[[int, int], float], total: int = 12
) -> Any:
    """A bench whose clock shows, of so many rows, what is said of the epoch of an index."""
    indices: dict[int, Iterator[int]] = {}

    def epochs(_, rows, *__, clock, **___) -> Iterator[Epoch]:
        index = indices.setdefault(len(rows), itertools.count())
        for epoch in range(1, total + 1):
            clock.seconds = seconds(len(rows), next(index))
            yield Epoch(epoch, total, {})

    monkeypatch.setattr(cost.training, "epochs", epochs)
    return SimpleNamespace(build=lambda: None, stream=())


def test_what_else_a_machine_does_is_not_projected_to_hours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def waits(rows: int, index: int) -> float:
        return 1e-6 * rows + (0.08 if rows == 4000 and index < 2 else 0.0)

    bench = timed_by(monkeypatch, waits)
    seconds, epochs = cost._of_whole_epochs(bench, torch.zeros(60_000, 1), None, 60_000)
    assert (seconds, epochs) == (pytest.approx(12 * 0.06), 12)


def test_two_epochs_that_cannot_be_believed_tell_no_steeper_growth_than_a_cube(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = timed_by(monkeypatch, lambda rows, _: 1.0 if rows >= 4000 else 1e-6)
    seconds, _ = cost._of_whole_epochs(bench, torch.zeros(40_000, 1), None, 40_000)
    assert seconds == pytest.approx(12 * 10**3)


def test_a_piece_of_microseconds_is_not_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = timed_by(monkeypatch, lambda rows, _: 1e-6 * rows)
    few, *_, seconds, _ = cost._enough(bench, torch.zeros(10**6, 1), None, 300)
    assert cost.ENOUGH <= seconds < 2 * cost.ENOUGH
    assert len(few) == round(1e6 * seconds)
    few, *_ = cost._enough(bench, torch.zeros(1000, 1), None, 300)
    assert len(few) == 1000


def test_few_labelled_rows_among_many_are_in_the_batches_that_are_timed() -> None:
    labels = torch.full((1000,), -1)
    labels[[7, 600, 999]] = torch.tensor([1, 0, 1])
    rows, told = cost._told_first(torch.arange(1000.0)[:, None], labels, 5)
    assert rows[:, 0].tolist() == [7, 600, 999, 0, 1]
    assert told is not None
    assert told.tolist() == [1, 0, 1, -1, -1]
