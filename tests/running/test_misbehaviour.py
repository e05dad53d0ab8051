"""Whatever a stranger's model raises, prints or leaves behind belongs to its own cell."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

FAILING = {
    "exits": "SystemExit: 0",
    "interrupts": "KeyboardInterrupt: ",
    "raises_its_own": "Nobody: knows me",
    "unsayable": r"ValueError: \ud800 \x1b[31m",
    "says_nothing": "Speechless: its text cannot be shown, str() raises SystemExit",
    "dies_and_leaves_things": "ModelError: the worker process died (killed, out of memory, or "
    "a crash in native code); the same command goes on from the last finished epoch",
}
ONLY_LEAVING = ("leaves_things", "prints")
SOUND = ("drift", "walk")


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which misbehaving models note their processes."""
    folder = tmp_path / "noted"
    folder.mkdir()
    monkeypatch.setenv("NOTED", str(folder))
    return folder


def survivors(noted: Path) -> list[str]:
    """The noted processes that still run."""
    found = []
    for path in noted.iterdir():
        pid = int(path.name.rpartition("-")[2])
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            found.append(path.name)
    return found


def options(*models: str) -> tuple[str, ...]:
    plan = ("-d", "tiny", "--preset", "smoke", "--samples", "30", "--no-references")
    return ("run", "-m", ",".join(models), *plan, "--threads", "1", "--workers", "3")


def log_of(model: str, tmp_path: Path) -> str:
    (path,) = (tmp_path / "results" / "runs" / "tiny" / model).glob("*/output.log")
    return path.read_text()


def test_every_misbehaving_model_is_one_row_beside_sound_ones(
    command, noted: Path, tmp_path: Path
) -> None:
    process = command(*options(*FAILING, *ONLY_LEAVING, *SOUND), "--json", "-v")
    printed, said = process.communicate(timeout=400)
    assert process.returncode == 1, said
    rows = json.loads(printed)
    done = Counter(row["model"] for row in rows if row["status"] == "done")
    assert done == dict.fromkeys([*ONLY_LEAVING, *SOUND], 2), said  # two folds
    errors = {row["model"]: row["error"] for row in rows if row["status"] == "failed"}
    assert errors == FAILING
    assert survivors(noted) == []
    assert {path.name.rpartition("-")[0] for path in noted.iterdir()} >= {"forked", "started"}
    assert "Traceback" not in said
    left = next(line for line in said.splitlines() if "thread endless" in line)
    assert "left behind, and ended: process " in left
    assert "process sleep" in left
    assert not list(Path("/").glob("results"))  # the models went there


def test_models_that_only_print_and_leave_things_behind_end_a_command_in_0(
    command, noted: Path, tmp_path: Path
) -> None:
    process = command(*options("prints", "leaves_things"), "--json")
    printed, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert {row["status"] for row in json.loads(printed)} == {"done"}
    assert survivors(noted) == []
    lines = log_of("prints", tmp_path).splitlines()
    told = ["printed while it was imported", "printed", "printed as an error", "written", "echoed"]
    assert sorted(lines) == sorted(told)


def test_a_model_that_exits_is_a_failed_row_of_the_table(command, noted: Path) -> None:
    process = command(*options("exits", "drift"), "-q")
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 1
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    (exits,), (drift,) = ([row for row in rows if f"| {m} " in row] for m in ("exits", "drift"))
    assert "failed" in exits
    assert "±" in drift


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_nothing_of_a_group_survives_the_end_of_the_command(
    sent: signal.Signals, code: int, command, noted: Path
) -> None:
    process = command(*options("lasts"))
    wait_until(lambda: len(list(noted.iterdir())) == 3)
    process.send_signal(sent)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    wait_until(lambda: survivors(noted) == [])  # the system takes a moment


def wait_until(holds) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.usefixtures("strangers")
def test_what_a_module_prints_and_where_it_goes_while_imported_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from genbench.plugins import registry

    monkeypatch.delitem(sys.modules, "stranger.misbehaving", raising=False)
    before = os.getcwd()
    registry.load("model", "prints")
    assert os.getcwd() == before
    out, err = capsys.readouterr()
    assert (out, err) == ("", "printed while it was imported\n")


def test_a_module_that_exits_while_it_is_imported_is_one_mistake(genbench) -> None:
    done = genbench("run", "-m", "exits_at_import", "-d", "tiny")
    assert done.returncode == 2
    assert "cannot be imported from stranger.exits_at_import:Model: SystemExit: 0" in done.stderr


def test_what_a_module_prints_as_the_command_ends_is_not_ours() -> None:
    code = "import atexit; from genbench import cli; "
    code += "cli.app = lambda: (print([]), atexit.register(print, 'bye')); cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "bye\n")
