"""Small things that stop a newcomer: each is said once, in the right place, in plain words."""

import json
import re
import subprocess
import warnings
from pathlib import Path

import pytest

from genbench import plan
from genbench.cli import planned
from genbench.running.runner import Environment

ALONE = ("-d", "tiny", "--no-references", "--samples", "50")
ROOT = Path(__file__).parent.parent.parent


# --- before it begins ---


def test_the_plan_and_its_time_come_before_any_work(genbench) -> None:
    asked = ("-m", "gaussian", "-d", "ring", "--no-references", "--samples", "50")
    lines = genbench("run", *asked).stderr.splitlines()
    assert lines[0] == "to do: 1 training, 1 score: gaussian on ring"
    assert re.match(r"training: about .*, one after the other", lines[1])
    assert "to do" not in genbench("run", *asked).stderr  # all is done


def test_a_plan_counts_no_training_for_scores_of_what_is_kept(genbench, tmp_path: Path) -> None:
    asked = ("run", "-m", "gaussian", "-d", "ring", "--no-references", "--samples", "50")
    more = (*asked, "--metrics", "parzen,nn_ratio")
    genbench(*asked)
    [weights] = tmp_path.rglob("weights.safetensors")
    weights.unlink()  # as in a clone, which has samples and no weights
    assert "1 of 2 scores to do: trained; to sample" in genbench(*more, "--dry-run").stdout
    anew = genbench(*more, "--rerun", "--dry-run").stdout
    assert "2 of 2 scores to do: 1 epoch, about" in anew
    assert genbench(*more, "--rerun").stderr.startswith("to do: 1 training, 2 scores: gaussian")
    assert "2 of 2 scores to do: 1 epoch, about" in genbench(*more, "--rerun", "--dry-run").stdout
    third = genbench(*asked, "--metrics", "parzen,mmd")
    assert third.stderr.splitlines()[0] == "to do: 1 score: gaussian on ring"
    [samples] = tmp_path.rglob("samples.npz")
    samples.unlink()
    [weights] = tmp_path.rglob("weights.safetensors")
    weights.unlink()
    lost = genbench(*asked, "--metrics", "parzen,recall", "--dry-run").stdout
    assert "1 of 2 scores to do: 1 epoch, about" in lost


def test_a_stranger_s_code_runs_in_its_own_process_only_so_its_time_is_not_projected(
    genbench,
) -> None:
    said = genbench("run", "-m", "drift", *ALONE).stderr
    assert said.startswith("to do: 1 training, 2 scores: drift on tiny\n")
    assert "training: about" not in said


def test_a_dry_run_names_the_fold_of_a_training_that_is_for_one_alone(genbench) -> None:
    plan = ("run", "-m", "drift,held_out", *ALONE, "--dry-run")
    lines = genbench(*plan).stdout.splitlines()
    beginnings = ["drift on tiny, preset", "held_out on tiny, fold 0,", "held_out on tiny, fold 1,"]
    assert [line.startswith(b) for line, b in zip(lines, beginnings, strict=False)] == [True] * 3
    found = json.loads(genbench(*plan, "--json").stdout)["trainings"]
    assert [one.get("fold") for one in found] == [None, 0, 1]


def test_a_dry_run_is_json_where_json_is_asked_for(genbench) -> None:
    done = genbench("run", "-m", "drift,raises", *ALONE, "--dry-run", "--json")
    found = json.loads(done.stdout)
    assert [one["model"] for one in found["trainings"]] == ["drift", "raises"]
    assert found["trainings"][0]["epochs"] == 6
    assert "it would fail" in found["trainings"][1]["said"]
    assert done.returncode == 1


@pytest.mark.parametrize("preset", ["budget", "released"])
def test_a_preset_that_serves_nothing_is_refused_with_those_that_there_are(
    preset: str, genbench
) -> None:
    done = genbench("run", "-m", "gan", "-d", "mnist5k", "--preset", preset, "--dry-run")
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith("presets there: bfloat16, coordination, paper, smoke")


def test_scores_of_one_training_that_ended_alike_are_one_line(genbench) -> None:
    asked = ("-m", "gaussian", "-d", "ring", "--no-references", "--samples", "50")
    said = genbench("run", *asked, "--metrics", "parzen,frechet,recall").stderr
    assert "gaussian [50 samples] on ring, fold 0, seed 0: done (3 scores)" in said
    assert said.count(": done") == 1


@pytest.mark.parametrize(
    ("variable", "value", "command"),
    [
        ("GENBENCH_OUT", "x.html", ("figure", "values")),
        ("GENBENCH_COLUMNS", "foo", ("table",)),
        ("GENBENCH_METRICS", "parzn", ("run", "-m", "gaussian", "-d", "ring")),
        ("GENBENCH_FORMAT", "csv", ("cite",)),
        ("GENBENCH_PRESET", "qick", ("run", "-m", "gaussian", "-d", "ring")),
    ],
)
def test_an_error_names_the_variable_that_gave_the_value(
    variable: str, value: str, command: tuple[str, ...], genbench
) -> None:
    done = genbench(*command, env={variable: value})
    assert done.returncode == 2
    assert f"(from {variable})" in done.stderr
    typed = ("--out" if variable == "GENBENCH_OUT" else f"--{variable[9:].lower()}", value)
    assert variable not in genbench(*command, *typed).stderr


@pytest.mark.parametrize(
    ("variable", "value", "typed"),
    [
        ("GENBENCH_SET", "gan.rate=1", ()),
        ("GENBENCH_SCHEDULER", "tls://head:8786", ("--executor", "spawned")),
    ],
)
def test_an_error_about_an_option_that_nobody_typed_names_its_variable(
    variable: str, value: str, typed: tuple[str, ...], genbench
) -> None:
    asked = ("run", "-m", "gaussian", "-d", "ring", "--dry-run", *typed)
    done = genbench(*asked, env={variable: value})
    assert done.returncode == 2
    assert f"({variable} is set)" in done.stderr
    option = f"--{variable[9:].lower()}"
    assert variable not in genbench(*asked, option, value, env={variable: value[1:]}).stderr


# --- what there is ---


def test_models_are_listed_with_their_presets(genbench) -> None:
    rows = {row["name"]: row for row in json.loads(genbench("list", "models", "--json").stdout)}
    assert rows["deep_gsn"]["presets"] == "paper, budget, quick, released, smoke"
    assert rows["drift"]["presets"] == "paper, selected, smoke"


def test_datasets_are_listed_with_what_they_are(genbench) -> None:
    rows = json.loads(genbench("data", "list", "--json").stdout)
    about = {row["name"]: row["what it is"] for row in rows}
    assert about["mnist"].startswith("MNIST (LeCun, Cortes and Burges 1998): handwritten digits")
    ours = [text for name, text in about.items() if name not in ("tiny", "faulty")]
    assert all(ours)


def test_a_training_that_was_stopped_is_listed_beside_the_results(genbench) -> None:
    genbench("run", "-m", "drift", *ALONE)
    assert "stopped" not in genbench("list", "runs").stderr
    (folder,) = {path.parent for path in Path("results").rglob("weights.safetensors")}
    (folder / "checkpoint.safetensors").write_bytes(b"what a killed process leaves")
    said = genbench("list", "runs").stderr
    assert said.startswith("stopped after epoch 6 of 6: drift on tiny, seed-0-")
    assert "goes on from there" in said


def test_a_warning_is_shown_once_in_a_command(capsys, genbench, monkeypatch) -> None:
    from genbench.cli import data

    def doubtful(*_: object) -> list[tuple[str, str]]:
        for _ in range(3):
            with warnings.catch_warnings():  # as libraries do: what was shown is forgotten
                pass
            warnings.warn("the faces look wrong", stacklevel=2)
        return []

    monkeypatch.setattr(data, "_file_states", doubtful)
    assert genbench("data", "verify", "ring").stderr.count("the faces look wrong") == 1
    assert genbench("data", "verify", "ring").stderr.count("the faces look wrong") == 1


# --- what is checked ---


def test_sets_that_were_never_kept_are_one_line_and_no_failure(genbench) -> None:
    genbench("run", "-m", "drift", *ALONE, "--seeds", "0,1,2")
    first, second, _ = sorted(Path("results").rglob("samples.npz"))
    first.unlink()
    second.unlink()
    done = genbench("verify", "all", "--rescore")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("not kept here") == 1
    assert " and 3 more: its samples are not kept here" in done.stdout
    assert "2 of 6 numbers hold: 2 to the last bit; 4 have no samples here" in done.stdout


# --- what is left lying ---


@pytest.mark.parametrize(
    "name", ["report.html", "samples.png", "speed.svg", "table.tex", "losses.csv"]
)
def test_git_ignores_what_the_documented_commands_write_beside_them(name: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    done = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT)
    assert done.returncode == 0


def test_a_figure_of_one_model_is_of_the_last_run_alone_and_names_its_one_file(genbench) -> None:
    genbench("run", "-m", "gaussian", "-d", "ring", "--no-references", "--samples", "50")
    genbench("run", "-m", "gaussian,replay", "-d", "tiny", "--no-references", "--samples", "50")
    done = genbench("figure", "samples", "-m", "gaussian")
    assert done.stdout.split() == ["results/samples.png"]
    assert done.stderr == ""
    assert len(genbench("figure", "samples", "-m", "gaussian", "--all").stdout.split()) == 2


def test_a_figure_is_of_all_results_where_nothing_of_the_last_run_is_done(genbench) -> None:
    asked = ("-d", "tiny", "--no-references", "--samples", "50")
    genbench("run", "-m", "gaussian", *asked)
    genbench("run", "-m", "replay", *asked, "--metrics", "log_likelihood")
    for kind, file in (("values", "values.png"), ("samples", "samples.png")):
        done = genbench("figure", kind, "-d", "tiny")
        assert done.stdout.split() == [f"results/{file}"]
        assert "nothing of the last run is done, so all results are drawn" in done.stderr


def test_what_trainings_take_is_not_told_where_other_machines_make_them(tmp_path: Path) -> None:
    todo = plan("gaussian", "ring", "parzen", samples=50)
    elsewhere = Environment(tmp_path, tmp_path, device="cuda:99")  # which is there, and not here
    told = [*planned.announced(todo, elsewhere, here=False)]
    assert told == ["to do: 1 training, 1 score: gaussian on ring"]
