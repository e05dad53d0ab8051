"""The contract tests accept what keeps the rules, ours or not, and say what breaks which."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path

import pytest
import torch
import toys

from genbench import testing
from genbench.datasets.ring import Ring
from genbench.errors import GenbenchError, UsageError
from genbench.plugins import registry
from genbench.protocols import _FLAGS, _METHODS
from genbench.testing import CheckError, check_dataset, check_metric, check_model, rows

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


NEED_NO_FILE = ["mnist5k", "gaussian_1d", "gaussian_500", "ring", "grid", "linear_gaussian"]
NEED_NO_FILE += ["digits_mixture_small"]


@pytest.mark.parametrize("name", NEED_NO_FILE)
def test_every_dataset_that_needs_no_file_keeps_the_contract(name: str, tmp_path: Path) -> None:
    assert check_dataset(name, tmp_path)


def test_a_strangers_dataset_keeps_the_contract(strangers: Path, tmp_path: Path) -> None:
    assert check_dataset("tiny", tmp_path)


SMALL = {"ais": {"rows": 8, "distributions": 20, "most": 40, "n_valid": 4, "simulated": 4}}


@pytest.mark.parametrize("name", registry.names("metric"))
def test_every_registered_metric_keeps_the_contract(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = registry.load("metric", name).__init__
    if name in SMALL:  # its defaults, which the checks take, are of minutes
        usual = {n: p.default for n, p in list(signature(made).parameters.items())[1:]}
        monkeypatch.setattr(made, "__defaults__", tuple({**usual, **SMALL[name]}.values()))
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


# --- what a model can do beside ---

TOYS = Path(toys.__file__).read_text()


@pytest.mark.parametrize("toy", toys.ABLE)
def test_a_toy_of_some_abilities_keeps_the_contract(toy: type) -> None:
    assert len(check_model(toy)) > 30


@pytest.mark.parametrize("name", ["Labelled", "Conditional", "Unbounded", "Encoding"])
def test_a_registered_toy_passes_the_command(
    name: str, plugged: Callable, genbench: Callable
) -> None:
    plugged({"toybox.py": TOYS}, model={"toy": f"toybox:{name}"})
    done = genbench("check", "toy")
    assert done.returncode == 0, done.stderr
    assert "model toy keeps its contract" in done.stdout


@pytest.mark.parametrize("broken", toys.BROKEN_MODELS)
def test_a_model_whose_ability_is_broken_is_rejected_with_the_reason(broken: type) -> None:
    with pytest.raises(CheckError, match=toys.BROKEN_MODELS[broken]):
        check_model(broken)


def test_each_ability_has_a_claim_of_its_own() -> None:
    claims = " ".join(claim for toy in toys.ABLE for claim in check_model(toy))
    assert [name for name in (*_METHODS, *_FLAGS) if name not in claims] == [
        "labelled",
        "conditional",
    ]
    assert "a hidden label" in claims
    assert "a row for each label" in claims


def test_a_model_of_unbounded_data_passes_on_such_a_dataset_and_not_on_pictures() -> None:
    with pytest.raises(CheckError, match=r"data's range, .*the data lie in \[0, 1\]"):
        check_model(toys.Anywhere)
    assert check_model(toys.Anywhere, dataset="ring")
    assert check_model(toys.Anywhere, dataset=Ring(None))


def test_the_command_tries_a_model_on_the_dataset_that_it_is_told(
    plugged: Callable, genbench: Callable
) -> None:
    plugged({"toybox.py": TOYS}, model={"anywhere": "toybox:Anywhere"})
    assert genbench("check", "anywhere").returncode == 1
    assert genbench("check", "anywhere", "--dataset", "ring").returncode == 0


def test_a_dataset_outside_the_declared_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"of data in \(-1.0, 1.0\), the dataset's lie in"):
        check_model(toys.Signed, dataset="ring")


def test_a_dataset_without_labels_is_refused_for_a_model_that_needs_them(strangers: Path) -> None:
    with pytest.raises(UsageError, match="needs labels, and the dataset has none"):
        check_model(toys.Labelled, dataset="tiny")


def test_a_density_as_sharp_as_that_of_the_ring_is_judged() -> None:
    class OfTheRing(toys.Unbounded):
        def log_prob(self, x):
            return Ring(None).density.log_prob(x) if self.d == 2 else super().log_prob(x)

        def sample(self, n):
            return Ring(None).density.draw(n) if self.d == 2 else super().sample(n)

    assert "exp(log_prob) integrates to one on ring" in check_model(OfTheRing)


def test_a_density_that_is_too_sharp_for_the_grid_is_not_judged() -> None:
    class Needles(toys.Unbounded):
        def learn(self, train, labels):
            return {"mean": train[0], "std": torch.full_like(train[0], 1e-4)}

    assert not [claim for claim in check_model(Needles) if "ring" in claim]


def test_a_model_that_refuses_rows_of_two_numbers_is_not_asked_for_the_plane() -> None:
    class ForPictures(toys.Unbounded):
        def __init__(self, shape, epochs: int = 2) -> None:
            if len(shape) != 3:
                raise ValueError("pictures only")
            super().__init__(shape, epochs)

    assert not [claim for claim in check_model(ForPictures) if "ring" in claim]


@pytest.mark.parametrize("within", [(0.0, 1.0), (-1.0, 1.0), (0.0, float("inf"))])
def test_made_up_rows_lie_in_the_range_and_fill_it(within: tuple[float, float]) -> None:
    made = rows.made_up((1, 4, 4), within)
    parts = torch.cat([made.train, made.valid, made.other])
    assert parts.min() >= within[0]
    assert parts.max() <= within[1]
    assert parts.max() - parts.min() > 0.9 * min(within[1] - within[0], 2)


# --- metrics and datasets ---


@pytest.mark.parametrize("metric", toys.GOOD_METRICS)
def test_a_metric_of_any_need_and_aim_keeps_the_contract(metric: type) -> None:
    assert len(check_metric(metric)) >= 8


@pytest.mark.parametrize("broken", toys.BROKEN_METRICS)
def test_a_broken_metric_is_rejected_with_the_reason(broken: type) -> None:
    with pytest.raises(GenbenchError, match=toys.BROKEN_METRICS[broken]):
        check_metric(broken)


def test_a_dataset_whose_rows_are_not_of_its_density_is_rejected(tmp_path: Path) -> None:
    class Wider(Ring):
        @property
        def density(self):
            return type(super().density)(self.centres, 1.05 * self.std)

    with pytest.raises(CheckError, match="the rows are as likely as draws of the density: no"):
        check_dataset(Wider, tmp_path)


@pytest.mark.parametrize("method", ["log_prob", "draw"])
def test_a_density_without_a_method_is_rejected(method: str, tmp_path: Path) -> None:
    class Half(Ring):
        @property
        def density(self):
            whole = super().density
            setattr(whole, method, None)
            return whole

    with pytest.raises(CheckError, match="density has log_prob and draw: no, TypeError"):
        check_dataset(Half, tmp_path)


def test_the_density_of_the_toys_is_checked(tmp_path: Path) -> None:
    assert "the rows are as likely as draws of the density" in check_dataset("ring", tmp_path)
