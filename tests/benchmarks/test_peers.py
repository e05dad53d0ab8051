"""The benchmarks: every contender computes the same number; seconds and memory are only told."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from genbench.errors import AlteredError
from genbench.records import files

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import peers
import scaling
from contenders import CONTENDERS, Contender, truth
from peers import Case, Measured

SIGMA = 0.2
ESTIMATORS = [name for name, one in CONTENDERS.items() if one.estimates]


def images(n: int, seed: int, d: int = 784) -> torch.Tensor:
    """Rows in [0, 1] that lie near one of 20 prototypes, so that sums of few terms matter."""
    draw = torch.Generator().manual_seed(seed)
    prototypes = torch.rand(20, d, generator=torch.Generator().manual_seed(0))
    near = prototypes[torch.randint(20, (n,), generator=draw)]
    return (near + 0.1 * torch.randn(n, d, generator=draw)).clamp(0, 1)


def case(n: int = 12, m: int = 50) -> Case:
    return Case("tiny, replay", images(m, 1), images(20, 2), images(n, 3), SIGMA, everyone=True)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_contender_agrees_with_float64_within_its_stated_error(name: str) -> None:
    contender, tiny = CONTENDERS[name], case()
    for module in contender.needs:
        pytest.importorskip(module)
    if contender.error is None:
        pytest.skip("nothing is promised of it")
    ll = contender.score(tiny.samples, tiny.x, SIGMA).double()
    exact = truth(tiny.samples, tiny.x, SIGMA)
    assert (ll - exact).abs().max() <= contender.error


@pytest.mark.parametrize("name", [name for name, one in CONTENDERS.items() if one.chunks])
@pytest.mark.parametrize("chunk", [1, 5, 12])
def test_a_chunk_that_leaves_a_rest_changes_nothing(name: str, chunk: int) -> None:
    contender, tiny = CONTENDERS[name], case()
    for module in contender.needs:
        pytest.importorskip(module)
    ll = contender.score(tiny.samples, tiny.x, SIGMA, chunk=chunk).double()
    assert ll.shape == (12,)
    assert (ll - truth(tiny.samples, tiny.x, SIGMA)).abs().max() <= contender.error


def test_the_truth_is_the_mixture_of_torch_distributions() -> None:
    tiny = case()
    windows = Independent(Normal(tiny.samples.double(), SIGMA), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(50, dtype=torch.float64)), windows)
    exact = mixture.log_prob(tiny.x.double())
    torch.testing.assert_close(truth(tiny.samples, tiny.x, SIGMA), exact, rtol=1e-12, atol=1e-9)


def test_the_protocol_scores_the_rows_at_the_sigma_that_validation_chooses() -> None:
    tiny = case()
    sigma = peers.select_sigma(tiny.samples, tiny.valid, peers.GRID)
    exact = truth(tiny.samples, tiny.x, sigma)
    assert (peers.protocol(tiny) - exact).abs().max() <= CONTENDERS["genbench"].error


def test_ratios_are_those_of_medians() -> None:
    seconds = {"genbench": [1.0, 2.0, 90.0], "jax": [4.0, 5.0, 6.0]}
    assert peers.ratios(seconds) == {"genbench": 1.0, "jax": 2.5}
    assert peers.ratios({"jax": [1.0]}) == {}


def test_a_missing_package_is_told_and_left_out(monkeypatch) -> None:
    there = CONTENDERS["genbench"]
    absent = dataclasses.replace(there, needs=("no_such_package",))
    monkeypatch.setattr(peers, "CONTENDERS", {"genbench": there, "absent": absent})
    left_out: list[str] = []
    found = peers.jobs(case(), ["genbench", "absent"], left_out)
    assert list(found) == ["genbench"]
    assert left_out == ["tiny, replay: absent, no_such_package not installed"]


def test_a_contender_that_fails_on_a_few_rows_is_left_out(monkeypatch) -> None:
    def fail(samples, x, sigma):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(peers, "CONTENDERS", {"broken": Contender(fail, "fails", error=None)})
    left_out: list[str] = []
    assert peers.jobs(case(), ["broken"], left_out) == {}
    assert left_out == ["tiny, replay: broken, RuntimeError on its first call"]


def test_contenders_take_turns_and_a_slow_one_has_one_call(monkeypatch) -> None:
    turns: list[str] = []

    class Scripted(Measured):
        def call(self) -> float:
            self.job()
            return 30.0 if self.chunk == 1 else 1.0

    def one(name: str, slow: bool) -> Measured:
        return Scripted(lambda: turns.append(name) or torch.zeros(1), chunk=int(slow))

    measured = {"a": one("a", False), "slow": one("slow", True), "b": one("b", False)}
    peers.alternate(measured, 3, lambda name, seconds: None)
    assert turns == ["a", "slow", "b", *["a", "b"] * 3]
    assert {name: len(one.seconds) for name, one in measured.items()} == {"a": 3, "slow": 1, "b": 3}


def test_a_bar_passes_fails_or_says_that_a_side_is_missing() -> None:
    def measured(d: int, **seconds: float) -> dict:
        rows = [{"contender": name, "median_seconds": took} for name, took in seconds.items()]
        return {"case": "some", "d": d, "contenders": rows}

    found = peers.bars([measured(784, genbench=1.0, jax=3.0, torch_product=1.5)])
    assert [bar["passed"] for bar in found] == [True, False, None, None]
    found = peers.bars([measured(2304, genbench=1.0, torch_product=3.0)])
    assert [bar["passed"] for bar in found] == [True]


@pytest.fixture
def report(tmp_path: Path, monkeypatch) -> dict:
    """One real case of three contenders, measured with --quick settings."""
    options = peers.parsed(["--repeats", "2", "--only", "genbench,torch_gram,torch_product"])
    left_out = ["tiny: keops, pykeops not installed"]
    measured = [peers.measure(case(), options, left_out)]
    return {
        "command": peers.command(options),
        "threads": 1,
        "machine": {"cpu": "a processor", "python": "3.11"},
        "peers": peers.versions(),
        "cases": measured,
        "bars": peers.bars(measured),
        "left_out": left_out,
    }


def test_both_files_are_written_and_the_data_carry_a_checksum(report: dict, tmp_path: Path) -> None:
    peers.write(report, tmp_path / "out")
    assert files.read_json(tmp_path / "out" / "peers.json") == report
    text = (tmp_path / "out" / "peers.md").read_text()
    for said in ("| genbench", "| torch_product", "d = 784", "a processor"):
        assert said in text
    assert "keops, pykeops not installed" in text
    damaged = (tmp_path / "out" / "peers.json").read_text().replace("a processor", "another")
    (tmp_path / "out" / "peers.json").write_text(damaged)
    with pytest.raises(AlteredError):
        files.read_json(tmp_path / "out" / "peers.json")


def test_a_floor_has_seconds_but_no_error(report: dict) -> None:
    rows = {row["contender"]: row for row in report["cases"][0]["contenders"]}
    floor, ours = rows["torch_product"], rows["genbench"]
    assert floor["max_abs_error"] is None
    assert len(floor["seconds"]) == 2
    assert ours["max_abs_error"] <= CONTENDERS["genbench"].error
    assert abs(ours["mean_error"]) <= ours["max_abs_error"]
    assert ours["ratio"] == 1.0


def test_the_command_of_the_record_holds_no_folder(tmp_path: Path) -> None:
    options = peers.parsed(["--data-dir", str(tmp_path), "--out", str(tmp_path), "--d", "784"])
    assert str(tmp_path) not in peers.command(options)


@pytest.mark.parametrize("wrong", [["--only", "jaxx"], ["--d", "785"], ["--centres", "a=b.npy"]])
def test_what_is_not_known_ends_before_any_work(wrong: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        peers.parsed(wrong)
    assert ended.value.code == 2


def test_centres_may_be_floats_or_stored_levels(tmp_path: Path) -> None:
    rows = images(5, 1).numpy()
    np.save(tmp_path / "floats.npy", rows)
    levels = (rows * 255).round().astype("uint8")
    files.write_arrays(tmp_path / "levels.npz", {"samples": levels})
    found = [f"a={tmp_path / name}" for name in ("floats.npy", "levels.npz")]
    options = peers.parsed(["--centres", found[0], "--centres", found[1]])
    (_, floats), (_, restored) = options.centres
    assert torch.equal(floats, torch.from_numpy(rows))
    assert (restored - floats).abs().max() <= 0.5 / 255 + 1e-6


# --- scaling ---------------------------------------------------------------------------------


def test_the_rows_of_the_scaling_runs_are_images_that_a_seed_fixes() -> None:
    rows = scaling.curves(50, seed=3)
    assert rows.shape == (50, 784)
    assert torch.equal((rows * 255).round() / 255, rows)
    assert 0.5 < (rows == 0).float().mean() < 0.9
    assert torch.equal(scaling.curves(50, seed=3), rows)
    assert not torch.equal(scaling.curves(50, seed=4), rows)


PEAKS = """
import sys, time
from pathlib import Path
import numpy as np, torch
import scaling

path = Path(sys.argv[1])
scaling.write_curves(path, 10_001, seed=0)
with scaling.Peak.watched() as mapped:
    rows = torch.from_numpy(np.load(path, mmap_mode="c"))
    assert rows.sum() > 0
with scaling.Peak.watched() as peak:
    held = torch.ones(16 << 20)
    time.sleep(0.1)
    del held
print(mapped.beyond, peak.beyond)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RssAnon is Linux's")
def test_the_peak_counts_memory_that_is_freed_again_and_no_mapped_file(tmp_path: Path) -> None:
    # in a process of its own: a system may take idle pages from one with many tests behind it
    script = tmp_path / "peaks.py"
    script.write_text(PEAKS)
    path = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "rows.npy")],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    mapped, peak = map(int, done.stdout.split())
    assert mapped < 8 << 20
    assert 60 << 20 < peak < 80 << 20


def test_a_scaling_report_is_plotted_with_the_slope_it_states() -> None:
    points = [
        {"axis": axis, "m": 1000, "n": 1000, axis: size, "seconds": [size / 1e4], "peak_bytes": 1e8}
        for axis in ("m", "n")
        for size in (1000, 3000)
    ]
    machine = {"cpu": "a processor", "packages": {"torch": "2"}}
    assert scaling.exponent(points, "m") == pytest.approx(1)
    png = scaling.plot({"points": points, "machine": machine, "threads": 1})
    assert png.startswith(b"\x89PNG")
