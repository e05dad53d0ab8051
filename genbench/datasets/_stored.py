"""Datasets that are stored as files: which files, where they lie, what their bytes must be.

A file lies in the data folder raw, under its name, or gzipped, with .gz added. Size and checksums
are those of the raw bytes, because every mirror compresses them differently. No file is trusted:
nothing is unpickled, nothing extracted, and no more is unpacked than the file may hold.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genbench.errors import DataError
from genbench.records.files import as_folder, sha256_of_json

if TYPE_CHECKING:
    from torch import Tensor

_GZIP = b"\x1f\x8b"
_PAGE = "a web page, such as a server sends in place of a file: download it again"
_OTHERS = {  # how files start that are never a dataset's, in small letters, and what to do
    b"<!doctype html": _PAGE,
    b"<html": _PAGE,
    b"pk\3\4": "a zip archive: unpack it, then import the folder",
}
_SLACK = 1 << 20  # bytes by which a compressed file may outgrow what it holds


@dataclass(frozen=True)
class RemoteFile:
    """A file, by its path below the dataset's folder, and what its raw bytes must be.

    size: the most raw bytes it may have.
    sha256, md5: of the canonical file, in hex; md5 only where no sha256 is published.
    urls: mirrors, tried in turn; none where it cannot be downloaded.
    """

    name: str
    size: int
    sha256: str = ""
    md5: str = ""
    urls: tuple[str, ...] = ()

    @property
    def most_stored(self) -> int:
        """The most bytes of it that are ever read or downloaded, compressed or not."""
        return self.size + _SLACK

    def is_canonical(self, raw: bytes) -> bool:
        """Whether these are the published bytes; never so where no checksum is published."""
        if self.sha256:
            return sha256_of(raw) == self.sha256
        return bool(self.md5) and hashlib.md5(raw, usedforsecurity=False).hexdigest() == self.md5


class FileDataset:
    """What all datasets that are stored as files share.

    folder: in the data folder; also what the commands that bring the files call the dataset.
    unpacked: the same data in other files, read where none of `files` is there.
    how_to_get: said of a missing file that cannot be downloaded.
    """

    shape: tuple[int, ...]
    range: tuple[float, float]
    levels: int | None
    folds: int
    folder: str
    files: tuple[RemoteFile, ...]
    unpacked: tuple[RemoteFile, ...] = ()
    how_to_get: str = ""

    def __init__(self, data_dir: Any) -> None:
        self.data_dir: Path = Path(data_dir).expanduser()

    @classmethod
    def parse(cls, file: RemoteFile, raw: bytes, path: Path) -> Any:
        """What the raw bytes of `file` hold; raises DataError, naming `path`, if damaged."""
        raise NotImplementedError

    def read(self) -> list[Any]:
        """What each file in use holds; raises DataError on missing or damaged ones."""
        places = [(file, locate(self, self.data_dir, file)) for file in self._in_use]
        return [self.parse(file, read_raw(file, path), path) for file, path in places]

    @property
    def digest(self) -> str:
        """sha256, in hex, of the raw file; of several: of the JSON of their sha256 by name."""
        sums = {name: sha256 for name, (sha256, _) in self._identities.items()}
        return sha256_of_json(sums) if len(sums) > 1 else next(iter(sums.values()))

    @property
    def caveat(self) -> str:
        """Empty if every file is canonical; else what they are together; `verify` tells which."""
        canonical = all(canonical for _, canonical in self._identities.values())
        return "" if canonical else f"unverified files {self.digest[:8]}…"

    @cached_property
    def _identities(self) -> dict[str, tuple[str, bool]]:
        """sha256 in hex and whether it is canonical, by name of the files in use."""
        raws = ((f, read_raw(f, locate(self, self.data_dir, f))) for f in self._in_use)
        return {file.name: (sha256_of(raw), file.is_canonical(raw)) for file, raw in raws}

    @property
    def _in_use(self) -> tuple[RemoteFile, ...]:
        return in_use(self, self.data_dir)


AnyDataset = FileDataset | type[FileDataset]


def in_use(dataset: AnyDataset, data_dir: Path) -> tuple[RemoteFile, ...]:
    """The files that are read: `files`, or `unpacked` where only some of those are there."""
    packed = any(find(dataset, data_dir, file) for file in dataset.files)
    unpacked = any(find(dataset, data_dir, file) for file in dataset.unpacked)
    return dataset.unpacked if unpacked and not packed else dataset.files


def find(dataset: AnyDataset, data_dir: Path, file: RemoteFile) -> Path | None:
    """Where a file lies, raw or gzipped; None if it does not."""
    raw = data_dir / dataset.folder / file.name
    places = (raw, raw.with_name(raw.name + ".gz"))
    return next((path for path in places if os.path.isfile(path)), None)


def locate(dataset: AnyDataset, data_dir: Path, file: RemoteFile) -> Path:
    """Where a file lies; raises DataError, which says how to bring it, if it does not.

    Raises UsageError where `data_dir` is a file.
    """
    path = find(dataset, as_folder(data_dir, "data_dir"), file)
    if path is None:
        name = dataset.folder
        how = dataset.how_to_get or (
            f"Bring it with `genbench data fetch {name}`, or from a file or folder of yours "
            f"with `genbench data import {name} PATH`."
        )
        raise DataError(f"{data_dir / name / file.name} is missing. {how}")
    return path


def read_raw(file: RemoteFile, path: Path) -> bytes:
    """The raw bytes of a file; raises DataError if they cannot be had or are too many."""
    try:
        if path.stat().st_size > file.most_stored:
            raise _too_large(file.size, path)
        stored = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return unpack(file, stored, path)


def unpack(file: RemoteFile, stored: bytes, origin: Path | str) -> bytes:
    """The raw bytes behind what a disk or a mirror holds; raises DataError, naming `origin`."""
    for starts, is_this in _OTHERS.items():
        if stored[:64].lstrip().lower().startswith(starts):
            raise DataError(f"{origin} is {is_this}")
    packed = stored.startswith(_GZIP) and not file.name.endswith(".gz")
    return gunzip(stored, file.size, origin) if packed else stored


def gunzip(packed: bytes, limit: int, origin: Path | str) -> bytes:
    """Decompresses at most `limit` bytes; raises DataError if there are more or it is damaged.

    Bytes that are not gzipped are taken as they are: browsers unpack what they download.
    """
    if not packed.startswith(_GZIP):
        if len(packed) > limit:
            raise _too_large(limit, origin)
        return packed
    try:
        raw = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{origin} is damaged: it does not decompress ({error})") from error
    if len(raw) > limit:
        raise _too_large(limit, origin)
    return raw


def _too_large(limit: int, origin: Path | str) -> DataError:
    return DataError(f"{origin} holds more than the {limit:,} bytes that such a file can have")


def sha256_of(raw: bytes) -> str:
    """sha256, in hex."""
    return hashlib.sha256(raw).hexdigest()


def check_fold(fold: int, folds: int) -> None:
    """Raises DataError if there is no such fold."""
    if not 0 <= fold < folds:
        raise DataError(f"fold must be in 0..{folds - 1}, got {fold}")


def scaled(images: np.ndarray) -> Tensor:
    """k / 255 of bytes (n, ...), as float32 rows (n, d) in [0, 1]."""
    import torch  # here, so that datasets are listed without it

    return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32)).div_(255)


def as_labels(labels: np.ndarray) -> Tensor:
    """Labels (n,) as int64."""
    import torch

    return torch.from_numpy(labels.astype(np.int64))
