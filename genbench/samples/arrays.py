"""Files that anyone may have made -> an array: shape and type first, values block by block.

No file is trusted: nothing is unpickled, nothing extracted, and nothing is unpacked or decoded
before its size is known and asked for. A .npy or .safetensors file is mapped, so its values come
from the disk as they are used; a .npz is unpacked, and pictures are decoded, a block at a time.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from PIL import Image
from safetensors import safe_open

from genbench.errors import DataError
from genbench.records import files

BLOCK = 4096  # rows that are read at a time
MOST_UNPACKED = 2**30  # bytes that are held in memory of a file that cannot be mapped
_HEADER = 2**16  # bytes at the start of an array that may describe it
_SLACK = 2**20  # bytes by which a picture's file may outgrow its pixels
_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey + alpha", 6: "RGBA"}  # as a PNG says it
_DAMAGED = (*files.DAMAGED, Image.DecompressionBombError)


@dataclass(frozen=True)
class Array:
    """An array whose values are not read yet.

    dtype: of numpy, or the file's own word for a type that numpy does not have.
    blocks: its rows in order, at most BLOCK at a time (all of a Fortran array in a .npz).
    mapped: the whole array over a map of its file, where there is one.
    """

    shape: tuple[int, ...]
    dtype: np.dtype | str
    blocks: Callable[[], Iterator[np.ndarray]]
    mapped: np.ndarray | None = None


def open_array(path: Path) -> Array:
    """The array in a .npy, .npz or .safetensors file, or of the pictures in a folder.

    Raises DataError for what is none of these, is damaged, or holds several arrays.
    """
    formats = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors}
    kind = path.suffix.lower()
    if not path.exists():
        raise DataError(f"{path} is not there: samples are a file or a folder of PNG files")
    if not path.is_dir() and not (path.is_file() and kind in formats):
        raise DataError(
            f"{path}: samples come as .npy, .npz, .safetensors or a folder of PNG files. "
            "Pickles (.pkl, .pt) are never loaded: numpy.save writes an array as .npy"
        )
    with readable(path):
        return _folder(path) if path.is_dir() else formats[kind](path)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what readers raise for a damaged or forbidden file into a DataError that names it."""
    try:
        yield
    except _DAMAGED as error:
        raise DataError(f"{path} is damaged, or not of its kind: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


# --- files of arrays ---


def _npy(path: Path) -> Array:
    with path.open("rb") as file:
        shape, fortran, dtype, start = _header(path, file.read(_HEADER))
    _check_size(path, path.stat().st_size - start, shape, dtype)
    return _mapped(path, shape, dtype, start, fortran)


def _mapped(
    path: Path, shape: tuple[int, ...], dtype: np.dtype, start: int, fortran: bool = False
) -> Array:
    """The array that lies in a file from `start` on."""
    if 0 in shape:
        return Array(shape, dtype, lambda: iter(()))  # there is nothing to map
    mapped = np.memmap(path, dtype, "c", start, shape, "F" if fortran else "C").view(np.ndarray)
    if fortran or not shape:
        starts = range(0, len(mapped) if shape else 0, BLOCK)
        return Array(shape, dtype, lambda: (mapped[a : a + BLOCK] for a in starts), mapped)
    row, item = math.prod(shape[1:]), dtype.itemsize

    def blocks() -> Iterator[np.ndarray]:  # read, not mapped: pages that were seen may go at once
        for first in range(0, shape[0], BLOCK):
            count, offset = min(BLOCK, shape[0] - first), start + first * row * item
            yield np.fromfile(path, dtype, count * row, offset=offset).reshape(count, *shape[1:])

    return Array(shape, dtype, blocks, mapped)


def _safetensors(path: Path) -> Array:
    with safe_open(path, framework="pt") as file:
        name = _chosen(path, file.keys())
        form = file.get_slice(name)
        kinds = {"BOOL": "?", "U8": "u1", "F16": "f2", "F32": "f4", "F64": "f8"}
        if form.get_dtype() not in kinds:
            return Array(tuple(form.get_shape()), form.get_dtype(), lambda: iter(()))
        shape, dtype = tuple(form.get_shape()), np.dtype(kinds[form.get_dtype()]).newbyteorder("<")
    with path.open("rb") as file:  # whose header has been found right
        (length,) = struct.unpack("<Q", file.read(8))
        start = json.loads(file.read(length))[name]["data_offsets"][0]
    return _mapped(path, shape, dtype, 8 + length + start)


def _npz(path: Path) -> Array:
    with zipfile.ZipFile(path) as archive:
        found = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        members = {member.filename.removesuffix(".npy"): member for member in found}
        member = members[_chosen(path, members)]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{path} is compressed in a way that numpy.savez_compressed never is")
        with archive.open(member) as stream:
            shape, fortran, dtype, start = _header(path, stream.read(_HEADER))
    _check_size(path, member.file_size - start, shape, dtype)
    if fortran:  # its rows come only once all is there
        check_unpacked(path, shape, dtype.itemsize)
    step, order = (len(shape) and shape[0], "F") if fortran else (BLOCK, "C")

    def blocks() -> Iterator[np.ndarray]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            stream.read(start)
            for first in range(0, shape[0], step):
                part = (min(step, shape[0] - first), *shape[1:])
                raw = stream.read(math.prod(part) * dtype.itemsize)
                yield np.frombuffer(raw, dtype).reshape(part, order=order)

    return Array(shape, dtype, blocks)


def _header(path: Path, start: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, Fortran order, type and length of the header, of the first bytes of a .npy."""
    if not start.startswith(npy.MAGIC_PREFIX):
        raise DataError(
            f"{path} holds no .npy array: it does not begin like one. "
            "A pickle is never loaded; numpy.save writes what can be read"
        )
    file = io.BytesIO(start)
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise DataError(f"{path} is of .npy version {version}; that of plain arrays is (1, 0)")
    try:
        shape, fortran, dtype = readers[version](file)
    except MemoryError as error:  # Python's parser has run out of its stack, not of memory
        raise ValueError("its header is nested too deeply") from error
    if dtype.hasobject:
        raise DataError(
            f"{path} holds pickled Python objects, which are never loaded; "
            "save one array of numbers: numpy.save(path, array.astype('float32'))"
        )
    return shape, fortran, dtype, file.tell()


def _check_size(path: Path, size: int, shape: Sequence[int], dtype: np.dtype) -> None:
    """Raises DataError where a file has, or declares, other than the bytes of its array."""
    needed = math.prod(shape) * dtype.itemsize
    if size != needed or min(shape, default=0) < 0:
        what = "is cut off" if size < needed else "holds more than its array"
        raise DataError(
            f"{path} {what}: {tuple(shape)} of {dtype} take {needed:,} bytes, found {size:,}"
        )


def check_unpacked(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Raises DataError for more than may be held in memory of a file that cannot be mapped."""
    needed = math.prod(shape) * itemsize
    if needed > MOST_UNPACKED:
        raise DataError(
            f"{path} would unpack to {needed:,} bytes in memory, at most {MOST_UNPACKED:,} may; "
            "save so many samples as .npy, in C order, which is read from the disk"
        )


def _chosen(path: Path, names: Iterable[str]) -> str:
    """The array called `samples`, else the only one."""
    found = sorted(names)
    if "samples" not in found and len(found) != 1:
        listed = ", ".join(found[:10]) + (", ..." if len(found) > 10 else "")
        raise DataError(
            f"{path} holds {len(found)} arrays{': ' + listed if found else ''}. "
            "The one of the samples must be called 'samples' or be the only one"
        )
    return "samples" if "samples" in found else found[0]


# --- pictures ---


def _folder(path: Path) -> Array:
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    found = sorted(entries, key=lambda entry: entry.name)
    others = [entry for entry in found if entry.suffix.lower() != ".png" or not entry.is_file()]
    if others:
        raise DataError(
            f"{path} holds {others[0].name!r}, one of {len(others)} entries that are no PNG file: "
            "a folder of samples holds PNG files and nothing else (hidden files aside)"
        )
    if not found:
        raise DataError(f"{path} is empty: a folder of samples holds PNG files, one a sample")
    first = _form(found[0])
    for entry in found:
        form = _form(entry)
        if form != first:
            raise DataError(
                f"{path}: all pictures must have one size and kind; {found[0].name} is "
                f"{_told(first)}, {entry.name} is {_told(form)}"
            )
        if entry.stat().st_size > 2 * math.prod(first) + _SLACK:
            raise DataError(f"{entry} is far larger than a picture {_told(form)} can be")
    starts = range(0, len(found), BLOCK)
    return Array(
        (len(found), *first),
        np.dtype(np.uint8),
        lambda: (np.stack([_pixels(p, first) for p in found[a : a + BLOCK]]) for a in starts),
    )


def _told(form: Sequence[int]) -> str:
    return f"{form[1]} x {form[0]} in {_COLOURS[0 if form[2] == 1 else 2]}"


def _form(path: Path) -> tuple[int, int, int]:
    """Height, width and channels that a PNG declares; raises DataError for other than 8 bits."""
    with readable(path), path.open("rb") as file:
        start = file.read(26)
    if len(start) < 26 or not start.startswith(b"\x89PNG\r\n\x1a\n") or start[12:16] != b"IHDR":
        raise DataError(f"{path} is named like a PNG file and is none, or is cut off")
    width, height, depth, colour = struct.unpack(">IIBB", start[16:])
    if depth > 8 or colour not in (0, 2):
        kind = _COLOURS.get(colour, "unknown colours")
        raise DataError(f"{path} has {depth} bits a value, {kind}; save 8 bits, grey or RGB")
    return height, width, 1 if colour == 0 else 3


def _pixels(path: Path, form: tuple[int, int, int]) -> np.ndarray:
    """uint8 (h, w, c) of a picture that declared this form."""
    # from memory: of a file, Pillow would ask for as many bytes as a chunk says it has
    with readable(path), Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as picture:
        if picture.size != (form[1], form[0]):  # a second header, or a file that changed
            raise DataError(f"{path} is damaged: it declares several sizes")
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            raise DataError(f"{path} holds {frames} frames; save each as a picture of its own")
        if "transparency" in picture.info:
            raise DataError(f"{path} has a transparent colour; save it without transparency")
        return np.asarray(picture.convert("L" if form[2] == 1 else "RGB")).reshape(form)
