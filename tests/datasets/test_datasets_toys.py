"""Toys: their rows come from the density that their class states."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

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


DIGESTS = {
    Gaussian1D: "b947ee1e1bbe67d1",
    Gaussian500: "212d67c4104a5bf7",
    Ring: "8869619d229c97b1",
    Grid: "62486d9530f86461",
}


@each_toy
def test_the_digest_is_the_one_it_always_was(toy):
    assert toy(None).digest.startswith(DIGESTS[toy])


# --- the density ---


@each_toy
def test_log_prob_is_that_of_scipy(toy):
    rows = toy(None).split(0).test[:200]
    p = np.mean(
        [multivariate_normal(c, toy.std**2).pdf(rows.double()) for c in toy.centres], axis=0
    )
    assert toy(None).density.log_prob(rows).numpy() == pytest.approx(np.log(p), abs=1e-9)


@each_toy
def test_the_density_integrates_to_one(toy):
    sides = [
        torch.arange(low - 8 * toy.std, high + 8 * toy.std, toy.std / 2, dtype=torch.float64)
        for low, high in zip(toy.centres.min(axis=0), toy.centres.max(axis=0), strict=True)
    ]
    points = torch.cartesian_prod(*sides).reshape(-1, len(sides))
    log_mass = toy(None).density.log_prob(points).logsumexp(dim=0)
    assert log_mass.exp().item() * (toy.std / 2) ** len(sides) == pytest.approx(1, abs=1e-9)


@each_toy
def test_draws_have_the_moments_of_the_centres_and_the_deviation(toy):
    torch.manual_seed(0)
    rows = toy(None).density.draw(100_000)
    assert rows.dtype == torch.float32
    covariance = np.cov(toy.centres.T, ddof=0) if len(toy.centres) > 1 else 0
    expected = covariance + toy.std**2 * np.eye(rows.shape[1])
    scale = np.sqrt(np.diag(expected)).max()
    assert rows.double().mean(dim=0).numpy() == pytest.approx(
        toy.centres.mean(axis=0), abs=5 * scale / math.sqrt(100_000)
    )
    assert np.atleast_2d(np.cov(rows.double().numpy().T)) == pytest.approx(
        expected, abs=0.02 * scale**2
    )


@each_toy
def test_the_rows_are_as_likely_as_draws(toy):
    """Their means of log p differ by chance alone: both estimate minus the entropy."""
    torch.manual_seed(1)
    density, rows = toy(None).density, toy(None).split(0).train
    one, other = (density.log_prob(part) for part in (rows, density.draw(100_000)))
    error = math.hypot(one.std().item(), other.std().item()) / math.sqrt(100_000)
    assert abs(one.mean() - other.mean()).item() < 4 * error


def test_draws_come_from_torchs_global_generator():
    density = Ring(None).density
    torch.manual_seed(2)
    first = density.draw(5)
    torch.manual_seed(2)
    assert torch.equal(density.draw(5), first)
