"""The suites of asv: every benchmark works, on the same input every time; the pins are ours."""

import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path

import pytest
import torch

from genbench.plugins import registry

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
with pytest.MonkeyPatch.context() as patched:  # what they set is not for the other tests
    patched.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    from suites import estimator, inputs, metrics, models, start_up, tables


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows and samples: that a benchmark works shows on them too."""
    monkeypatch.setattr(estimator, "ROWS", 120)
    monkeypatch.setattr(metrics, "ROWS", 120)
    monkeypatch.setattr(models, "ROWS", 100)
    monkeypatch.setattr(models, "SAMPLES", 2)
    models.trained.cache_clear()


def calls(suite: type, prefix: str) -> list[str]:
    return [name for name in vars(suite) if name.startswith(prefix)]


def called(suite: type, name: str, *values: str) -> object:
    """One benchmark, set up as asv does."""
    one = suite()
    one.setup(*values)
    return getattr(one, name)(*values)


# --- inputs ---


def test_pictures_are_the_same_every_time_and_multiples_of_a_255th() -> None:
    torch.manual_seed(1)
    rows = inputs.pictures(50, seed=3)
    torch.manual_seed(2)
    assert torch.equal(rows, inputs.pictures(50, seed=3))
    assert not torch.equal(rows, inputs.pictures(50, seed=4))
    assert rows.shape == (50, 784)
    assert rows.dtype == torch.float32
    assert (rows.min() >= 0) & (rows.max() <= 1)
    torch.testing.assert_close(rows * 255, (rows * 255).round())
    assert 0.6 < (rows == 0).float().mean() < 0.9


# --- benchmarks ---


def test_every_registered_model_has_its_epoch_and_its_samples() -> None:
    for suite in (models.Epoch, models.Sample):
        assert list(suite.params[0]) == registry.names("model")


@pytest.mark.parametrize("name", registry.names("model"))
@pytest.mark.parametrize("suite", [models.Epoch, models.Sample])
def test_a_models_benchmarks_work(suite: type, name: str, small: None) -> None:
    for call in calls(suite, "time_"):
        called(suite, call, name, "cpu")


def test_each_timed_epoch_is_the_first(small: None) -> None:
    one = models.Epoch()
    for _ in range(2):
        one.setup("gan", "cpu")
        assert next(one.epochs).index == 1


def test_the_estimators_benchmarks_work(small: None) -> None:
    suite = estimator.LogLikelihood
    for call in calls(suite, "time_") + calls(suite, "peakmem_"):
        called(suite, call, "cpu")
    assert called(suite, "track_mean", "cpu") == called(suite, "track_mean", "cpu")
    assert called(suite, "track_largest_error", "cpu") < 0.01


@pytest.mark.parametrize("name", metrics.TIMED)
def test_the_metrics_benchmarks_work(name: str, small: None) -> None:
    for call in calls(metrics.Metrics, "time_"):
        called(metrics.Metrics, call, name, "cpu")


def test_the_four_metrics_of_balls_count_anew_in_each_measurement(monkeypatch, small: None) -> None:
    counted, count = [], metrics.prdc._counted
    monkeypatch.setattr(metrics.prdc, "_counted", lambda *a: counted.append(a) or count(*a))
    for _ in range(2):
        called(metrics.Metrics, "time_score", "prdc", "cpu")
    assert len(counted) == 2


def test_the_table_is_of_10_000_results() -> None:
    found = tables.results()
    assert len(found) == 10_000
    assert len({(r.model, r.dataset, r.fold, r.seed) for r in found}) == 10_000


def test_the_tables_benchmarks_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SEEDS", 2)
    for call in calls(tables.Table, "time_") + calls(tables.Table, "peakmem_"):
        called(tables.Table, call)
    text = tables.markdown(tables.results())
    assert all(f"model_{i}" in text.replace("\\", "") for i in range(20))


def test_the_commands_that_are_timed_succeed() -> None:
    start_up.time_help()
    start_up.time_list_models()
    for statement in (start_up.timeraw_import_genbench(), start_up.timeraw_import_estimator()):
        exec(statement, {})


def test_asv_finds_every_suite() -> None:
    discovery = pytest.importorskip("asv_runner.discovery")
    found = {one.name for one in discovery.disc_benchmarks(str(ROOT / "benchmarks" / "suites"))}
    kinds = {name.rpartition(".")[2].partition("_")[0] for name in found}
    assert {name.partition(".")[0] for name in found} == {
        "estimator",
        "metrics",
        "models",
        "start_up",
        "tables",
    }
    assert kinds == {"time", "timeraw", "peakmem", "track"}


# --- configuration ---


def configuration() -> dict:
    text = (ROOT / "benchmarks" / "asv.conf.json").read_text()
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def names_of(lines: list[str]) -> set[str]:
    return {re.split(r"[<>=\[]", line)[0].lower() for line in lines}


def test_asv_installs_what_constraints_pin_and_no_dependency_for_a_commit() -> None:
    conf = configuration()
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if "==" in line)
    asked = conf["matrix"]["req"]
    assert asked == {name: [pins[name]] for name in asked}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert names_of(project["project"]["dependencies"]) <= asked.keys()
    assert names_of(project["build-system"]["requires"]) <= asked.keys()
    assert all("--no-deps" in line for line in conf["install_command"])


def test_names_of_kernels_are_unique() -> None:
    files = sorted((ROOT / "benchmarks" / "kernels").glob("test_*.py"))
    names = [
        name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    ]
    assert len(names) == len(set(names)) > 0


def test_every_kernel_still_runs() -> None:
    kernels = str(ROOT / "benchmarks" / "kernels")
    options = ["-o", "addopts=", "--benchmark-disable", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, kernels], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_each_set_of_parameters_has_a_name_of_its_own() -> None:
    for suite in (models.Epoch, models.Sample, estimator.LogLikelihood, metrics.Metrics):
        found = list(product(*suite.params))
        assert len(found) == len(set(found))
        assert len(suite.params) == len(suite.param_names)
