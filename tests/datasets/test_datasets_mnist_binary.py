"""MNIST in black and white: thresholded, drawn, and with the test rows of 2008."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_datasets import TinyMNIST, mnist_files, write_files

from genbench.datasets._files import default_data_dir, import_path
from genbench.datasets.mnist_binary import MNISTBinary
from genbench.datasets.mnist_binary_2008 import MNISTBinary2008
from genbench.datasets.mnist_binary_drawn import MNISTBinaryDrawn
from genbench.errors import DataError
from genbench.testing import check_dataset

PACKED = "binarized_test_packbits.npy"


class TinyBinary(MNISTBinary):
    n_train, n_valid, n_test = 6, 2, 3


class TinyDrawn(MNISTBinaryDrawn):
    n_train, n_valid, n_test = 6, 2, 3


class Tiny2008(MNISTBinary2008):
    n_train, n_valid, n_test = 6, 2, 3


@pytest.fixture
def data_dir(tmp_path):
    write_files(tmp_path / "mnist", mnist_files())
    return tmp_path


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def bits(n: int = 3) -> np.ndarray:
    return np.random.RandomState(0).randint(2, size=(n, 784)).astype(np.uint8)


@pytest.mark.parametrize("binary", [TinyBinary, TinyDrawn])
def test_it_keeps_the_contract(binary, data_dir):
    assert "train of fold 0 has 2 levels" in check_dataset(binary, data_dir)


def test_a_pixel_is_one_where_it_is_at_least_half_bright(data_dir):
    grey, binary = TinyMNIST(data_dir).split(0), TinyBinary(data_dir).split(0)
    for part in ("train", "valid", "test"):
        assert torch.equal(getattr(binary, part), (getattr(grey, part) >= 0.5).float())
        of = f"{part}_labels"
        assert torch.equal(getattr(binary, of), getattr(grey, of))


def test_drawn_pixels_are_one_with_their_brightness_for_probability():
    images = np.repeat(np.arange(256, dtype=np.uint8), 4900).reshape(-1, 28, 28)
    share = MNISTBinaryDrawn("nowhere").bits(images, 0).reshape(256, 4900).mean(axis=1)
    p = np.arange(256) / 255
    assert (np.abs(share - p) <= 4 * np.sqrt(p * (1 - p) / 4900)).all()
    assert share[0] == 0
    assert share[255] == 1


def test_draws_are_fixed_and_those_of_test_rows_others_than_those_of_training_rows(data_dir):
    images = np.full((5, 28, 28), 128, np.uint8)
    one = MNISTBinaryDrawn("nowhere").bits(images, 0)
    assert np.array_equal(one, MNISTBinaryDrawn("elsewhere").bits(images, 0))
    assert not np.array_equal(one, MNISTBinaryDrawn("nowhere").bits(images, 1))


def test_each_way_to_black_and_white_has_a_digest_of_its_own(data_dir):
    write_files(data_dir / "mnist", {PACKED: saved(np.packbits(bits(), axis=1))})
    kinds = (TinyMNIST, TinyBinary, TinyDrawn, Tiny2008)
    assert len({kind(data_dir).digest for kind in kinds}) == 4


def test_the_test_rows_of_2008_are_imported_and_have_no_labels(data_dir, tmp_path):
    source = tmp_path / PACKED
    source.write_bytes(saved(np.packbits(bits(), axis=1)))
    import_path(Tiny2008, data_dir, source)
    split = Tiny2008(data_dir).split(0)
    assert torch.equal(split.test, torch.from_numpy(bits()).float())
    assert split.test_labels is None
    assert torch.equal(split.train, TinyDrawn(data_dir).split(0).train)
    assert "unverified" in Tiny2008(data_dir).caveat
    assert check_dataset(Tiny2008, data_dir)


def test_without_the_test_rows_of_2008_it_says_how_to_bring_them(data_dir):
    with pytest.raises(DataError, match=r"data import mnist_binary_2008 PATH/binarized_test"):
        Tiny2008(data_dir).split(0)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"no array", "no array of numpy's"),
        (saved(np.zeros((3, 97), np.uint8)), r"uint8 of \(3, 97\)"),
        (saved(np.zeros((3, 98))), r"float64 of \(3, 98\)"),
        (saved(np.array([{}], dtype=object)), "no array of numpy's"),
    ],
)
def test_another_file_under_that_name_is_refused(raw: bytes, reason: str, data_dir):
    with pytest.raises(DataError, match=reason):
        Tiny2008.parse(MNISTBinary2008.files[-1], raw, Path("x.npy"))


@pytest.mark.data
def test_the_published_test_rows_are_binarised_mnist(tmp_path):
    folder = default_data_dir()
    for brought in ("mnist", f"anchors/{PACKED}"):
        if not (folder / brought).exists():
            pytest.skip(f"GENBENCH_DATA: {folder} has no {brought}")
    shutil.copytree(folder / "mnist", tmp_path / "mnist")
    import_path(MNISTBinary2008, tmp_path, folder / "anchors" / PACKED)
    dataset = MNISTBinary2008(tmp_path)
    split = dataset.split(0)
    assert dataset.caveat == ""
    assert split.test.shape == (10_000, 784)
    drawn = MNISTBinaryDrawn(tmp_path).split(0)
    assert (split.test.mean(dim=0) - drawn.test.mean(dim=0)).abs().max() < 0.05
    assert split.test.mean() == pytest.approx(drawn.test.mean().item(), abs=0.001)
