"""One small model, trained once, drawn in two ways."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import chains

from genbench.datasets._files import default_data_dir
from genbench.records import files

SAMPLING = {"chains": 100, "start": "noise", "burn_in": 0, "thinning": 1}
NUMBERS = {"value": 1.0, "error": 0.1, "published": 121.0, "published error": 1.6}
SEEN = dict.fromkeys(("worth", "nearest", "changes", "black"), 0.5)
KEPT = {"way": {}, "sampling": SAMPLING, **NUMBERS, **SEEN}  # of one way, as it was measured before


@pytest.mark.data
def test_each_way_is_drawn_from_one_training_and_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(chains, "WAYS", {"dbn": [chains.Way(), chains.Way(1, "data", 0, 1)]})
    monkeypatch.setattr(chains, "SAMPLES", 200)
    asked = ["--dataset", "mnist5k", "--preset", "smoke", "--models", "dbn"]
    folders = ["--results-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["chains.py", *asked, *folders])
    earlier = {
        "stacked_cae": {"ways": [KEPT], "machine": {"cpu": "a CPU", "packages": {"torch": "2"}}}
    }
    files.write_json(tmp_path / "out" / "chains.json", {"dataset": "mnist5k", "models": earlier})
    chains.main()
    record = json.loads((tmp_path / "out" / "chains.json").read_text())
    recipe, one = record["models"]["dbn"]["ways"]
    assert (recipe["sampling"]["chains"], one["sampling"]["chains"]) == (100, 1)
    assert (one["sampling"]["start"], one["sampling"]["thinning"]) == ("data", 1)
    assert len(one["of each set"]) == 3
    assert len(list((tmp_path / "runs").rglob("weights.safetensors"))) == 1
    page = (tmp_path / "out" / "chains.md").read_text()
    assert page == capsys.readouterr().out[:-1]
    assert record["models"]["stacked_cae"] == earlier["stacked_cae"], "not asked for: kept"
    assert "## `stacked_cae`: 121 ± 1.6 published" in page
    assert "On a CPU, torch 2." in page
    assert f"| 1 | data | 0, then every 1 |  | {one['value']:.1f} ± {one['error']:.1f} |" in page


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (141.0, 1.0, "meets it"),
        (142.6, 1.0, "+4.6"),
        (133.4, 0.5, "-4.6"),
        (134.0, 0.5, "meets it"),
    ],
)
def test_a_value_meets_the_published_one_within_two_errors(value, error, said):
    published = {"published": 138.0, "published error": 2.0}
    assert chains.verdict({"value": value, "error": error, **published}) == said
    assert chains.verdict({"value": value, "error": error, "published": None}) == ""


@pytest.mark.data
def test_every_way_can_be_planned():
    for model, ways in chains.WAYS.items():
        for way in ways:
            asked = {"settings": {model: way.settings}, "data_dir": default_data_dir()}
            assert chains.genbench.plan(model, "mnist5k", "parzen", preset="smoke", **asked)
