"""Datasets of a few rows, and files in their formats, for the tests of the readers."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.io import savemat

from genbench.datasets._stored import sha256_of
from genbench.datasets.cifar10 import CIFAR10
from genbench.datasets.cifar10_gcn import CIFAR10GCN
from genbench.datasets.mnist import MNIST


class TinyMNIST(MNIST):
    n_train, n_valid, n_test = 6, 2, 3


class TinyCIFAR10(CIFAR10):
    records = 4


class TinyCIFAR10GCN(CIFAR10GCN):
    records = 4


BATCHES = tuple(file.name for file in CIFAR10.unpacked)


def idx(array: np.ndarray) -> bytes:
    """An IDX file of bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def mnist_files(seed: int = 0) -> dict[str, bytes]:
    """The four raw files of TinyMNIST."""
    random = np.random.RandomState(seed)
    rows = {"train": 8, "t10k": 3}
    images = {n: random.randint(256, size=(k, 28, 28)).astype(np.uint8) for n, k in rows.items()}
    labels = {n: random.randint(10, size=k).astype(np.uint8) for n, k in rows.items()}
    return {f"{n}-images-idx3-ubyte": idx(a) for n, a in images.items()} | {
        f"{n}-labels-idx1-ubyte": idx(a) for n, a in labels.items()
    }


def published(files: dict[str, bytes], urls: tuple[str, ...] = ()) -> type[TinyMNIST]:
    """A TinyMNIST whose canonical files are these, gzipped below each of `urls`."""

    canonical = tuple(
        replace(
            file,
            sha256=sha256_of(files[file.name]),
            urls=tuple(f"{url}{file.name}.gz" for url in urls),
        )
        for file in MNIST.files
    )
    return type("Published", (TinyMNIST,), {"files": canonical})


def write_files(folder: Path, files: dict[str, bytes], packed: bool = False) -> Path:
    """Writes files by name below `folder`, gzipped if wished; returns the folder."""
    for name, raw in files.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(raw) if packed else raw)
    return folder


def cifar10_files(seed: int = 0) -> dict[str, bytes]:
    """The six raw batches of TinyCIFAR10."""
    random = np.random.RandomState(seed)
    files = {}
    for name in BATCHES:
        records = random.randint(256, size=(4, 3073)).astype(np.uint8)
        records[:, 0] %= 10
        files[name] = records.tobytes()
    return files


def tar_gz(files: dict[str, bytes]) -> bytes:
    """A tar.gz that holds files by name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, raw in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return packed.getvalue()


def faces(n: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of a TFD file: half of the rows unlabelled, the others in 5 clean folds.

    In fold f the labelled rows of the f-th fifth test, those of the next validate.
    """
    random = np.random.RandomState(seed)
    labelled = n // 2
    fifth = np.arange(labelled) * 5 // labelled
    folds = np.ones((labelled, 5), np.uint8)
    for fold in range(5):
        folds[fifth == fold, fold] = 3
        folds[fifth == (fold + 1) % 5, fold] = 2
    shading = np.linspace(0, 200, 48)[:, None]  # dark above, light below, as no turned face is
    images = (shading + random.randint(50, size=(n, 48, 48))).astype(np.uint8)
    unknown = np.full(n - labelled, -1)
    return {
        "images": images,
        "labs_ex": np.concatenate([unknown, np.arange(labelled) % 7 + 1])[:, None].astype(np.int16),
        "labs_id": np.concatenate([unknown, np.arange(labelled) + 1])[:, None].astype(np.int16),
        "folds": np.concatenate([np.zeros((n - labelled, 5), np.uint8), folds]),
    }


def mat(arrays: dict[str, np.ndarray], packed: bool = False) -> bytes:
    """A MATLAB 5 file that holds arrays by name."""
    content = io.BytesIO()
    savemat(content, arrays, do_compression=packed)
    return content.getvalue()
