"""What Python's door gives is what the command gives."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import warm
from stores import answers_of

import genbench
from genbench.datasets.mnist import MNIST
from genbench.errors import UsageError

AT = "--results-dir"
Made = tuple[Path, list[genbench.Result]]
SCRIPT = """
import genbench

runs = genbench.plan(["gaussian", "replay"], "ring", "parzen", samples=50)
results = genbench.run(runs, "kept", executor="spawned", workers=2)
print([result.status for result in results])
"""


@pytest.fixture(scope="module")
def runs() -> list[genbench.Run]:
    return genbench.plan(["gaussian", "replay"], "ring", samples=50)


@pytest.fixture(scope="module")
def made(runs: list[genbench.Run], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """These runs, done by the usual executor: the folder, and what was returned."""
    folder = tmp_path_factory.mktemp("made")
    return folder, genbench.run(runs, folder)


def test_importing_the_package_loads_no_torch() -> None:
    said = "import sys, genbench; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_plan_is_that_of_the_command(
    runs: list[genbench.Run], made: Made, tmp_path: Path
) -> None:
    asked = f"run -m gaussian,replay -d ring --samples 50 --no-references -q --json {AT} {tmp_path}"
    done = warm.run("-m", "genbench.cli", *asked.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["key"]: row["value"] for row in json.loads(done.stdout)}
    assert rows.keys() == {run.score_key for run in runs}
    assert rows == {result.key: result.value for result in made[1]}


def test_settings_are_those_of_set() -> None:
    [run] = genbench.plan("gaussian", "ring", "parzen", settings={"parzen": {"sigma": 0.2}})
    assert run.settings["sigma"] == 0.2


def test_a_typo_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'gaussian'"):
        genbench.plan("gausian", "ring")


def test_a_file_in_place_of_a_folder_is_told_as_that(
    runs: list[genbench.Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "mine"
    place.touch()
    needs = f"needs a folder, and '{place}' is a file"
    with pytest.raises(UsageError, match=f"data_dir {needs}"):
        genbench.plan("gaussian", "ring", data_dir=place)
    with pytest.raises(UsageError, match=f"results_dir {needs}"):
        genbench.run(runs, place)
    with pytest.raises(UsageError, match=f"beside {needs}"):
        genbench.run(runs, tmp_path, beside=[place])
    with pytest.raises(UsageError, match=f"results_dir {needs}"):
        genbench.load_results(place)
    with pytest.raises(UsageError, match=f"data_dir {needs}"):
        MNIST(place).split(0)
    monkeypatch.setenv("GENBENCH_DATA", str(place))
    with pytest.raises(UsageError, match=f"GENBENCH_DATA {needs}"):
        genbench.plan("gaussian", "ring")


def test_results_come_in_the_order_of_the_runs(runs: list[genbench.Run], tmp_path: Path) -> None:
    turned = runs[::-1]
    found = [result.model for result in genbench.run(turned, tmp_path)]
    assert found == ["replay"] * 5 + ["gaussian"] * 5


def test_every_executor_gives_the_same_bytes(
    runs: list[genbench.Run], made: Made, tmp_path: Path
) -> None:
    genbench.run(runs, tmp_path / "spawned", executor="spawned", workers=2)
    with ThreadPoolExecutor(1) as own:
        genbench.run(runs, tmp_path / "own", executor=own)
        assert own.submit(int).result() == 0  # it was left open
    serial = answers_of(made[0])
    assert serial == answers_of(tmp_path / "spawned") == answers_of(tmp_path / "own")


def test_what_is_done_is_not_done_again(runs: list[genbench.Run], made: Made) -> None:
    folder, first = made
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}
    assert genbench.run(runs, folder) == first
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


@pytest.mark.usefixtures("strangers")
def test_a_failed_run_is_a_result_and_the_others_are_done(tmp_path: Path) -> None:
    runs = genbench.plan(["raises", "drift"], "tiny", samples=20)
    found = {result.model: result for result in genbench.run(runs, tmp_path)}
    assert found["raises"].status == "failed"
    assert found["raises"].error
    assert found["drift"].status == "done"


def test_what_was_run_is_loaded_again(made: Made) -> None:
    folder, results = made
    assert {r.key: r for r in genbench.load_results(folder)} == {r.key: r for r in results}


def script(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text)
    command = [sys.executable, "script.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_script_without_a_main_guard_gets_one_clear_sentence(tmp_path: Path) -> None:
    done = script(tmp_path, SCRIPT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "genbench.errors.UsageError: the script starts its work whenever it is imported"
    )
    assert 'if __name__ == "__main__":' in done.stderr
    assert done.stderr.count("Traceback") == 1
    assert not list((tmp_path / "kept").rglob("failed.json"))


def test_a_script_with_a_main_guard_runs_in_processes_of_its_own(tmp_path: Path) -> None:
    head, _, body = SCRIPT.partition("\n\n")
    guarded = "".join(f"    {line}\n" for line in body.splitlines())
    done = script(tmp_path, f'{head}\n\nif __name__ == "__main__":\n{guarded}')
    assert (done.stdout, done.returncode) == ("['done', 'done']\n", 0), done.stderr
