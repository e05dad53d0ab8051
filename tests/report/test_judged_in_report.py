"""Judgements of the page's metrics on worlds of its kind of data stand in the report."""

import base64
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import made

from genbench.records import judgements
from genbench.records.files import write_json
from genbench.records.store import Store
from genbench.report import assembly, judged, page, unchanged
from genbench.worlds.judging import making, truths
from genbench.worlds.judging.grading import Bags, Estimate, Grade, Preferred
from genbench.worlds.judging.truths import Truths

EVIL = "<img src=x onerror='window.trapped=1'>"
WORLD = "digits_mixture"  # of mnist's kind
KL = np.array([0.0, 1.0, 2.0, 3.0])
FAMILIES = ("truth", "noise", "noise", "copies")
TRUTHS = Truths(
    names=("truth", "noise_1", "noise_2", "copied"),
    families=FAMILIES,
    strengths=(0.0, 1.0, 2.0, 3.0),
    values=np.stack([KL] * 4),
    stderrs=np.zeros((4, 4)),
    copies=np.array([False, False, False, True]),
)


def grade(metric: str, order: float, cluster: int) -> Grade:
    """One that prefers a rung to the truth where its order is below 0, and then notices nothing."""

    def near(value: float) -> Estimate:
        return Estimate(value, value - 0.1, value + 0.1)

    wrong = order < 0
    return Grade(
        metric=metric,
        rungs=4,
        preferred=[Preferred("noise_2", near(3.0))] if wrong else [],
        order={name: near(order) for name in truths.DIVERGENCES},
        families={"noise": order},
        power_kl=Estimate(math.inf, 2.0, math.inf) if wrong else near(1.0),
        power_tv=near(0.5),
        limits={"noise": math.inf if wrong else 1.0},
        false_alarms=near(0.1),
        accuracy=near(0.8),
        iso_spread=None,
        copies=near(0.9),
        accused=[],
        bags=Bags(near(0.5), 0.1, 0.9, {"noise": 0.5}),
        spread=0.05,
        cluster=cluster,
    )


def one_of(kept: Grade, settings: dict[str, Any]) -> dict[str, Any]:
    part = {"distribution": "genbench", "name": "metric", "revision": 1, "digest": ""}
    said = {"short": "short", "sentence": "sentence", "failure": "failure"}
    about = {"metric": kept.metric, "settings": settings, "parts": {"metric": part}}
    return {**about, **said, "grade": making.plain(asdict(kept))}


def judge(
    folder: Path, *grades: Grade, world: str = WORLD, settings: dict[str, Any] | None = None
) -> Path:
    """A kept judgement of no values: only what it says of its metrics can be shown."""
    path = judgements.place(folder, world, 2500)
    record = {
        "world": world,
        "caveat": "",
        "samples": 2500,
        "sets": 3,
        "many": 20,
        "draw": None,
        "measured": ["truth"],
        "left_out": {"ais": "a rung is none"},
        "seconds": 1.0,
        "rungs": truths.as_json(TRUTHS),
        "metrics": [one_of(kept, settings or {}) for kept in grades],
    }
    write_json(path, record)
    return path


def result(metric: str, dataset: str = "mnist", **more: Any):
    about = {"value": 1.0, "stderr": 0.1, "scored": 10_000, "best": "high"}
    return made(metric=metric, dataset=dataset, key=f"{metric}{dataset}", **{**about, **more})


PARZEN, FRECHET = result("parzen"), result("frechet", best="low")
THREE = grade("parzen", -0.2, 2), grade("frechet", 0.7, 1), grade("stranger", 0.6, 1)


def section(folder: Path, *results: Any) -> page.Section:
    (one,), _ = judged.found(results, [folder])
    return judged.section(one)


def names(table: page.Table) -> list[list[str]]:
    return [[row.name for row in group.rows] for group in table.groups]


def test_the_pages_metrics_stand_first_and_others_below_each_in_the_boards_order(
    tmp_path: Path,
) -> None:
    judge(tmp_path, *THREE)
    (table,) = section(tmp_path, PARZEN, FRECHET).tables
    assert names(table) == [["frechet", "parzen"], ["stranger"]]
    assert [group.title for group in table.groups] == [
        "this page's metrics",
        "other metrics judged there",
    ]


def test_a_row_has_the_boards_texts_and_the_worst_failure_in_words(tmp_path: Path) -> None:
    judge(tmp_path, *THREE)
    (table,) = section(tmp_path, PARZEN).tables
    ((row,), _) = (group.rows for group in table.groups)
    texts = [cell.text for cell in row.cells]
    assert texts[:4] == ["1 of 3", "-.20 [-.30, -.10]", "none [2, none]", ".90 [.80, 1.00]"]
    assert texts[4].startswith("prefers noise_2 to the truth, 2 nats away")
    assert [cell.number for cell in row.cells[:4]] == [1.0, -0.2, None, 0.9]


def test_the_sentences_say_who_is_first_and_last_and_what_was_scored(tmp_path: Path) -> None:
    judge(tmp_path, *THREE)
    found = section(tmp_path, PARZEN, FRECHET)
    assert found.group == judged.GROUP
    assert found.sentences == [
        "Of this page's 2 metrics judged here frechet (truth 1st of 4, order .70 [.60, .80]) is "
        "first; parzen (truth 2nd of 4, order -.20 [-.30, -.10]) is last.",
        "The density of digits_mixture is known and its data are of the kind of mnist: 4 "
        "generators at known divergences from it, the truth among them, were scored by 3 metrics, "
        "3 sets of 2,500 rows of each.",
    ]


def test_metrics_that_are_not_told_apart_are_not_called_first_and_last(tmp_path: Path) -> None:
    judge(tmp_path, *THREE)
    first, _ = section(tmp_path, FRECHET, result("stranger")).sentences
    assert first.endswith("is first, not shown to differ from stranger.")
    alone, _ = section(tmp_path, PARZEN).sentences
    assert alone.startswith("Of this page's metrics one was judged: parzen (truth 2nd")


def test_two_datasets_of_one_kind_share_a_section(tmp_path: Path) -> None:
    judge(tmp_path, *THREE)
    said = section(tmp_path, PARZEN, result("frechet", "mnist5k")).sentences
    assert "of the kind of mnist and mnist5k" in said[1]
    assert "2 metrics judged here" in said[0]


def test_the_page_of_a_world_shows_its_own_judgement(tmp_path: Path) -> None:
    judge(tmp_path, *THREE, world="plane")
    said = section(tmp_path, result("parzen", "plane")).sentences[1]
    assert said.startswith("The density of plane is known: 4 generators")


def test_a_column_that_was_not_judged_is_noted_with_the_reason(tmp_path: Path) -> None:
    judge(tmp_path, *THREE)
    others = [result("frechet", settings={"k": 3}), result("ais"), result("new")]
    (table,) = section(tmp_path, PARZEN, *others).tables
    assert list(table.notes) == [
        "not judged: frechet, there by other settings, features or revision",
        "not judged: ais, a rung is none",
        "not judged: new, not asked for",
    ]


def test_where_no_metric_was_judged_by_these_settings_the_command_stands_instead(
    tmp_path: Path,
) -> None:
    judge(tmp_path, *THREE, settings={"k": 3})
    found, absent = judged.found([PARZEN, FRECHET, result("ais", draws=False)], [tmp_path])
    assert found == []
    (one,) = absent
    assert one.command == "genbench judge -w digits_mixture --metrics parzen,frechet"
    assert one.what == "judgement, where the truth is known, of metrics on mnist"


def test_a_command_is_given_only_where_there_is_a_world_and_a_metric_for_it(tmp_path: Path) -> None:
    def command(*results: Any) -> list[str]:
        return [one.command for one in judged.found(results, [tmp_path])[1]]

    assert command(result("parzen", "tfd")) == []
    assert command(result("ais", draws=False)) == []
    assert command(result("parzen", overrides={"parzen.k": 3})) == []
    assert command(result("parzen", status="failed", value=None)) == []
    assert command(result("parzen", WORLD)) == [f"genbench judge -w {WORLD} --metrics parzen"]


@pytest.mark.parametrize("place", judgements.pictures(f"{WORLD}-2500"))
def test_the_figure_that_was_drawn_stands_on_the_page(place: str, tmp_path: Path) -> None:
    judge(tmp_path, *THREE)
    found, _ = judged.found([PARZEN], [tmp_path])
    assert judged.figures(found) == []
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(b"png")
    (figure,) = judged.figures(found)
    assert (figure.form, figure.content) == ("png", b"png")
    assert figure.alt.startswith("Metrics on digits_mixture, 2,500 rows: a panel for each metric")


def test_no_name_in_a_record_becomes_markup(tmp_path: Path) -> None:
    path = judge(tmp_path, *THREE, grade(EVIL, 0.5, 1))
    path.with_suffix(".png").write_bytes(b"png")
    whole = assembly.report([PARZEN], Store(tmp_path), [tmp_path], [], "0.1.0")
    text = page.render(whole)
    assert judged.GROUP in text
    assert base64.b64encode(b"png").decode() in text
    assert EVIL not in text
    assert "&lt;img src=x" in text


def test_the_report_names_the_command_where_nothing_was_judged(tmp_path: Path) -> None:
    whole = assembly.report([PARZEN], Store(tmp_path), [tmp_path], [], "0.1.0")
    assert "genbench judge -w digits_mixture --metrics parzen" in page.render(whole)
    assert judged.GROUP not in page.render(whole)


def test_another_judgement_or_picture_of_one_makes_the_page_again(tmp_path: Path) -> None:
    def made_of() -> str:
        return unchanged.made_of([], Store(tmp_path), [tmp_path], tmp_path / "data", False)

    seen = [made_of()]
    judge(tmp_path, *THREE)
    seen.append(made_of())
    for place in judgements.pictures(f"{WORLD}-2500"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"png")
        seen.append(made_of())
    judge(tmp_path, *THREE[:2])
    assert len({*seen, made_of()}) == 5
