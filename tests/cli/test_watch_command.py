"""`genbench watch` and `run --grids`: what is seen of trainings; looking changes none of them."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest
from PIL import Image
from stores import answers_of

ASKED = ("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "20")


def test_a_grid_is_kept_every_so_many_epochs(genbench, tmp_path: Path) -> None:
    done = genbench(*ASKED, "--epochs", "5", "--grids", "2")
    assert done.returncode == 0, done.stderr
    found = sorted(path.name for path in tmp_path.rglob("*.png"))
    assert len(found) == 2  # of epochs 2 and 4
    with Image.open(next(tmp_path.rglob("*.png"))) as image:
        assert image.size == (32, 32)  # eight by eight pictures of 4 x 4


@pytest.mark.parametrize("model", ["drift", "walk"])
def test_looking_changes_no_byte_of_an_answer(model: str, genbench, tmp_path: Path) -> None:
    asked = [model if word == "drift" else word for word in ASKED]
    genbench(*asked, "--results-dir", "plain")
    genbench(*asked, "--results-dir", "looked", "--grids", "1")
    plain, looked = answers_of(tmp_path / "plain"), answers_of(tmp_path / "looked")
    assert plain
    assert plain == looked


def test_a_dataset_without_pictures_has_no_grids(genbench, tmp_path: Path) -> None:
    done = genbench(
        *("run", "-m", "gan", "-d", "ring", "--preset", "smoke", "--no-references"),
        *("--samples", "50", "--grids", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert not [*tmp_path.rglob("*.png")]


def test_once_shows_epoch_losses_and_grid_of_each_training(genbench) -> None:
    genbench(*ASKED, "--epochs", "3", "--grids", "3")
    shown = genbench("watch", "--once").stdout
    assert "drift on tiny" in shown
    assert "3/3" in shown
    assert "done" in shown
    assert ".png" in shown.replace("\n", "")


def test_a_training_that_raised_an_error_is_called_failed_and_not_stopped(genbench) -> None:
    asked = [word.replace("drift", "raises,diverges") for word in ASKED]
    assert genbench(*asked).returncode == 1
    lines = genbench("watch", "--once").stdout.splitlines()
    assert [line.split()[0] for line in lines if "failed" in line] == ["diverges", "raises"]
    assert not [line for line in lines if "stopped" in line]


def test_watch_ends_where_nothing_is_at_work(genbench) -> None:
    genbench(*ASKED)
    done = genbench("watch")
    assert done.returncode == 0, done.stderr
    assert "drift on tiny" in done.stdout


def test_losses_come_as_csv_one_line_each(genbench) -> None:
    genbench(*ASKED, "--epochs", "3", "--seeds", "0,1")
    rows = [*csv.DictReader(io.StringIO(genbench("watch", "--csv").stdout))]
    assert {row["model"] for row in rows} == {"drift"}
    names = {row["name"] for row in rows}
    assert len(rows) == 2 * 3 * len(names)
    assert all(float(row["value"]) == float(row["value"]) for row in rows)


def test_without_a_training_it_says_where_it_looked(genbench) -> None:
    done = genbench("watch", "--once")
    assert done.returncode == 2
    assert "no training has logged anything in results/runs" in done.stderr


def test_without_tensorboard_it_says_what_would_do(genbench, monkeypatch) -> None:
    genbench(*ASKED)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = genbench("watch", "--tensorboard", "logs")
    assert done.returncode == 2
    assert "pip install tensorboard" in done.stderr


def test_tensorboard_is_given_every_loss_and_grid(genbench, monkeypatch, tmp_path: Path) -> None:
    written: list[tuple] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            written.append(("folder", folder))

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None: ...

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append(("scalar", name, step))

        def add_image(self, name: str, pixels, step: int, dataformats: str) -> None:
            written.append(("image", pixels.shape, step))

    board = type(sys)("torch.utils.tensorboard")
    board.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    genbench(*ASKED, "--epochs", "2", "--grids", "1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert genbench("watch", "--tensorboard", "~/logs").returncode == 0
    assert {one[1].partition("/logs/")[0] for one in written if one[0] == "folder"} == {
        str(tmp_path / "home")
    }
    assert [one for one in written if one[0] == "image"] == [
        ("image", (32, 32, 3), 1),
        ("image", (32, 32, 3), 2),
    ]
    assert {one[2] for one in written if one[0] == "scalar"} == {1, 2}
