"""The Toronto Face Database: what is read, what is doubted, what is refused."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_datasets import faces, mat

from genbench.datasets import tfd
from genbench.datasets.tfd import TFD
from genbench.errors import DataError

pytestmark = pytest.mark.filterwarnings("error")


def stored(tmp_path, raw):
    path = tmp_path / "tfd" / "TFD_48x48.mat"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(raw)
    return TFD(tmp_path)


def refusal(dataset):
    with pytest.raises(DataError) as caught:
        dataset.split(0)
    assert "TFD_48x48.mat" in str(caught.value)
    return str(caught.value)


def doubts(**changed):
    arrays = {**faces(), **changed}
    rows = {
        name: array[:, 0] if name.startswith("labs") else array for name, array in arrays.items()
    }
    return tfd.doubts(
        tfd.Faces(**{name: rows[name] for name in ("images", "labs_ex", "labs_id", "folds")})
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("data"), mat(faces(), packed=True))


def test_all_unlabelled_faces_train_in_the_order_of_the_file(dataset):
    expected = torch.tensor(faces()["images"][:20].reshape(20, 2304)).float() / 255
    assert torch.equal(dataset.split(0).train, expected)


def test_the_five_folds_share_one_training_tensor(dataset):
    assert len({dataset.split(fold).train.data_ptr() for fold in range(5)}) == 1


@pytest.mark.parametrize("fold", range(5))
def test_faces_marked_2_validate_and_faces_marked_3_test(dataset, fold):
    arrays = faces()
    split = dataset.split(fold)
    for part, labels, mark in (
        (split.valid, split.valid_labels, 2),
        (split.test, split.test_labels, 3),
    ):
        rows = arrays["folds"][:, fold] == mark
        assert torch.equal(
            part, torch.tensor(arrays["images"][rows].reshape(-1, 2304)).float() / 255
        )
        assert labels.tolist() == (arrays["labs_ex"][rows, 0] - 1).tolist()
        assert labels.dtype == torch.int64


def test_label_arrays_may_be_of_any_type_of_number(tmp_path, dataset):
    arrays = {n: a if n == "images" else a.astype(np.float64) for n, a in faces().items()}
    assert torch.equal(stored(tmp_path, mat(arrays)).split(3).test, dataset.split(3).test)


def test_a_file_of_unknown_md5_is_said_not_to_be_known_as_tfd(dataset):
    assert dataset.caveat == f"TFD-layout file {dataset.digest[:8]}…, not known to be TFD"


def test_the_digest_needs_no_parsing_of_the_file(tmp_path):
    assert len(stored(tmp_path, b"no MATLAB file").digest) == 64


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_does_not_exist_is_refused(dataset, fold):
    with pytest.raises(DataError, match=rf"fold must be in 0\.\.4, got {fold}"):
        dataset.split(fold)


def test_if_the_file_is_missing_two_lines_say_what_it_is_and_how_to_ask_for_it(tmp_path):
    message = refusal(TFD(tmp_path))
    first, second = message.split("\n")
    assert "Toronto Face Database" in first
    assert "Ask" in second
    assert "genbench data import tfd PATH" in second


def test_clean_folds_of_upright_faces_leave_no_doubt():
    assert doubts() == []


def test_turned_faces_are_doubted():
    (doubt,) = doubts(images=faces()["images"].transpose(0, 2, 1))
    assert "turned" in doubt


def test_a_person_in_two_parts_of_a_fold_is_doubted():
    (doubt,) = doubts(labs_id=np.ones((40, 1)))
    assert doubt.startswith("5 times a person")


def test_a_face_that_two_folds_test_is_doubted():
    folds = faces()["folds"].copy()
    folds[20, 1] = 3
    assert doubts(folds=folds) == ["1 faces are in the test part of more than one fold"]


def test_a_labelled_face_that_also_trains_is_doubted():
    images = faces()["images"].copy()
    images[39] = images[0]
    assert doubts(images=images)[0].startswith("1 labelled faces are")


def test_doubts_are_warnings_and_the_file_is_read(tmp_path):
    arrays = {**faces(), "labs_id": np.ones((40, 1), np.int16)}
    with pytest.warns(UserWarning, match="a person is in two parts"):
        assert len(stored(tmp_path, mat(arrays)).split(0).train) == 20


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("images", faces()["images"].astype(np.float64)),
        ("images", faces()["images"][:, :47]),
        ("images", faces()["images"][:0]),
        ("labs_ex", faces()["labs_ex"][:-1]),
        ("labs_ex", faces()["labs_ex"] + 7),
        ("labs_id", faces()["labs_id"] + 0.5),
        ("labs_id", np.full((40, 1), np.nan)),
        ("folds", faces()["folds"][:, :4]),
        ("folds", faces()["folds"] + 1),
        ("folds", np.maximum(faces()["folds"], 1)),
        ("folds", np.minimum(faces()["folds"], 2)),
    ],
)
def test_an_array_that_is_not_of_the_layout_is_refused(name, array):
    with pytest.raises(DataError, match=r"faces\.mat is not laid out as TFD_48x48\.mat"):
        tfd._faces({**faces(), name: array}, 5, Path("faces.mat"))


@pytest.mark.parametrize("name", ["images", "labs_ex", "labs_id", "folds"])
def test_a_file_that_lacks_an_array_is_refused(name):
    arrays = {other: array for other, array in faces().items() if other != name}
    with pytest.raises(DataError, match=f"{name} is"):
        tfd._faces(arrays, 5, Path("faces.mat"))


def test_only_arrays_of_numbers_are_taken_from_a_file(tmp_path):
    strange = {
        "images": np.array([[{"a": "struct"}]], dtype=object),
        "folds": "a text",
        "labs_id": faces()["labs_id"],
        "unasked": faces()["images"],
    }
    assert list(tfd._arrays(mat(strange), tmp_path / "faces.mat")) == ["labs_id"]


@pytest.mark.parametrize("raw", [b"", mat(faces())[:5000], b"x" * 4096])
def test_what_is_no_whole_matlab_5_file_is_refused(tmp_path, raw):
    assert "cannot be read as a MATLAB 5 file" in refusal(stored(tmp_path, raw))


def crashing():
    """A file whose images have a data type that does not exist: scipy's reader dies of it."""
    raw = bytearray(mat({"images": faces(2)["images"]}))
    tag = len(raw) - 2 * 48 * 48 - 8
    assert raw[tag : tag + 4] == b"\2\0\0\0"
    raw[tag] = 200
    return bytes(raw)


def test_a_file_that_kills_scipys_reader_is_refused_and_kills_nothing_else(tmp_path):
    refusal(stored(tmp_path, crashing()))


def test_a_file_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tfd, "_SECONDS", 0.01)
    assert "not read within" in refusal(stored(tmp_path, mat(faces())))


def test_a_file_that_needs_too_much_memory_is_refused(tmp_path):
    raw = bytearray(mat({"images": faces(2)["images"]}))
    n_bytes = len(raw) - 2 * 48 * 48 - 4
    raw[n_bytes : n_bytes + 4] = b"\0\0\0\xff"  # it claims to hold 4 GiB of images
    assert "MemoryError" in refusal(stored(tmp_path, bytes(raw)))


def test_files_with_random_bytes_in_them_read_whole_or_are_refused(tmp_path):
    draw = random.Random(0)
    for packed in (True, False):
        raw = mat(faces(10), packed)
        for _ in range(4):
            damaged = bytearray(raw)
            for _ in range(draw.randint(1, 8)):
                damaged[draw.randrange(124, min(len(raw), 600))] = draw.randrange(256)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    split = stored(tmp_path, bytes(damaged)).split(0)
                except DataError:
                    continue
            assert split.train.shape == (5, 2304)


@pytest.mark.parametrize("start", [b"MATLAB 7.3 MAT-file, Platform: GLNXA64", b"\x89HDF\r\n\x1a\n"])
def test_a_file_of_matlab_7_3_is_told_how_to_be_saved(tmp_path, start):
    from genbench.datasets import tfd

    with pytest.raises(DataError, match=r"save\('TFD_48x48.mat', '-v7'\)"):
        tfd._arrays(start + bytes(500), tmp_path / "TFD_48x48.mat")
