"""The network of faces: trained on a file of the user's, found beside it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from genbench.errors import UsageError
from genbench.features.checking import checks
from genbench.features.doors import Labelled
from genbench.features.faces import Faces
from genbench.features.integers import notes_of
from genbench.features.training import made

SHAPE, DIGEST = (1, 48, 48), "ab" * 32


@dataclass
class File:
    """Faces as a dataset reads them: images, labels and folds."""

    images: np.ndarray
    labs_ex: np.ndarray
    folds: np.ndarray

    def read(self):
        return [self]


class Quickly:
    """Faces, but trained for one epoch."""

    shape, classes, epochs, dataset = Faces.shape, Faces.classes, 1, Faces.dataset


def squares(n=140):
    """Images of class k that are bright in one of 7 stripes, and labels."""
    labels = torch.arange(n) % 7
    images = torch.rand(n, 48, 48, generator=torch.Generator().manual_seed(0)) * 0.3
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 6 * label : 6 * label + 6] += 0.6
    return images.flatten(1), labels


@pytest.fixture(scope="module")
def trained():
    rows, labels = squares()
    return made(Quickly, Labelled(rows, labels, rows, labels), DIGEST, lambda *_: None)


@pytest.fixture
def folder(tmp_path, trained):
    path = Faces.place(tmp_path, DIGEST)
    path.parent.mkdir()
    path.write_bytes(trained[0])
    return tmp_path


def test_weights_lie_beside_the_file_by_its_digest(tmp_path):
    assert Faces.place(tmp_path, DIGEST) == tmp_path / "tfd" / "faces-ababababab.safetensors"


def test_without_weights_the_constructor_names_the_command(tmp_path):
    with pytest.raises(UsageError, match=f"genbench features train faces --data-dir {tmp_path}"):
        Faces(SHAPE, tmp_path)


def test_weights_of_two_files_are_one_too_many(folder, trained):
    Faces.place(folder, "cd" * 32).write_bytes(trained[0])
    with pytest.raises(UsageError, match=r"weights of several files .*leave one of them"):
        Faces(SHAPE, folder)


def test_the_digest_is_of_the_weights(folder, trained):
    assert Faces(SHAPE, folder).digest == hashlib.sha256(trained[0]).hexdigest()


def test_features_are_whole_numbers_that_a_head_classifies(folder):
    features, (rows, _) = Faces(SHAPE, folder), squares()
    found = features(rows)
    assert found.shape == (140, 64)
    assert torch.equal(found, found.round().clamp(0, 255))
    assert torch.equal(features.classify(rows), features.head(found))
    assert features.classify(rows).shape == (140, 7)


def test_training_twice_on_one_machine_gives_the_same_file(trained):
    rows, labels = squares()
    again = made(Quickly, Labelled(rows, labels, rows, labels), DIGEST, lambda *_: None)
    assert again == trained


def test_what_was_trained_says_how_good_it_is(folder, trained):
    assert json.loads(notes_of(trained[0]))["dataset"] == DIGEST
    assert Faces(SHAPE, folder).quality == trained[1]
    assert "140 rows trained, 140 tested, of tfd ababababab" in trained[1]


def test_what_was_trained_is_checked_by_its_own_note(folder):
    features = Faces(SHAPE, folder)
    (check,) = checks(features)
    assert (check.what, check.holds) == ("fixed rows", True)
    features._net.layers[2].bias.add_(2000)
    assert not checks(features)[0].holds


def test_only_labelled_rows_of_fold_0_train_and_test():
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 48, 48), np.uint8)
    folds = np.array([[1, 3], [3, 1], [1, 1], [0, 0], [2, 1], [3, 3]])
    found = Faces.labelled(File(images, np.array([1, 2, -1, -1, 5, 7]), folds))
    assert (found.train[:, 0] * 255).tolist() == [0]
    assert found.train_labels.tolist() == [0]
    assert torch.equal(found.test[:, 0], torch.tensor([1, 5]) / 255)
    assert found.test_labels.tolist() == [1, 6]


def test_rows_of_another_shape_are_refused(folder):
    with pytest.raises(UsageError, match=r"'faces' takes rows of shape 1x48x48, not 1x28x28"):
        Faces((1, 28, 28), folder)
    with pytest.raises(ValueError, match=r"take rows \(n, 2304\)"):
        Faces(SHAPE, folder)(torch.zeros(2, 784))
