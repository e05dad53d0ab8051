"""How the files of datasets come: downloaded, imported, verified.

The only module that reaches the network or reads an environment variable. A file appears in the
data folder whole, checked, and raw, or not at all.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from genbench.datasets._stored import (
    AnyDataset,
    RemoteFile,
    find,
    in_use,
    read_raw,
    sha256_of,
    unpack,
)
from genbench.errors import DataError, UsageError
from genbench.records.files import as_folder, write_bytes

_SECONDS = 30  # of silence before the next mirror is tried
_UNFINISHED = (".crdownload", ".part", ".partial", ".download")  # what browsers add meanwhile

Progress = Callable[[str, int], None]  # name of the file, bytes received so far


def default_data_dir() -> Path:
    """The folder that the environment variable GENBENCH_DATA names, or the user's cache.

    Raises UsageError where a file is in its place.
    """
    named = os.environ.get("GENBENCH_DATA") or platformdirs.user_cache_dir("genbench", False)
    return as_folder(named, "GENBENCH_DATA")


def fetch(dataset: AnyDataset, data_dir: Path, progress: Progress | None = None) -> list[Path]:
    """Downloads every file that is not there in its canonical form; returns what it wrote.

    Raises UsageError for a dataset without files, and DataError where a file cannot be
    downloaded or no mirror gives the bytes whose sha256 is known.
    """
    _check_has_files(dataset)
    wanted = [file for file in dataset.files if status(dataset, data_dir, file) != "canonical"]
    return [_fetch_file(dataset, data_dir, file, progress) for file in wanted]


def _fetch_file(
    dataset: AnyDataset, data_dir: Path, file: RemoteFile, progress: Progress | None
) -> Path:
    if not file.urls:
        raise DataError(f"{file.name} cannot be downloaded. {dataset.how_to_get}")
    failures = []
    for url in file.urls:
        try:
            raw = unpack(file, _download(file, url, progress), url)
        except (OSError, DataError) as error:
            failures.append(f"{url}: {str(error)[:200]}")
            continue
        if file.is_canonical(raw):
            return _store(dataset, data_dir, file, raw)
        failures.append(f"{url}: gave other bytes, sha256 {sha256_of(raw)}, not {file.sha256}")
    raise DataError(
        f"no mirror gave {file.name} of {dataset.folder}; nothing was changed.\n"
        + "\n".join(failures)
        + f"\nIf you have the file: genbench data import {dataset.folder} PATH"
    )


class _Received(io.BytesIO):
    """What a mirror has sent, with a limit."""

    def __init__(self, file: RemoteFile, progress: Progress | None) -> None:
        super().__init__()
        self._file, self._progress = file, progress

    def write(self, chunk: Any, /) -> int:
        written = super().write(chunk)
        if self.tell() > self._file.most_stored:
            raise DataError(f"sent more than the {self._file.size:,} bytes of the file")
        if self._progress:
            self._progress(self._file.name, self.tell())
        return written


def _download(file: RemoteFile, url: str, progress: Progress | None) -> bytes:
    """What `url` gives, as it comes; raises OSError or DataError where it fails."""
    import pooch  # here, so that datasets are listed without it

    received = _Received(file, progress)
    pooch.HTTPDownloader(chunk_size=1 << 16, timeout=_SECONDS)(url, received, None)
    return received.getvalue()


def import_path(dataset: AnyDataset, data_dir: Path, source: Path) -> list[Path]:
    """Takes the dataset's files from a file or a folder, raw or gzipped; returns what it wrote.

    All are checked before one is written. Files that are whole but not the canonical ones are
    taken; `caveat` and `verify` name them. Raises UsageError for a dataset without files, and
    DataError if nothing fits, a file is damaged, or one that is there already would hide it.
    """
    _check_has_files(dataset)
    if not source.exists():
        raise DataError(f"there is no file or folder {source}")
    if source.is_file() and source.suffix in _UNFINISHED:
        raise DataError(f"{source} is a download that has not ended: wait for it, or begin anew")
    try:
        found = _matches(dataset, source)
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror}") from error
    if not found:
        names = ", ".join(file.name for file in (*dataset.files, *dataset.unpacked))
        raise DataError(
            f"{source} holds no file of {dataset.folder}; it reads {names}{_why(source)}"
        )
    hiding = [path for file in dataset.files if (path := find(dataset, data_dir, file))]
    if hiding and found[0][0] in dataset.unpacked:
        raise DataError(f"{hiding[0]} is there and is read instead; remove it, then import again")
    raws = [(file, _checked(dataset, file, path)) for file, path in found]
    return [_store(dataset, data_dir, file, raw) for file, raw in raws]


def _why(source: Path) -> str:
    """What may be there in place of a dataset's files."""
    if source.is_file():
        packed = zipfile.is_zipfile(source) or tarfile.is_tarfile(source)
        return ". It is an archive: unpack it, then import the folder" if packed else ""
    begun = [path.name for path in sorted(source.iterdir()) if path.suffix in _UNFINISHED]
    return f". {begun[0]} is a download that has not ended" if begun else ""


def _matches(dataset: AnyDataset, source: Path) -> list[tuple[RemoteFile, Path]]:
    """Which files of the dataset `source` is or holds, and where; `unpacked` if none of `files`."""
    if source.is_dir():
        there = _names_in(dataset, source)
    else:
        there = {_plain(source.name): source}
        if len(dataset.files) == 1 and not any(_plain(f.name) in there for f in dataset.unpacked):
            there = {_plain(dataset.files[0].name): source}  # whatever its name
    found = [
        [(file, there[_plain(file.name)]) for file in files if _plain(file.name) in there]
        for files in (dataset.files, dataset.unpacked)
    ]
    return found[0] or found[1]


def _names_in(dataset: AnyDataset, source: Path) -> dict[str, Path]:
    """The files where a download or a data folder has the dataset's, by their plain name."""
    parents = {Path(file.name).parent for file in (*dataset.files, *dataset.unpacked)}
    roots = (source, source / dataset.folder)
    folders = [*roots, *(root / parent for root in roots for parent in sorted(parents))]
    paths = [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir(), key=_rank)
    ]
    return {_plain(path.name): path for path in reversed(paths) if path.is_file()}


def _rank(path: Path) -> tuple[int, str]:
    """The plainest name of a file first: raw, gzipped, downloaded again."""
    return len(path.name), path.name


def _plain(name: str) -> str:
    """One spelling of a name: train-images.idx3-ubyte.gz is train-images-idx3-ubyte.

    So is `train-images-idx3-ubyte (1).gz`, as a browser calls what it downloads again.
    """
    numbered = re.sub(r" ?\(\d+\)(?=\.|$)", "", Path(name).name)
    return numbered.removesuffix(".gz").replace(".", "-")


def verify(dataset: AnyDataset, data_dir: Path) -> list[tuple[str, str]]:
    """Name and `status` of each file that is read; none for a dataset without files."""
    if not getattr(dataset, "files", ()):
        return []
    return [(f.name, status(dataset, data_dir, f)) for f in in_use(dataset, data_dir)]


def status(dataset: AnyDataset, data_dir: Path, file: RemoteFile) -> str:
    """One of canonical, "unverified: sha256 ...", missing, "damaged: ..."."""
    path = find(dataset, data_dir, file)
    if path is None:
        return "missing"
    try:
        if _is_canonical(file, path, path.stat().st_mtime_ns, path.stat().st_ctime_ns):
            return "canonical"
        raw = read_raw(file, path)
        dataset.parse(file, raw, path)
    except (DataError, OSError) as error:
        return f"damaged: {error}"
    return f"unverified: sha256 {sha256_of(raw)}"


@cache
def _is_canonical(file: RemoteFile, path: Path, modified: int, changed: int) -> bool:
    """Whether a file, last written at these times, is the published one.

    Several datasets are made of the same files: each is unpacked and summed once.
    """
    return file.is_canonical(read_raw(file, path))


def _checked(dataset: AnyDataset, file: RemoteFile, path: Path) -> bytes:
    """The raw bytes of a file that is canonical or at least whole; raises DataError if not."""
    raw = read_raw(file, path)
    if not file.is_canonical(raw):
        dataset.parse(file, raw, path)
    return raw


def _store(dataset: AnyDataset, data_dir: Path, file: RemoteFile, raw: bytes) -> Path:
    path = data_dir / dataset.folder / file.name
    write_bytes(path, raw)
    return path


def _check_has_files(dataset: AnyDataset) -> None:
    if not getattr(dataset, "files", ()):
        kind = dataset if isinstance(dataset, type) else type(dataset)
        raise UsageError(f"{kind.__name__} needs no file in the data folder: just use it")
