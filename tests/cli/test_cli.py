"""The command as a user meets it: what it prints, what it writes, how it ends."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor
from pathlib import Path

import pytest

TINY = ("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "50")
WALK = ("run", "-m", "walk", "-d", "tiny", "--no-references", "--samples", "50", "--threads", "1")


def test_one_command_prints_the_table_and_the_second_does_nothing(
    cold_command, command, tmp_path: Path
) -> None:
    first = cold_command(*TINY)
    printed, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert "| drift [50 samples] |" in printed
    assert "everything is in" in said
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = command(*TINY)
    assert second.communicate(timeout=120)[0] == printed
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == stamps


def test_the_table_command_prints_the_same_and_writes_nothing(genbench, tmp_path: Path) -> None:
    ran = genbench(*TINY)
    before = sorted(tmp_path.rglob("*"))
    shown = genbench("table")
    assert shown.stdout == ran.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_one_failing_model_leaves_the_others_and_ends_in_1(genbench) -> None:
    done = genbench("run", "-m", "drift,raises,diverges", "-d", "tiny", "--no-references", "-v")
    assert done.returncode == 1
    assert "raises" in done.stdout
    assert done.stdout.count("failed |") == 2
    assert "RuntimeError: the stranger's own mistake" in done.stderr
    assert "broken.py" in done.stderr  # -v says where
    assert "Traceback" not in done.stderr


def test_json_is_one_array_with_an_object_for_each_score(genbench) -> None:
    rows = json.loads(genbench(*TINY, "--json").stdout)
    assert [row["fold"] for row in rows] == [0, 1]
    assert rows[0]["notes"]["sigma"] > 0
    assert rows[0]["status"] == "done"


def test_the_reference_rows_stand_beside_every_model(genbench) -> None:
    done = genbench("run", "-m", "drift", "-d", "tiny", "--samples", "50")
    assert done.returncode == 0, done.stderr
    for name in ("gaussian", "kmeans", "replay"):
        assert f"| {name}" in done.stdout


MISTAKES = {
    "model": (("run", "-m", "gam"), "did you mean 'gan'"),
    "no model": (("run", "-m", ""), "--models needs at least one name, got ''"),
    "dataset": (("run", "-d", "mnist6k"), "did you mean 'mnist5k'"),
    "metric": (("run", "--metrics", "parsen"), "did you mean 'parzen'"),
    "option": (("run", "--preste", "x"), "--preset"),
    "preset": ((*TINY, "--preset", "smok"), "did you mean 'smoke'"),
    "command": (("rum",), "No such command"),
    "key": ((*TINY, "--set", "drift.rat=1"), "did you mean 'rate'"),
    "type": ((*TINY, "--set", "drift.rate=fast"), "drift.rate = 'fast'"),
    "form": ((*TINY, "--set", "rate"), "gan.rate=0.05"),
    "stranger to the plan": ((*TINY, "--set", "gan.rate=1"), "not in this plan"),
    "seeds": ((*TINY, "--seeds", "a"), "whole numbers"),
    "samples": ((*TINY, "--samples", "0"), "--samples"),
    "budget without epochs": ((*TINY[:2], "replay", *TINY[3:], "--epochs", "3"), "train by epochs"),
    "endless seed": ((*TINY, "--seeds", "9" * 300), "64 bits"),
    "not a number": ((*TINY, "--set", "drift.rate=nan"), "drift.rate"),
    "metric setting": ((*TINY, "--set", "parzen.n_valid=0"), "n_valid must be at least 1"),
    "dataset that fails": (
        ("run", "-m", "drift", "-d", "faulty"),
        "dataset 'faulty' cannot be read",
    ),
    "metric option for one model": (
        (*TINY, "--set", "drift.parzen.sigma=0.2"),
        "--set parzen.sigma=...",
    ),
    "tuning of training": ((*TINY, "--set", "drift.tune=rate"), "'rate' is not among"),
    "tuning of nothing": ((*TINY, "--set", "drift.tune=spread"), "needs tune_values and tune_by"),
    "many chains from images": (
        (*WALK, "--samples", "20000", "--set", "walk.start=data", "--set", "walk.chains=101"),
        "walk: chains that start at training images",
    ),
    "short chains from images": (
        (*WALK, "--samples", "99", "--set", "walk.start=data", "--set", "walk.chains=1"),
        "--set walk.start=noise",
    ),
    "minutes": ((*TINY, "--minutes", "0"), "above 0"),
    "device": ((*TINY, "--device", "cuda:7"), "not there"),
    "odd device": ((*TINY, "--device", "tpu"), "auto, cpu, cuda"),
    "no data": (("run", "-d", "mnist", "--data-dir", "nowhere"), "genbench data fetch mnist"),
    "no tfd": (("run", "-d", "tfd", "--data-dir", "nowhere"), "Toronto Face Database"),
    "unwritable": ((*TINY, "--results-dir", "/dev/null/x"), "--results-dir names another"),
    "unwritable page": (("theory", "dirac", "--out", "/proc/x"), "--out names another place"),
    "unwritable figure": (("figure", "samples", "-o", "/dev/null/x.png"), "names another place"),
    "unwritable judgement": (
        ("judge", "-w", "digits_mixture_small", "--results-dir", "/dev/null/x"),
        "Error: cannot write /dev/null/x",
    ),
    "no results": (("table",), "genbench run"),
    "format": (("table", "-f", "xml"), "unknown format"),
    "column": ((*TINY, "--columns", "ll,smaple"), "did you mean 'sample'"),
    "column of the table": (("table", "--columns", "fitt"), "did you mean 'fit'"),
    "figure's form": (("figure", "speed", "--out", "speed.gif"), ".png, .svg or .pdf"),
    "figure of nothing": (("figure", "speed"), "genbench run"),
    "unimportable": (("run", "-m", "unimportable"), "cannot be imported"),
    "mat of noise": (("data", "import", "tfd", "noise"), "noise"),
    "idx of noise": (("data", "import", "mnist", "noise"), "noise"),
    "fetch tfd": (("data", "fetch", "tfd"), "Toronto Face Database"),
    "fetch a toy": (("data", "fetch", "ring"), "needs no file"),
    "nothing to check": (("check", "nothing"), "nothing is registered"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_clear_paragraph_and_exit_code_2(
    name: str, genbench, tmp_path: Path
) -> None:
    arguments, hint = MISTAKES[name]
    (tmp_path / "noise").write_bytes(random.Random(0).randbytes(5000))
    done = genbench(*arguments)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("damage", ["truncated", "oversized", "random"])
def test_a_damaged_data_file_ends_a_run_in_2_before_any_work(
    damage: str, genbench, tmp_path: Path
) -> None:
    header = bytes([0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0, 28, 0, 0, 0, 28])
    body = {
        "truncated": header + bytes(5000),
        "oversized": header + bytes(60_000 * 784 + 1),
        "random": random.Random(0).randbytes(5000),
    }
    (tmp_path / "mnist").mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "mnist" / f"{name}-ubyte").write_bytes(body[damage])
    done = genbench("run", "-d", "mnist", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert "train-images-idx3-ubyte" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_verification_that_fails_ends_in_3(genbench, tmp_path: Path) -> None:
    done = genbench("data", "verify", "mnist", "--data-dir", str(tmp_path))
    assert done.returncode == 3
    assert "missing" in done.stdout


def test_the_datasets_are_listed_with_the_state_of_their_files(genbench, tmp_path: Path) -> None:
    rows = json.loads(genbench("data", "list", "--data-dir", str(tmp_path), "--json").stdout)
    states = {row["name"]: row["files"] for row in rows}
    assert (states["mnist"], states["ring"], states["tiny"]) == ("missing", *["none needed"] * 2)


def test_a_full_disk_ends_in_1_with_one_paragraph(cold_command, command, tmp_path: Path) -> None:
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limit[1]))  # the children inherit it
    try:
        process = cold_command(*TINY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Error: cannot write" in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob("*.tmp"))
    again = command(*TINY)
    assert again.communicate(timeout=120)[0].startswith("| model")


def test_an_edited_result_ends_in_3_and_is_named(genbench, tmp_path: Path) -> None:
    genbench(*TINY)
    path = next(tmp_path.rglob("result.json"))
    path.write_text(path.read_text().replace('"value": ', '"value": 1'))
    for command in (TINY, ("table",), ("list", "runs")):
        done = genbench(*command)
        assert done.returncode == 3
        assert "result.json is damaged or was edited" in done.stderr
        assert "Traceback" not in done.stderr


OPTIONS = [
    ("--metrics", "nearness", "GENBENCH_METRICS"),
    ("--models", "not_resumable", "GENBENCH_MODELS"),
    ("--dataset", "ring", "GENBENCH_DATASET"),
    ("--seeds", "1", "GENBENCH_SEEDS"),
    ("--samples", "40", "GENBENCH_SAMPLES"),
    ("--preset", "smoke", "GENBENCH_PRESET"),
    ("--epochs", "4", "GENBENCH_EPOCHS"),
    ("--minutes", "9", "GENBENCH_MINUTES"),
    ("--set", "drift.rate=0.2", "GENBENCH_SET"),
]


@pytest.mark.parametrize(("option", "value", "variable"), OPTIONS)
def test_every_option_of_the_question_and_its_variable_change_the_plan(
    option: str, value: str, variable: str, genbench
) -> None:
    base = ["run", "-m", "drift", "-d", "tiny", "--no-references", "--json", "--samples", "50"]
    if option in ("--models", "--dataset", "--samples"):
        short = {"--models": "-m", "--dataset": "-d"}.get(option, option)
        at = base.index(short)
        del base[at : at + 2]
    plain = json.loads(genbench(*base, option, value).stdout)
    named = json.loads(genbench(*base, env={variable: value}).stdout)
    without = json.loads(genbench(*TINY, "--json").stdout)
    assert [row["key"] for row in plain] == [row["key"] for row in named]
    assert not {row["key"] for row in plain} & {row["key"] for row in without}


def test_no_option_of_run_is_untested_or_without_a_variable() -> None:
    import typer

    from genbench.cli import app

    run = typer.main.get_command(app).commands["run"]
    options = {option.opts[0]: option.envvar for option in run.params}
    question = {option: variable for option, _, variable in OPTIONS}
    elsewhere = {
        *("--device", "--workers", "--threads", "--results-dir", "--data-dir", "--rerun"),
        *(
            "--no-references",
            "--dry-run",
            "--quiet",
            "--verbose",
            "--json",
            "--columns",
            "--notes",
            "--sample-sets",
            "--model-file",
            "--grids",
        ),
        *("--executor", "--scheduler", "--resources", "--tls"),
    }
    assert options.keys() == question.keys() | elsewhere
    for option, variable in options.items():
        expected = "DATA" if option == "--data-dir" else option[2:].upper().replace("-", "_")
        assert variable == f"GENBENCH_{expected}"


def test_workers_share_the_cores(genbench, monkeypatch: pytest.MonkeyPatch) -> None:
    from genbench.cli import parsing
    from genbench.running import executors

    seen, serial = [], executors.KINDS["serial"]

    def noted(workers: int, threads: int | None) -> Executor:
        seen.append((workers, threads))
        return serial(workers, threads)

    monkeypatch.setitem(executors.KINDS, "spawned", noted)
    monkeypatch.setattr(parsing, "cores", lambda: 8)
    genbench(*TINY, "--workers", "2", "--seeds", "0,1,2")
    genbench(*TINY, "--workers", "4", "--seeds", "3")  # not more threads because less is left
    assert seen == [(2, 4), (4, 2)]


def test_threads_and_device_reach_the_worker(command, tmp_path: Path) -> None:
    process = command(*TINY, "--threads", "1", "--device", "cpu")
    process.communicate(timeout=120)
    assert process.returncode == 0
    record = json.loads(next(tmp_path.rglob("parzen*/provenance.json")).read_text())
    assert (record["threads"], record["device"]) == (1, "cpu")


def test_the_folders_can_be_named_by_variables(genbench, tmp_path: Path) -> None:
    assert genbench(*TINY, env={"GENBENCH_RESULTS_DIR": "elsewhere"}).returncode == 0
    assert (tmp_path / "elsewhere" / "runs" / "tiny").is_dir()
    missing = genbench("run", "-d", "mnist", env={"GENBENCH_DATA": str(tmp_path / "mine")})
    assert str(tmp_path / "mine") in missing.stderr


def test_rerun_does_again_what_is_done(genbench, tmp_path: Path) -> None:
    genbench(*TINY)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert genbench(*TINY, "--rerun").returncode == 0
    assert all(path.stat().st_mtime_ns > stamp for path, stamp in before.items())


def test_two_metrics_are_two_columns_that_say_so_and_one_csv(genbench) -> None:
    both = genbench(*TINY, "--metrics", "parzen,nearness", "-q")
    assert both.returncode == 0, both.stderr
    head = both.stdout.splitlines()[0].split("|")
    assert [column.strip() for column in head[2:4]] == ["tiny, parzen", "tiny, nearness"]
    csv = genbench("table", "-f", "csv").stdout.splitlines()
    assert [line.count("model,dataset,metric") for line in csv] == [1, 0, 0]


def test_binary_samples_are_a_table_of_their_own(genbench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert genbench(*TINY, "-q").stdout.startswith("|")  # one table, no title
    from stranger.drift import Drift

    monkeypatch.setattr(Drift, "samples", "binary")
    assert genbench(*TINY, "--seeds", "1", "-q").returncode == 0
    shown = genbench("table", "-q").stdout.splitlines()
    titles = ["parzen:", "parzen, binary samples:"]
    assert [line for line in shown if line.endswith(":")] == titles
    assert len([line for line in shown if "drift" in line]) == 2


def test_an_edited_recipe_is_seen_by_the_table(genbench, monkeypatch: pytest.MonkeyPatch) -> None:
    from genbench.plugins import recipe

    genbench(*TINY)
    assert "version" not in genbench("table").stdout
    read = recipe.read
    monkeypatch.setattr(recipe, "read", lambda model: {**read(model), "tiny": {"rate": 0.5}})
    assert "another code or recipe than the installed one" in genbench("table").stdout


def test_what_the_user_sets_in_place_of_a_tuned_value_is_a_current_row(genbench) -> None:
    for setting in ("walk.spread=0.3", "walk.tune=", "walk.chains=5"):
        done = genbench(*WALK, "--set", setting)
        assert done.returncode == 0, done.stderr
    shown = genbench("table").stdout
    rows = ("spread=0.3, 50", "tune=, 50", "chains=5, 50")
    assert [row for row in rows if f"| walk [{row} samples] " not in shown] == []
    assert "another code or recipe" not in shown


def test_a_row_says_what_was_chosen_only_where_something_was(genbench) -> None:
    assert "chosen of 0.02, 0.1, 0.5" in genbench(*WALK).stdout
    assert "chosen of" not in genbench(*WALK, "--set", "walk.spread=0.3").stdout


# --- the baselines whose samples are states of chains ---

CHAINS = ("stacked_cae", "deep_gsn", "dbn")
SMOKE = (
    "-d",
    "mnist5k",
    "--preset",
    "smoke",
    "--no-references",
    "--samples",
    "200",
    "--threads",
    "1",
)


def test_the_notes_on_a_baseline_say_how_its_chains_ran_and_mixed(genbench) -> None:
    done = genbench("run", "-m", ",".join(CHAINS), *SMOKE)
    assert done.returncode == 0, done.stderr
    for model in CHAINS:
        (note,) = [
            n for n in done.stdout.splitlines() if f"{model} [smoke" in n and ": preset" in n
        ]
        said = ("100 chains", "start noise", "burn-in 10", "thinning 1", "class transitions")
        assert [phrase for phrase in (*said, "among 200 samples") if phrase not in note] == []
        assert ("chosen of 0.5, 1" in note) == (model == "stacked_cae")


def test_the_record_of_a_baseline_holds_how_its_chains_ran_and_mixed(genbench) -> None:
    rows = json.loads(genbench("run", "-m", "stacked_cae", *SMOKE, "--json").stdout)
    details = rows[0]
    assert details["tuned"]["value"] == details["sampling"]["noise"]
    assert [value for value, _ in details["tuned"]["curve"]] == [0.5, 1.0]
    assert (details["sampling"]["chains"], details["sampling"]["start"]) == (100, "noise")
    assert (details["mixing"]["chains"], details["mixing"]["looked_at"]) == (100, 200)


def test_reconstructions_of_the_training_images_are_a_row_of_their_own(genbench) -> None:
    genbench("run", "-m", "stacked_cae", *SMOKE)
    done = genbench("run", "-m", "stacked_cae", *SMOKE, "--set", "stacked_cae.reconstruct=true")
    assert done.returncode == 0, done.stderr
    shown = genbench("table").stdout
    assert "| stacked_cae [smoke, 200 samples] " in shown
    assert "| stacked_cae [smoke, reconstruct=True, 200 samples] " in shown
    still = [r for r in json.loads(genbench("table", "-f", "json").stdout) if r["overrides"]]
    assert still[0]["sampling"] == {"reconstruct": True}
    assert still[0]["tuned"] is None
    assert still[0]["mixing"]["chains"] is None


@pytest.mark.parametrize("model", ["gan", *CHAINS])
def test_the_cost_of_a_row_of_table_1_is_projected_and_nothing_is_written(
    model: str, genbench, tmp_path: Path
) -> None:
    paper = ("-d", "mnist5k", "--preset", "paper", "--no-references", "--dry-run")
    done = genbench("run", "-m", model, *paper)
    assert done.returncode == 0, done.stderr
    assert re.search(r"epochs, about \d+ (h|min|s|\.)", done.stdout), done.stdout
    assert not list(tmp_path.iterdir())


def test_a_dry_run_of_what_would_fail_says_so_and_ends_in_1(genbench) -> None:
    done = genbench("run", "-m", "raises,drift", "-d", "tiny", "--no-references", "--dry-run")
    assert done.returncode == 1
    assert "it would fail, RuntimeError" in done.stdout
    assert "6 epochs, about" in done.stdout


def test_the_cost_of_a_model_without_batches_grows_as_it_does_with_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from types import SimpleNamespace

    import torch

    from genbench.running import cost

    timed: list[int] = []

    def squared(_, rows, labels) -> tuple[float, int]:
        timed.append(len(rows))
        return (len(rows) / 1000) ** 2, 12

    monkeypatch.setattr(cost, "_timed", squared)

    def projected(train: int, rows: int) -> tuple[float, int]:
        return cost._of_whole_epochs(SimpleNamespace(), torch.zeros(train, 1), None, rows)

    seconds, epochs = projected(50_000, 50_000)
    assert (epochs, timed) == (12, [4000, 2000])
    assert seconds == pytest.approx(12 * 50**2)
    assert projected(300, 300)[0] == 12 * 0.3**2
    with_validation = projected(300, 450)[0]
    assert with_validation == pytest.approx(12 * 0.45**2)


@pytest.mark.parametrize(("used", "said"), [(100.0, True), (5.0, False)])
def test_run_says_once_that_the_machine_is_busy(
    used: float, said: bool, genbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: used)
    done = genbench(*TINY)
    assert done.stderr.count("cores busy: this takes longer than alone") == said
    assert genbench(*TINY, "--rerun", "-q").stderr == ""


def test_a_dry_run_prints_plan_and_cost_and_writes_nothing(genbench, tmp_path: Path) -> None:
    done = genbench(*TINY, "--dry-run")
    assert done.returncode == 0
    assert "6 epochs, about" in done.stdout
    assert not list(tmp_path.iterdir())


def test_quiet_prints_the_table_alone_and_verbose_says_more(genbench) -> None:
    quiet = genbench(*TINY, "-q")
    assert quiet.stderr == ""
    assert quiet.stdout.strip().splitlines()[-1].startswith("|")
    assert "sigma" in genbench(*TINY).stdout
    assert "(fit" not in genbench(*TINY, "--rerun").stderr
    assert "(fit" in genbench(*TINY, "--rerun", "-v").stderr


@pytest.mark.parametrize("form", ["md", "latex", "csv", "json"])
def test_the_table_comes_in_four_formats(form: str, genbench) -> None:
    genbench(*TINY)
    done = genbench("table", "--format", form)
    assert done.returncode == 0
    sign = {"md": "|:--", "latex": r"\toprule", "csv": "model,dataset", "json": "[\n"}[form]
    assert sign in done.stdout


@pytest.mark.parametrize("command", ["--help", "run --help", "list models", "--version"])
def test_what_should_be_quick_loads_no_torch_and_no_pandas(command: str) -> None:
    code = (
        "import sys; from genbench.cli import app\n"
        f"try: app({command.split()!r})\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'scipy', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_command_takes_one_thread_for_numpy_where_nobody_says_more() -> None:
    code = (
        "import sys; from genbench.cli import main\n"
        "sys.argv = ['genbench', '--version']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert 'numpy' not in sys.modules\n"
        "import numpy, threadpoolctl\n"
        "print(threadpoolctl.threadpool_info()[0]['num_threads'])"
    )
    own = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    said = [
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env
        ).stdout.split()[-1]
        for env in (own, {**own, "OPENBLAS_NUM_THREADS": "2"})
    ]
    assert said == ["1", "2"]


def test_the_table_command_loads_no_torch(genbench, tmp_path: Path) -> None:
    genbench(*TINY)
    code = (
        "import sys; from genbench.cli import app\n"
        "try: app(['table'])\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


def test_completion_knows_the_registered_names(strangers) -> None:
    from genbench.cli.options import completing

    assert completing("model")("gan,dr") == ["gan,drift"]
    assert "fashion_mnist" in completing("dataset")("fa")


def test_completion_knows_a_stranger_s_presets_and_loads_no_model(strangers) -> None:
    from genbench.cli.options import preset_names

    loaded = sys.modules.pop("stranger.walk", None)
    assert preset_names("s") == ["selected", "sharp", "smoke"]
    assert {"budget", "paper", "quick", "released", "untuned"} <= {*preset_names("")}
    assert "stranger.walk" not in sys.modules
    if loaded:
        sys.modules["stranger.walk"] = loaded


def test_list_shows_who_registered_what(genbench) -> None:
    assert "stranger 1.0" in genbench("list", "models").stdout
    metrics = json.loads(genbench("list", "metrics", "--json").stdout)
    names = [row["name"] for row in metrics]
    assert names == sorted(names)
    assert {"nearness", "parzen"} <= {*names}
    genbench(*TINY)
    assert "drift" in genbench("list", "runs").stdout


def test_info_says_what_a_bug_report_needs(genbench) -> None:
    found = json.loads(genbench("info", "--json").stdout)
    assert {"packages", "python", "cpu", "gpus", "threads", "precision"} <= found.keys()


def test_check_accepts_a_strangers_model_and_rejects_a_broken_one(genbench) -> None:
    good = genbench("check", "drift")
    assert good.returncode == 0, good.stderr
    assert "keeps its contract" in good.stdout
    bad = genbench("check", "wrong_range")
    assert bad.returncode == 1
    assert "samples lie in the data's range" in bad.stderr


# --- interruption ---

SLOW = (*TINY, "--set", "drift.pause=0.05", "--epochs", "12")


def wait_for_epochs(folder: Path, epochs: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        logs = list(folder.rglob("events.jsonl"))
        if logs and logs[0].read_text().count('"epoch"') >= epochs:
            return
        time.sleep(0.01)
    raise AssertionError("the run never got there")


def kept(folder: Path) -> dict[str, bytes]:
    names = ("weights.safetensors", "samples.npz", "result.json")
    found = [path for path in folder.rglob("*") if path.name in names]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_an_interrupted_command_goes_on_to_the_same_bytes(
    sent: signal.Signals, code: int, command, genbench, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = genbench(*SLOW, "--results-dir", str(whole / "results"))
    process = command(*SLOW)
    wait_for_epochs(tmp_path / "results", 3)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    if sent != signal.SIGKILL:
        assert "goes on from the last finished epoch" in errors
    again = genbench(*SLOW)
    assert again.returncode == 0, again.stderr
    assert again.stdout == expected.stdout
    assert kept(tmp_path / "results") == kept(whole / "results")
    assert not list((tmp_path / "results").rglob("*.tmp"))


@pytest.mark.slow
def test_thirty_kills_at_random_moments_tear_nothing(command, genbench, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    long = (*TINY, "--set", "drift.pause=0.05", "--epochs", "200")
    expected = genbench(*long, "--results-dir", str(whole / "results"))
    moments, killed = random.Random(0), 0
    for _ in range(40):
        process = command(*long)
        log = tmp_path / "results"
        before = sum(path.read_text().count('"epoch"') for path in log.rglob("events.jsonl"))
        if before < 190:
            wait_for_epochs(log, before + 1)
        time.sleep(0.2 * moments.random())
        running = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)  # the command and its workers, as a power cut
        process.communicate(timeout=60)
        killed += running
        if killed == 30:
            break
    assert killed == 30
    again = genbench(*long)
    assert again.stdout == expected.stdout
    assert kept(tmp_path / "results") == kept(whole / "results")
    assert not list((tmp_path / "results").rglob("*.tmp"))


def test_two_commands_on_one_folder_never_do_the_same_cell(command, tmp_path: Path) -> None:
    pair = [command(*SLOW) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert outputs[0] == outputs[1]
    events = next((tmp_path / "results").rglob("events.jsonl")).read_text()
    assert events.count('"epoch"') == 12
