"""Whether a preset is legal hangs on what is registered, never on what else a command names."""

from pathlib import Path

import pytest

from genbench.errors import UsageError
from genbench.plugins import presets, recipe
from genbench.records.run import Run
from genbench.running import plan
from genbench.running.plan import Question


def planned(models: list[str], dataset: str, preset: str, tmp_path: Path) -> list[Run]:
    return plan.plan(Question(models, [dataset], ["parzen"], preset=preset), tmp_path)


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper"])
@pytest.mark.parametrize("model", ["gan", "gaussian", "kmeans", "replay", "dbn"])
def test_the_usual_presets_may_be_asked_of_every_model(
    model: str, preset: str, tmp_path: Path
) -> None:
    (run,) = planned([model], "mnist5k", preset, tmp_path)
    assert run.preset == (preset if recipe.changes(model, "mnist5k", preset) else "paper")


@pytest.mark.parametrize("preset", ["quick", "untuned", "sharp"])
def test_a_run_is_the_same_whichever_models_are_named_beside_its_own(
    preset: str, strangers: Path, tmp_path: Path
) -> None:
    (alone,) = planned(["gaussian"], "mnist5k", preset, tmp_path)
    beside = planned(["gan", "walk", "gaussian"], "mnist5k", preset, tmp_path)
    assert alone == beside[-1]
    assert alone.preset == "paper"


@pytest.mark.parametrize("models", [["deep_gsn"], ["gan", "deep_gsn"], ["gan"]])
def test_a_preset_that_no_model_has_on_a_dataset_is_refused_there(
    models: list[str], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"'released' changes nothing for .* on mnist5k"):
        planned(models, "mnist5k", "released", tmp_path)


def test_a_preset_that_one_model_has_on_a_dataset_is_legal_there_for_all() -> None:
    assert presets.serves("released", "mnist")
    assert not presets.serves("released", "mnist5k")


def test_a_stranger_s_preset_is_known_and_none_of_an_unreadable_recipe(
    strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {"selected", "sharp", "untuned", "released", "smoke"} <= presets.names()
    read = recipe.read

    def unreadable(model: str) -> dict:
        if model == "walk":
            raise UsageError("no TOML")
        return read(model)

    monkeypatch.setattr(recipe, "read", unreadable)
    assert "selected" in presets.names()
    assert not {"sharp", "untuned"} & presets.names()


# --- a recipe file as a whole ---


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("noise = 5.0\n[default]\nepochs = 1\n", "has 'noise' outside all tables"),
        ("[default]\n[mnist5]\nepochs = 1\n", r"table \[mnist5\].*did you mean \[mnist5k\]"),
        ("[defualt]\nepochs = 1\n", r"did you mean \[default\]"),
        ("[other]\nepochs = 1\n", "its tables: 'other'"),
        ("[default]\n[mnist]\nepohcs = 1\n", r"\[mnist\]' has no hyperparameter 'epohcs'"),
        ("[default]\n[quick]\nlabels = 'a'\n", r"\[quick\].labels = 'a'"),
        ("[default.quick]\n", r"table \[default.quick\], which nothing reads"),
        ("[default]\n[quick.mnist5k]\n", r"table \[quick.mnist5k\], which nothing reads"),
        ("[default]\n[mnist5k.quick.more]\n", r"\[mnist5k.quick.more\], which nothing reads"),
    ],
)
def test_what_nothing_would_read_in_a_recipe_is_refused(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tomllib

    monkeypatch.setattr(recipe, "read", lambda model: tomllib.loads(text))
    with pytest.raises(UsageError, match=says):
        recipe.resolve("gaussian", "mnist5k", "paper", {})


def test_an_encoding_mark_before_a_recipe_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b"\xef\xbb\xbf[default]\nepochs = 1\n")
    assert recipe._parsed(path, 0, 0) == {"default": {"epochs": 1}}


def test_a_model_in_an_archive_is_named_and_keeps_no_other_from_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "plug.zip"
    archive.write_bytes(b"")
    monkeypatch.setattr(recipe, "source", lambda module: archive / "toy.py")
    with pytest.raises(UsageError, match="'gan' lies in an archive"):
        recipe.read("gan")
    assert presets.names() == {"smoke", "quick", "paper"}
