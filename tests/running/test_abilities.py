"""Strangers' metrics and models of every kind, run: each stands in the table or fails alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from genbench.errors import UsageError
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running import labels
from genbench.running.plan import Question, by_training, plan
from genbench.running.runner import Environment, execute

TESTS = Path(__file__).parents[1]
MODELS = {
    "labelled": "toys:Labelled",
    "conditional": "toys:Conditional",
    "encoding": "toys:Encoding",
    "critical": "toys:Critical",
    "coins": "toys:Coins",
    "dice": "toys:Dice",
    "swapped": "toys:Swapped",
}
METRICS = {
    "distance": "toys:Distance",
    "likelihood": "toys:Likelihood",
    "class_accuracy": "toys:ClassAccuracy",
    "neighbour": "toys:NearestNeighbour",
    "brightness": "toys:Brightness",
    "spoils": "own:Spoils",
    "raises": "own:Raises",
    "of_nobody": "own:OfNobody",
    "seen": "own:Seen",
    "lacking": "own:Lacking",
}
OWN = """
from genbench.protocols import Score, Unmet

class Lacking:
    unit, best = "", "low"
    def __call__(self, model):
        raise Unmet("its 500 units are too many")

class Spoils:
    unit, best = "", "low"
    def __call__(self, samples, test, model):
        for rows in (samples, test):
            rows.fill_(0.5)
        model.kept["mean"] = model.kept["means"] = None
        return Score(0.0)

class Raises:
    unit, best = "", "low"
    def __call__(self, samples):
        raise ZeroDivisionError("by a stranger's metric")

class OfNobody:
    unit, best, requires = "", "low", ("discriminate",)
    def __call__(self, model):
        raise AssertionError("never called")

class Seen:
    "How many labels it is given of the training rows, and of each class of the samples."
    unit, best = "rows", "high"
    def __call__(self, labels, sample_labels):
        shown = labels.train[labels.train >= 0]
        return Score(len(shown), notes={"of": shown.bincount().tolist(),
                                        "asked": sample_labels.bincount().tolist()})
"""
PAIR = """
import hashlib
import torch
from genbench.protocols import Split

class Pair:
    shape, range, levels, folds, caveat = (1, 4, 4), (0.0, 1.0), 256, 1, ""

    def __init__(self, data_dir) -> None:
        generator = torch.Generator().manual_seed(0)
        kinds = torch.rand(2, 16, generator=generator)
        self.labels = torch.arange(300) % 2
        rows = kinds[self.labels] + 0.05 * torch.randn(300, 16, generator=generator)
        self.rows = (rows.clamp(0, 1) * 255).round() / 255
        self.digest = hashlib.sha256(self.rows.numpy().tobytes()).hexdigest()

    def split(self, fold):
        cuts = slice(0, 200), slice(200, 250), slice(250, 300)
        return Split(*(self.rows[c] for c in cuts), *(self.labels[c] for c in cuts))
"""


@pytest.fixture
def toys(strangers, plugged) -> None:
    files = {"toys.py": (TESTS / "toys.py").read_text(), "own.py": OWN, "pair.py": PAIR}
    plugged(files, model=MODELS, metric=METRICS, dataset={"pair": "pair:Pair"})


def planned(*models: str, metrics: list[str], dataset: str = "pair", **asked) -> list[Run]:
    question = Question(models, [dataset], metrics, samples=40, **asked)
    return plan(question, Path())


def carried_out(runs: list[Run], folder: Path) -> Store:
    for group in by_training(runs):
        execute(group, Environment(folder, folder, "cpu"))
    return Store(folder)


def test_what_only_a_trained_model_shows_to_lack_is_unmet_with_the_reason(toys, tmp_path) -> None:
    store = carried_out(planned("coins", metrics=["lacking"]), tmp_path)
    (result,) = store
    assert (result.status, result.value) == ("unmet", None)
    assert result.error == "lacking of coins: its 500 units are too many"


def test_every_kind_of_metric_stands_beside_parzen_or_fails_alone(toys, genbench, tmp_path) -> None:
    done = genbench(
        *("run", "-m", "conditional,encoding", "-d", "pair", "--no-references", "--samples", "40"),
        *("--metrics", ",".join(["parzen", *METRICS]), "--json"),
    )
    assert done.returncode == 1  # one metric raises
    found = {(one["model"], one["metric"]): one for one in json.loads(done.stdout)}
    assert {key for key, one in found.items() if one["status"] == "failed"} == {
        ("conditional", "raises"),
        ("encoding", "raises"),
    }
    unmet = {key: one["error"] for key, one in found.items() if one["status"] == "unmet"}
    assert unmet["conditional", "likelihood"] == ("likelihood needs a model with log_prob")
    assert "encoding draws none such" in unmet["encoding", "class_accuracy"]
    lack = {"likelihood", "of_nobody", "class_accuracy", "seen", "lacking"}
    assert {metric for _, metric in unmet} == lack
    assert found["conditional", "class_accuracy"]["value"] == 100
    notes = found["encoding", "brightness"]["notes"]
    assert notes == {"list": [1.0, 2.0], "tuned": 2, "table": {"a": None}, "sigma": [1.0, [2]]}
    assert found["encoding", "brightness"]["stderr"] is None

    for form in ("md", "latex", "csv", "html"):
        table = genbench("table", "--format", form)
        assert table.returncode == 0, table.stderr
        assert "brightness" in table.stdout
        assert "parzen" in table.stdout.lower()
    report = genbench("report")
    assert report.returncode == 0, report.stderr
    page = next(tmp_path.rglob("report.html")).read_text()
    assert "brightness" in page
    assert "needs a model with discriminate" in page


def test_needs_that_are_not_met_train_nothing_and_change_no_exit_code(toys, genbench) -> None:
    done = genbench(
        *("run", "-m", "encoding", "-d", "pair", "--no-references", "--metrics", "of_nobody")
    )
    assert done.returncode == 0, done.stderr
    assert "needs a model with discriminate" in done.stdout + done.stderr
    assert not [*Path().rglob("weights.safetensors")]


def test_what_a_metric_changes_harms_nobody(toys, tmp_path: Path) -> None:
    alone = carried_out(planned("conditional", metrics=["distance"]), tmp_path / "alone")
    after = planned("conditional", metrics=["spoils", "distance"])
    beside = carried_out(after, tmp_path / "beside")
    values = {result.metric: result.value for result in beside}
    assert values["spoils"] == 0.0
    assert values["distance"] == next(iter(alone)).value


def test_a_metric_without_samples_draws_none(toys, tmp_path: Path) -> None:
    store = carried_out(planned("coins", metrics=["likelihood"]), tmp_path)
    result = next(iter(store))
    assert (result.status, result.run.draws) == ("done", False)
    assert not [*tmp_path.rglob("samples.npz")]
    assert [*tmp_path.rglob("weights.safetensors")]


def test_metrics_of_one_training_share_it(toys, tmp_path: Path) -> None:
    runs = planned("coins", metrics=["likelihood", "distance", "brightness"])
    assert len({run.fit_key for run in runs}) == 1
    assert len([*carried_out(runs, tmp_path).runs.rglob("weights.safetensors")]) == 1


# --- labels ---


def test_a_labelled_model_is_shown_as_many_labels_as_are_asked_for(toys, tmp_path: Path) -> None:
    runs = planned("conditional", metrics=["seen"], overrides={"conditional": {"labels": 10}})
    result = next(iter(carried_out(runs, tmp_path)))
    assert (result.error, result.value) == ("", 10)
    assert result.notes["of"] == [5, 5]
    assert sum(result.notes["asked"]) == 40


def test_how_many_labels_are_shown_is_in_the_key(toys) -> None:
    keys = {
        planned("labelled", metrics=["distance"], overrides={"labelled": shown})[0].fit_key
        for shown in ({}, {"labels": 10}, {"labels": 20})
    }
    assert len(keys) == 3


def test_the_labels_that_samples_were_asked_for_are_kept_beside_them(toys, tmp_path: Path) -> None:
    runs = planned("conditional", metrics=["distance"])
    store = carried_out(runs, tmp_path)
    asked = store.sample_labels(runs[0])
    assert asked is not None
    assert (asked.shape, set(asked.tolist())) == ((40,), {0, 1})
    means = {label: store.samples(runs[0])[0][asked == label].mean() for label in (0, 1)}
    assert abs(means[0] - means[1]) > 1 / 255


def test_more_labels_than_there_are_is_refused_by_the_plan(toys, genbench) -> None:
    done = genbench("run", "-m", "labelled", "-d", "pair", "--set", "labelled.labels=500")
    assert done.returncode == 2
    assert "labels = 500 asks for 250 rows of class 0, and 100 are labelled" in done.stderr


def test_labels_for_a_model_that_is_given_none_are_refused(toys, genbench) -> None:
    done = genbench("run", "-m", "coins", "-d", "pair", "--set", "coins.labels=5")
    assert done.returncode == 2
    assert "the model is given none" in done.stderr


def test_a_dataset_without_labels_leaves_the_cell_empty(toys, genbench) -> None:
    done = genbench("run", "-m", "labelled", "-d", "tiny", "--no-references", "--json")
    assert done.returncode == 0, done.stderr
    assert {one["error"] for one in json.loads(done.stdout)} == {
        "labelled needs labels, and tiny has none"
    }


def test_the_cost_of_a_labelled_model_is_estimated(toys, genbench) -> None:
    done = genbench("run", "-m", "labelled", "-d", "pair", "--no-references", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "epochs, about" in done.stdout


def test_a_plan_whose_cells_all_stay_empty_costs_nothing_and_says_why(toys, genbench) -> None:
    told = ("run", "-m", "encoding", "-d", "pair", "--no-references", "--metrics", "of_nobody")
    done = genbench(*told, "--dry-run")
    assert "nothing to train, all stay empty: of_nobody needs a model with" in done.stdout
    assert "all training, one after the other: about 0 s" in done.stdout


def test_labels_are_shown_in_equal_parts_and_by_name() -> None:
    known = torch.arange(100) % 4
    once, again = (labels.shown(known, 10, ("a", 0)) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, labels.shown(known, 10, ("a", 1)))
    assert sorted(once[once >= 0].bincount().tolist()) == [2, 2, 3, 3]
    assert torch.equal(known[once >= 0], once[once >= 0])
    assert torch.equal(labels.shown(known, None, ("a", 0)), known)
    with pytest.raises(UsageError, match="asks for 26 rows of class"):
        labels.shown(known, 102, ("a", 0))


def test_samples_are_asked_for_of_each_class_in_turn() -> None:
    known = torch.tensor([-1] * 50 + [0] * 30 + [2] * 10)
    asked = labels.asked(known, 5)
    assert asked.dtype == torch.int64
    assert asked.tolist() == [0, 2, 0, 2, 0]


# --- what may choose ---


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("brightness", "whose best is the value of held-out rows"),
        ("likelihood", "which takes model"),
        ("class_accuracy", "which takes"),
    ],
)
def test_a_metric_that_cannot_choose_an_epoch_is_refused(toys, genbench, metric, reason) -> None:
    done = genbench("run", "-m", "encoding", "-d", "pair", "--set", f"encoding.select={metric}")
    assert done.returncode == 2
    assert reason in done.stderr


def test_a_model_that_asks_for_levels_is_told_them(toys, tmp_path: Path) -> None:
    runs = planned("dice", metrics=["distance"])
    assert runs[0].fit_reads == {"levels": 256}
    assert "levels" not in runs[0].hyperparameters
    assert next(iter(carried_out(runs, tmp_path))).status == "done"
