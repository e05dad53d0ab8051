"""The contract tests accept all that is registered and reject eight ways to break the rules."""

from pathlib import Path

import pytest

from genbench import testing
from genbench.plugins import registry
from genbench.testing import CheckError, check_dataset, check_metric, check_model

OWN = [entry.name for entry in registry.entries("model") if entry.value.split(":")[0]]
REASONS = {
    "wrong_range": "in the data's range",
    "not_a_number": "finite",
    "too_many": "at most",
    "non_deterministic": "sampling changes nothing|same seed",
    "not_resumable": "resumed after epoch",
    "changes_its_input": "leaves its input alone",
    "hard_coded_d": r"rows of d = 30|shape \(1, 5, 6\)",
    "ignores_its_data": "other data give other samples",
}


@pytest.mark.parametrize("name", OWN)
def test_every_registered_model_keeps_the_contract(name: str) -> None:
    assert len(check_model(name)) > 20


def test_a_strangers_model_keeps_the_contract(strangers: Path) -> None:
    assert check_model("drift")


@pytest.mark.parametrize("name", REASONS)
def test_a_broken_model_is_rejected_with_the_reason(name: str, strangers: Path) -> None:
    with pytest.raises(CheckError, match=REASONS[name]):
        check_model(name)


@pytest.mark.parametrize("name", ["mnist5k", "gaussian_1d", "gaussian_500", "ring", "grid"])
def test_every_dataset_that_needs_no_file_keeps_the_contract(name: str, tmp_path: Path) -> None:
    assert check_dataset(name, tmp_path)


def test_a_strangers_dataset_keeps_the_contract(strangers: Path, tmp_path: Path) -> None:
    assert check_dataset("tiny", tmp_path)


@pytest.mark.parametrize("name", registry.names("metric"))
def test_every_registered_metric_keeps_the_contract(name: str) -> None:
    assert check_metric(name)


def test_a_strangers_metric_keeps_the_contract(strangers: Path) -> None:
    assert check_metric("nearness")


def test_a_metric_that_forgets_the_order_is_rejected() -> None:
    from genbench.metrics.parzen import Parzen

    class Sorted(Parzen):
        def __call__(self, samples, valid, test):
            score = super().__call__(samples, valid, test)
            return type(score)(score.value, score.stderr, score.per_example.sort().values)

    with pytest.raises(CheckError, match="order of the test rows"):
        check_metric(Sorted)


def test_made_up_pictures_have_levels_and_both_ends() -> None:
    rows = testing.pictures((1, 3, 3), 10, 0)
    assert (rows.min(), rows.max()) == (0, 1)
