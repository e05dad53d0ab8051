"""The Toronto Face Database (Susskind, Anderson and Hinton 2010): grey faces, 48 x 48.

The file holds `images` (n, 48, 48) uint8; `labs_ex` (n, 1), the expression 1..7, -1 if unknown;
`labs_id` (n, 1), the person, -1 if unknown; `folds` (n, 5): 0 unlabelled, 1 training, 2
validation, 3 test.
"""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genbench.datasets._stored import FileDataset, RemoteFile, as_labels, check_fold, scaled
from genbench.errors import DataError
from genbench.protocols import Split

if TYPE_CHECKING:
    from torch import Tensor

_PROGRAM = Path(__file__).with_name("_mat.py")
_MEMORY = 4 << 30  # bytes; the largest known file, 112,234 faces, needs a third of it
_SECONDS = 120
_UNLABELLED, _TRAIN, _VALID, _TEST = range(4)


@dataclass(frozen=True)
class Faces:
    """A file's rows, in its order: images (n, 48, 48) uint8, the rest integers."""

    images: np.ndarray
    labs_ex: np.ndarray
    labs_id: np.ndarray
    folds: np.ndarray


class TFD(FileDataset):
    """Pixels k / 255; all unlabelled faces train, in every fold; labelled ones validate and test.

    The protocol of Goodfellow et al. 2014, section 5: five folds, bandwidth from the validation
    part of each, score on its test part. Labels are the expressions, 0..6 in the order anger,
    disgust, fear, happiness, sadness, surprise, neutral, or -1; training rows have none.
    """

    shape: tuple[int, ...] = (1, 48, 48)
    range: tuple[float, float] = (0.0, 1.0)
    levels: int | None = 256
    folds = 5
    folder = "tfd"
    files: tuple[RemoteFile, ...] = (
        # the md5 is quoted by one public loader; no sha256 is published
        RemoteFile("TFD_48x48.mat", size=1 << 29, md5="9d113650c197719b750ecc6864faf87c"),
    )
    how_to_get = (
        "It is the Toronto Face Database, 48 x 48, which its authors give out on request only.\n"
        "Ask the machine learning group of the University of Toronto "
        "(http://www.cs.toronto.edu/~jsusskin/TFD/), then: genbench data import tfd PATH"
    )

    @property
    def caveat(self) -> str:
        """Empty for the file whose md5 is known; else that this may not be TFD at all."""
        ((sha256, canonical),) = self._identities.values()
        return "" if canonical else f"TFD-layout file {sha256[:8]}…, not known to be TFD"

    @classmethod
    def parse(cls, file: RemoteFile, raw: bytes, path: Path) -> Faces:
        """The file's arrays, checked; warns where the faces or the folds look wrong."""
        faces = _faces(_arrays(raw, path), cls.folds, path)
        for doubt in doubts(faces):
            warnings.warn(f"{path}: {doubt}", stacklevel=2)
        return faces

    def split(self, fold: int) -> Split:
        """One of five; `train` is the same tensor in all. Raises DataError on a bad file."""
        check_fold(fold, self.folds)
        faces = self._faces
        labels = as_labels(np.maximum(faces.labs_ex, 0) - 1)
        valid, test = (faces.folds[:, fold] == role for role in (_VALID, _TEST))
        return Split(
            train=self._train,
            valid=scaled(faces.images[valid]),
            test=scaled(faces.images[test]),
            valid_labels=labels[valid],
            test_labels=labels[test],
        )

    @cached_property
    def _faces(self) -> Faces:
        return self.read()[0]

    @cached_property
    def _train(self) -> Tensor:
        return scaled(self._faces.images[unlabelled(self._faces)])


def unlabelled(faces: Faces) -> np.ndarray:
    """Which rows are labelled in no fold, bool (n,)."""
    return (faces.folds == _UNLABELLED).all(axis=1)


def _arrays(raw: bytes, path: Path) -> dict[str, np.ndarray]:
    """The arrays of a MATLAB file, read by a process of its own; raises DataError if it fails."""
    if raw.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise DataError(
            f"{path} is a MATLAB 7.3 file, which is HDF5; versions 5 to 7 are read: in MATLAB, "
            f"load it and save it with -v7, as in save('{path.name}', '-v7')"
        )
    names = Faces.__dataclass_fields__
    command = [sys.executable, "-P", str(_PROGRAM), str(_MEMORY), *names]
    try:
        child = subprocess.run(command, input=raw, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise _unreadable(path, f"it was not read within {_SECONDS} s") from error
    if child.returncode != 0:
        said = child.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise _unreadable(path, said or f"it ended its reader with code {child.returncode}")
    try:
        with np.load(io.BytesIO(child.stdout), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} cannot be read as a MATLAB 5 file: {why}. It may be damaged: copy it again from "
        "where it came, and check that its md5 is that of the copy."
    )


def _faces(arrays: Mapping[str, np.ndarray], n_folds: int, path: Path) -> Faces:
    """The file's rows, if types, shapes and values are those of the layout; else DataError."""
    images = arrays.get("images", np.empty(0))
    if images.dtype != np.uint8 or images.shape[1:] != (48, 48) or len(images) == 0:
        raise _not_tfd(path, f"images is {images.dtype} {images.shape}, not uint8 (n, 48, 48)")
    faces = Faces(
        images,
        labs_ex=_integers(arrays, "labs_ex", (len(images), 1), (-1, 7), path)[:, 0],
        labs_id=_integers(arrays, "labs_id", (len(images), 1), (-1, 2**31), path)[:, 0],
        folds=_integers(arrays, "folds", (len(images), n_folds), (_UNLABELLED, _TEST), path),
    )
    if not unlabelled(faces).any():
        raise _not_tfd(path, "no face is unlabelled, so none would train")
    for role, part in ((_VALID, "validation"), (_TEST, "test")):
        if not (faces.folds == role).any(axis=0).all():
            raise _not_tfd(path, f"a fold has no {part} face")
    return faces


def _integers(
    arrays: Mapping[str, np.ndarray],
    name: str,
    shape: tuple[int, int],
    bounds: tuple[int, int],
    path: Path,
) -> np.ndarray:
    """One of the label arrays as int64, whatever its type in the file."""
    array = arrays.get(name, np.empty(0))
    if array.shape != shape:
        raise _not_tfd(path, f"{name} is {array.shape}, not {shape}")
    low, high = bounds
    # a NaN fails every comparison
    if not ((array >= low) & (array <= high) & (array % 1 == 0)).all():
        raise _not_tfd(path, f"{name} has values other than whole numbers in {low}..{high}")
    return array.astype(np.int64)


def _not_tfd(path: Path, why: str) -> DataError:
    return DataError(f"{path} is not laid out as TFD_48x48.mat: {why}")


def doubts(faces: Faces) -> list[str]:
    """What looks wrong without being an error: faces that lie, parts of a fold that overlap."""
    found = []
    mean = faces.images.mean(axis=0)
    left_right, up_down = (np.abs(mean - np.flip(mean, axis)).mean() for axis in (1, 0))
    if left_right >= up_down:
        found.append("the mean face is less symmetric from left to right than up to down: turned?")
    several = ((faces.folds == _TEST).sum(axis=1) > 1).sum()
    if several:
        found.append(f"{several} faces are in the test part of more than one fold")
    people = sum(_shared_people(faces, fold) for fold in faces.folds.T)
    if people:
        found.append(f"{people} times a person is in two parts of a fold")
    known = {image.tobytes() for image in faces.images[unlabelled(faces)]}
    copies = sum(image.tobytes() in known for image in faces.images[~unlabelled(faces)])
    if copies:
        found.append(f"{copies} labelled faces are, byte for byte, also unlabelled ones that train")
    return found


def _shared_people(faces: Faces, fold: np.ndarray) -> int:
    """How many people are in more than one of a fold's training, validation and test parts."""
    parts = [np.unique(faces.labs_id[fold == role]) for role in (_TRAIN, _VALID, _TEST)]
    people, n_parts = np.unique(np.concatenate(parts), return_counts=True)
    return int((n_parts[people >= 0] > 1).sum())
