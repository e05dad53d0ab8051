"""CIFAR-10 (Krizhevsky 2009): photographs of ten kinds of thing, 3 x 32 x 32, binary version."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genbench.datasets._stored import (
    FileDataset,
    RemoteFile,
    as_labels,
    check_fold,
    gunzip,
    scaled,
)
from genbench.errors import DataError
from genbench.protocols import Split

if TYPE_CHECKING:
    from torch import Tensor

_FOLDER = "cifar-10-batches-bin"
_BATCHES = tuple(
    f"{_FOLDER}/{name}.bin" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
)
_RECORD = 1 + 3 * 32 * 32  # bytes: a label, then the red, the green and the blue plane
_SLACK = 1 << 20  # bytes of headers and texts in the archive


class CIFAR10(FileDataset):
    """Pixels k / 255, channel-major; batches 1 to 4 train, 5 validates, the test batch tests.

    The split is that of Goodfellow et al. 2014, as released (goodfeli/adversarial). Read from the
    archive of the binary version, never extracted, or else from its six files; the python version
    is pickled, and never read. A checksum is published for the archive only.
    """

    shape: tuple[int, ...] = (3, 32, 32)
    range: tuple[float, float] = (0.0, 1.0)
    levels: int | None = 256
    folds = 1
    classes = 10
    records = 10_000  # in each of the six batches
    folder = "cifar10"
    files: tuple[RemoteFile, ...] = (
        RemoteFile(
            "cifar-10-binary.tar.gz",
            size=190_000_000,  # the canonical one has 170,052,171; others may be packed less well
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            urls=(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
            ),
        ),
    )
    unpacked: tuple[RemoteFile, ...] = tuple(
        RemoteFile(name, size=10_000 * _RECORD) for name in _BATCHES
    )

    @classmethod
    def parse(cls, file: RemoteFile, raw: bytes, path: Path) -> Any:
        """The batches that a file holds: a list of uint8 (records, 3073), labels first."""
        if file in cls.unpacked:
            return [cls._batch(raw, str(path))]
        members, names = _members(raw, cls.records * _RECORD, path)
        missing = [name for name in _BATCHES if name not in members]
        if missing:
            size = cls.records * _RECORD
            said = _holds(members, names)
            raise DataError(f"{path} has no {missing[0]} of {size:,} bytes{said}")
        return [cls._batch(members[name], f"{path}, {name},") for name in _BATCHES]

    @classmethod
    def _batch(cls, raw: bytes, origin: str) -> np.ndarray:
        """uint8 (records, 3073), a view of `raw`; raises DataError if it cannot be a batch."""
        if len(raw) != cls.records * _RECORD:
            size = cls.records * _RECORD
            raise DataError(f"{origin} should have {size:,} bytes, and has {len(raw):,}")
        batch = np.frombuffer(raw, np.uint8).reshape(cls.records, _RECORD)
        if batch[:, 0].max() >= cls.classes:
            raise DataError(
                f"{origin} is no batch of CIFAR-10: a record starts with {batch[:, 0].max()}, "
                f"where a label below {cls.classes} is due"
            )
        return batch

    @cached_property
    def _batches(self) -> list[np.ndarray]:
        return [batch for batches in self.read() for batch in batches]

    def split(self, fold: int) -> Split:
        """The only fold, 0; raises DataError on missing or damaged files."""
        check_fold(fold, self.folds)
        *first, fifth, last = self._batches
        train = np.concatenate(first)
        return Split(
            train=self.scale(train[:, 1:]),
            valid=self.scale(fifth[:, 1:]),
            test=self.scale(last[:, 1:]),
            train_labels=as_labels(train[:, 0]),
            valid_labels=as_labels(fifth[:, 0]),
            test_labels=as_labels(last[:, 0]),
        )

    def scale(self, pixels: np.ndarray) -> Tensor:
        """Bytes (n, 3072) as the float32 rows of this dataset."""
        return scaled(pixels)


def _members(packed: bytes, size: int, path: Path) -> tuple[dict[str, bytes], list[str]]:
    """The batches of `size` bytes in a tar.gz, by name, and the names of all that is in it."""
    content = io.BytesIO(gunzip(packed, len(_BATCHES) * size + _SLACK, path))
    found, names = dict[str, bytes](), list[str]()
    try:
        with tarfile.open(fileobj=content, mode="r:") as archive:
            for member in archive:
                name = member.name.removeprefix("./")  # as `tar -C folder .` writes it
                names.append(name)
                if member.isreg() and name in _BATCHES and member.size == size:
                    file = archive.extractfile(member)
                    found[name] = file.read(size) if file else b""
    except (tarfile.TarError, OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is no intact tar archive: {error}") from error
    return found, names


def _holds(members: Mapping[str, bytes], names: Sequence[str]) -> str:
    """What is wrong with an archive that lacks batches, and what would do."""
    if members:
        return f"; {len(members)} of its {len(_BATCHES)} batches are there: download it again"
    if not names:
        return "; it is empty"
    if any("batches-py" in name for name in names):
        return (
            ". What is read is the binary version, cifar-10-binary.tar.gz; the python version is "
            "pickled, unpickling runs whatever code is in it, and so it is never read."
        )
    return f"; it has {names[0][:80]!r}. What is read is the binary version, cifar-10-binary.tar.gz"
