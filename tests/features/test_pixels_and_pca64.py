"""Features without a network: the rows themselves, and their 64 directions of most variance."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.decomposition import PCA

from genbench.errors import UsageError
from genbench.features.pca64 import PCA64, covariance, mean
from genbench.features.pixels import Pixels
from genbench.plugins import registry

SHAPE, NOWHERE = (1, 10, 10), Path("nowhere")


def rows(n, seed=0, d=100):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=draw) * torch.linspace(0.5, 2, d)


@pytest.fixture(scope="module")
def fitted():
    features = PCA64(SHAPE, NOWHERE)
    features.fit(rows(500))
    return features


@pytest.mark.parametrize("name", ["pixels", "pca64"])
def test_features_are_found_by_name(name):
    assert registry.load("features", name)(SHAPE, NOWHERE).width in (100, 64)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="unknown features 'pixel'; did you mean 'pixels'"):
        registry.load("features", "pixel")


def test_pixels_are_the_rows_as_they_came():
    given = rows(3)
    assert Pixels(SHAPE, NOWHERE)(given) is given


def test_pca64_agrees_with_scikit_learn(fitted):
    found, oracle = fitted(rows(50, 1)), PCA(64, svd_solver="full").fit(rows(500).double().numpy())
    theirs = torch.from_numpy(oracle.transform(rows(50, 1).double().numpy()))
    sign = (found * theirs).sum(0).sign()
    assert torch.allclose(found, theirs * sign, atol=1e-9)


def test_the_covariance_has_n_less_one_in_its_denominator():
    given = rows(300)
    assert torch.allclose(covariance(given, mean(given)), given.double().T.cov(), atol=1e-12)


def test_the_greatest_entry_of_each_direction_is_positive(fitted):
    greatest = fitted.vectors.gather(0, fitted.vectors.abs().argmax(0, keepdim=True))
    assert (greatest > 0).all()


def test_directions_come_in_the_order_of_their_variance(fitted):
    variance = fitted(rows(500)).var(0)
    assert (variance[:-1] >= variance[1:]).all()


def test_the_digest_of_pca64_is_of_the_training_rows(fitted):
    again, other = PCA64(SHAPE, NOWHERE), PCA64(SHAPE, NOWHERE)
    assert again.digest == ""
    again.fit(rows(500))
    other.fit(rows(500, 1))
    assert again.digest == fitted.digest != other.digest


def test_pca64_before_it_was_told_the_training_rows_says_so():
    with pytest.raises(ValueError, match=r"call fit\(train\) first"):
        PCA64(SHAPE, NOWHERE)(rows(2))


@pytest.mark.parametrize("train", [rows(64), torch.ones(500, 100), rows(500).fill_(0)])
def test_rows_that_vary_in_too_few_directions_are_refused(train):
    with pytest.raises(ValueError, match=r"vary in 64 directions, got .* take features=pixels"):
        PCA64(SHAPE, NOWHERE).fit(train)


def test_65_rows_are_enough():
    PCA64(SHAPE, NOWHERE).fit(rows(65))


def test_rows_of_fewer_than_64_numbers_are_refused_by_the_constructor():
    with pytest.raises(UsageError, match="at least 64 numbers, not 2: take features=pixels"):
        PCA64((2,), NOWHERE)


@pytest.mark.parametrize("wrong", [torch.zeros(3, 99), torch.zeros(100), torch.zeros(2, 100).int()])
def test_rows_of_another_shape_or_type_are_refused(fitted, wrong):
    for features in (Pixels(SHAPE, NOWHERE), fitted):
        with pytest.raises(ValueError, match=r"take rows \(n, 100\) of floating-point"):
            features(wrong)
