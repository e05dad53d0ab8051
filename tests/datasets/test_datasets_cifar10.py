"""CIFAR-10 and its contrast-normalised space: what is read, and what is refused."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import tarfile

import numpy as np
import pytest
import torch
from tiny_datasets import BATCHES, TinyCIFAR10, TinyCIFAR10GCN, cifar10_files, tar_gz, write_files

from genbench.datasets.cifar10_gcn import contrast_normalised
from genbench.errors import DataError

ARCHIVE = "cifar-10-binary.tar.gz"


@pytest.fixture
def archived(tmp_path):
    write_files(tmp_path / "cifar10", {ARCHIVE: tar_gz(cifar10_files())})
    return tmp_path


@pytest.fixture
def unpacked(tmp_path):
    write_files(tmp_path / "cifar10", cifar10_files())
    return tmp_path


def with_archive(tmp_path, packed):
    write_files(tmp_path / "cifar10", {ARCHIVE: packed})
    return TinyCIFAR10(tmp_path)


def refusal(dataset):
    with pytest.raises(DataError) as caught:
        dataset.split(0)
    assert str(dataset.data_dir) in str(caught.value)
    return str(caught.value)


def test_the_first_four_batches_train_the_fifth_validates_the_test_batch_tests(archived):
    batches = [np.frombuffer(raw, np.uint8).reshape(4, 3073) for raw in cifar10_files().values()]
    split = TinyCIFAR10(archived).split(0)
    for part, records in (
        (split.train, np.concatenate(batches[:4])),
        (split.valid, batches[4]),
        (split.test, batches[5]),
    ):
        assert part.dtype == torch.float32
        assert torch.equal(part, torch.tensor(records[:, 1:]).float() / 255)


def test_labels_are_the_first_byte_of_each_record(archived):
    labels = [raw[i * 3073] for raw in cifar10_files().values() for i in range(4)]
    split = TinyCIFAR10(archived).split(0)
    parts = (split.train_labels, split.valid_labels, split.test_labels)
    assert torch.cat([part for part in parts if part is not None]).tolist() == labels


def test_the_unpacked_files_give_the_same_rows_as_the_archive(archived, tmp_path):
    rows = TinyCIFAR10(archived).split(0).train
    (tmp_path / "cifar10" / ARCHIVE).unlink()
    write_files(tmp_path / "cifar10", cifar10_files())
    assert torch.equal(TinyCIFAR10(tmp_path).split(0).train, rows)


def test_unpacked_files_are_unverified_because_no_checksum_of_them_is_published(unpacked):
    dataset = TinyCIFAR10(unpacked)
    assert dataset.caveat == f"unverified files {dataset.digest[:8]}…"


def test_members_with_other_paths_and_links_are_passed_over(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("../../escaped", "/tmp/absolute", *(f"../{name}" for name in BATCHES)):
            member = tarfile.TarInfo(name)
            member.size = 4 * 3073
            archive.addfile(member, io.BytesIO(bytes(4 * 3073)))
        link = tarfile.TarInfo(BATCHES[0])
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    before = set(tmp_path.parent.rglob("*"))
    dataset = with_archive(tmp_path, packed.getvalue())
    assert "has no cifar-10-batches-bin/data_batch_1.bin" in refusal(dataset)
    assert not [p for p in set(tmp_path.parent.rglob("*")) - before if "escaped" in p.name]


def test_the_pickled_version_is_refused_and_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    batches = {f"cifar-10-batches-py/data_batch_{i}": pickle.dumps(Trap()) for i in range(1, 6)}
    message = refusal(with_archive(tmp_path, tar_gz(batches)))
    assert "cifar-10-binary.tar.gz" in message
    assert "pickled" in message
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: b""])
def test_a_batch_of_another_size_is_refused(tmp_path, unpacked, change):
    (unpacked / "cifar10" / BATCHES[2]).write_bytes(change(cifar10_files()[BATCHES[2]]))
    assert "should have 12,292 bytes" in refusal(TinyCIFAR10(unpacked))


def test_a_member_of_another_size_is_refused(tmp_path):
    files = cifar10_files()
    files[BATCHES[1]] += b"\0"
    assert "has no cifar-10-batches-bin/data_batch_2.bin of 12,292 bytes" in refusal(
        with_archive(tmp_path, tar_gz(files))
    )


def test_random_bytes_of_the_right_size_are_no_batch(unpacked):
    noise = np.random.RandomState(1).bytes(4 * 3073)
    (unpacked / "cifar10" / BATCHES[0]).write_bytes(b"\xff" + noise[1:])
    assert "is no batch of CIFAR-10" in refusal(TinyCIFAR10(unpacked))


def test_a_missing_batch_is_named(unpacked):
    (unpacked / "cifar10" / BATCHES[5]).unlink()
    assert "test_batch.bin is missing" in refusal(TinyCIFAR10(unpacked))


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    bomb = tar_gz({**cifar10_files(), "zeros": bytes(8 << 20)})
    assert "more than" in refusal(with_archive(tmp_path, bomb))


@pytest.mark.parametrize("kept", [0, 10, 5_000, -20])
def test_a_truncated_archive_is_refused(tmp_path, kept):
    refusal(with_archive(tmp_path, tar_gz(cifar10_files())[:kept]))


def test_an_archive_with_random_bytes_in_its_headers_reads_whole_or_is_refused(tmp_path):
    raw = gzip.decompress(tar_gz(cifar10_files()))
    draw = random.Random(0)
    for _ in range(300):
        damaged = bytearray(raw)
        for _ in range(draw.randint(1, 20)):
            damaged[draw.randrange(512)] = draw.randrange(256)
        packed = gzip.compress(bytes(damaged), compresslevel=1)
        try:
            batches = TinyCIFAR10.parse(TinyCIFAR10.files[0], packed, tmp_path / ARCHIVE)
        except DataError:
            continue
        assert len(batches) == 6


def test_every_normalised_image_has_mean_zero_and_norm_55(archived):
    split = TinyCIFAR10GCN(archived).split(0)
    for part in (split.train, split.valid, split.test):
        assert part.mean(dim=1).abs().max() < 1e-5
        assert torch.allclose(part.norm(dim=1), torch.tensor(55.0))


def test_normalisation_is_that_of_the_formula_in_float64(archived):
    pixels = np.frombuffer(cifar10_files()[BATCHES[5]], np.uint8).reshape(4, 3073)[:, 1:]
    x = pixels.astype(np.float64)
    centred = x - x.mean(axis=1, keepdims=True)
    expected = 55 * centred / np.linalg.norm(centred, axis=1, keepdims=True)
    assert np.allclose(TinyCIFAR10GCN(archived).split(0).test, expected, atol=1e-5)


def test_an_image_of_one_colour_becomes_zero():
    assert contrast_normalised(torch.full((1, 3072), 7.0)).eq(0).all()


def test_no_image_leaves_the_declared_range():
    one_bright_pixel = torch.eye(3072)[:1] * 255
    low, high = TinyCIFAR10GCN.range
    for x in (one_bright_pixel, 255 - one_bright_pixel):
        assert low <= contrast_normalised(x).min() <= contrast_normalised(x).max() <= high


def test_the_normalised_space_has_a_digest_of_its_own(archived):
    assert TinyCIFAR10GCN(archived).digest != TinyCIFAR10(archived).digest


def repacked(members, mode="w:gz"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, raw in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return packed.getvalue()


def test_an_archive_that_was_packed_again_from_its_folder_is_read(tmp_path, archived):
    packed = repacked({f"./{name}": raw for name, raw in cifar10_files().items()})
    again = with_archive(tmp_path / "again", packed).split(0)
    assert torch.equal(again.train, TinyCIFAR10(archived).split(0).train)


def test_an_archive_that_a_browser_unpacked_is_read(tmp_path, archived):
    plain = with_archive(tmp_path / "plain", repacked(cifar10_files(), "w:")).split(0)
    assert torch.equal(plain.test, TinyCIFAR10(archived).split(0).test)


def test_an_archive_that_lacks_a_batch_is_told_from_the_python_version(tmp_path):
    members = dict(list(cifar10_files().items())[:5])
    said = refusal(with_archive(tmp_path, repacked(members)))
    assert "5 of its 6 batches are there" in said
    assert "pickled" not in said


@pytest.mark.parametrize(
    ("members", "says"), [({}, "it is empty"), ({"holiday/beach.jpg": b"x"}, "'holiday/beach.jpg'")]
)
def test_an_archive_of_something_else_is_told_by_what_it_holds(tmp_path, members, says):
    said = refusal(with_archive(tmp_path, repacked(members)))
    assert says in said
    assert "pickled" not in said
