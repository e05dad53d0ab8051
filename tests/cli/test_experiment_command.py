"""`genbench experiment`, end to end on a toy: run, resumed, and its table without the runs."""

import csv
import io
import json
import shutil
from pathlib import Path

TOY = """
model = "gan"
dataset = "gaussian_1d"
preset = "smoke"
metrics = ["parzen"]
samples = 60
seeds = [0, 1, 2]
tune = "rate"
tune_values = [0.02]
[arms]
"k = 2" = {update = "alternating", k = 2}
"""


def test_an_experiment_runs_resumes_and_keeps_all_that_its_table_needs(
    genbench, tmp_path: Path
) -> None:
    Path("experiments").mkdir()
    Path("experiments/toy.toml").write_text(TOY)
    dry = genbench("experiment", "run", "toy", "--dry-run")
    assert "6 trainings and 6 scores to do" in dry.stdout
    assert not Path("results").exists()
    ran = genbench("experiment", "run", "toy", "--threads", "1", "-q")
    assert ran.returncode == 0, ran.stderr
    assert "| recipe |" in ran.stdout
    assert "| k = 2  |" in ran.stdout
    kept = Path("results/experiments/toy.json").read_bytes()
    Path("results/experiments/toy.json").unlink()
    assert "0 trainings and 0 scores" in genbench("experiment", "run", "toy", "--dry-run").stdout
    again = genbench("experiment", "run", "toy", "--threads", "1", "-q")
    assert again.stdout == ran.stdout
    assert Path("results/experiments/toy.json").read_bytes() == kept
    shutil.rmtree("results/runs")
    assert genbench("experiment", "table", "toy", "-q").stdout == ran.stdout
    rows = list(
        csv.DictReader(io.StringIO(genbench("experiment", "table", "toy", "-f", "csv").stdout))
    )
    assert [row["arm"] for row in rows] == ["recipe", "k = 2"]
    assert json.loads(genbench("experiment", "table", "toy", "-f", "json").stdout)["seconds"]
    for form, mark in (("latex", r"\begin{table"), ("html", "<table>")):
        assert mark in genbench("experiment", "table", "toy", "-f", form).stdout
    Path("experiments/toy.toml").write_text(TOY.replace("[0.02]", "[0.02, 0.04]"))
    assert "older version of experiments/toy.toml" in genbench("experiment", "table", "toy").stdout
    Path("my").mkdir()
    Path("my/toy.toml").write_text(TOY)
    refused = genbench("experiment", "run", "my/toy.toml", "--dry-run")
    assert "is the record of experiments/toy.toml" in refused.stderr.replace("\n", " ")
    failed = genbench("experiment", "table", "toi")
    assert failed.returncode != 0
    assert "did you mean 'toy'" in failed.stderr
