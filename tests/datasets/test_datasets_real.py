"""The real files, where GENBENCH_DATA names a folder that holds them."""

from __future__ import annotations

import pytest
import torch

from genbench.datasets._files import default_data_dir, verify
from genbench.datasets._stored import find, in_use
from genbench.datasets.cifar10 import CIFAR10
from genbench.datasets.cifar10_gcn import CIFAR10GCN
from genbench.datasets.fashion_mnist import FashionMNIST
from genbench.datasets.mnist import MNIST
from genbench.datasets.tfd import TFD

pytestmark = [pytest.mark.data, pytest.mark.filterwarnings("ignore:.*TFD_48x48")]


def real(dataset):
    """The dataset over the user's files; skips the test where one is missing."""
    folder = default_data_dir()
    for file in in_use(dataset, folder):
        if find(dataset, folder, file) is None:
            pytest.skip(f"GENBENCH_DATA: {folder} has no {dataset.folder}/{file.name}")
    return dataset(folder)


def sizes(split):
    return [len(part) for part in (split.train, split.valid, split.test)]


@pytest.mark.parametrize("dataset", [MNIST, FashionMNIST])
def test_the_canonical_files_verify_and_have_no_caveat(dataset):
    data = real(dataset)
    assert {status for _, status in verify(data, data.data_dir)} == {"canonical"}
    assert data.caveat == ""


@pytest.mark.parametrize("dataset", [MNIST, FashionMNIST])
def test_50000_train_10000_validate_and_10000_test(dataset):
    split = real(dataset).split(0)
    assert sizes(split) == [50_000, 10_000, 10_000]
    assert (split.train.min(), split.train.max()) == (0, 1)
    assert torch.cat([split.train_labels, split.valid_labels]).bincount().shape == (10,)


def test_the_first_digits_of_mnist_are_5_0_4_1_9():
    assert real(MNIST).split(0).train_labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_the_digest_of_mnist_is_of_its_four_files_as_they_lie_there():
    assert len(real(MNIST).digest) == 64


def test_every_fold_of_the_faces_has_training_validation_and_test_rows():
    data = real(TFD)
    folds = [data.split(fold) for fold in range(5)]
    assert all(min(sizes(split)) > 0 for split in folds)
    assert all(split.train is folds[0].train for split in folds)
    assert 0 <= folds[0].train.min() < folds[0].train.max() <= 1


def test_faces_of_another_source_are_said_not_to_be_known_as_tfd():
    data = real(TFD)
    if verify(data, data.data_dir)[0][1] == "canonical":
        pytest.skip("GENBENCH_DATA holds the real TFD")
    assert data.caveat.endswith("not known to be TFD")
    assert sizes(data.split(0)) == [20_000, 417, 836]


def test_40000_photographs_train_10000_validate_and_10000_test():
    split = real(CIFAR10).split(0)
    assert sizes(split) == [40_000, 10_000, 10_000]
    assert split.test_labels.bincount().tolist() == [1000] * 10


def test_normalised_photographs_stay_in_the_declared_range():
    split = real(CIFAR10GCN).split(0)
    assert split.train.abs().max() <= 55
    assert split.train.std().item() == pytest.approx(55 / 3072**0.5, rel=1e-3)
