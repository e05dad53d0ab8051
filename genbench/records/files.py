"""The one atomic writer, the checksums that readers verify, and locks.

Every file appears whole or not at all: a temporary file in the same folder, fsync, replace, fsync
of the folder; whoever writes there next removes the temporary files of processes that are dead.
Every format carries the sha256 of its content, so a torn, swapped or edited file is named when it
is read. Only `append_line` adds to a file; its reader drops a torn last line.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import platform
import shutil
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psutil
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from genbench.errors import AlteredError, StoreError, UsageError
from genbench.records import pages

_CHECKSUM = "sha256"
_WRITER = ".genbench-"  # how the names of files begin that are not whole yet
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # said by file systems without them
_TORN = object()  # stands for a line that is not whole
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
Check = Callable[[], None] | None  # called last before a file takes its place; it may raise
# what readers of arrays raise for a file that is damaged, encrypted or oddly compressed
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, SafetensorError, tokenize.TokenError, struct.error),
    *(ValueError, TypeError, LookupError, SyntaxError, EOFError, ArithmeticError, RuntimeError),
)
# MemoryError: a header that asks for more than there is; AttributeError: a member that is no array
_BROKEN = (*DAMAGED, OSError, MemoryError, AttributeError)


def write_bytes(path: Path, content: bytes, check: Check = None) -> None:
    """Replaces `path` by `content`, durably; whoever reads sees the old file or the new one.

    check: what raises where the writer may not write any more. Raises StoreError where the folder
    cannot be written or the disk is full. The old file stays in both cases.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_dead(path.parent)
        own = f"{_WRITER}{_machine()}-{os.getpid()}-"
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=own, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            if check:
                check()
            os.replace(temporary, path)
        except BaseException as error:
            Path(temporary).unlink(missing_ok=True)
            if check and isinstance(error, OSError):
                check()  # who has taken over may have swept the temporary file away
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    """Makes a rename inside `folder` durable, where the system can (Windows cannot)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def as_folder(given: Path | str, option: str) -> Path:
    """Where a folder is, or may be made; `~` is the user's home.

    option: what it was given by. Raises UsageError where a file is in its place.

    >>> as_folder(__file__, "data_dir")
    Traceback (most recent call last):
        ...
    genbench.errors.UsageError: data_dir needs a folder, ...files.py' is a file
    """
    path = Path(given).expanduser()
    if os.path.exists(path) and not os.path.isdir(path):
        raise UsageError(f"{option} needs a folder, and {str(given)!r} is a file")
    return path


def check_writable(path: Path) -> None:
    """Raises StoreError where no file or folder could be made at `path`; makes nothing there."""
    there = path.absolute().parent if os.path.isfile(path) else path.absolute()
    while not os.path.exists(there):
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def sweep(folder: Path) -> None:
    """Removes what a killed writer left in `folder`; call it only while holding its lock."""
    for leftover in folder.glob(".*.tmp"):
        remove(leftover)


def _sweep_dead(folder: Path) -> None:
    """Removes what writers of this machine left in `folder` when they were killed."""
    own = f"{_WRITER}{_machine()}-"
    for leftover in folder.glob(f"{own}*.tmp"):
        pid = leftover.name.removeprefix(own).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            leftover.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """Names the machine, and the container on it, by whose numbers processes are told apart."""
    name = platform.node()
    with suppress(OSError):
        name += f" {os.stat('/proc/self/ns/pid').st_ino}"
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def remove(path: Path) -> None:
    """Removes a file, if it is there; raises StoreError where it may not be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot remove {path}: {error.strerror or error}") from error


def move(path: Path, place: Path) -> None:
    """Renames a file or folder, over a file that is there; raises StoreError if it cannot."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
    except OSError as error:
        raise StoreError(f"cannot move {path} to {place}: {error.strerror or error}") from error


def remove_folder(path: Path) -> None:
    """Removes a folder with all that is in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def sha256_of_json(value: Any) -> str:
    """sha256, in hex, of the canonical JSON of `value`."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of_arrays(arrays: Mapping[str, np.ndarray], also: Any = None) -> str:
    """sha256, in hex, of names, types, shapes and bytes, and of the JSON of `also`."""
    digest = hashlib.sha256(sha256_of_json(also).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(_described(name, array.dtype.str, array.shape))
        for block in pages.blocks(array.reshape(-1).view("uint8"), pages.HELD):
            digest.update(block.data)
    return digest.hexdigest()


def sha256_of_blocks(
    name: str, shape: tuple[int, ...], dtype: str, blocks: Iterable[np.ndarray]
) -> str:
    """As `sha256_of_arrays` of one array, of which there are blocks of rows only, in order."""
    digest = hashlib.sha256(sha256_of_json(None).encode())
    digest.update(_described(name, dtype, shape))
    for block in blocks:
        digest.update(block.reshape(-1).view("uint8").data)
    return digest.hexdigest()


def _described(name: str, dtype: str, shape: tuple[int, ...]) -> bytes:
    return f"{name}|{dtype}|{shape}|".encode()


def write_json(path: Path, record: Mapping[str, Any], check: Check = None) -> None:
    """Writes a JSON object with its own checksum; NaN and infinity are refused."""
    content = {**record, _CHECKSUM: sha256_of_json(record)}
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode(), check)


def stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced: its number, its times and its size."""
    try:
        about = path.stat()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    return about.st_ino, about.st_mtime_ns, about.st_ctime_ns, about.st_size


def read_json(path: Path) -> dict[str, Any]:
    """The object that `write_json` wrote; raises AlteredError if it is damaged or edited."""
    try:
        record = json.loads(path.read_bytes())
        checksum = record.pop(_CHECKSUM)
        intact = checksum == sha256_of_json(record)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise _altered(path) from error
    if not intact:
        raise _altered(path)
    return record


def write_tensors(
    path: Path, arrays: Mapping[str, np.ndarray], note: Any = None, check: Check = None
) -> None:
    """Writes named arrays as safetensors, with a JSON-able note and a checksum in the header."""
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    # one entry, since several would stand in the header in any order
    about = {_CHECKSUM: sha256_of_arrays(dense, note), "note": note}
    write_bytes(path, save(dense, {"genbench": json.dumps(about, sort_keys=True)}), check)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Arrays and note that `write_tensors` wrote; raises AlteredError if they changed."""
    try:
        with safe_open(path, framework="np") as file:
            about = json.loads((file.metadata() or {})["genbench"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 no mapping
        intact = about[_CHECKSUM] == sha256_of_arrays(arrays, about["note"])
    except _BROKEN as error:
        raise _altered(path) from error
    if not intact:
        raise _altered(path)
    return arrays, about["note"]


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], note: Any = None, check: Check = None
) -> None:
    """Writes named arrays as a deflated .npz, with a JSON-able note and a checksum."""
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    about = {_CHECKSUM: sha256_of_arrays(dense, note), "note": note}
    # as a mapping, since numpy's stub reads ** as its own keyword arguments
    content: dict[str, Any] = {**dense, "genbench": np.asarray(json.dumps(about, sort_keys=True))}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)
    write_bytes(path, buffer.getvalue(), check)


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Arrays and note of `write_arrays`, never unpickled; raises AlteredError if they changed."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if any(part.compress_type not in _PACKED for part in file.zip.infolist()):
                raise _altered(path)  # what else could unpack it may raise anything
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("genbench")))
        intact = about[_CHECKSUM] == sha256_of_arrays(arrays, about["note"])
    except _BROKEN as error:
        raise _altered(path) from error
    if not intact:
        raise _altered(path)
    return arrays, about["note"]


def _altered(path: Path) -> AlteredError:
    if not path.exists():  # a checkpoint, of a training that ended in the meantime
        return AlteredError(f"{path} is not there any more: run the same command again")
    return AlteredError(
        f"{path} is damaged or was edited: its checksum does not match. "
        "Delete that file and run the same command again."
    )


def append_line(path: Path, record: Mapping[str, Any], seed: str, check: Check = None) -> None:
    """Adds one JSON line to a log; the only writing that is not a replacement.

    Each line carries the sha256 of itself and of the line before it; `seed` stands before the
    first, so that no line can be edited, dropped or brought from another log unseen.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({**record, _CHECKSUM: _chained(_last(path, seed), record)})
        if check:
            check()
        with path.open("ab+") as file:
            whole = file.tell() == 0 or file.seek(-1, os.SEEK_END) < 0 or file.read(1) == b"\n"
            file.write((b"" if whole else b"\n") + line.encode() + b"\n")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def read_lines(path: Path, seed: str) -> list[dict[str, Any]]:
    """The whole lines of a log, oldest first; a line torn by a kill is left out.

    Raises AlteredError where a line is not as it was written, or not of this log.
    """
    records, last = [], seed
    for record in map(_whole, _lines(path)):
        if record is _TORN:
            continue
        try:
            checksum = record.pop(_CHECKSUM)
            intact = checksum == _chained(last, record)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise _altered(path) from error
        if not intact:
            raise _altered(path)
        records.append(record)
        last = checksum
    return records


def peeked_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log that may be written to just now; nobody has checked them."""
    found = [record for record in map(_whole, _lines(path)) if isinstance(record, dict)]
    return [{k: v for k, v in record.items() if k != _CHECKSUM} for record in found]


def _last(path: Path, seed: str) -> str:
    """The checksum that the next line of a log follows: that of the last whole line."""
    for line in reversed(_lines(path)):
        record = _whole(line)
        if record is not _TORN:
            checksum = record.get(_CHECKSUM) if isinstance(record, dict) else None
            if checksum is None:
                raise _altered(path)
            return checksum
    return seed


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def _whole(line: bytes) -> Any:
    """What a line of a log says, or `_TORN`; so is the empty text after the last line."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _TORN


def _chained(before: str, record: Mapping[str, Any]) -> str:
    return sha256_of_json([before, dict(record)])


def open_log(path: Path) -> TextIO:
    """A log for what a program prints, written at its end line by line; it takes any text.

    Raises StoreError where it cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def is_locked(path: Path) -> bool:
    """Whether some process holds a lock."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):  # OSError: a folder of somebody else's
        return True
    lock.release()
    return False


def create(path: Path) -> bool:
    """Makes an empty file; False where there is one, whoever made it, on whichever machine."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    return True


@contextmanager
def locked(path: Path, needed: bool = True) -> Iterator[None]:
    """Holds an exclusive lock, which the system frees if its owner dies.

    needed: without it, a file system that has no locks is no error, and nothing is held there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        if not needed and getattr(error, "errno", errno.ENOSYS) in _NO_LOCKS:
            yield
            return
        said = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot lock {path}: {said}") from error
    try:
        yield
    finally:
        lock.release()
