"""MNIST and what has its format: what is read, and what is refused."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_datasets import TinyMNIST, idx, mnist_files, published, write_files

from genbench.datasets._idx import parse_idx
from genbench.datasets.fashion_mnist import FashionMNIST
from genbench.datasets.mnist import MNIST
from genbench.errors import DataError

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


@pytest.fixture
def data_dir(tmp_path):
    write_files(tmp_path / "mnist", mnist_files())
    return tmp_path


def damage(data_dir, name, raw):
    (data_dir / "mnist" / name).write_bytes(raw)


def refusal(data_dir):
    with pytest.raises(DataError) as caught:
        TinyMNIST(data_dir).split(0)
    assert str(data_dir) in str(caught.value)
    return str(caught.value)


def test_pixels_are_bytes_over_255_in_the_order_of_the_file(data_dir):
    raw = np.frombuffer(mnist_files()[IMAGES][16:], np.uint8).reshape(8, 784)
    split = TinyMNIST(data_dir).split(0)
    assert torch.equal(torch.cat([split.train, split.valid]), torch.tensor(raw).float() / 255)


def test_the_last_rows_of_the_training_file_validate(data_dir):
    split = TinyMNIST(data_dir).split(0)
    assert [len(part) for part in (split.train, split.valid, split.test)] == [6, 2, 3]
    assert all(part.dtype == torch.float32 for part in (split.train, split.valid, split.test))


def test_labels_are_int64_and_go_with_their_images(data_dir):
    labels = list(mnist_files()[LABELS][8:])
    split = TinyMNIST(data_dir).split(0)
    assert split.train_labels is not None
    assert split.valid_labels is not None
    assert split.train_labels.dtype == torch.int64
    assert split.train_labels.tolist() + split.valid_labels.tolist() == labels


def test_gzipped_files_give_the_same_rows_and_the_same_digest(data_dir, tmp_path):
    packed = TinyMNIST(write_files(tmp_path / "gz" / "mnist", mnist_files(), packed=True).parent)
    raw = TinyMNIST(data_dir)
    assert packed.digest == raw.digest
    assert torch.equal(packed.split(0).train, raw.split(0).train)


def test_one_other_byte_gives_another_digest(data_dir):
    before = TinyMNIST(data_dir).digest
    raw = bytearray(mnist_files()[IMAGES])
    raw[-1] ^= 1
    damage(data_dir, IMAGES, raw)
    assert TinyMNIST(data_dir).digest != before


def test_files_that_are_not_the_canonical_ones_are_read_with_a_caveat(data_dir):
    dataset = TinyMNIST(data_dir)
    assert dataset.caveat == f"unverified files {dataset.digest[:8]}…"


def test_canonical_files_have_no_caveat(data_dir):
    assert published(mnist_files())(data_dir).caveat == ""


def test_building_a_dataset_reads_nothing():
    MNIST("/there/is/no/such/folder")


def test_a_missing_file_is_named_with_the_commands_that_bring_it(tmp_path):
    with pytest.raises(DataError) as caught:
        FashionMNIST(tmp_path).split(0)
    message = str(caught.value)
    assert str(tmp_path / "fashion_mnist" / IMAGES) in message
    assert "genbench data fetch fashion_mnist" in message
    assert "genbench data import fashion_mnist PATH" in message


@pytest.mark.parametrize("fold", [-1, 1])
def test_a_fold_that_does_not_exist_is_refused(data_dir, fold):
    with pytest.raises(DataError, match=rf"fold must be in 0\.\.0, got {fold}"):
        TinyMNIST(data_dir).split(fold)


@pytest.mark.parametrize("kept", [0, 3, 10, 16, 500, -1])
def test_a_truncated_file_is_refused(data_dir, kept):
    damage(data_dir, IMAGES, mnist_files()[IMAGES][:kept])
    refusal(data_dir)


def test_a_file_with_bytes_added_is_refused(data_dir):
    damage(data_dir, IMAGES, mnist_files()[IMAGES] + b"\0")
    assert "should have 6,288 bytes" in refusal(data_dir)


def test_a_huge_file_is_refused_without_being_read(data_dir):
    with (data_dir / "mnist" / IMAGES).open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert "more than the 47,040,016 bytes" in refusal(data_dir)


def test_labels_under_the_name_of_images_are_refused(data_dir):
    damage(data_dir, IMAGES, mnist_files()[LABELS])
    assert "declares (8,)" in refusal(data_dir)


def test_a_label_above_nine_is_refused(data_dir):
    damage(data_dir, LABELS, idx(np.full(8, 10, np.uint8)))
    assert "label 10" in refusal(data_dir)


def test_dimensions_whose_product_overflows_are_refused(data_dir):
    damage(data_dir, IMAGES, struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3))
    assert "declares (4294967295, 4294967295, 4294967295)" in refusal(data_dir)


def test_a_gzip_bomb_is_refused_without_being_unpacked(data_dir):
    (data_dir / "mnist" / IMAGES).unlink()
    bomb = gzip.compress(bytes(100 << 20), compresslevel=1)
    damage(data_dir, f"{IMAGES}.gz", bomb)
    assert "more than the 47,040,016 bytes" in refusal(data_dir)


@pytest.mark.parametrize("kept", [5, 200])
def test_a_truncated_gzip_is_refused(data_dir, kept):
    (data_dir / "mnist" / IMAGES).unlink()
    damage(data_dir, f"{IMAGES}.gz", gzip.compress(mnist_files()[IMAGES])[:kept])
    assert "does not decompress" in refusal(data_dir)


@given(raw=st.binary(max_size=64))
@settings(deadline=None)
def test_random_bytes_are_never_an_idx_file(raw, tmp_path_factory):
    with pytest.raises(DataError):
        parse_idx(raw, (7, 28, 28), tmp_path_factory.getbasetemp() / "random")


@given(position=st.integers(0, 15), value=st.integers(0, 255))
@settings(deadline=None)
def test_any_other_byte_in_a_header_is_refused(position, value, tmp_path_factory):
    raw = bytearray(idx(np.zeros((7, 28, 28), np.uint8)))
    if raw[position] != value:
        raw[position] = value
        with pytest.raises(DataError):
            parse_idx(bytes(raw), (7, 28, 28), tmp_path_factory.getbasetemp() / "random")
