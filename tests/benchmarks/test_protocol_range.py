"""One small GAN, scored in several ways from its weights."""

import json
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import protocols

import genbench
from genbench.datasets._files import default_data_dir


@pytest.mark.data
def test_samples_widths_pixels_and_epochs_move_what_weights_score(tmp_path, capsys):
    where = {"data_dir": default_data_dir()}
    runs = genbench.plan("gan", "mnist5k", "parzen", preset="smoke", samples=200, **where)
    [result] = genbench.run(runs, tmp_path / "runs", **where)
    [weights] = (tmp_path / "runs").rglob("weights.safetensors")
    given = ["--dataset", "mnist5k", "--preset", "smoke", "--counts", "200", "400"]
    given += ["--weights", str(weights), "--epochs", str(weights.parent)]
    protocols.main([*given, "--out", str(tmp_path / "out")])
    record = json.loads((tmp_path / "out" / "protocols.json").read_text())
    few, more = (record["by samples"][m] for m in ("200", "400"))
    assert list(few) == list(more) == list(protocols.WAYS)
    assert few["grid"][0] == pytest.approx(result.value, abs=2)  # other samples of the same weights
    for ways in (few, more):
        values = {way: value for way, (value, _) in ways.items()}
        assert values["refined on test"] >= max(values["grid"], values["refined"])
        gain = values["refined on test, k/256"] - values["refined on test"]
        assert gain == pytest.approx(784 * math.log(256 / 255))
    assert more["refined on test"][0] > few["refined on test"][0]
    [epoch] = record["by epochs"]
    assert (epoch["weights"], epoch["sigma"]) == ("weights", pytest.approx(few["grid"][1]))
    assert capsys.readouterr().out[:-1] == (tmp_path / "out" / "protocols.md").read_text()
