"""The map of pixels into (0, 1): it can be undone, and no divergence changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_worlds import pictures

from genbench.worlds.mixture import single
from genbench.worlds.squash import log_slope, squashed, unsquashed
from genbench.worlds.streams import stream
from genbench.worlds.truths import MixtureWorld


def test_the_map_is_undone():
    x = np.linspace(-1, 1.6, 200)
    assert unsquashed(squashed(x)) == pytest.approx(x, abs=1e-8)


def test_rows_of_float32_come_back_to_four_digits_below_one():
    x = np.linspace(-1, 1.2, 200)
    assert unsquashed(squashed(x).astype(np.float32)) == pytest.approx(x, abs=2e-4)


def test_what_float32_rounds_to_one_stays_finite():
    assert unsquashed(np.ones(1, np.float32)) == pytest.approx(1.66, abs=0.01)


def test_the_map_rises_from_0_to_1():
    y = squashed(np.linspace(-2, 3, 500))
    assert (np.diff(y) > -1e-15).all()
    assert (y[0], y[-1]) == pytest.approx((0, 1), abs=1e-9)


def test_the_slope_is_that_of_the_map():
    x, h = np.linspace(-0.5, 1.5, 100), 1e-4
    rise = (squashed(x + h) - squashed(x - h)) / (2 * h)
    assert np.exp(log_slope(x)) == pytest.approx(rise, rel=1e-4)


def test_the_squashed_density_integrates_to_one():
    line = replace(single(np.array([0.4]), 0.02), weights=np.ones(1))
    world = MixtureWorld("line", line, np.zeros(1, int), 0, 1, squash=True)
    y = (np.arange(100_000) + 0.5) / 100_000
    assert np.exp(world.log_prob(y[:, None])).mean() == pytest.approx(1, abs=1e-6)


def test_a_ratio_of_densities_does_not_change():
    world = pictures()
    x, _ = world.mixture.sample(20, stream(0))
    x = 0.5 + 0.05 * x
    other = replace(world.mixture, s2=2 * world.mixture.s2, lam=2 * world.mixture.lam)
    one, two = (replace(world, squash=True, mixture=m) for m in (world.mixture, other))
    ratio = one.log_prob(squashed(x)) - two.log_prob(squashed(x))
    assert ratio == pytest.approx(world.mixture.log_prob(x) - other.log_prob(x), abs=1e-5)


def test_what_lies_outside_has_no_density():
    world = replace(pictures(), squash=True)
    rows = np.full((2, 16), 0.5)
    rows[0, 3] = 1.25
    log_p = world.log_prob(rows)
    assert log_p[0] == -np.inf
    assert np.isfinite(log_p[1])
