"""`genbench features`: list, check, train."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from genbench.datasets._files import default_data_dir
from genbench.features import digits
from genbench.features.digits import Digits

FOLDER = default_data_dir()  # before a fixture takes the variable away


@pytest.fixture
def folder():
    if not (FOLDER / "mnist").is_dir():
        pytest.skip("GENBENCH_DATA names no folder that holds mnist/")
    return FOLDER


def test_list_names_all_features_and_what_they_are(genbench, tmp_path):
    ended = genbench("features", "list", "--data-dir", str(tmp_path), "--json")
    rows = {row["name"]: row for row in json.loads(ended.stdout)}
    assert {"pixels", "pca64", "digits", "faces"} <= rows.keys()
    assert rows["digits"]["digest"] == Digits.known["weights"]
    assert rows["digits"]["width"] == "64"
    assert "test accuracy .98" in rows["digits"]["quality"]
    assert "genbench features train faces" in rows["faces"]["quality"]


def test_help_loads_no_torch():
    code = "import sys; sys.argv = ['genbench', 'features', 'list', '--help']\n"
    code += "from genbench import cli\ntry: cli.main()\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_check_finds_the_digests_that_were_known(genbench, tmp_path):
    ended = genbench("features", "check", "--data-dir", str(tmp_path))
    assert ended.returncode == 0
    assert "DIFFERS" not in ended.stdout
    assert Digits.known["weights"] in ended.stdout
    assert Digits.known["fixed rows"] in ended.stdout


@pytest.mark.parametrize("what", ["weights", "fixed rows"])
def test_check_ends_with_3_where_a_digest_differs(genbench, tmp_path, monkeypatch, what):
    monkeypatch.setitem(digits.Digits.known, what, "0" * 64)
    ended = genbench("features", "check", "digits", "--data-dir", str(tmp_path))
    assert ended.returncode == 3
    assert f"digits ({what})" in ended.stderr
    assert "DIFFERS" in ended.stdout


@pytest.mark.data
def test_check_reads_the_test_rows_where_they_are(genbench, folder):
    ended = genbench("features", "check", "digits", "--data-dir", str(folder))
    assert ended.returncode == 0
    assert Digits.known["test rows"] in ended.stdout


def test_check_of_features_that_are_not_here_gives_the_reason(genbench, tmp_path):
    ended = genbench("features", "check", "faces", "--data-dir", str(tmp_path))
    assert ended.returncode == 2
    assert "has no weights in" in ended.stderr


def test_check_of_features_without_weights_says_that_there_is_nothing(genbench):
    ended = genbench("features", "check", "pixels")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "nothing to check" in ended.stderr


def test_pixels_have_nothing_to_train(genbench):
    ended = genbench("features", "train", "pixels")
    assert ended.returncode == 2
    assert "have nothing to train" in ended.stderr


def test_an_unknown_name_is_answered_with_the_nearest(genbench):
    ended = genbench("features", "check", "digit")
    assert ended.returncode == 2
    assert "did you mean 'digits'" in ended.stderr
