"""Recipes, names, keys: what is decided before anything is done."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genbench.errors import UsageError
from genbench.plugins import recipe, registry
from genbench.plugins.code import Part
from genbench.records.run import Data, Run
from genbench.running import plan
from genbench.running.data import Sources
from genbench.running.plan import Question

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
    parts={"model": Part("ours", "drift", 1), "metric": Part("ours", "parzen", 1)},
    revisions={"training": 1, "drawing": 1, "scoring": 1},
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
        {"seed": 1},
        {"hyperparameters": {"epochs": 7, "spread": 0.1}},
        {"parts": {**RUN.parts, "model": Part("ours", "drift", 2)}},
        {"parts": {**RUN.parts, "model": Part("theirs", "drift", 1)}},
        {"parts": {**RUN.parts, "model": Part("ours", "drift", digest="x")}},
        {"revisions": {**RUN.revisions, "training": 2}},
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
        {"sample_set": 1},
        {"revisions": {**RUN.revisions, "drawing": 2}},
    ],
    ids=str,
)
def test_what_sampling_depends_on_retrains_nothing(fields: dict) -> None:
    assert changed(**fields) == (False, True, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"settings": {"n_valid": 10}},
        {"parts": {**RUN.parts, "metric": Part("ours", "other", 1)}},
        {"parts": {**RUN.parts, "metric": Part("ours", "parzen", 2)}},
        {"revisions": {**RUN.revisions, "scoring": 2}},
        {"protocol": "refined"},
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


TUNING = {"name": "spread", "values": [0.1, 0.2], "metric": "parzen", "samples": 10}
SINGLE = replace(DATA, folds=1)


def tuned(data: Data, **fields) -> Run:
    """The run on these data, its spread chosen after training."""
    how = {"tuning": TUNING, "parts": {**RUN.parts, "tune": Part("ours", "parzen", 1)}, **fields}
    return replace(RUN, data=data, **how)


def test_tuning_on_one_fold_retrains_nothing() -> None:
    plain = replace(RUN, data=SINGLE)
    assert tuned(SINGLE).fit_key == plain.fit_key
    assert tuned(SINGLE).sample_key != plain.sample_key


def test_tuning_on_several_folds_trains_anew_as_rows_are_held_out() -> None:
    assert tuned(DATA).carves
    assert tuned(DATA).fit_key != RUN.fit_key


@pytest.mark.parametrize("data", [SINGLE, DATA], ids=["one fold", "two folds"])
@pytest.mark.parametrize(
    "fields",
    [
        {"tuning": {**TUNING, "name": "chains"}},
        {"tuning": {**TUNING, "values": [0.1, 0.3]}},
        {"tuning": {**TUNING, "metric": "other"}},
        {"tuning": {**TUNING, "samples": 11}},
        {"parts": {**RUN.parts, "tune": Part("ours", "parzen", 2)}},
    ],
    ids=str,
)
def test_how_it_is_tuned_changes_the_samples_not_the_training(data: Data, fields: dict) -> None:
    assert tuned(data, **fields).fit_key == tuned(data).fit_key
    assert tuned(data, **fields).sample_key != tuned(data).sample_key


def test_samples_tuned_on_validation_rows_depend_on_them() -> None:
    other = tuned(replace(SINGLE, valid="x"))
    assert other.fit_key == tuned(SINGLE).fit_key
    assert other.sample_key != tuned(SINGLE).sample_key


def test_samples_tuned_on_held_out_training_rows_are_those_of_every_fold() -> None:
    other = tuned(replace(DATA, fold=1, valid="x", test="x"))
    assert other.sample_key == tuned(DATA).sample_key


def test_untuned_samples_do_not_depend_on_validation_rows() -> None:
    plain, other = replace(RUN, data=SINGLE), replace(RUN, data=replace(SINGLE, valid="x"))
    assert plain.sample_key == other.sample_key


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
    [("model", "gam", "gan"), ("dataset", "mnist5", "mnist5k"), ("metric", "parsen", "parzen")],
)
def test_a_typo_is_answered_with_the_nearest_name(kind: str, typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"unknown {kind} '{typed}'; did you mean '{meant}'"):
        registry.find(kind, typed)


def test_a_hyphen_reads_as_an_underscore() -> None:
    assert registry.find("dataset", "fashion-mnist").name == "fashion_mnist"


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


# --- options of metrics ---


def asked(tmp_path: Path, model: str = "drift", **question) -> Run:
    """The first run of a plan for one of the stranger's models."""
    metrics = question.pop("metrics", ["parzen"])
    return plan.plan(Question([model], ["tiny"], metrics, **question), tmp_path)[0]


def add_to_recipe(monkeypatch: pytest.MonkeyPatch, **said) -> None:
    """Makes every recipe say this of the stranger's dataset."""
    read = recipe.read
    monkeypatch.setattr(recipe, "read", lambda model: {**read(model), "tiny": said})


def test_a_dotted_key_of_a_recipe_is_a_setting_of_its_metric(
    strangers: Path, tmp_path: Path
) -> None:
    run = asked(tmp_path, "walk", preset="sharp")
    assert run.settings["sigma"] == 0.2
    assert "parzen.sigma" not in run.hyperparameters


def test_a_dotted_key_of_a_recipe_is_not_for_another_metric(
    strangers: Path, tmp_path: Path
) -> None:
    assert asked(tmp_path, "walk", preset="sharp", metrics=["nearness"]).settings == {"power": 1.0}


def test_a_dotted_key_of_a_recipe_changes_the_score_key_alone(
    strangers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_to_recipe(monkeypatch)
    without = asked(tmp_path)
    add_to_recipe(monkeypatch, **{"parzen.sigma": 0.2})
    run = asked(tmp_path)
    assert (run.fit_key, run.sample_key) == (without.fit_key, without.sample_key)
    assert run.score_key != without.score_key


def test_the_users_setting_of_a_metric_wins_over_the_recipes(
    strangers: Path, tmp_path: Path
) -> None:
    run = asked(tmp_path, "walk", preset="sharp", overrides={"parzen": {"sigma": 0.3}})
    assert run.settings["sigma"] == 0.3


@pytest.mark.parametrize("metrics", [["parzen"], ["nearness"]], ids=str)
@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("parzen.sigmo", 0.2, "did you mean 'sigma'"),
        ("parsen.sigma", 0.2, "did you mean 'parzen'"),
        ("parzen.sigma", "wide", "parzen.sigma = 'wide'"),
    ],
)
def test_a_metrics_option_that_cannot_be_is_refused_whichever_metric_is_asked_for(
    option: str,
    value: object,
    hint: str,
    metrics: list[str],
    strangers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_to_recipe(monkeypatch, **{option: value})
    with pytest.raises(UsageError, match=hint):
        asked(tmp_path, metrics=metrics)


def test_a_metrics_option_cannot_be_set_for_one_model(strangers: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"for all models: --set parzen\.sigma=\.\.\."):
        asked(tmp_path, overrides={"drift": {"parzen.sigma": 0.2}})


# --- tuning ---


def test_a_recipe_names_what_is_tuned_of_what_and_by_what(strangers: Path, tmp_path: Path) -> None:
    run = asked(tmp_path, "walk")
    expected = {"name": "spread", "values": [0.02, 0.1, 0.5], "metric": "parzen", "samples": 40}
    assert run.tuning == expected
    assert run.parts["tune"] == run.parts["metric"]


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ({"tune": "epochs"}, "'epochs' is not among what only sampling reads"),
        ({"tune": "spred"}, "'spred' is not among what only sampling reads"),
        ({"tune": ["spread"]}, "walk.tune = "),
        ({"tune_values": []}, "needs tune_values and tune_by"),
        ({"tune_values": 0.1}, "walk.tune_values = 0.1"),
        ({"tune_values": [0.1, "wide"]}, "walk.spread = 'wide'"),
        ({"tune_by": ""}, "needs tune_values and tune_by"),
        ({"tune_by": "parsen"}, "did you mean 'parzen'"),
        ({"tune_samples": 0}, "must be at least 1"),
        ({"tune_value": [0.1]}, "did you mean 'tune_values'"),
    ],
    ids=str,
)
def test_a_tuning_that_cannot_be_is_refused(
    said: dict, hint: str, strangers: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=hint):
        asked(tmp_path, "walk", overrides={"walk": said})


SPREAD = {"spread": 0.3}


def test_what_the_user_sets_is_no_longer_tuned(strangers: Path, tmp_path: Path) -> None:
    run = asked(tmp_path, "walk", overrides={"walk": {"spread": 0.3}})
    assert run.tuning == {}
    assert run.hyperparameters["spread"] == 0.3


def test_a_setting_of_sampling_leaves_the_training_as_it_is(
    strangers: Path, tmp_path: Path
) -> None:
    tuned, fixed = asked(tmp_path, "walk"), asked(tmp_path, "walk", overrides={"walk": SPREAD})
    assert tuned.tuning
    assert not fixed.tuning
    assert fixed.carves
    assert tuned.fit_key == fixed.fit_key


def test_what_the_user_sets_besides_leaves_the_tuning(strangers: Path, tmp_path: Path) -> None:
    assert asked(tmp_path, "walk", overrides={"walk": {"chains": 5}}).tuning["name"] == "spread"


def test_an_empty_name_turns_tuning_off(strangers: Path, tmp_path: Path) -> None:
    run = asked(tmp_path, "walk", preset="untuned")
    assert run.tuning == {}
    assert "tune" not in run.parts


# --- chains that start at training images ---

REFUSED = "chains that start at training images must be at most 100"


@pytest.mark.parametrize(("chains", "samples"), [(101, 10_100), (101, 10**6), (100, 9999), (1, 99)])
def test_chains_from_training_images_are_refused_if_too_many_or_too_short(
    chains: int, samples: int, strangers: Path, tmp_path: Path
) -> None:
    said = {"walk": {"start": "data", "chains": chains}}
    with pytest.raises(UsageError, match=REFUSED):
        asked(tmp_path, "walk", overrides=said, samples=samples)


@pytest.mark.parametrize(
    ("start", "chains", "samples"), [("data", 100, 10_000), ("data", 1, 100), ("noise", 1000, 50)]
)
def test_few_long_chains_from_training_images_pass_and_any_from_noise(
    start: str, chains: int, samples: int, strangers: Path, tmp_path: Path
) -> None:
    said = {"walk": {"start": start, "chains": chains}}
    run = asked(tmp_path, "walk", overrides=said, samples=samples)
    assert run.hyperparameters["chains"] == chains


@pytest.mark.parametrize(
    "said",
    [
        {"start": "data", "tune": "chains", "tune_values": [1, 1000]},
    ],
    ids=str,
)
def test_tuning_is_no_way_round_the_limits_of_chains(
    said: dict, strangers: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=REFUSED):
        asked(tmp_path, "walk", overrides={"walk": said})


def test_what_would_stand_still_cannot_be_tuned(strangers: Path, tmp_path: Path) -> None:
    said = {"tune": "start", "tune_values": ["noise", "data"]}
    with pytest.raises(UsageError, match="start cannot be tuned"):
        asked(tmp_path, "walk", overrides={"walk": said})


def test_tuned_values_have_the_type_of_what_they_tune(strangers: Path, tmp_path: Path) -> None:
    said = {"tune": "spread", "tune_values": [1, 2]}
    values = asked(tmp_path, "walk", overrides={"walk": said}).tuning["values"]
    assert [type(value) for value in values] == [float, float]


def test_epochs_are_not_selected_by_chains_that_start_at_images(
    strangers: Path, tmp_path: Path
) -> None:
    said = {"start": "data", "chains": 1, "select": "parzen"}
    with pytest.raises(UsageError, match="cannot be selected by chains that start at images"):
        asked(tmp_path, "walk", overrides={"walk": said})


def test_nothing_is_chosen_on_rows_that_are_trained_on(strangers: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rows are left to select or tune on"):
        asked(tmp_path, "walk", overrides={"walk": {"uses_validation": True}})


@pytest.mark.parametrize("model", ["dbn", "stacked_cae", "deep_gsn"])
def test_a_model_of_pixels_is_refused_for_data_of_another_range(model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"models data in \(0.0, 1.0\); those of 'ring'"):
        plan.plan(Question([model], ["ring"], ["parzen"]), tmp_path)


def test_a_start_of_a_model_without_chains_is_its_own_affair(
    strangers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stranger.walk import Walk

    monkeypatch.setattr(Walk, "sampling", ("spread", "start"))
    said = {"walk": {"start": "data"}}
    assert asked(tmp_path, "walk", overrides=said).hyperparameters["start"] == "data"


@pytest.fixture
def any_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans without the files of a dataset."""
    monkeypatch.setattr(Sources, "identities", lambda self, name: [replace(SINGLE, name=name)])


@pytest.mark.usefixtures("any_data")
def test_a_preset_of_one_dataset_is_refused_for_another(tmp_path: Path) -> None:
    question = Question(["deep_gsn"], ["mnist5k"], ["parzen"], preset="released")
    with pytest.raises(UsageError, match="'released' changes nothing for deep_gsn on mnist5k"):
        plan.plan(question, tmp_path)


@pytest.mark.usefixtures("any_data")
def test_a_preset_that_a_recipe_names_may_change_nothing(tmp_path: Path) -> None:
    question = Question(["dbn"], ["mnist"], ["parzen"], preset="budget")
    assert plan.plan(question, tmp_path) == plan.plan(replace(question, preset="paper"), tmp_path)


@pytest.mark.usefixtures("any_data")
def test_the_released_chain_is_refused_where_it_is_too_short(tmp_path: Path) -> None:
    question = Question(["deep_gsn"], ["mnist"], ["parzen"], preset="released")
    run = plan.plan(question, tmp_path)[0]
    assert run.settings["sigma"] == 0.2
    with pytest.raises(UsageError, match="deep_gsn: chains that start at training images"):
        plan.plan(replace(question, samples=50), tmp_path)


@pytest.mark.usefixtures("any_data")
@pytest.mark.parametrize("model", ["deep_gsn", "stacked_cae", "dbn"])
def test_many_chains_from_training_images_are_refused_for_every_baseline(
    model: str, tmp_path: Path
) -> None:
    said = {model: {"start": "data"}}  # and the recipe's 1,000 chains
    with pytest.raises(UsageError, match=f"--set {model}.start=noise"):
        plan.plan(Question([model], ["mnist5k"], ["parzen"], overrides=said), tmp_path)
