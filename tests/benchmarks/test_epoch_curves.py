"""The page and the figure of a long training say what its log says."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import epoch_curves

from genbench.errors import UsageError


def log(folder: Path, *events: dict) -> Path:
    folder.mkdir()
    (folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    return folder


def look(epoch: int, score: float) -> dict:
    return {"epoch": epoch, "score": score, "beside": {"sigma refined": score + 1}}


def test_trainings_done_and_not_done_stand_beside_each_other(tmp_path, capsys):
    begun, ended = {"stage": "fit", "done": 0}, {"stage": "ended", "by": "patience"}
    looks = [look(10, 100.25), {"epoch": 11}, look(20, 120.5), look(30, 110.125)]
    done = log(tmp_path / "seed-0-0a", begun, *looks, ended)
    going = log(tmp_path / "seed-1-1b", begun, look(10, 1), look(20, 2), begun, look(10, 105.75))
    epoch_curves.main([str(done), str(going), "--every", "10", "--out", str(tmp_path)])
    page = (tmp_path / "long.md").read_text()
    assert page + "\n" == capsys.readouterr().out
    assert "| 10 | 100.2 | 101.2 | 105.8 | 106.8 |" in page
    assert "| 20 | 120.5 | 121.5 |  |  |" in page  # what came before it began anew counts no more
    assert "- seed 0: ended by its rule, epoch 30; best 120.5 at 20." in page
    assert "- seed 1: not done yet, epoch 10; best 105.8 at 10." in page
    assert (tmp_path / "long.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_names_the_published_value_and_its_rows(tmp_path):
    one = epoch_curves.training(log(tmp_path / "seed-0-0a", look(10, 1.0), look(20, 2.0)))
    figure = epoch_curves.drawn([one], "gan", "mnist", "parzen")
    [ax] = figure.figure.axes
    assert "published, 225 ± 2" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert "test rows: Goodfellow et al. 2014, Table 1" in figure.caption


def test_a_training_without_scores_of_epochs_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no epoch of .* was scored"):
        epoch_curves.training(log(tmp_path / "seed-0-0a", {"epoch": 1}))
