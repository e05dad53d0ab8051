"""A small network that reads the expression of a face, trained on the user's own TFD-layout file.

`genbench features train faces` trains it on the labelled training rows of fold 0, rounds it to
whole numbers (`integers.py`) and keeps it beside the file, as faces-DIGEST.safetensors, DIGEST
being the start of the file's sha256. Weights of different files are different features: the
digest tells them apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.errors import UsageError
from genbench.features.doors import Labelled, check_rows, check_shape
from genbench.features.integers import WIDTH, IntegerNet, notes_of, read_weights

FOLD, TRAIN, TEST = 0, 1, 3  # of the file's `folds`
COMMAND = "genbench features train faces"


class Faces:
    """Whole numbers in 0..255, float32 (n, 64), of 48 x 48 grey images in [0, 1].

    Raises UsageError where no weights are in the data folder, or those of several files.
    """

    revision = 1
    shape: tuple[int, ...] = (1, 48, 48)
    classes = 7
    epochs = 20
    width = WIDTH
    takes = "48x48 grey images in [0, 1]"
    dataset = "tfd"

    def __init__(self, shape: Sequence[int], data_dir: Path) -> None:
        check_shape("faces", shape, self.shape)
        content = read_weights(path := _path(Path(data_dir) / self.dataset))
        self._net = IntegerNet(content, side=48, where=path)
        self.digest: str = self._net.digest
        notes = json.loads(notes_of(content) or "{}")
        self.quality: str = str(notes.get("quality", ""))
        self.known: dict[str, str] = {"fixed rows": str(notes.get("fixed rows", ""))}

    def __call__(self, rows: Tensor) -> Tensor:
        """Features (n, 64) of rows (n, 2304); raises ValueError for rows of another shape."""
        check_rows(rows, 2304)
        return self._net.features(rows)

    def head(self, features: Tensor) -> Tensor:
        """Logits (n, 7) of features (n, 64): the expression is the greatest."""
        return self._net.logits(features)

    def classify(self, rows: Tensor) -> Tensor:
        """Logits (n, 7) of rows (n, 2304): the expression is the greatest."""
        return self.head(self(rows))

    @staticmethod
    def labelled(dataset: Any) -> Labelled:
        """Rows of the file whose expression is known, of fold 0's training and test parts."""
        (faces,) = dataset.read()
        fold, labels = faces.folds[:, FOLD], faces.labs_ex
        rows, known = [], []
        for role in (TRAIN, TEST):
            part = (fold == role) & (labels > 0)
            rows.append(torch.from_numpy(faces.images[part]).flatten(1).float().div(255))
            known.append(torch.from_numpy(labels[part] - 1).long())
        return Labelled(rows[0], known[0], rows[1], known[1])

    @staticmethod
    def place(data_dir: Path, digest: str) -> Path:
        """Beside the dataset's file, named by its sha256."""
        return Path(data_dir) / Faces.dataset / f"faces-{digest[:10]}.safetensors"


def _path(folder: Path) -> Path:
    """The only weights in a folder; raises UsageError where there are none, or several."""
    there = sorted(folder.glob("faces-*.safetensors"))
    if not there:
        raise UsageError(
            f"features 'faces' has no weights in {folder}: train them on the faces of your file "
            f"with `{COMMAND} --data-dir {folder.parent}`, or take features=pixels, or pca64"
        )
    if len(there) > 1:
        names = ", ".join(path.name for path in there)
        raise UsageError(f"{folder} has weights of several files ({names}): leave one of them")
    return there[0]
