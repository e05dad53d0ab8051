"""Recipes, names, keys: what is decided before anything is done."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genbench import plan, recipe, registry
from genbench.errors import UsageError
from genbench.plan import Question
from genbench.run import Data, Run

DATA = Data("tiny", 0, 2, "train", "valid", "test", "digest", "", 256)
RUN = Run(
    model="drift",
    data=DATA,
    seed=0,
    preset="paper",
    metric="parzen",
    samples=100,
    hyperparameters={"epochs": 6, "spread": 0.1},
    settings={"n_valid": 1000},
    code={"model": "m", "metric": "p"},
    sampling=("spread",),
)


def changed(**fields) -> tuple[bool, bool, bool]:
    """Which of the three keys a change of a run touches."""
    other = replace(RUN, **fields)
    return (
        other.fit_key != RUN.fit_key,
        other.sample_key != RUN.sample_key,
        other.score_key != RUN.score_key,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "other"},
        {"seed": 1},
        {"hyperparameters": {"epochs": 7, "spread": 0.1}},
        {"code": {"model": "x", "metric": "p"}},
        {"data": replace(DATA, train="x")},
        {"minutes": 5.0},
        {"uses_validation": True},
        {"selection": {"metric": "parzen", "every": 2, "samples": 10}},
    ],
    ids=str,
)
def test_what_training_depends_on_changes_every_key(fields: dict) -> None:
    assert changed(**fields) == (True, True, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"samples": 50},
        {"hyperparameters": {"epochs": 6, "spread": 0.2}},
        {"data": replace(DATA, levels=None)},
    ],
    ids=str,
)
def test_what_sampling_depends_on_retrains_nothing(fields: dict) -> None:
    assert changed(**fields) == (False, True, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"metric": "other"},
        {"settings": {"n_valid": 10}},
        {"code": {"model": "m", "metric": "x"}},
        {"data": replace(DATA, fold=1, valid="x", test="x")},
        {"preset": "quick"},
    ],
    ids=str,
)
def test_what_scoring_depends_on_redraws_nothing(fields: dict) -> None:
    assert changed(**fields) == (False, False, True)


def test_a_model_that_is_given_validation_rows_is_trained_for_each_fold() -> None:
    given = replace(RUN, uses_validation=True)
    assert given.fit_key != replace(given, data=replace(DATA, fold=1, valid="x")).fit_key


def test_selecting_epochs_depends_on_the_validation_rows_of_a_single_fold() -> None:
    single = replace(DATA, folds=1)
    selection = {"metric": "parzen", "every": 1, "samples": 10}
    selecting = replace(RUN, selection=selection, data=single)
    assert selecting.fit_key != replace(selecting, data=replace(single, valid="x")).fit_key


class Taken:
    """A model that takes these hyperparameters."""

    def __init__(self, shape, batch: int, noise: str, k: int, pieces: int, epochs: int) -> None: ...


def test_a_recipe_is_read_in_the_stated_order(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {
        "default": {"batch": 1, "noise": "uniform", "k": 1, "pieces": 1},
        "mnist": {"noise": "gaussian", "k": 2, "quick": {"pieces": 4}},
        "quick": {"k": 3, "pieces": 3},
    }
    monkeypatch.setattr(recipe, "read", lambda model: tables)
    monkeypatch.setattr(registry, "load", lambda kind, name: Taken)
    found = recipe.resolve("gan", "mnist", "quick", {"epochs": 9})
    assert found.hyperparameters == {
        "batch": 1,
        "noise": "gaussian",
        "k": 3,
        "pieces": 4,
        "epochs": 9,
    }
    assert found.preset == "quick"


def test_the_preset_paper_adds_nothing_to_any_dataset() -> None:
    for model in registry.names("model"):
        tables = recipe.read(model)
        assert "paper" not in tables
        assert not [name for name, table in tables.items() if "paper" in table]


def test_a_preset_that_changes_nothing_is_recorded_as_paper() -> None:
    assert recipe.resolve("replay", "mnist", "quick", {}).preset == "paper"


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("rat", 0.1, "did you mean 'rate'"),
        ("rate", "fast", "gan.rate = 'fast'"),
        ("epochs", 1.5, "gan.epochs = 1.5"),
        ("epochs", True, "gan.epochs = True"),
        ("update", "sometimes", "gan.update = 'sometimes'"),
    ],
)
def test_an_unknown_or_ill_typed_key_is_an_error_with_help(key: str, value, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        recipe.resolve("gan", "mnist", "paper", {key: value})


def test_every_recipe_fits_its_constructor_on_every_dataset_and_preset() -> None:
    for model in registry.names("model"):
        for dataset in registry.names("dataset"):
            if {"default", dataset} & recipe.read(model).keys():
                shape = registry.load("dataset", dataset).shape
                for preset in recipe.presets(model):
                    found = recipe.resolve(model, dataset, preset, {})
                    with torch.device("meta"):  # shapes without memory
                        registry.load("model", model)(shape, **found.hyperparameters)


def test_a_hyperparameter_that_no_table_gives_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "read", lambda model: {"default": {"batch": 1}})
    with pytest.raises(UsageError, match="'gan' needs a value for 'epochs'"):
        recipe.resolve("gan", "mnist", "paper", {})


@pytest.mark.parametrize(
    ("kind", "typed", "meant"),
    [("model", "gam", "gan"), ("dataset", "mnist5", "mnist5k"), ("metric", "parson", "parzen")],
)
def test_a_typo_is_answered_with_the_nearest_name(kind: str, typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"unknown {kind} '{typed}'; did you mean '{meant}'"):
        registry.find(kind, typed)


def test_a_hyphen_reads_as_an_underscore() -> None:
    assert registry.find("dataset", "fashion-mnist").name == "fashion_mnist"


def test_comments_docstrings_and_layout_leave_the_code_digest_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    bodies = {
        "one": 'def f(x):\n    """Doc."""\n    return x + 1\n',
        "two": "# comment\n\n\ndef f(x):\n    return (x +  1)\n",
        "three": "def f(x):\n    return x + 2\n",
    }
    module = tmp_path / "digested.py"
    digests = []
    for body in bodies.values():
        module.write_text(body)
        registry.code_digest.cache_clear()
        digests.append(registry.code_digest("digested"))
    assert digests[0] == digests[1] != digests[2]


def test_the_code_digest_covers_what_a_module_imports() -> None:
    covered = set(registry._sources("genbench.models.gan"))
    assert {"genbench.models.gan", "genbench.models.layers", "genbench.protocols"} <= covered
    assert not {name for name in covered if name.startswith(("genbench.runner", "torch"))}


def test_a_plugin_that_cannot_be_imported_is_named_with_the_reason(strangers: Path) -> None:
    with pytest.raises(UsageError, match=r"'unimportable' \(stranger 1.0\) cannot be imported"):
        registry.load("model", "unimportable")


def test_a_plugin_whose_module_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conftest import install

    install(tmp_path / "third", "ghost", models={"ghost": "no_such.module:Model"})
    monkeypatch.syspath_prepend(str(tmp_path / "third"))
    with pytest.raises(UsageError, match="cannot be"):
        recipe.resolve("ghost", "mnist", "paper", {})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_no_record_could_hold_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match=r"gan\.rate"):
        recipe.resolve("gan", "mnist", "paper", {"rate": value})


def test_two_plugins_of_one_name_are_both_named_and_neither_is_used(
    strangers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conftest import install

    install(tmp_path / "second", "rival", models={"drift": "rival:Drift"})
    monkeypatch.syspath_prepend(str(tmp_path / "second"))
    with pytest.raises(UsageError, match=r"rival 1.0 and stranger 1.0"):
        registry.find("model", "drift")


def test_runs_that_share_a_training_are_grouped(strangers: Path, tmp_path: Path) -> None:
    question = Question(["drift"], ["tiny"], ["parzen"], seeds=(0, 1))
    runs = plan.plan(question, tmp_path)
    groups = plan.by_training(runs)
    assert [len(group) for group in groups] == [2, 2]  # two folds each
    assert [run for group in groups for run in group] == runs


def test_an_unknown_preset_is_refused_with_the_nearest(strangers: Path, tmp_path: Path) -> None:
    question = Question(["drift"], ["tiny"], ["parzen"], preset="smok")
    with pytest.raises(UsageError, match="did you mean 'smoke'"):
        plan.plan(question, tmp_path)


def test_a_setting_for_what_is_not_in_the_plan_is_refused(strangers: Path, tmp_path: Path) -> None:
    question = Question(["drift"], ["tiny"], ["parzen"], overrides={"gan": {"rate": 1.0}})
    with pytest.raises(UsageError, match="not in this plan"):
        plan.plan(question, tmp_path)
