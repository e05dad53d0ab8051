"""Toys: their rows come from the density that their class states."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from genbench.datasets.gaussian_1d import Gaussian1D
from genbench.datasets.gaussian_500 import Gaussian500
from genbench.datasets.grid import Grid
from genbench.datasets.ring import Ring
from genbench.errors import DataError

TOYS = [Gaussian1D, Gaussian500, Ring, Grid]
each_toy = pytest.mark.parametrize("toy", TOYS)


@each_toy
def test_the_parts_have_100000_10000_and_10000_float32_rows(toy):
    split = toy(None).split(0)
    parts = (split.train, split.valid, split.test)
    assert [tuple(part.shape) for part in parts] == [
        (n, math.prod(toy.shape)) for n in (100_000, 10_000, 10_000)
    ]
    assert all(part.dtype == torch.float32 for part in parts)


@each_toy
def test_the_same_toy_is_the_same_every_time(toy):
    first, second = toy(None), toy("elsewhere")
    assert first.digest == second.digest
    assert torch.equal(first.split(0).test, second.split(0).test)


def test_no_two_toys_have_the_same_digest():
    assert len({toy(None).digest for toy in TOYS}) == len(TOYS)


@pytest.mark.parametrize(("toy", "mean", "std"), [(Gaussian1D, 4, 1.25), (Gaussian500, 500, 5)])
def test_a_gaussian_has_its_mean_and_standard_deviation(toy, mean, std):
    rows = toy(None).split(0).train.double()
    assert rows.mean().item() == pytest.approx(mean, abs=5 * std / math.sqrt(100_000))
    assert rows.std().item() == pytest.approx(std, rel=5 / math.sqrt(2 * 100_000))


@pytest.mark.parametrize(("toy", "modes", "std"), [(Ring, 8, 0.01), (Grid, 25, 0.05)])
def test_rows_lie_around_the_mode_that_their_label_names(toy, modes, std):
    split = toy(None).split(0)
    offset = split.train - torch.tensor(toy.centres).float()[split.train_labels]
    assert offset.std().item() == pytest.approx(std, rel=0.02)
    assert offset.abs().max() < 6 * std
    counts = split.train_labels.bincount()
    assert len(counts) == modes
    assert (counts - 100_000 / modes).abs().max() < 5 * math.sqrt(100_000 / modes)


def test_the_ring_has_radius_one():
    assert np.allclose(np.linalg.norm(Ring.centres, axis=1), 1)
    assert len(np.unique(Ring.centres.round(9), axis=0)) == 8


def test_the_grid_has_spacing_two_on_minus_four_to_four():
    assert {tuple(c) for c in Grid.centres} == {
        (x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)
    }


@pytest.mark.parametrize(
    ("toy", "first"),
    [
        (Gaussian1D, [6.0304317]),
        (Gaussian500, [498.11319]),
        (Ring, [-0.7051769, 0.7090703]),
        (Grid, [-3.9604065, 3.9952800]),
    ],
)
def test_the_first_row_is_the_one_it_always_was(toy, first):
    assert toy(None).split(0).train[0].tolist() == pytest.approx(first, rel=1e-6)


@each_toy
def test_a_fold_that_does_not_exist_is_refused(toy):
    with pytest.raises(DataError, match=r"fold must be in 0\.\.0, got 1"):
        toy(None).split(1)
