"""`genbench score`: samples made by any program are scored exactly as our own are."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from genbench import cli
from genbench.defaults import DEFAULTS
from genbench.errors import GenbenchError
from genbench.plugins import registry
from genbench.records.files import read_arrays

ALONE = ("-d", "tiny", "--no-references")
REFERENCES = ("gaussian", "held_out", "kmeans", "replay")


@pytest.fixture
def ours(genbench, tmp_path: Path) -> tuple[np.ndarray, list[dict]]:
    """50 samples of one of our models as they are kept, (50, 16), and what they score."""
    done = genbench(
        *("run", "-m", "drift", "-d", "tiny", "--samples", "50", "--no-references", "--json")
    )
    results = json.loads(done.stdout)
    kept = read_arrays(next(tmp_path.rglob("samples.npz")))[0]["samples"]
    assert kept.dtype == np.uint8
    return kept, results


def save(path: Path, kept: np.ndarray) -> Path:
    """Keeps samples in the format of the path's suffix; without one, as a folder of pictures."""
    if path.suffix == ".npy":
        np.save(path, (kept / np.float32(255)).astype(np.float32))
    elif path.suffix == ".npz":
        np.savez_compressed(path, other=np.zeros(3), samples=kept / 255.0)
    elif path.suffix == ".safetensors":
        save_file({"x": kept.reshape(-1, 4, 4)}, path)
    else:
        path.mkdir()
        for number, row in enumerate(kept):
            Image.fromarray(row.reshape(4, 4)).save(path / f"{number:04}.png")
    return path


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.safetensors", "x"])
def test_every_format_scores_what_our_own_pipeline_scores(
    name: str, ours, genbench, tmp_path: Path
) -> None:
    kept, results = ours
    path = save(tmp_path / name, kept)
    done = genbench("score", str(path), *ALONE, "--json")
    assert done.returncode == 0, done.stderr
    (score,) = json.loads(done.stdout)["scores"]
    for fold, result in zip(score["folds"], results, strict=True):
        assert (fold["value"], fold["stderr"]) == (result["value"], result["stderr"])
        assert fold["notes"]["sigma"] == result["notes"]["sigma"]
    assert score["distinct"] == results[0]["distinct"]


def test_the_row_of_a_file_says_what_the_row_of_our_own_samples_says(
    ours, genbench, tmp_path: Path
) -> None:
    path = save(tmp_path / "mine.npy", ours[0])
    scored = genbench("score", str(path), *ALONE).stdout
    table = genbench("table").stdout

    def row(text: str, name: str) -> str:
        return next(line for line in text.splitlines() if line.startswith(f"| {name}"))

    assert row(scored, "mine [50 samples]").split("|")[2] == row(table, "drift").split("|")[2]
    value = row(table, "drift").split("|")[2].strip()
    assert f"mine on tiny: {value} nats" in scored
    assert "± standard error over the folds" in scored


def test_what_a_metric_took_is_said_beside_the_table_and_for_a_machine(
    genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", np.zeros((50, 16), np.uint8))
    done = genbench("score", "x.npy", *ALONE)
    assert "scored x by parzen in " in done.stderr
    assert "scored" not in done.stdout
    (score,) = json.loads(genbench("score", "x.npy", *ALONE, "--json").stdout)["scores"]
    assert score["seconds"] > 0


def test_reference_rows_drawn_as_often_stand_beside_and_are_computed_once(
    ours, genbench, tmp_path: Path
) -> None:
    path = save(tmp_path / "mine.npz", ours[0])
    first = genbench("score", str(path), "-d", "tiny")
    assert first.returncode == 0, first.stderr
    lines = [line for line in first.stdout.splitlines() if line.startswith("|")]
    names = [line.split("|")[1].split("[")[0].strip() for line in lines]
    assert (names[0], names[2:]) == ("model", ["mine", "*untrained*", *REFERENCES])
    assert all("[50 samples]" in line for line in (lines[2], *lines[4:]))
    stamps = {found: found.stat().st_mtime_ns for found in tmp_path.rglob("*")}
    records = tmp_path.glob("**/parzen*/provenance.json")
    stages = [json.loads(file.read_text()).get("workers", {"fit": 1}) for file in records]
    assert {stage["fit"] for stage in stages} == {1}  # a cell that stays empty has none
    again = genbench("score", str(path), "-d", "tiny")
    assert again.stdout == first.stdout
    assert {found: found.stat().st_mtime_ns for found in tmp_path.rglob("*")} == stamps


def test_a_reference_row_is_the_one_that_run_computes(ours, genbench, tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz", ours[0])
    document = json.loads(genbench("score", str(path), "-d", "tiny", "--json").stdout)
    command = ("run", "-m", "replay", "-d", "tiny", "--samples", "50", "--no-references")
    ran = json.loads(genbench(*command, "--json").stdout)
    assert [row for row in document["references"] if row["model"] == "replay"] == ran


def test_copies_of_training_rows_and_repeated_rows_are_counted(genbench, tmp_path: Path) -> None:
    train = registry.load("dataset", "tiny")(None).split(0).train.numpy()
    near = train[:1].copy()
    near[0, -1] = 1 - near[0, -1]  # one value away from a copy
    others = np.linspace(0, 1, 15 * 16).reshape(15, 16)
    rows = np.concatenate([train[:3], train[:1], near, others])
    np.save(tmp_path / "x.npy", rows)
    done = genbench("score", "x.npy", *ALONE)
    assert "20 samples, 19 distinct; 20 % are byte-for-byte copies of training rows" in done.stdout
    (score,) = json.loads(genbench("score", "x.npy", *ALONE, "--json").stdout)["scores"]
    assert (score["samples"], score["distinct"], score["copies"]) == (20, 19, [0.2, 0.2])


def test_binary_samples_are_said_so_and_have_a_table_of_their_own(ours, genbench, tmp_path) -> None:
    save(tmp_path / "mean.npy", ours[0])
    np.save(tmp_path / "sharp.npy", ours[0] > 127)
    done = genbench("score", "mean.npy", "sharp.npy", "-d", "tiny")
    assert done.returncode == 0, done.stderr
    assert "binary samples (every value is 0 or 1)" in done.stdout
    means, binary = done.stdout.split("parzen, binary samples:")
    assert "| mean [50 samples]" in means
    assert "| sharp [50 samples]" in binary
    assert "| gaussian" in means
    assert "| gaussian" not in binary
    alone = genbench("score", "sharp.npy", "-d", "tiny", "--json")
    assert json.loads(alone.stdout)["references"] == []  # of means, which do not compare
    assert json.loads(alone.stdout)["scores"][0]["kind"] == "binary"


def test_settings_of_the_metric_hold_for_files_and_reference_rows(
    ours, genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    asked = ("score", "x.npy", "-d", "tiny", "--set", "parzen.sigma=0.2")
    document = json.loads(genbench(*asked, "--json").stdout)
    (score,), references = document["scores"], document["references"]
    assert score["settings"] == {"sigma": 0.2}
    assert [fold["notes"]["sigma"] for fold in score["folds"]] == [0.2, 0.2]
    assert {row["notes"]["sigma"] for row in references if row["status"] == "done"} == {0.2}
    shown = genbench(*asked).stdout
    assert "| x [50 samples]" in shown
    assert "tiny, parzen [sigma=0.2] |" in shown


class Telling:
    """A metric that notes all that the command can print, and says how it was built."""

    unit = "nats"
    best = "high"

    def __init__(self, precision: str = "auto") -> None:
        self.built = ["grid", precision]

    def __call__(self, samples, valid, test):
        from genbench.protocols import Score

        notes = {
            "built": self.built,
            "certificate": {"rows": 96, "worst": 1e-4, "tolerance": 0.01, "how": ["float32"]},
            "effective": {"median": 3.25},
        }
        curves = {"score by samples": [(12, 1.234), (25, 2.0), (50, 3.0)]}
        return Score(3.0, 0.5, curves=curves, warnings=["sigma is odd"], notes=notes)


@pytest.fixture
def telling(strangers, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Telling as a stranger's metric, asked for."""
    from stranger import nearness

    monkeypatch.setattr(nearness, "Nearness", Telling)
    return "--metrics", "nearness"


def test_whatever_the_metric_notes_is_printed(telling, genbench, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.RandomState(0).rand(50, 16))
    shown = genbench("score", "x.npy", *ALONE, *telling).stdout
    for line in (
        "fold 0: certificate: how float32, rows 96, tolerance 0.01, worst 0.0001",
        "fold 1: effective: median 3.25",
        "fold 1: built grid and auto",
        "score by samples: 1.23 at 12, 2.00 at 25, 3.00 at 50",
        "warning: sigma is odd",
    ):
        assert line in shown
    quiet = genbench("score", "x.npy", *ALONE, *telling, "-q").stdout
    assert "certificate" not in quiet
    assert "x on tiny: 3.00" in quiet


def test_a_setting_reaches_the_metric_only_if_given(telling, genbench, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.RandomState(0).rand(50, 16))

    def built(*more: str) -> tuple[list, dict]:
        (score,) = json.loads(genbench("score", "x.npy", *ALONE, *telling, "--json", *more).stdout)[
            "scores"
        ]
        return score["folds"][0]["notes"]["built"], score["settings"]

    assert built() == (["grid", "auto"], {})
    own = "--set", "nearness.precision=float64"
    assert built(*own) == (["grid", "float64"], {"precision": "float64"})


@pytest.mark.parametrize(
    ("option", "setting"),
    [("--sigma-search", "parzen.sigma_search"), ("--precision", "parzen.precision")],
)
def test_an_option_that_is_a_setting_now_says_so(
    option: str, setting: str, genbench, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.random.RandomState(0).rand(50, 16))
    done = genbench("score", "x.npy", *ALONE, option, "float64")
    assert done.returncode == 2
    assert f"{option} is a setting now: --set {setting}=float64" in done.stderr


def test_several_metrics_score_a_file_each_with_a_signature(genbench, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.RandomState(0).rand(50, 16))
    asked = ("score", "x.npy", *ALONE, "--metrics", "parzen,nearness")
    scores = json.loads(genbench(*asked, "--json").stdout)["scores"]
    assert [one["metric"] for one in scores] == ["parzen", "nearness"]
    assert [one["signature"].partition("|")[0] for one in scores] == ["parzen", "nearness"]
    shown = genbench(*asked).stdout
    for one in scores:
        assert f"signature: {one['signature']}" in shown


@pytest.mark.parametrize(
    ("error", "code"), [(GenbenchError("row 7 is off by 0.3 nats"), 1), (ValueError("no sigma"), 1)]
)
def test_a_metric_that_refuses_ends_in_1_with_one_paragraph(
    error: Exception, code: int, telling, genbench, tmp_path: Path, monkeypatch
) -> None:
    def refuse(*_):
        raise error

    monkeypatch.setattr(Telling, "__call__", lambda self, samples, valid, test: refuse())
    np.save(tmp_path / "x.npy", np.random.RandomState(0).rand(50, 16))
    done = genbench("score", "x.npy", *ALONE, *telling)
    assert done.returncode == code
    assert str(error) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_unverified_data_are_said_so_in_the_columns_head(
    ours, genbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stranger.tiny import Tiny

    monkeypatch.setattr(Tiny, "caveat", "unverified files 12345678…")
    save(tmp_path / "x.npy", ours[0])
    done = genbench("score", "x.npy", "-d", "tiny")
    head = next(line for line in done.stdout.splitlines() if line.startswith("| model"))
    assert head.count("|") == 3  # one column for files and reference rows
    assert "tiny (unverified files 12345678…)" in head
    assert "x on tiny (unverified files 12345678…): " in done.stdout


def test_a_failed_reference_row_leaves_the_files_row_and_ends_in_1(
    ours, genbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(DEFAULTS), "references", ["raises", "replay"])
    save(tmp_path / "x.npy", ours[0])
    done = genbench("score", "x.npy", "-d", "tiny")
    assert done.returncode == 1
    assert "the stranger's own mistake" in done.stderr
    for name in ("x [50 samples]", "replay [50 samples]"):
        assert any(line.startswith(f"| {name}") and "±" in line for line in done.stdout.split("\n"))


def test_a_file_that_is_given_twice_is_scored_once(ours, genbench, tmp_path: Path) -> None:
    save(tmp_path / "x.npy", ours[0])
    shown = genbench("score", "x.npy", "x.npy", *ALONE).stdout
    assert shown.count("\n| x [50 samples]") == 1
    assert shown == genbench("score", "x.npy", *ALONE).stdout


def test_files_with_other_numbers_of_samples_have_reference_rows_of_their_own(
    ours, genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    save(tmp_path / "y.npy", ours[0][:30])
    shown = genbench("score", "x.npy", "y.npy", "-d", "tiny").stdout
    for name in ("x [50", "y [30", "replay [50", "replay [30"):
        assert f"| {name} samples]" in shown


def test_files_of_one_name_are_told_apart(ours, genbench, tmp_path: Path) -> None:
    save(tmp_path / "x.npy", ours[0])
    save(tmp_path / "x.npz", ours[0][:30])
    shown = genbench("score", "x.npy", "x.npz", *ALONE).stdout
    assert "| x-npy [50 samples]" in shown
    assert "| x-npz [30 samples]" in shown


MISTAKES = {
    "no file": (("score",), "FILE"),
    "missing": (("score", "nowhere.npy", *ALONE), "nowhere.npy is not there"),
    "second file": (("score", "good.npy", "nowhere.npy", *ALONE), "nowhere.npy is not there"),
    "dataset": (("score", "good.npy", "-d", "tinny"), "did you mean 'tiny'"),
    "no data": (("score", "large.npy", "-d", "mnist", "--data-dir", "no"), "data fetch mnist"),
    "shape": (("score", "good.npy", "-d", "mnist5k"), "mnist5k needs (m, 784)"),
    "key": (("score", "good.npy", *ALONE, "--set", "parzen.sigmo=1"), "did you mean 'sigma'"),
    "owner": (("score", "good.npy", *ALONE, "--set", "parsen.sigma=1"), "did you mean 'parzen'"),
    "value": (("score", "good.npy", *ALONE, "--set", "parzen.n_valid=0"), "at least 1"),
    "device": (("score", "good.npy", *ALONE, "--device", "cuda:7"), "not there"),
    "unwritable": (
        ("score", "good.npy", "-d", "tiny", "--results-dir", "/dev/null/x"),
        "--results-dir names another",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_clear_paragraph_and_exit_code_2(
    name: str, genbench, tmp_path: Path
) -> None:
    arguments, hint = MISTAKES[name]
    np.save(tmp_path / "good.npy", torch.rand(20, 16).numpy())
    np.save(tmp_path / "large.npy", torch.rand(20, 784).numpy())
    done = genbench(*arguments)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "results").exists()


# --- a row that is kept ---

NAMED = ("--as", "flow", "--source", "our flow, run 7", "--date", "2026-11-29")


def test_a_named_file_is_a_row_of_tables_comparisons_and_reports(
    ours, genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    kept = genbench("score", "x.npy", "-d", "tiny", *NAMED)
    assert kept.returncode == 0, kept.stderr
    for form in ("md", "latex", "csv"):
        shown = genbench("table", "--format", form).stdout
        assert "flow" in shown
        assert "drift" in shown
    assert "our flow, run 7" in genbench("table").stdout
    assert "2026-11-29" in genbench("table").stdout
    compared = genbench("compare", "flow", "replay", "-d", "tiny")
    assert compared.returncode == 0, compared.stderr
    assert genbench("report", "--all").returncode == 0
    assert "flow" in next(tmp_path.rglob("report.html")).read_text()
    found = json.loads(genbench("table", "--format", "json").stdout)
    values = {(one["model"], one["fold"]): one["value"] for one in found}
    assert values["flow", 0] == values["drift", 0]  # the same samples


def test_a_named_file_is_scored_by_another_metric_from_what_is_kept(
    ours, genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    genbench("score", "x.npy", *ALONE, *NAMED)
    done = genbench("score", "x.npy", *ALONE, *NAMED, "--metrics", "nearness")
    assert done.returncode == 0, done.stderr
    both = "parzen,nearness"
    rows = json.loads(genbench("table", "--format", "json", "--metrics", both).stdout)
    assert {one["metric"] for one in rows if one["model"] == "flow"} == {*both.split(",")}
    assert len([*tmp_path.rglob("flow/**/samples.npz")]) == 1


@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_a_kept_row_is_not_scored_again_and_reads_the_same(
    workers: tuple[str, ...], ours, genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    metrics = ("--metrics", "parzen,nearness")
    first = genbench("score", "x.npy", *ALONE, *NAMED, *metrics)
    files = {path: path.stat().st_ino for path in tmp_path.rglob("flow/**/*.json")}
    again = genbench("score", "x.npy", *ALONE, *NAMED, *metrics, *workers)
    assert first.stdout == again.stdout
    assert again.returncode == 0
    assert files == {path: path.stat().st_ino for path in tmp_path.rglob("flow/**/*.json")}
    assert "scored before: flow by parzen" in again.stderr
    assert "scored flow" not in again.stderr
    as_json = [json.loads(genbench("score", "x.npy", *ALONE, *NAMED, "--json").stdout)]
    as_json.append(json.loads(genbench("score", "x.npy", *ALONE, "--json").stdout))
    old, new = ({**found["scores"][0], "name": "", "seconds": 0} for found in as_json)
    assert old == new


def test_a_kept_row_whose_samples_are_gone_is_scored_and_kept_anew(
    ours, genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    genbench("score", "x.npy", *ALONE, *NAMED)
    (samples,) = tmp_path.rglob("flow/**/samples.npz")
    samples.unlink()
    again = genbench("score", "x.npy", *ALONE, *NAMED)
    assert "scored flow" in again.stderr
    assert samples.exists()


def test_a_kept_row_of_which_other_words_are_said_is_scored_and_says_them(
    ours, genbench, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    genbench("score", "x.npy", *ALONE, *NAMED)
    again = genbench("score", "x.npy", *ALONE, *NAMED[:2], "--source", "run 8", *NAMED[4:])
    assert "scored flow" in again.stderr
    assert "run 8" in genbench("table").stdout


def test_other_samples_take_a_name_only_where_that_is_said(ours, genbench, tmp_path: Path) -> None:
    save(tmp_path / "x.npy", ours[0])
    save(tmp_path / "y.npy", ours[0][:40])
    genbench("score", "x.npy", *ALONE, *NAMED)
    before = genbench("table").stdout
    refused = genbench("score", "y.npy", *ALONE, *NAMED)
    assert refused.returncode == 2
    assert "--replace" in refused.stderr
    assert genbench("table").stdout == before
    assert genbench("score", "y.npy", *ALONE, *NAMED, "--replace").returncode == 0
    assert "flow [40 samples]" in genbench("table").stdout
    assert "flow [50 samples]" not in genbench("table").stdout


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--as", "flow"), "--source, --date are missing"),
        (("--as", "flow", "--source", "x"), "; --date is missing"),
        (("--as", "flow", "--source", "x", "--date", "today"), "2026-11-29"),
        (("--as", "../flow", "--source", "x", "--date", "2026-11-29"), "letters, digits"),
        (("--as", "drift", "--source", "x", "--date", "2026-11-29"), "is a registered model"),
    ],
)
def test_a_name_that_cannot_be_kept_ends_in_2(words, hint, ours, genbench, tmp_path) -> None:
    save(tmp_path / "x.npy", ours[0])
    done = genbench("score", "x.npy", *ALONE, *words)
    assert done.returncode == 2
    assert hint in done.stderr
    assert not [*tmp_path.rglob("runs/tiny/flow")]


def test_what_a_file_has_not_leaves_a_metric_unmet(ours, genbench, plugged, tmp_path) -> None:
    code = "class Of:\n unit, best = '', 'high'\n def __call__(self, model): ...\n"
    plugged({"of.py": code}, metric={"of_model": "of:Of"})
    save(tmp_path / "x.npy", ours[0])
    done = genbench("score", "x.npy", *ALONE, "--metrics", "parzen,of_model", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [one["metric"] for one in document["scores"]] == ["parzen"]
    reason = "of_model needs a model, and a file of samples has none"
    assert document["unmet"] == {"of_model": reason}


def test_verify_scores_a_kept_file_again(ours, genbench, tmp_path: Path) -> None:
    save(tmp_path / "x.npy", ours[0])
    genbench("score", "x.npy", *ALONE, *NAMED)
    done = genbench("verify", "all", "--rescore")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flow" in done.stdout


def bad_files() -> dict:
    from test_samples import BAD

    return BAD


@pytest.mark.parametrize("name", bad_files())
def test_a_bad_file_ends_in_2_before_any_work(name: str, genbench, tmp_path: Path) -> None:
    make, hint = bad_files()[name]
    done = genbench("score", str(make(tmp_path)), "-d", "tiny")
    assert done.returncode == 2, done.stderr
    assert hint.replace("grey", "tiny") in done.stderr or "in grey" in done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "results").exists()


def test_score_writes_nothing_without_reference_rows(ours, genbench, tmp_path: Path) -> None:
    save(tmp_path / "x.npy", ours[0])
    before = sorted(tmp_path.rglob("*"))
    assert genbench("score", "x.npy", *ALONE, "--results-dir", "elsewhere").returncode == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_every_option_of_score_has_a_variable_and_the_help_has_examples(genbench) -> None:
    import typer

    score = typer.main.get_command(cli.app).commands["score"]
    for option in score.params:
        if option.name != "files" and not option.hidden:
            name = "DATA" if option.opts[0] == "--data-dir" else option.opts[0][2:].upper()
            assert option.envvar == f"GENBENCH_{name.replace('-', '_')}"
    assert "genbench score samples.npy -d mnist" in " ".join(
        genbench("score", "--help").stdout.split()
    )


def test_the_command_of_its_own_process_scores(command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.RandomState(0).rand(50, 16))
    process = command("score", "x.npy", "-d", "tiny", "--threads", "1")
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "| x [50 samples]" in printed
    assert "| replay [50 samples]" in printed
    assert "scoring" in said


def test_samples_that_were_scaled_twice_are_scored_with_a_warning(genbench, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((50, 16)).astype(np.float32) / 255
    np.save(tmp_path / "twice.npy", rows)
    done = genbench("score", "twice.npy", *ALONE)
    assert "warning: the samples' values lie in [0, 0.0039]" in done.stdout
    assert "divided by 255 twice?" in done.stdout


def test_a_variable_that_is_meant_for_other_commands_does_not_break_a_score(
    genbench, ours, tmp_path: Path
) -> None:
    save(tmp_path / "x.npy", ours[0])
    done = genbench("score", "x.npy", *ALONE, env={"GENBENCH_MODELS": "gan"})
    assert done.returncode == 0, done.stderr
    ended = genbench("score", "x.npy", *ALONE, env={"GENBENCH_FORMAT": "csv"})
    assert ended.returncode == 2
    assert "from GENBENCH_FORMAT" in ended.stderr
    assert genbench("score", "x.npy", *ALONE, "--models", "gan").returncode == 2
