"""`genbench judge --models`: trained models beside the ladder of a stranger's small world."""

import csv
import io
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from planted_ladders import TRUTHS

from genbench.plugins.code import Part
from genbench.records.files import read_json
from genbench.records.run import Data, Result
from genbench.records.store import Store
from genbench.running.data import Sources
from genbench.worlds.judging import asked, making, places, scoring, trained
from genbench.worlds.judging.asked import Judge, Judgement
from genbench.worlds.judging.measured import Values
from genbench.worlds.judging.trained import Trained

HERE = Path(__file__).parent
METRICS = {
    "mean_gap": "plane_world:Mean",
    "names": "plane_world:Names",
    "near": "normal_model:Near",
}
MODEL = """
import math
import torch
from genbench import Epoch, Score

class Normal:
    '''A normal law of unit variance about the mean of the training rows, moved by `off`.'''
    samples = "mean"
    revision = 1

    def __init__(self, shape, off: float = 0.0):
        self.d, self.off, self.mean = math.prod(shape), off, torch.zeros(math.prod(shape))

    def fit(self, train, valid):
        self.mean = train.mean(dim=0) + self.off
        yield Epoch(1, 1, {})

    def sample(self, n):
        return self.mean + torch.randn(n, self.d)

    def log_prob(self, x):
        apart = (x - self.mean).double().square().sum(dim=1)
        return -apart / 2 - self.d / 2 * math.log(2 * math.pi)

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]

class Near:
    '''How large rows are; refuses such as no rung has.'''
    unit, best = "distance", "low"

    def __call__(self, samples):
        if samples.mean() > 5:
            raise ValueError("these are far off")
        return Score(float(samples.square().mean()))
"""


@pytest.fixture
def plane(plugged):
    files = {"plane_world.py": (HERE / "planted_world.py").read_text(), "normal_model.py": MODEL}
    kinds = {"model": {"normal": "normal_model:Normal"}, "dataset": {"plane": "plane_world:Plane"}}
    return plugged(files, **kinds, metric=METRICS)


@pytest.fixture
def run(plane, genbench):
    """Trains `normal` and keeps 150 of its rows; more: of the command."""

    def call(*more: str):
        of = ("run", "-m", "normal", "-d", "plane", "--no-references", "--samples", "150")
        ended = genbench(*of, "--metrics", "mean_gap,log_likelihood", *more)
        assert ended.returncode == 0, ended.stderr
        return ended

    return call


@pytest.fixture
def judge(plane, genbench):
    def call(*more: str, metrics: str = "mean_gap"):
        of = ("judge", "-w", "plane", "--samples", "60", "--seeds", "0", "--metrics", metrics)
        return genbench(*of, *more)

    return call


def models(ended) -> dict[str, dict]:
    return {one["name"]: one for one in json.loads(ended.stdout)[0]["models"]}


def test_a_model_far_off_stands_behind_one_that_is_near_by_the_metric_and_by_kl(run, judge) -> None:
    run()
    run("--set", "normal.off=1.0")
    found = models(judge("--models", "normal", "--format", "json"))
    near, far = found["normal [150 samples]"], found["normal [off=1.0, 150 samples]"]
    assert far["places"]["mean_gap"]["better"] > near["places"]["mean_gap"]["better"]
    assert far["places"]["mean_gap"]["beside"] == "shift_1.20"
    assert far["place_by_kl"]["better"] > near["place_by_kl"]["better"]
    assert far["kl"]["value"] == pytest.approx(1.0, abs=4 * far["kl"]["error"] + 0.1)  # off²
    assert near["kl"]["value"] == pytest.approx(0.0, abs=4 * near["kl"]["error"] + 0.02)
    assert (near["kl"]["bound"], near["kl"]["metric"]) == ("", "log_likelihood")
    assert near["sets"] == len(near["values"]["mean_gap"]) == 2


def test_the_table_has_a_row_for_kl_and_each_metric_and_notes_say_what_it_is_of(run, judge) -> None:
    run()
    shown = judge("--models", "normal", metrics="mean_gap,names").stdout
    table = shown[shown.index("Trained models on plane, beside its ladder, 60 rows:") :]
    assert "innocent rungs before it, of 7" in table
    for head in ("| KL, nats", "| by KL", "| by mean_gap", "| by names"):
        assert head in table
    assert "2 sets of 60 from 150 kept rows, in random order, no row in two of them" in table
    assert "log q by log_likelihood of normal" in table
    assert "Trained models" not in judge("--metrics", "mean_gap").stdout


def test_every_format_prints_the_models(run, judge) -> None:
    run()
    of = ("--models", "normal", "--format")
    lines = [*csv.DictReader(io.StringIO(judge(*of, "csv").stdout))]
    assert [(line["metric"], line["model"]) for line in lines] == [
        ("mean_gap", ""),
        ("kl", "normal [150 samples]"),
        ("mean_gap", "normal [150 samples]"),
    ]
    assert lines[0]["cluster"] == "1"  # a whole number, as without models
    assert lines[2]["innocent"] == "7"
    assert judge(*of, "html").stdout.count("<table>") == 2
    assert judge(*of, "latex").stdout.count("\\begin{table") == 2


def test_the_same_command_again_scores_nothing_and_the_record_is_as_without_models(
    run, judge, tmp_path: Path
) -> None:
    run()
    judge()
    path = next(tmp_path.rglob("plane-60.json"))
    alone = {**read_json(path), "seconds": 0}
    first = judge("--models", "normal", "--format", "json").stdout
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("sets/**/*.json")}
    assert sum(path.name.startswith("model-") for path in kept) == 2
    assert judge("--models", "normal", "--format", "json").stdout == first
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {**read_json(path), "seconds": 0} == alone


def test_several_workers_give_the_models_of_one(run, judge) -> None:
    run()
    of = ("--models", "normal", "--format", "json", "--quiet")
    one = models(judge(*of))
    for path in Path.cwd().rglob("model-*.json"):
        path.unlink()
    assert models(judge(*of, "--workers", "2")) == one


def test_sets_of_a_model_share_no_row_and_are_compared_with_the_rows_of_their_number(
    run, tmp_path: Path
) -> None:
    run()
    found, plan, _ = beside(tmp_path)
    units = places.units(found, plan)["normal [150 samples]"]
    one, other = (plan.scorer._given(unit) for unit in units)
    rows = {tuple(row) for row in one.samples.tolist()} | {tuple(r) for r in other.samples.tolist()}
    assert len(rows) == 120
    rungs = [plan.scorer._given(asked.Unit(1, unit.number)) for unit in units]
    assert one.split.test.equal(rungs[0].split.test)
    assert other.split.test.equal(rungs[1].split.test)


def beside(tmp_path: Path) -> tuple[trained.Beside, making.Plan, Store]:
    sources, store = Sources(tmp_path), Store(tmp_path / "results")
    plan = making.planned(Judgement("plane", 60, (0,)), ["mean_gap"], sources, tmp_path / "results")
    return trained.find(store, sources.identity("plane", 0), ["normal"]), plan, store


def test_a_set_of_a_model_that_is_left_out_is_scored_when_the_command_goes_on(
    run, tmp_path: Path
) -> None:
    run()
    found, plan, _ = beside(tmp_path)
    units = places.units(found, plan)["normal [150 samples]"]
    assert next(scoring.scored(plan.scorer, units, 1, None)) == 2
    plan.scorer.score(units[0])
    assert next(scoring.scored(plan.scorer, units, 1, None)) == 1


# --- what is not there ---


def test_a_model_without_a_run_on_the_world_is_refused_with_the_command_that_makes_one(
    judge, genbench
) -> None:
    ended = judge("--models", "normal")
    assert ended.returncode == 2
    assert "`genbench run -m normal -d plane` makes one" in ended.stderr
    assert "makes its ladder" not in ended.stderr
    assert "did you mean 'normal'" in judge("--models", "nromal").stderr
    other = genbench("judge", "-w", "tiny", "--models", "normal").stderr
    assert "tiny is no world" in other


def test_a_run_whose_samples_are_gone_is_named_with_the_command_that_makes_them(
    run, judge, tmp_path: Path
) -> None:
    run()
    run("--seeds", "1")
    gone = next(path for path in tmp_path.rglob("samples.npz") if "seed-1" in str(path))
    gone.unlink()
    shown = judge("--models", "normal").stdout
    assert (
        "not shown: normal, preset paper, seed 1, whose samples are not kept; `genbench run "
        in shown
    )
    assert "--seeds 1 --samples 150 --no-references --rerun` makes them" in shown
    next(tmp_path.rglob("samples.npz")).unlink()
    ended = judge("--models", "normal")
    assert ended.returncode == 2
    assert "no samples of these models on plane are kept" in ended.stderr


def test_a_training_that_drew_nothing_is_named_with_a_command_that_draws(run, judge) -> None:
    run("--metrics", "log_likelihood")
    ended = judge("--models", "normal")
    assert ended.returncode == 2
    assert "which drew no samples; `genbench run " in ended.stderr
    assert "--metrics parzen" in ended.stderr


def test_a_model_of_fewer_rows_than_a_set_is_said_below(run, judge) -> None:
    run()
    run("--samples", "40")
    shown = judge("--models", "normal").stdout
    assert "not shown: normal [40 samples], of which only 40 rows are kept" in shown


def test_a_metric_that_refuses_a_models_rows_has_no_place_there_and_its_reason_below(
    run, judge
) -> None:
    run("--set", "normal.off=9.0")
    shown = judge("--models", "normal", metrics="mean_gap,near").stdout
    row = next(line for line in shown.splitlines() if line.startswith("| by near"))
    assert row.split("|")[2].strip() == "–"
    assert (
        "no place of normal [off=9.0, 150 samples] by near: ValueError: these are far off" in shown
    )


def test_runs_of_one_name_are_told_apart_by_their_seeds(run, judge) -> None:
    run("--seeds", "0,1")
    found = models(judge("--models", "normal", "--format", "json"))
    assert [*found] == ["normal [150 samples], seed 0", "normal [150 samples], seed 1"]


# --- places ---


def planted(best, of_kl) -> Values:
    of = tuple(np.full(20 if r == 0 else 2, of_kl(kl)) for r, kl in enumerate(TRUTHS.kl))
    return Values("planted", best, "nats", of, np.full(10, of_kl(0.0)))


@pytest.mark.parametrize(
    ("best", "of_kl"),
    [
        ("low", lambda kl: kl),
        ("high", lambda kl: -kl),
        (2.0, lambda kl: 2.0 - kl),
        ("real", lambda kl: 5.0 + kl),
    ],
)
def test_a_metric_that_follows_kl_gives_the_place_by_kl_whatever_its_direction(best, of_kl) -> None:
    innocent = np.flatnonzero(~TRUTHS.copies)
    for kl in (0.001, 0.01, 0.33, 50.0):
        place = places.of_metric(np.full(3, of_kl(kl)), planted(best, of_kl), TRUTHS)
        assert place.better == int((TRUTHS.kl[innocent] < kl).sum())
        nearest = float(np.abs(TRUTHS.kl[innocent] - kl).min())
        assert abs(place.beside_kl - kl) == pytest.approx(nearest)


def test_of_rungs_that_a_metric_does_not_tell_apart_the_model_is_beside_the_middle_one() -> None:
    place = places.of_metric(np.ones(2), planted("low", lambda kl: 1.0), TRUTHS)
    kl = np.sort(TRUTHS.kl[~TRUTHS.copies])
    assert place.better == 0
    assert place.beside_kl == kl[(len(kl) - 1) // 2]


# --- KL ---


class Kept:
    """A store that keeps the log q of single rows, or none."""

    def __init__(self, rows=None):
        self.rows = rows

    def per_example(self, result):
        return self.rows


def known(**more) -> Trained:
    return Trained("m", None, Path(), Result(SimpleNamespace(metric="log_p"), "done", **more))


def test_kl_is_the_mean_difference_of_log_densities_with_the_error_of_pairs() -> None:
    log_p = np.array([-1.0, -2.0, -9.0])
    found = trained.kl(known(value=-4.5), Kept(log_p - [0.4, 0.5, 0.6]), log_p)
    assert found.value == pytest.approx(0.5)
    assert found.error == pytest.approx(0.1 / math.sqrt(3))
    assert found.bound == ""


def test_where_only_a_mean_is_kept_two_errors_add_and_a_bound_turns_round() -> None:
    log_p = np.array([-1.0, -2.0, -3.0])
    found = trained.kl(known(value=-5.0, stderr=2.0, bound=">="), Kept(), log_p)
    assert found.value == pytest.approx(3.0)
    assert found.error == pytest.approx(math.hypot(2.0, 1 / math.sqrt(3)))
    assert found.bound == "<="
    assert trained.kl(Trained("m", None, Path(), None), Kept(), log_p) is None


# --- what is kept of before ---


def test_the_keys_of_kept_sets_of_rungs_stay() -> None:
    data = Data("w", 0, 1, "a", "b", "c", "d", "", None)
    judge = Judge("m", {"k": 3}, {"metric": Part("x", "m", 1)})
    rung = {"name": "blur", "family": "blur", "strength": 0.1234567891234, "copies": False}
    key = asked.key(Judgement("w", 60, (0,)), data, judge, asked.of_rung(rung))
    assert key == "4c38e06f1f1bcf429103486dfc9d5d5cdd2f7a801b7b0c4cf3c5e63d683a5bbe"
