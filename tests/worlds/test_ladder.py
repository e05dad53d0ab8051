"""Ladders: every family gets worse rung by rung, from a truth that is at no distance."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from small_worlds import pictures

from genbench.worlds import defects, kept
from genbench.worlds.bag import iso_kl, mixed_bag
from genbench.worlds.defects import Ground
from genbench.worlds.divergences import closed
from genbench.worlds.families import of_mixture
from genbench.worlds.judging import asked
from genbench.worlds.judging.truths import of_rungs
from genbench.worlds.ladder import DROPPED, ladder
from genbench.worlds.mixture import moments
from genbench.worlds.streams import stream

POINTS = (600, 300)
SINGLE = {"truth", "gaussian"}
FEW = {"shift", "merge"}  # as many as the pictures and their components allow


@pytest.fixture(scope="module")
def world():
    return pictures()


@pytest.fixture(scope="module")
def rungs(world):
    return ladder(world, points=POINTS)


def test_the_first_rung_is_the_truth_at_no_distance(rungs):
    first = rungs[0]
    assert (first.name, first.family) == ("truth", "truth")
    for far in (first.kl, first.reverse_kl, first.jsd, first.tv):
        assert far.stderr is None
        assert far.value == 0  # no rounding: a judgement asks for exactly this


def test_every_family_has_five_strengths_but_those_that_cannot(rungs):
    sizes = Counter(rung.family for rung in rungs)
    assert {name for name, n in sizes.items() if n < 5} == SINGLE | FEW
    assert len({rung.name for rung in rungs}) == len(rungs)


def test_each_family_goes_from_near_to_far(rungs):
    """By KL(p || q), beyond its error; not of few copies, nor of turns of 4 pixels."""
    for name in {rung.family for rung in rungs} - SINGLE - {"memorise", "shift"}:
        family = [rung for rung in rungs if rung.family == name]
        for near, far in pairwise(family):
            error = 4 * math.hypot(near.kl.stderr or 0, far.kl.stderr or 0)
            assert near.kl.value < far.kl.value + error, (near.name, far.name)


def test_divergences_keep_their_bounds(rungs):
    for rung in rungs[1:]:
        assert rung.kl.value > 0, rung.name
        assert rung.reverse_kl.value > 0, rung.name
        assert 0 < rung.jsd.value <= math.log(2) + 1e-9, rung.name
        assert 0 < rung.tv.value <= 1 + 1e-9, rung.name
        slack = 4 * (rung.tv.stderr or 0) + 4 * (rung.kl.stderr or 0) + 1e-9
        assert rung.tv.value <= math.sqrt(rung.kl.value / 2) + slack, rung.name  # Pinsker


def test_only_those_that_repeat_training_rows_are_called_copies(rungs):
    assert {rung.family for rung in rungs if rung.copies} == {"memorise", "copied_share"}


def test_a_rung_draws_float32_rows_of_its_stream_alone(rungs):
    for rung in rungs:
        one, two = (rung.draw(7, stream("draw", 1)) for _ in range(2))
        assert one.dtype == torch.float32
        assert one.shape == (7, 16)
        assert torch.equal(one, two)
        assert not torch.equal(one, rung.draw(7, stream("draw", 2)))


def test_drawn_rows_have_the_moments_of_their_generator(rungs):
    for rung in rungs[::4]:
        x = rung.draw(4000, stream("moments")).double().numpy()
        mean, covariance = moments(rung.draw.generator)
        error = np.sqrt(np.diag(covariance) / len(x))
        assert (np.abs(x.mean(axis=0) - mean) < 5 * error + 1e-6).all(), rung.name


def test_the_squashed_world_has_the_same_divergences_and_mapped_rows(world, rungs):
    through = ladder(replace(world, squash=True), points=POINTS)
    for one, other in zip(rungs, through, strict=True):
        assert (one.name, one.kl, one.tv) == (other.name, other.kl, other.tv)
        rows = other.draw(5, stream("draw", 1))
        assert 0 <= rows.min() <= rows.max() <= 1


def test_what_was_measured_is_not_measured_again(world, rungs, monkeypatch):
    monkeypatch.setattr("genbench.worlds.ladder.measured", None)
    assert [rung.kl for rung in ladder(world, points=POINTS)] == [rung.kl for rung in rungs]


def test_a_damaged_file_is_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    key, made = {"a": 1}, {"x": np.arange(3.0)}
    kept.arrays(key, lambda: made)
    (file,) = tmp_path.iterdir()
    assert kept.arrays(key, dict)["x"].tolist() == [0, 1, 2]
    file.write_bytes(b"x" + file.read_bytes()[1:])
    assert kept.arrays(key, lambda: {"x": np.ones(1)})["x"].tolist() == [1]


def test_a_seed_redraws_the_strengths_between_the_ends_of_the_grid(world):
    ground = Ground(world, DROPPED)
    for family in of_mixture(ground):
        one, two = family.strengths(1), family.strengths(2)
        assert one == family.strengths(1)
        assert len(one) == len(family.grid)
        assert min(family.grid) <= min(one) <= max(one) <= max(family.grid)
        assert (one == family.grid) == (family.neutral is None)
        assert (one == two) == (family.neutral is None)
        ordered = sorted(one, reverse=family.grid[0] > family.grid[-1])
        assert list(one) == ordered


def test_the_mixed_bag_has_21_generators_of_the_prototypes_names(world):
    bag = mixed_bag(world, points=POINTS)
    assert len(bag) == 21
    assert bag[0].name == "truth"
    assert {rung.name for rung in bag if rung.copies} == {"memorise_h=s", "memorise_h=.01"}


def test_a_ladder_of_ten_components_can_be_judged(world):
    ten = world.mixture.only(np.arange(0, 20, 2))
    few = replace(world, key="ten", mixture=ten, classes=np.arange(10))
    rungs = ladder(few, points=POINTS)  # an eighth of ten is one, as is the last merger
    assert asked.check("ten", rungs).names[0] == "truth"


def test_rungs_of_an_iso_set_are_ordered_by_no_rounding(world, rungs):
    found = of_rungs([rungs[0], *iso_kl(world, nats=(0.5,), points=POINTS)])
    assert not found.members
    assert len(found.iso[0]) == len(found.names) - 1


def test_an_iso_set_is_at_one_distance(world):
    for rung in iso_kl(world, nats=(0.5, 2.0), points=POINTS):
        far = float(rung.family.split()[1])
        assert rung.kl.value == pytest.approx(far, abs=4 * (rung.kl.stderr or 0) + 1e-6 * far)


# --- each defect by itself ---


@pytest.fixture(scope="module")
def ground(world):
    return Ground(world, DROPPED)


def test_brightness_costs_the_same_both_ways(ground):
    q = defects.brightness(ground, 0.02)
    assert closed(ground.p, q) == pytest.approx(closed(q, ground.p), rel=1e-9)


def test_shifts_all_the_way_round_are_none(ground):
    assert defects.shift(ground, 4).means == pytest.approx(ground.p.means)
    assert closed(ground.p, defects.shift(ground, 4)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("turned", "axis", "by"), [(0, 2, 1), (1, 1, 1), (2, 2, -1), (3, 1, -1)])
def test_a_turned_shift_rolls_the_pictures_another_way(world, turned, axis, by):
    ground = Ground(world, DROPPED, turned)
    squares = np.roll(world.mixture.means.reshape(-1, 4, 4), by, axis=axis)
    assert defects.shift(ground, 1).means == pytest.approx(squares.reshape(-1, 16))


def test_blur_keeps_the_noise_and_no_more_than_the_signal(ground):
    q = defects.blur(ground, 1.0)
    assert q.s2 == pytest.approx(ground.p.s2)
    assert (q.lam.sum(axis=1) < ground.p.lam.sum(axis=1)).all()
    assert defects.blur(ground, 0.0).log_prob(ground.p.means) == pytest.approx(
        ground.p.log_prob(ground.p.means), abs=1e-9
    )


def test_merging_into_as_many_components_as_there_are_changes_nothing(ground):
    q = defects.merge(ground, 20)
    x, _ = ground.p.sample(20, stream(0))
    assert q.log_prob(x) == pytest.approx(ground.p.log_prob(x), abs=1e-6)


def test_a_refit_to_more_rows_is_nearer(ground):
    few, many = (closed(ground.p, defects.refit(ground, n)) for n in (1000, 10_000))
    assert many < few / 5


def test_the_memorised_rows_are_the_first_of_the_training_rows(ground, world):
    rows, _ = world.part("train", 600)
    assert ground.memorised.astype(np.float32) == pytest.approx(rows[:500])
