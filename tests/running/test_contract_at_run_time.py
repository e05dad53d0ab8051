"""Who breaks the contract while a run is made fails alone; others see nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from plugin import Plugin
from stores import carried_out, planned

from genbench.errors import DataError, ModelError, StoreError
from genbench.protocols import Score
from genbench.records.store import Store
from genbench.running.data import Sources
from genbench.running.rows import sampled
from genbench.samples import judging

pytestmark = pytest.mark.usefixtures("strangers")

HASTY = """
from stranger.drift import Drift

class Toy(Drift):
    def fit(self, train, valid):
        for epoch in super().fit(train, valid):
            if epoch.index == 2:
                train.mul_(0.5)
            yield epoch

class Last(Drift):
    def fit(self, train, valid):
        yield from super().fit(train, valid)
        train[0, 0] += 1
"""
SPOILT = """
import torch
from stranger.tiny import Tiny
from genbench.protocols import Split

class {name}(Tiny):
    def split(self, fold):
        parts = [rows.clone() for rows in vars(super().split(fold)).values() if rows is not None]
        parts[{part}][3, 2] = {value}
        return Split(*parts)
"""


@pytest.mark.parametrize("name", ["Toy", "Last"])
def test_a_model_that_changes_its_training_rows_fails_and_is_named(
    name: str, plugged: Callable[..., Plugin], tmp_path: Path
) -> None:
    plugged({"toy.py": HASTY, "toy.toml": "[default]\nepochs = 3\n"}, f"toy:{name}")
    runs = planned("toy")
    store = carried_out(runs, tmp_path / "results")
    for run in runs:
        result = store.result(run)
        assert result is not None
        assert result.status == "failed"
        assert "toy: fit() changed the rows" in result.error
        assert store.weights(run) is None


def test_rows_that_a_model_changed_are_as_they_were_for_whoever_reads_them_next(
    monkeypatch: pytest.MonkeyPatch, plugged: Callable[..., Plugin], tmp_path: Path
) -> None:
    from stranger.tiny import Tiny

    own = Tiny(tmp_path)
    before = own.rows.clone()
    monkeypatch.setattr(Tiny, "__init__", lambda self, data_dir: vars(self).update(vars(own)))
    plugged({"toy.py": HASTY, "toy.toml": "[default]\nepochs = 3\n"})
    carried_out(planned("toy"), tmp_path / "results")
    assert torch.equal(own.rows, before)


def test_a_model_that_changes_the_labels_it_is_asked_for_changes_its_own_copy() -> None:
    class Conditional:
        def sample(self, n: int, labels: torch.Tensor) -> torch.Tensor:
            return labels.fill_(7)

    wanted = torch.arange(3)
    sampled(Conditional(), 3, wanted)
    assert torch.equal(wanted, torch.arange(3))


@pytest.mark.parametrize("value", ["1.5", "-0.25", "float('nan')", "float('inf')"])
@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_value_outside_the_declared_range_is_an_error_of_the_dataset(
    part: str, value: str, plugged: Callable[..., Plugin], tmp_path: Path
) -> None:
    name = f"Odd{abs(hash((part, value)))}"  # a module of its own each time
    text = SPOILT.format(name=name, part=["train", "valid", "test"].index(part), value=value)
    plugged({f"{name.lower()}.py": text}, dataset={"odd": f"{name.lower()}:{name}"})
    with pytest.raises(DataError, match=rf"'odd', fold 1: the {part} rows have values from"):
        Sources(tmp_path).split("odd", 1)


# --- what a metric gives ---


@pytest.mark.parametrize("stderr", [-5.0, float("inf"), float("nan")])
def test_a_standard_error_that_cannot_be_one_is_refused(stderr: float) -> None:
    with pytest.raises(ValueError, match="standard error"):
        Score(1.0, stderr)


@pytest.mark.parametrize(
    "single",
    [
        torch.zeros(3),
        torch.tensor([1.0, float("inf")]),
        torch.tensor([1.0, float("nan")]),
        torch.tensor([float("inf"), -float("inf")]),
    ],
)
def test_values_of_single_rows_that_are_not_those_of_the_score_are_refused(single) -> None:
    with pytest.raises(ValueError, match="per_example"):
        Score(1.0, 0.1, single)


@pytest.mark.parametrize("single", [torch.ones(49), torch.ones(51), torch.ones(50, 1)])
def test_as_many_values_as_there_are_test_rows_are_taken_and_no_others(single) -> None:
    from stranger.tiny import Tiny

    class Counts:
        unit, best = "", "low"

        def __call__(self, samples: torch.Tensor) -> Score:
            return Score(1.0, 0.1, single)

    tiny: Any = Tiny(None)
    with pytest.raises(ModelError, match=r"per_example must be \(50,\)"):
        judging.scored(Counts(), judging.given(tiny.rows.numpy(), tiny, tiny.split(0)))


def test_a_metric_that_changes_what_it_takes_changes_its_own_copy() -> None:
    from stranger.tiny import Tiny

    class Spoils:
        unit, best = "", "low"

        def __call__(self, samples, train, valid, test) -> Score:
            for rows in (samples, train, valid, test):
                rows.zero_()
            return Score(0.0)

    tiny: Any = Tiny(None)
    before, kept = tiny.rows.clone(), tiny.rows.numpy().copy()
    judging.scored(Spoils(), judging.given(kept, tiny, tiny.split(0)))
    assert torch.equal(tiny.rows, before)
    assert torch.equal(torch.from_numpy(kept), before)


# --- a folder that somebody deletes ---


@pytest.mark.parametrize("at", ["sample", "score"])
def test_no_result_is_kept_of_a_training_whose_folder_was_deleted_meanwhile(
    at: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from stranger.drift import Drift

    runs, results = planned("drift"), tmp_path / "results"
    store = Store(results)

    def deleting(original: Callable) -> Callable:
        def call(*arguments):
            store.drop(runs[0])
            return original(*arguments)

        return call

    with monkeypatch.context() as patched:
        if at == "sample":
            patched.setattr(Drift, "sample", deleting(Drift.sample))
        else:
            patched.setattr(judging, "score", deleting(judging.score))
        with pytest.raises(StoreError, match="was deleted in the meantime"):
            carried_out(runs, results)
    assert not [run for run in runs if run in store]
    again = carried_out(runs, results)
    assert all(run in again for run in runs)
    assert again.weights(runs[0]) is not None


YIELDS = """
from stranger.drift import Drift
from genbench import Epoch

class Toy(Drift):
    def fit(self, train, valid):
        yield {said}
        yield from super().fit(train, valid)
"""


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("None", "Toy: fit() yielded NoneType as epoch 1"),
        ("1, 1", "Toy: fit() yielded tuple as epoch 1"),
        ("Epoch(1, 2, {'loss': 'low'})", "toy: the loss 'loss' is str, not one number"),
    ],
)
def test_an_epoch_of_another_type_is_named_and_is_not_the_end_of_the_training(
    said: str, says: str, plugged: Callable[..., Plugin], tmp_path: Path
) -> None:
    toml = "[default]\nepochs = 3\n"
    plugged({"toy.py": YIELDS.format(said=said), "toy.toml": toml}, "toy:Toy")
    runs = planned("toy")
    store = carried_out(runs, tmp_path / "results")
    for run in runs:
        result = store.result(run)
        assert result is not None
        assert says in result.error


CODELESS = """
from stranger.drift import Drift

class Toy(Drift):
    def encode(self, x):
        raise RuntimeError("no code today")
"""


def test_samples_of_a_model_that_cannot_make_codes_are_scored_all_the_same(
    plugged: Callable[..., Plugin], tmp_path: Path
) -> None:
    plugged({"toy.py": CODELESS, "toy.toml": "[default]\nepochs = 3\n"})
    runs = planned("toy")
    store = carried_out(runs, tmp_path / "results")
    for run in runs:
        result = store.result(run)
        assert result is not None
        assert (result.status, result.error) == ("done", "")
        assert "seconds_per_code" not in store.provenance(run, "sample")
