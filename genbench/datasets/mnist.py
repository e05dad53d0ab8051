"""MNIST (LeCun, Cortes and Burges 1998): handwritten digits, 28 x 28."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genbench.datasets._idx import parse_idx
from genbench.datasets._stored import FileDataset, RemoteFile, as_labels, check_fold, scaled
from genbench.errors import DataError
from genbench.protocols import Split


def idx_files(mirrors: tuple[str, ...], sha256: dict[str, str]) -> tuple[RemoteFile, ...]:
    """The four files of MNIST and whatever replaces it, in their usual order."""
    sizes = {
        "train-images-idx3-ubyte": 47_040_016,
        "train-labels-idx1-ubyte": 60_008,
        "t10k-images-idx3-ubyte": 7_840_016,
        "t10k-labels-idx1-ubyte": 10_008,
    }
    return tuple(
        RemoteFile(name, size, sha256[name], urls=tuple(f"{m}{name}.gz" for m in mirrors))
        for name, size in sizes.items()
    )


class MNIST(FileDataset):
    """Pixels k / 255; the first 50,000 images of the training file train, its last 10,000 validate.

    The split is that of Goodfellow et al. 2014, as released (goodfeli/adversarial, mnist.yaml).
    """

    shape: tuple[int, ...] = (1, 28, 28)
    range: tuple[float, float] = (0.0, 1.0)
    levels: int | None = 256
    folds = 1
    classes = 10
    n_train = 50_000
    n_valid = 10_000
    n_test = 10_000
    folder = "mnist"
    files: tuple[RemoteFile, ...] = idx_files(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://raw.githubusercontent.com/fgnt/mnist/master/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
    )

    @classmethod
    def parse(cls, file: RemoteFile, raw: bytes, path: Path) -> Any:
        """uint8 (n, 28, 28) for images, (n,) for labels."""
        n = cls.n_test if file.name.startswith("t10k") else cls.n_train + cls.n_valid
        if "images" in file.name:
            return parse_idx(raw, (n, *cls.shape[1:]), path)
        labels = parse_idx(raw, (n,), path)
        if labels.max(initial=0) >= cls.classes:
            raise DataError(
                f"{path} has a label {labels.max()}; they should be below {cls.classes}"
            )
        return labels

    def split(self, fold: int) -> Split:
        """The only fold, 0; raises DataError on missing or damaged files."""
        check_fold(fold, self.folds)
        images, labels, test_images, test_labels = self.read()
        n = self.n_train
        return Split(
            train=scaled(images[:n]),
            valid=scaled(images[n:]),
            test=scaled(test_images),
            train_labels=as_labels(labels[:n]),
            valid_labels=as_labels(labels[n:]),
            test_labels=as_labels(test_labels),
        )
