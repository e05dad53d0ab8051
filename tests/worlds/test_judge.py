"""`genbench judge` on a stranger's small world: the board, what is kept, what tables then say."""

import csv
import io
import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from planted_ladders import TRUTHS
from planted_world import Plane

from genbench.datasets._files import default_data_dir
from genbench.errors import UsageError
from genbench.figures.ladders import Ladder, Panel, ladders
from genbench.plugins import registry
from genbench.plugins.code import Part
from genbench.records import judgements
from genbench.records.files import read_json, write_json
from genbench.running.data import Sources
from genbench.samples import judging
from genbench.worlds.judging import agreement, asked, board, kept, making, scoring, sweeps, truths
from genbench.worlds.judging.asked import Judgement, Unit

HERE = Path(__file__).parent
METRICS = {"mean_gap": "Mean", "sure": "Sure", "names": "Names"}
METRICS |= {"refuses": "Refuses", "of_models": "OfModels"}
ALL = ",".join(METRICS)


@pytest.fixture
def plane(plugged):
    source = (HERE / "planted_world.py").read_text()
    metrics = {name: f"plane_world:{cls}" for name, cls in METRICS.items()}
    return plugged(
        {"plane_world.py": source}, dataset={"plane": "plane_world:Plane"}, metric=metrics
    )


@pytest.fixture
def judge(plane, genbench):
    def call(*more: str):
        return genbench("judge", "-w", "plane", "--samples", "60", "--seeds", "0,1", *more)

    return call


def planned(tmp_path: Path, metrics=("mean_gap", "names")) -> making.Plan:
    sources = Sources(tmp_path)
    return making.planned(Judgement("plane", 60, (0, 1)), metrics, sources, tmp_path / "results")


def test_the_board_is_printed_and_says_each_metrics_worst_failure(judge, tmp_path: Path) -> None:
    ended = judge("--metrics", ALL)
    assert ended.returncode == 0, ended.stderr
    assert "plane: makes its ladder first" in ended.stderr  # minutes pass before the first set
    assert "Metrics on plane, 60 rows" in ended.stdout
    assert "mean_gap: prefers" in ended.stdout or "mean_gap: orders" in ended.stdout
    assert "not judged: refuses, it gave no value of a set of copied" in ended.stdout
    assert "these are copies" in ended.stdout
    assert "not judged: of_models, it scores trained models, and a rung is none" in ended.stdout
    assert "names: undecided" in ended.stdout  # the same value everywhere


def test_a_smaller_claimed_error_gains_nothing(judge) -> None:
    text = judge("--metrics", "mean_gap,sure", "--format", "csv", "--quiet").stdout
    lines = {line["metric"]: line for line in csv.DictReader(io.StringIO(text))}
    for name in ("preferred", "order_kl", "unanimous", "copies", "power_kl"):
        a, b = lines["mean_gap"][name], lines["sure"][name]
        assert a == b, name


def test_every_format_prints_the_board(judge) -> None:
    of = "--metrics", "mean_gap", "--format"
    assert json.loads(judge(*of, "json").stdout)[0]["metrics"][0]["metric"] == "mean_gap"
    assert judge(*of, "html").stdout.startswith("<table>")
    assert "\\begin{tabular}" in judge(*of, "latex").stdout
    assert judge(*of, "csv").stdout.startswith("world,samples,metric")


def test_several_boards_are_held_against_each_other(judge) -> None:
    of = "--metrics", "mean_gap,sure,names", "--samples", "60,40", "--format"
    for form in ("md", "html", "latex"):
        shown = judge(*of, form).stdout
        titles = (sweeps.ORDERS, sweeps.NOTICED, agreement.TITLE)
        places = [shown.index(title) for title in titles]  # raises where one is not there
        assert places == sorted(places)
        assert "plane, 40 rows" in shown


def test_a_judgement_that_was_interrupted_goes_on_from_what_is_kept(plane, tmp_path: Path) -> None:
    plan = planned(tmp_path)
    left = scoring.scored(plan.scorer, plan.units, 1, None)
    assert next(left) == len(plan.units) - asked.APART  # no metric here needs truth sets apart
    for _ in range(5):
        next(left)
    left.close()
    again = planned(tmp_path)
    assert next(scoring.scored(again.scorer, again.units, 1, None)) == (
        len(plan.units) - asked.APART - 5
    )


def test_the_resumed_judgement_is_that_of_one_go(plane, tmp_path: Path) -> None:
    one, two = planned(tmp_path / "a"), planned(tmp_path / "b")
    half = scoring.scored(one.scorer, one.units[:30], 1, None)
    assert list(half)[-1] == 0
    for plan in (one, two):
        list(scoring.scored(plan.scorer, plan.units, 1, None))
    first, second = (making.as_json(making.finished(plan))["metrics"] for plan in (one, two))
    assert first == second


def test_a_metric_of_another_revision_is_scored_anew(plane, tmp_path: Path) -> None:
    plan, unit = planned(tmp_path), Unit(0, 0)
    plan.scorer.score(unit)
    assert plan.scorer.lacking(unit) == []
    path = plan.scorer.work.path(unit)
    values = read_json(path)["values"]
    values["names"]["key"] = "of another revision"
    write_json(path, {"values": values})
    assert [judge.metric for judge in plan.scorer.lacking(unit)] == ["names"]


def test_rows_of_a_set_depend_on_its_own_name_alone(plane, tmp_path: Path) -> None:
    plan = planned(tmp_path)
    given = plan.scorer._given
    assert given(Unit(1, 0)).samples.equal(planned(tmp_path).scorer._given(Unit(1, 0)).samples)
    assert not given(Unit(1, 0)).samples.equal(given(Unit(1, 1)).samples)
    assert given(Unit(1, 0)).split.test.equal(given(Unit(2, 0)).split.test)
    assert not given(Unit(1, 0)).split.test.equal(given(Unit(1, 1)).split.test)


def test_the_truth_and_three_rungs_have_twenty_sets() -> None:
    every = asked.units(TRUTHS, (0, 3), apart=False)
    counts = [sum(unit.rung == r for unit in every) for r in range(len(TRUTHS.names))]
    assert sorted(counts)[-4:] == [20] * 4
    assert counts[0] == 20
    assert set(counts) == {2, 20}
    assert len(set(every)) == len(every)


def test_the_draw_changes_the_strengths_and_is_kept_beside(judge, tmp_path: Path) -> None:
    judge("--metrics", "mean_gap")
    judge("--metrics", "mean_gap", "--draw", "7")
    folder = next(tmp_path.rglob(judgements.FOLDER))
    records = {path.name: read_json(path) for path in folder.glob("*.json")}
    assert set(records) == {"plane-60.json", "plane-60-draw-7.json"}
    strengths = [[rung["strength"] for rung in one["rungs"]] for one in records.values()]
    assert strengths[0] != strengths[1]


def test_a_kept_judgement_gives_the_same_board_again(plane, tmp_path: Path) -> None:
    plan = planned(tmp_path)
    list(scoring.scored(plan.scorer, plan.units, 1, None))
    record = making.finished(plan)
    path = making.put(record, tmp_path / "results")
    values = kept.values(read_json(path))
    assert values.keys() == record.values.keys()
    assert making.graded(list(values.values()), record.board.truths) == record.board.grades


def test_the_grades_that_a_judgement_keeps_are_read_as_they_were(plane, tmp_path: Path) -> None:
    plan = planned(tmp_path)
    list(scoring.scored(plan.scorer, plan.units, 1, None))
    record = making.finished(plan)
    read = kept.board(read_json(making.put(record, tmp_path / "results")))
    for one, other in zip(read.ranked, record.board.ranked, strict=True):
        assert making.plain(asdict(one)) == making.plain(asdict(other))
        assert (one.power_kl, one.limits) == (other.power_kl, other.limits)  # infinite ones too
    assert any(math.isinf(one.power_kl.value) for one in read.grades)
    assert board.frame(read).equals(board.frame(record.board))
    assert board.notes(read) == board.notes(record.board)
    assert board.numbers(read).equals(board.numbers(record.board))


def test_a_typo_in_a_world_a_metric_or_a_preset_names_the_nearest(judge, genbench) -> None:
    assert "did you mean 'plane'" in genbench("judge", "-w", "plan").stderr
    assert "did you mean 'mean_gap'" in judge("--metrics", "mean_gab").stderr
    assert "did you mean 'quick'" in genbench("judge", "--preset", "quik").stderr
    assert genbench("judge", "-w", "plan").returncode == 2


def test_a_dataset_that_is_no_world_is_refused_with_the_reason(strangers, genbench) -> None:
    ended = genbench("judge", "-w", "tiny", "--metrics", "frechet")
    assert ended.returncode == 2
    assert "tiny is no world: its density is not known; known: binary_4x4, digits" in ended.stderr
    alone = genbench("judge", "-w", "digits_mixture_small,ring").stderr
    assert "ring is no world: no ladder is known; known: binary_4x4, digits" in alone
    assert "makes its ladder" not in ended.stderr + alone


def test_the_ladder_of_the_planted_world_is_sound() -> None:
    found = asked.check("plane", asked.rungs(Plane(None), None))
    assert list(found.members) == ["shift", "scale", "copies"]
    assert found.orders[truths.KL][0, 1] == 1


def test_an_executor_gives_the_values_of_this_process(judge) -> None:
    of = "--metrics", "mean_gap", "--format", "json", "--results-dir"
    one, other = judge(*of, "a"), judge(*of, "b", "--executor", "serial")
    assert other.returncode == 0, other.stderr
    values = [json.loads(ended.stdout)[0]["metrics"] for ended in (one, other)]
    assert values[0] == values[1]


def test_several_workers_give_the_values_of_one(judge, tmp_path: Path) -> None:
    of = "--metrics", "mean_gap", "--format", "json", "--quiet"
    one = json.loads(judge(*of, "--results-dir", "a").stdout)[0]["metrics"]
    several = json.loads(judge(*of, "--results-dir", "b", "--workers", "2").stdout)[0]["metrics"]
    assert several == one


def test_the_figure_has_a_panel_for_each_metric_and_says_its_failure() -> None:
    ladder = Ladder("Metrics on plane", TRUTHS.families, TRUTHS.kl.tolist(), TRUTHS.copies.tolist())
    spread = [0.1] * len(TRUTHS.names)
    panels = [Panel(n, "nats", TRUTHS.kl.tolist(), spread, f"{n} fails") for n in ("a", "b")]
    drawn = ladders(ladder, panels)
    assert len(drawn.figure.axes) == 2
    assert "a: a fails" in drawn.alt
    assert "b: b fails" in drawn.caption
    with pytest.raises(UsageError):
        ladders(ladder, [])


@pytest.mark.parametrize(("truth", "scale"), [(0.0, "symlog"), (0.97, "linear")])
def test_an_axis_is_logarithmic_only_where_values_crowd_near_0(truth: float, scale: str) -> None:
    ladder = Ladder("Metrics on plane", TRUTHS.families, TRUTHS.kl.tolist(), TRUTHS.copies.tolist())
    mean = [truth + 1e-4 * k for k in range(len(TRUTHS.names))]
    mean[-1] = 1 - truth + 0.02  # far from all others
    drawn = ladders(ladder, [Panel("a", "share", mean, [1e-4] * len(mean), "")])
    assert drawn.figure.axes[0].get_yscale() == scale


def test_a_kept_judgement_is_drawn_into_a_file_and_quoted_under_the_worlds_table(
    judge, genbench, tmp_path: Path
) -> None:
    run = ("run", "-m", "gaussian", "-d", "plane", "--metrics", "mean_gap", "--samples", "60")
    before = genbench(*run).stdout
    judge("--metrics", "mean_gap")
    drawn = genbench("figure", "judgement", "-w", "plane", "-o", "x.svg")
    assert (drawn.returncode, drawn.stdout) == (0, "x.svg\n")
    assert (tmp_path / "x.svg").read_text().count("mean_gap") >= 1
    after = genbench("table").stdout
    sentence = "mean_gap on worlds with known truth (plane): ranks the truth"
    assert sentence not in before
    assert sentence in after
    assert "no judgement of ring is kept" in genbench("figure", "judgement", "-w", "ring").stderr


# --- the train share of innocent rungs ---


def far_from_half(scorer: scoring.Scorer) -> dict[str, bool]:
    """Of each rung whether its train share is three standard errors or more from a half.

    Where the metric warns that few rows decide, these are the errors of z, as it says.
    """
    (judge,) = scorer.work.judges
    metric = judging.metric_with("train_share", judge.settings)
    features, found = scorer._of(judge.settings["features"]), {}
    for r, name in enumerate(scorer.truths.names):
        given = replace(scorer._given(Unit(r, 0)), features=features)
        score = judging.score("rows", metric, given, ("share", r))
        assert score.stderr is not None
        few = any("few rows" in warning for warning in score.warnings)
        far = abs(score.value - 0.5) > 3 * score.stderr
        found[name] = abs(score.notes["z of 1/2"]) > 3 if few else far
    return found


def test_the_train_share_of_every_innocent_rung_is_a_half_and_of_copies_more(
    plane, tmp_path: Path
) -> None:
    scorer = planned(tmp_path, ["train_share"]).scorer
    copies = zip(scorer.truths.names, scorer.truths.copies.tolist(), strict=True)
    assert far_from_half(scorer) == dict(copies)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_train_share_of_every_innocent_generator_of_digits_is_a_half(tmp_path: Path) -> None:
    folder = default_data_dir()
    if not (folder / "mnist").exists():
        pytest.skip(f"GENBENCH_DATA: {folder} lacks mnist")
    asked = Judgement("digits_mixture", 2_500, (0,))
    scorer = making.planned(asked, ["train_share"], Sources(folder), tmp_path).scorer
    innocent = [n for n, c in zip(scorer.truths.names, scorer.truths.copies, strict=True) if not c]
    far = far_from_half(scorer)
    assert len(innocent) == 108
    assert not [name for name in innocent if far[name]]


def test_where_rows_repeat_metrics_that_take_training_rows_are_not_judged(
    plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = registry.load("dataset", "plane")
    monkeypatch.setattr(world, "repeats", True, raising=False)
    plan = planned(tmp_path, ["mean_gap", "train_share"])
    assert plan.left_out == {"train_share": asked.REPEATS}


# --- grades in tables ---


def record(world: str, metric: str, samples: int = 60, **more) -> dict:
    part = {"distribution": "x", "name": metric, "revision": 1, "digest": ""}
    one = {"metric": metric, "settings": {"k": 3}, "parts": {"metric": part}, "sentence": "said"}
    return {"draw": None, "samples": samples, "world": world, "metrics": [{**one, **more}]}


def grades(folder: Path, **more) -> dict[str, str]:
    part = Part("x", "m", 1)
    wanted = {"metric": "m", "settings": {"k": 3}, "parts": {"metric": part}, **more}
    return judgements.grades([folder], ["plane", "other"], **wanted)


def test_a_grade_is_told_of_the_very_settings_and_revision_that_were_judged(tmp_path: Path) -> None:
    write_json(judgements.place(tmp_path, "plane", 60), record("plane", "m"))
    assert grades(tmp_path) == {"plane": "said"}
    assert grades(tmp_path, settings={"k": 5}) == {}
    assert grades(tmp_path, parts={"metric": Part("x", "m", 2)}) == {}
    features = Part("x", "pixels", 1)
    assert grades(tmp_path, parts={"metric": Part("x", "m", 1), "features": features}) == {}


def test_without_a_judgement_no_grade_is_told(tmp_path: Path) -> None:
    assert grades(tmp_path) == {}


def test_of_several_judgements_the_one_of_most_rows_is_told_and_none_of_redrawn_strengths(
    tmp_path: Path,
) -> None:
    for samples, sentence in ((60, "few"), (1000, "many")):
        said = record("plane", "m", samples, sentence=sentence)
        write_json(judgements.place(tmp_path, "plane", samples), said)
    drawn = {**record("plane", "m", 9999, sentence="drawn"), "draw": 3}
    write_json(judgements.place(tmp_path, "plane", 9999, 3), drawn)
    assert grades(tmp_path) == {"plane": "many"}
