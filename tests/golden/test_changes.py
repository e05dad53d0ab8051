"""A change of arithmetic fails the parts that compute it, tried on broken copies of the project."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import warm

from .__main__ import main
from .kept import FILE
from .parts import parts

ROOT = Path(__file__).parent.parent.parent
COPIED = ("genbench", "baselines", "tests/golden")
METRICS, RUNNING = "genbench/metrics", "genbench/running"
PARZEN = f"{METRICS}/parzen"
STAGES = "training drawing scoring"
BALLS = "coverage density precision recall"
COPYING = "authenticity data_copying nn_ratio"
OF_NEIGHBOURS = f"{BALLS} {COPYING} c2st_nn mmd train_share"
OF_ROWS = f"{OF_NEIGHBOURS} c2st class_fidelity frechet kernel_distance modes parzen_by_class"


@dataclass(frozen=True)
class Change:
    """In `file` the only `old` becomes `new`, which moves the numbers of parts."""

    file: str
    old: str
    new: str
    moves: str


# Those of a round are tried in one copy, so no two of them move the same part.
ROUNDS = {
    "what is computed": (
        Change("genbench/models/gan.py", "(a_fake).mean()) / 2", "(a_fake).mean())", "gan"),
        Change(
            "genbench/models/conditional_gan.py",
            *("a_fake).mean()) / 2", "a_fake).mean())", "conditional_gan"),
        ),
        Change(
            "genbench/models/semi_supervised_gan.py",
            *("- log_Z).mean()", "- log_Z).sum()", "semi_supervised_gan"),
        ),
        Change("baselines/dbn.py", "self.rate * (1 - epoch", "self.rate * (2 - epoch", "dbn"),
        Change("baselines/deep_gsn.py", "math.sqrt(6 /", "math.sqrt(3 /", "deep_gsn"),
        Change("baselines/dae.py", "u < share / 2", "u < share / 3", "dae"),
        Change("baselines/stacked_cae.py", "s * (1 - 2 * h)", "s * (1 - h)", "stacked_cae"),
        Change("baselines/gaussian.py", "values, 0).sqrt()", "values, 0)", "gaussian"),
        Change(
            "baselines/held_out.py", ">= 2 * self.skip else", ">= 3 * self.skip else", "held_out"
        ),
        Change("baselines/kmeans.py", "len(train) // 5", "len(train) // 4", "kmeans"),
        Change("baselines/replay.py", "(train, self.most)", "(train.flip(0), self.most)", "replay"),
        Change(f"{PARZEN}/estimator.py", "d * torch.log(", "torch.log(", "parzen parzen_by_class"),
        Change(f"{METRICS}/class_fidelity.py", "== labels", "!= labels", "class_fidelity"),
        Change(f"{METRICS}/semi_supervised_error.py", "/ 100\n", "/ 99\n", "semi_supervised_error"),
        Change(f"{METRICS}/c2st.py", "-2 * math.sqrt(", "-math.sqrt(", "c2st"),
        Change(f"{METRICS}/c2st_nn.py", "(sides - 0.5)", "(sides - 0.4)", "c2st_nn"),
        Change(f"{METRICS}/copying.py", "(c**3 - c)", "(c**2 - c)", COPYING),
        Change(f"{METRICS}/frechet.py", "- 2 * float(cross)", "- float(cross)", "frechet"),
        Change(f"{METRICS}/kernel_distance.py", "2 * yx.mean", "yx.mean", "kernel_distance"),
        Change(f"{METRICS}/mmd.py", "- 2 * (self.ux", "- (self.ux", "mmd"),
        Change(f"{METRICS}/modes.py", "xlogy(p, p)", "xlogy(q, q)", "modes"),
        Change(f"{METRICS}/prdc.py", "balls(samples, test, k)", "balls(test, samples, k)", BALLS),
        Change(f"{METRICS}/train_share.py", "(both * (both - 1))", "both**2", "train_share"),
        Change(
            "genbench/likelihood/enumeration.py",
            *("terms = b @ s.T + softplus", "terms = b @ s.T - softplus", "log_likelihood"),
        ),
        Change("baselines/rbm.py", "self.rate * (1 - epoch", "self.rate * (2 - epoch", "rbm"),
        Change("baselines/dbm.py", "self.rate * (1 - epoch", "self.rate * (2 - epoch", "dbm"),
        Change("baselines/vae.py", "+ math.log(2 * math.pi)", "+ math.log(math.pi)", "vae"),
        Change("baselines/probabilistic_pca.py", "+ d * math", "+ math", "probabilistic_pca"),
        Change("genbench/models/bigan.py", "softplus(a_fake).mean()) / 2", "0) / 2", "bigan"),
        Change(
            "genbench/models/latent_regressor.py",
            "math.sqrt(3) + 1) / 2",
            "2 + 1) / 2",
            "latent_regressor",
        ),
        Change(f"{METRICS}/reconstruction.py", "(n * (n - 1))", "(n * n)", "reconstruction"),
        Change(f"{METRICS}/representation.py", "own - other", "other - own", "representation"),
        Change("genbench/seeding.py", "digest()[:8]", "digest()[8:16]", STAGES),
    ),
    "first weights, pruned windows, a tenth of the rows": (
        Change(
            "genbench/models/layers.py",
            *("weight, -width, width)", "weight, 0, width)", "gan conditional_gan"),
        ),
        Change(f"{PARZEN}/blocks.py", "sums + rate *", "sums - rate *", "parzen"),
        Change(f"{RUNNING}/data.py", "len(train) // 10", "len(train) // 5", "training drawing"),
    ),
    "a bias, a certificate, two thousand rows": (
        Change("genbench/models/networks.py", "bias = h.sig", "bias = 2 * h.sig", "gan"),
        Change(f"{PARZEN}/certificate.py", "-0.5 / sigma", "-0.4 / sigma", "parzen"),
        Change(f"{RUNNING}/data.py", "min(2 * TUNING_ROWS", "min(TUNING_ROWS", "training"),
    ),
    "distances, moments": (
        Change(f"{METRICS}/_distances.py", ".square_()", ".abs_()", OF_NEIGHBOURS),
        Change(f"{METRICS}/_moments.py", "torch.outer(s, s) / n)", "torch.outer(s, s))", "frechet"),
    ),
    "errors of a jackknife": (
        Change(f"{METRICS}/_rows.py", "(n - 1) / n *", "n / (n - 1) *", OF_ROWS),
    ),
    "densities of a decoder": (
        Change(
            "genbench/likelihood/observations.py",
            *("2 * (2 * math.pi * v)", "2 * (math.pi * v)", "ais elbo iwae"),
        ),
    ),
    "how samples are kept": (
        Change("genbench/samples/pixels.py", ".round() for", ".floor() for", "training drawing"),
    ),
    "how kept samples are given": (
        Change("genbench/samples/pixels.py", "div_(levels - 1)", "div_(levels)", STAGES),
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's sources and golden numbers, to be changed."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "tests/__init__.py", tmp_path / "tests")  # else another `tests` goes before
    return tmp_path


def replaced(copy: Path, file: str, old: str, new: str) -> None:
    path = copy / file
    source = path.read_text()
    assert source.count(old) == 1, f"{file} does not hold {old!r} once"
    path.write_text(source.replace(old, new))


def golden(copy: Path, *stems: str) -> tuple[int, str]:
    """`python -m tests.golden` on the copy: how it ended and what it printed."""
    env = {**os.environ, "PYTHONPATH": str(copy)}
    ended = warm.run("-m", "tests.golden", *stems, cwd=copy, env=env)
    assert not ended.stderr, ended.stderr
    return ended.returncode, ended.stdout


def test_every_part_is_broken_in_some_round() -> None:
    moved = {stem for changes in ROUNDS.values() for c in changes for stem in c.moves.split()}
    assert moved == {part.stem for part in parts()}


@pytest.mark.parametrize("changes", ROUNDS.values(), ids=ROUNDS)
def test_a_change_of_arithmetic_names_each_part_that_it_moves_and_the_way_out(
    changes: tuple[Change, ...], copy: Path
) -> None:
    moved = [stem for change in changes for stem in change.moves.split()]
    assert len(moved) == len(set(moved))
    for change in changes:
        replaced(copy, change.file, change.old, change.new)
    code, printed = golden(copy, *moved)
    assert code == 1
    for part in parts():
        if part.stem in moved:
            assert f"the numbers of {part.name} moved" in printed
            assert part.way_out in printed


def test_a_raised_revision_is_the_way_out_and_keeps_the_lines_before(copy: Path) -> None:
    replaced(copy, "baselines/replay.py", "(train, self.most)", "(train.flip(0), self.most)")
    replaced(copy, "baselines/replay.py", "revision = 1", "revision = 2")
    code, printed = golden(copy, "replay")
    assert (code, printed) == (0, "genbench model replay, revision 2: 2 runs appended, 0 hold\n")
    before, after = FILE.read_text(), (copy / "tests/golden" / FILE.name).read_text()
    assert after.startswith(before)
    (line,) = after.removeprefix(before).splitlines()
    assert json.loads(line)["revision"] == 2


def test_the_command_names_the_parts_that_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gam"]) == 1
    known = ", ".join(part.stem for part in parts())
    assert capsys.readouterr().out == f"unknown: gam; known: {known}\n"
