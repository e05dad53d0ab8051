"""Nothing is torn, nothing altered goes unnoticed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genbench.errors import AlteredError, StoreError
from genbench.records import files

WRITER = """
import json, sys
from pathlib import Path
from genbench.records import files
path, how = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
record = {"filler": ["x" * 100] * 20000}
text = json.dumps(record)
while True:
    if how == "atomic":
        files.write_json(path, record)
    else:
        path.write_text(text)
"""


def killed_while_writing(path: Path, how: str, after: float) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), how], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(after)
    writer.send_signal(signal.SIGKILL)
    writer.wait()


def is_torn(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return True
    return False


def test_a_kill_while_writing_tears_no_file_and_would_tear_a_plain_one(tmp_path: Path) -> None:
    moments = random.Random(0)

    def torn(how: str, turn: int) -> bool:
        path = tmp_path / f"{how}-{turn}.json"
        killed_while_writing(path, how, 0.2 + 0.2 * moments.random())
        return path.exists() and is_torn(path)

    assert not any(torn("atomic", turn) for turn in range(6))
    # the negative control: the test can see a torn file
    assert any(torn("in place", turn) for turn in range(60))


def test_what_a_kill_left_behind_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".abc.tmp").write_bytes(b"half")
    files.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from genbench.records import files
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
files.write_bytes(Path(sys.argv[1]), b"half")
"""


def test_whoever_writes_next_removes_what_a_killed_writer_left_and_nothing_else(
    tmp_path: Path,
) -> None:
    path, foreign = tmp_path / "report.html", tmp_path / ".mine.tmp"
    foreign.write_bytes(b"somebody else's")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = {*tmp_path.iterdir()} - {foreign}
    of_the_living = tmp_path / left.name.replace(left.name.split("-")[2], str(os.getpid()))
    of_the_living.write_bytes(b"half")
    files.write_bytes(path, b"whole")
    assert {*tmp_path.iterdir()} == {path, foreign, of_the_living}


FULL = """
import resource, sys
from pathlib import Path
from genbench.records import files
from genbench.errors import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files.write_bytes(Path(sys.argv[1]), b"new" * 1000)
except StoreError as error:
    print(error)
"""


def test_a_full_disk_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_is_tried_before_anything_is_written_there(tmp_path: Path) -> None:
    files.check_writable(tmp_path / "a" / "b")
    files.check_writable(tmp_path)
    (tmp_path / "file").touch()
    files.check_writable(tmp_path / "file")  # it would be replaced
    with pytest.raises(StoreError, match=r"cannot write .*: Not a directory"):
        files.check_writable(tmp_path / "file" / "b")
    assert [*tmp_path.iterdir()] == [tmp_path / "file"]


def test_what_may_not_be_removed_is_named(tmp_path: Path) -> None:
    files.remove(tmp_path / "not there")
    with pytest.raises(StoreError, match=f"cannot remove {tmp_path}: "):
        files.remove(tmp_path)  # a folder


def test_an_edited_digit_in_a_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    files.write_json(path, {"value": 241.19})
    assert files.read_json(path) == {"value": 241.19}
    path.write_text(path.read_text().replace("241.19", "251.19"))
    with pytest.raises(StoreError, match=r"result\.json is damaged or was edited"):
        files.read_json(path)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "random"])
@pytest.mark.parametrize("kind", ["json", "safetensors", "npz"])
def test_a_damaged_file_of_any_kind_is_named(tmp_path: Path, kind: str, damage: str) -> None:
    path = tmp_path / f"file.{kind}"
    rows = np.arange(5000, dtype=np.float32).reshape(50, 100)
    write = {
        "json": lambda: files.write_json(path, {"rows": rows.tolist()}),
        "safetensors": lambda: files.write_tensors(path, {"rows": rows}, {"epoch": 3}),
        "npz": lambda: files.write_arrays(path, {"rows": rows}, {"epoch": 3}),
    }
    read = {"json": files.read_json, "safetensors": files.read_tensors, "npz": files.read_arrays}
    write[kind]()
    read[kind](path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    damaged = {
        "truncated": bytes(content[:middle]),
        "flipped": bytes(content),
        "empty": b"",
        "random": random.Random(0).randbytes(len(content)),
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(StoreError, match="damaged or was edited"):
        read[kind](path)


@pytest.mark.parametrize("read", [files.read_tensors, files.read_arrays])
def test_a_file_that_is_gone_is_not_called_damaged(tmp_path: Path, read) -> None:
    with pytest.raises(AlteredError, match="gone is not there any more: run the same command"):
        read(tmp_path / "gone")


def test_swapped_files_do_not_pass_for_each_other(tmp_path: Path) -> None:
    files.write_tensors(tmp_path / "a", {"w": np.zeros(3)}, "a")
    files.write_arrays(tmp_path / "b", {"w": np.zeros(3)})
    with pytest.raises(StoreError):
        files.read_arrays(tmp_path / "a")
    with pytest.raises(StoreError):
        files.read_tensors(tmp_path / "b")


def test_arrays_come_back_as_they_were_and_equal_ones_give_equal_bytes(tmp_path: Path) -> None:
    arrays = {
        "scalar": np.asarray(3),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "flags": np.asarray([True, False]),
    }
    files.write_tensors(tmp_path / "one", arrays, {"best": [3, 0.5]})
    files.write_tensors(tmp_path / "two", arrays, {"best": [3, 0.5]})
    back, note = files.read_tensors(tmp_path / "one")
    assert note == {"best": [3, 0.5]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    files.write_arrays(tmp_path / "three", arrays)
    files.write_arrays(tmp_path / "four", arrays)
    assert (tmp_path / "three").read_bytes() == (tmp_path / "four").read_bytes()


def test_a_torn_last_line_of_a_log_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    files.append_line(path, {"epoch": 1}, "key")
    files.append_line(path, {"epoch": 2}, "key")
    with path.open("ab") as file:
        file.write(b'{"epoch": 3, "los')
    assert files.read_lines(path, "key") == [{"epoch": 1}, {"epoch": 2}]
    files.append_line(path, {"epoch": 4}, "key")
    assert files.read_lines(path, "key") == [{"epoch": 1}, {"epoch": 2}, {"epoch": 4}]


def test_not_a_number_is_refused_in_a_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "x", {"value": float("nan")})
    assert not list(tmp_path.iterdir())
