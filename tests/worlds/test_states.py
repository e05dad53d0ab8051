"""The world of 65,536 states: every number is a sum over all of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from genbench.datasets._worlds import WorldDensity
from genbench.worlds import state_defects as defects
from genbench.worlds.enumerated import (
    STATES,
    EnumeratedWorld,
    counted,
    numbers,
    pictures_of,
    smoothed,
)
from genbench.worlds.ladder import ladder
from genbench.worlds.state_defects import StateGround
from genbench.worlds.streams import stream


@pytest.fixture(scope="module")
def world():
    """A thousand states of ten classes, with odd counts."""
    random = stream("states")
    seen = random.choice(STATES, 1000, replace=False)
    counts = np.zeros((10, STATES), np.int64)
    for c in range(10):
        shown = seen[100 * c : 100 * c + 150]
        counts[c, shown] = random.integers(1, 50, len(shown))
    return EnumeratedWorld("toy", counts)


@pytest.fixture(scope="module")
def ground(world):
    return StateGround(world, tuple(range(9, 0, -1)))


@pytest.fixture(scope="module")
def rungs(world):
    return ladder(world)


def test_a_state_is_its_pictures_bits():
    assert pictures_of(np.array([5]))[0, :4].tolist() == [1, 0, 1, 0]
    states = np.arange(0, STATES, 97)
    assert (numbers(pictures_of(states) > 0.5) == states).all()


def test_pictures_are_counted_by_class():
    counts = counted(pictures_of(np.array([3, 3, 9])) > 0.5, np.array([0, 0, 1]))
    assert (counts[0, 3], counts[1, 9], counts.sum()) == (2, 1, 3)


def test_every_law_sums_to_one(rungs):
    for rung in rungs:
        assert rung.draw.law.sum() == pytest.approx(1, abs=1e-12), rung.name
        assert rung.draw.law.min() >= 0, rung.name


def test_the_density_of_the_pictures_is_the_law(world):
    rows = torch.from_numpy(pictures_of(np.arange(STATES)))
    assert WorldDensity(world).log_prob(rows).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_the_divergences_are_those_of_plain_sums(world, rungs):
    """One state after the other, with exactly rounded sums."""
    p = world.p.tolist()
    for rung in rungs[::6]:
        q = rung.draw.law.tolist()
        both = [(a, b) for a, b in zip(p, q, strict=True) if a != b]
        kl = math.fsum(a * math.log(a / b) for a, b in both)
        jsd = math.fsum(
            (a * math.log(2 * a / (a + b)) + b * math.log(2 * b / (a + b))) / 2 for a, b in both
        )
        assert rung.kl.value == pytest.approx(kl, abs=1e-12)
        assert rung.jsd.value == pytest.approx(jsd, abs=1e-12)
        assert rung.tv.value == pytest.approx(math.fsum(abs(a - b) for a, b in both) / 2, abs=1e-12)
        assert rung.kl.stderr is rung.tv.stderr is None


def test_flipped_pixels_are_a_sum_over_all_ways_to_flip(ground):
    e, target = 0.1, 0b1010
    ways = itertools.product((0, 1), repeat=16)
    total = 0.0
    for way in ways:
        turned = sum(way)
        source = target ^ sum(bit << i for i, bit in enumerate(way))
        total += e**turned * (1 - e) ** (16 - turned) * ground.p[source]
    assert defects.flip(ground, e)[target] == pytest.approx(total, rel=1e-12)


def test_independent_pixels_keep_how_often_each_is_set(ground):
    q = defects.independent(ground, 1.0)
    assert q @ ground.pictures == pytest.approx(ground.p @ ground.pictures, abs=1e-12)
    set_both = ground.pictures[:, 2] * ground.pictures[:, 5]
    alone = q @ ground.pictures
    assert q @ set_both == pytest.approx(alone[2] * alone[5], abs=1e-12)


def test_junk_is_exact(ground, rungs):
    (half,) = [rung for rung in rungs if rung.name == "junk_0.5"]
    tv = np.abs(ground.p - 1 / STATES).sum() / 4
    assert half.tv.value == pytest.approx(tv, abs=1e-12)


def test_shifts_all_the_way_round_are_none(ground):
    assert defects.shift(ground, 4) == pytest.approx(ground.p, abs=0)


def test_what_is_memorised_is_what_the_first_training_rows_show(world, ground):
    rows = world.part("train", 12_000)
    expected = smoothed(np.bincount(numbers(rows[:250] > 0.5), minlength=STATES))
    assert defects.memorise(ground, 250) == pytest.approx(expected, abs=0)


def test_each_family_goes_from_near_to_far(rungs):
    for name in {rung.family for rung in rungs} - {"shift"}:  # these states come from nowhere
        far = [rung.kl.value for rung in rungs if rung.family == name]
        assert far == sorted(far), name


def test_a_rung_draws_by_its_law(rungs):
    rung = rungs[-1]
    states = numbers(rung.draw(20_000, stream(0)).numpy() > 0.5)
    often = int(rung.draw.law.argmax())
    share = rung.draw.law[often]
    error = math.sqrt(share * (1 - share) / 20_000)
    assert (states == often).mean() == pytest.approx(share, abs=5 * error)
