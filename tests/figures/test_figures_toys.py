"""Samples of toys: a histogram or dots over the data's, D's levels, and their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawable import said

import genbench as suite
from genbench import figures
from genbench.errors import UsageError
from genbench.figures import toys
from genbench.figures.toys import Toy

RANDOM = np.random.RandomState(0)


def sigmoid(rows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-rows[:, 0]))


def made(d: int, **changed) -> Toy:
    given = {"samples": RANDOM.randn(3000, d), "train": RANDOM.randn(500, d), "critic": sigmoid}
    return Toy("samples-a", "gan", "a toy", **{**given, **changed})


def test_the_line_has_a_histogram_the_data_and_d() -> None:
    drawn = toys.toy(made(1))
    ax, beside = drawn.figure.axes
    (curve,) = beside.lines
    assert np.allclose(curve.get_ydata(), sigmoid(np.asarray(curve.get_xdata())[:, None]))
    assert len(ax.patches) == 81  # 80 bars and one outline
    assert "D(x)" in said(drawn)


def test_the_plane_has_dots_the_data_and_the_levels_of_d() -> None:
    drawn = toys.toy(made(2))
    (ax,) = drawn.figure.axes
    levels, data, samples = ax.collections
    assert list(levels.levels) == [0.1, 0.25, 0.5, 0.75, 0.9]  # pyright: ignore
    assert (len(data.get_offsets()), len(samples.get_offsets())) == (500, 2000)


def test_without_a_critic_and_data_the_samples_stand_alone() -> None:
    drawn = toys.toy(made(2, train=None, critic=None))
    (ax,) = drawn.figure.axes
    assert len(ax.collections) == 1
    assert "their files are not at hand" in said(drawn)
    assert "D(x)" not in said(drawn)


def test_the_text_says_the_moments_of_samples_and_data() -> None:
    alt = toys.toy(made(1, samples=np.full((10, 1), 4.0))).alt
    assert "mean 4 and deviation 0" in alt


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(UsageError, match="3 dimensions"):
        toys.toy(made(3))


def test_a_trained_toy_is_drawn_and_loaded_with_both_nets(genbench, tmp_path: Path) -> None:
    runs = suite.plan("gan", "ring", "parzen", preset="smoke", samples=100)
    [result] = suite.run(runs, tmp_path / "results")
    done = genbench("figure", "samples", "--out", "toy.svg")
    assert (done.returncode, done.stdout) == (0, "toy.svg\n"), done.stderr
    assert "D(x), levels" in (tmp_path / "toy.svg").read_text()
    model = suite.load_model(result, tmp_path / "results")
    assert model.decode(model.prior(3)).shape == (3, 2)
    assert model.discriminate(model.sample(4)).shape == (4,)


def test_weights_without_d_are_drawn_without_its_levels(tmp_path: Path) -> None:
    class Old:
        def discriminate(self, x):
            raise RuntimeError("these weights were kept without the critic D")

    from genbench.figures import pictures

    sources = figures.Sources(lambda name: None, lambda result, shape: Old(), list)
    assert pictures._critic(None, (2,), sources) is None  # pyright: ignore
