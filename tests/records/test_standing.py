"""How a stored run stands to what is installed now: current, older, edited or stale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genbench.plugins import code, recipe
from genbench.plugins.code import Part
from genbench.records.run import Data, Run
from genbench.records.standing import Standing, edited, standing

DATA = Data("ring", 0, 1, "train", "valid", "test", "digest", "", None)


def run(model: str = "kmeans", metric: str = "parzen") -> Run:
    """A run that would be asked so now."""
    written = recipe.written(model, "ring", "paper", {})
    return Run(
        model=model,
        data=DATA,
        seed=0,
        preset="paper",
        metric=metric,
        samples=100,
        hyperparameters={},
        settings={},
        parts=code.identities(code.Roles(model, metric, judges=recipe.judges(written))),
        revisions=code.stage_revisions(),
        recipe=written,
    )


def made_by(role: str, part: Part, made: Run | None = None) -> Run:
    """A run that another part than the installed one made, in one role."""
    made = made or run()
    return replace(made, parts={**made.parts, role: part})


def in_stage(stage: str, revision: int) -> Run:
    """A run that another revision of our own stages made."""
    return replace(run(), revisions={**code.stage_revisions(), stage: revision})


def test_what_would_be_asked_so_now_is_current() -> None:
    assert standing(run()) == Standing(stale=False, older=(), other=())


# --- stale ---


def test_another_recipe_is_stale() -> None:
    assert standing(replace(run(), recipe={"steps": 11})).stale


def test_what_the_user_set_is_no_other_recipe() -> None:
    asked = {**run().recipe, "steps": 11}
    assert not standing(replace(run(), recipe=asked, overrides={"steps": 11})).stale


def test_another_revision_of_the_metric_is_stale() -> None:
    assert standing(made_by("metric", Part("genbench", "parzen", 0))).stale


def test_another_revision_of_scoring_is_stale() -> None:
    assert standing(in_stage("scoring", 0)).stale


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            Part("genbench", "kmeans", digest="ab"),
            "kmeans with no revision made it, revision 1 is installed",
        ),
        (
            Part("elsewhere", "kmeans", 1),
            "kmeans of elsewhere made it, genbench registers it now",
        ),
    ],
)
def test_a_model_that_is_another_is_stale_and_named(part: Part, said: str) -> None:
    assert standing(made_by("model", part)) == Standing(stale=True, other=(said,))


def test_an_edited_part_without_a_revision_is_stale_and_named(plugged) -> None:
    plugged({"toy.py": "class Toy:\n    samples = 'mean'\n"})
    made = made_by("model", Part("toyplug", "toy", digest="ab"), run("toy"))
    assert standing(run("toy")) == Standing()
    assert standing(made) == Standing(stale=True, other=("toy was edited",))


@pytest.mark.parametrize("changed", [{"model": "gone"}, {"metric": "gone"}])
def test_a_part_that_is_no_longer_registered_is_stale(changed: dict[str, str]) -> None:
    assert standing(replace(run(), **changed)).stale


def test_a_part_whose_source_is_no_longer_there_is_stale(plugged) -> None:
    plugin = plugged({"toy.py": "class Toy:\n    samples = 'mean'\n"})
    made = run("toy")
    (plugin.site / "toy.py").unlink()
    code.forget()
    assert standing(made).stale


def test_a_part_in_a_role_that_the_recipe_no_longer_has_is_stale() -> None:
    assert standing(made_by("select", Part("genbench", "parzen", 1))).stale


# --- older ---


def test_another_revision_of_the_model_is_older_and_not_stale() -> None:
    assert standing(made_by("model", Part("genbench", "kmeans", 0))) == Standing(
        older=("revision 0 of kmeans made it, revision 1 is installed",)
    )


@pytest.mark.parametrize("stage", ["training", "drawing"])
def test_another_revision_of_training_or_drawing_is_older_and_not_stale(stage: str) -> None:
    assert standing(in_stage(stage, 0)) == Standing(
        older=(f"revision 0 of {stage} made it, not 1",)
    )


def test_another_revision_of_the_metric_that_selected_is_older_and_not_stale() -> None:
    selecting = run()
    written = {**selecting.recipe, "select": "parzen"}
    parts = {**selecting.parts, "select": Part("genbench", "parzen", 0)}
    made = replace(selecting, recipe=written, overrides={"select": "parzen"}, parts=parts)
    assert standing(made) == Standing(
        older=("revision 0 of parzen made it, revision 1 is installed",)
    )


# --- edited ---


def recorded(**stages: dict[str, str]) -> dict[str, dict]:
    """Provenance as the store keeps it, with these digests by stage and role."""
    return {stage: {"code": digests} for stage, digests in stages.items()}


def now(role: str) -> str:
    return code.digests(code.Roles("kmeans", "parzen"))[role]


def test_the_code_that_is_recorded_is_not_edited() -> None:
    stages = recorded(fit={"model": now("model")}, score={"metric": now("metric")})
    assert edited(run(), stages) == []


@pytest.mark.parametrize("stage", ["fit", "sample"])
def test_a_model_is_edited_if_any_stage_had_other_code(stage: str) -> None:
    usual = {"fit": {"model": now("model")}, "sample": {"model": now("model")}}
    other = {stage: {"model": now("model")[:-4] + "beef"}}
    assert edited(run(), recorded(**usual | other)) == ["kmeans"]


def test_an_edited_metric_is_named() -> None:
    assert edited(run(), recorded(score={"metric": now("metric")[:-4] + "beef"})) == ["parzen"]


def test_another_revision_is_not_an_edit() -> None:
    made = made_by("model", Part("genbench", "kmeans", 0))
    assert edited(made, recorded(fit={"model": now("model")[:-4] + "beef"})) == []


def test_a_digest_by_an_older_way_of_reading_tells_nothing() -> None:
    assert edited(run(), recorded(fit={"model": "ab" * 32})) == []


def test_a_record_without_digests_tells_nothing() -> None:
    assert edited(run(), {"fit": {}, "sample": {}, "score": {}}) == []


def test_of_parts_that_are_no_longer_registered_none_is_edited() -> None:
    assert edited(replace(run(), model="gone"), recorded(fit={"model": "2:ab"})) == []
