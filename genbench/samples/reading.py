"""Samples made by any program: a file, or a folder of pictures -> checked rows, as ours are kept.

Conventions
    m samples of shape (c, h, w) lie as (m, d) with d flattened c, h, w, or as (m, c, h, w),
    (m, h, w, c) or, where c is 1, (m, h, w); a folder's pictures in the order of their names.
    Values are floats in the dataset's range, uint8, the k of k / (levels - 1), or bool.
    Shape and type are looked at before any value is read, and every value is checked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from genbench.errors import DataError
from genbench.protocols import Dataset
from genbench.records import pages
from genbench.samples.arrays import BLOCK, Array, check_unpacked, open_array, readable
from genbench.samples.pixels import as_stored, levels_of

_LIMIT = float(np.finfo(np.float32).max)
NEAR = 1e-3  # of a range of 1: what rounding may be blamed for


@dataclass(frozen=True)
class Samples:
    """Checked samples, called like their file.

    rows: `(m, d)` as our own are kept: the k of k / (levels - 1), or, for continuous data, floats.
        They may lie in a map of the file.
    binary: whether, as they are scored, every value is 0 or 1, and both occur.
    """

    name: str
    rows: np.ndarray
    binary: bool


@dataclass(frozen=True)
class _Wanted:
    """What samples of a dataset must be. levels: None for continuous data."""

    name: str
    shape: tuple[int, ...]
    low: float
    high: float
    levels: int | None
    dataset: Dataset

    @property
    def d(self) -> int:
        return math.prod(self.shape)

    @property
    def kept(self) -> np.dtype:
        return np.dtype(np.float32 if self.levels is None else np.uint8)

    @property
    def top(self) -> int:
        """What is kept of a 1."""
        return 1 if self.levels is None else self.levels - 1


def read(path: Path, name: str, dataset: Dataset) -> Samples:
    """The samples in a file or a folder, checked against the dataset called `name`.

    Raises DataError, which says what was wrong, what came and what would do.
    """
    levels = levels_of(dataset)
    wanted = _Wanted(name, tuple(dataset.shape), *dataset.range, levels, dataset)
    array = open_array(path)
    _check_type(path, array.dtype, wanted)
    axes = _axes(path, array.shape, wanted)
    if array.shape[0] < 1:
        raise DataError(f"{path} is empty: it holds no sample")
    if array.mapped is None:
        check_unpacked(path, (array.shape[0], wanted.d), wanted.kept.itemsize)
    with readable(path):
        rows = _rows(path, array, axes, wanted)
    parts = pages.blocks(rows, BLOCK)
    binary = all(bool(((part == 0) | (part == wanted.top)).all()) for part in parts)
    binary = binary and not _is_constant(rows)
    return Samples(path.name if path.is_dir() else path.stem, rows, binary)


def _is_constant(rows: np.ndarray) -> bool:
    """Whether there is but one value in all rows: no kind of samples."""
    parts = pages.blocks(rows, BLOCK)
    return all(bool((part == rows[0, 0]).all()) for part in parts)


def _check_type(path: Path, dtype: np.dtype | str, wanted: _Wanted) -> None:
    """Raises DataError for a type that samples of the dataset cannot have."""
    known = [np.dtype(kind) for kind in ("f2", "f4", "f8", "u1", "?")]
    if isinstance(dtype, str) or dtype.newbyteorder("=") not in known:
        raise DataError(
            f"{path} holds {dtype}; samples of {wanted.name} are float16, float32 or float64 in "
            f"[{wanted.low:g}, {wanted.high:g}]" + (", uint8 or bool" if wanted.levels else "")
        )
    if dtype == np.uint8 and wanted.levels is None:
        raise DataError(
            f"{path} holds uint8, but {wanted.name} is continuous data: save floats "
            f"in [{wanted.low:g}, {wanted.high:g}]"
        )


def _axes(path: Path, shape: tuple[int, ...], wanted: _Wanted) -> tuple[int, ...] | None:
    """The axes in the order m, c, h, w; None where values lie in it as they are.

    Raises DataError for a shape that cannot be that of samples, or could be in two ways.
    """
    own, item = wanted.shape, shape[1:]
    as_they_are, last = [(wanted.d,), own], None
    if len(own) == 3:
        c, h, w = own
        last = (h, w, c)
        as_they_are += [(h, w), last] if c == 1 else []
    unclear = item == own == last and item not in as_they_are[2:]
    if len(shape) > 1 and item in as_they_are and not unclear:
        return None
    if len(shape) > 1 and item == last and not unclear:
        return 0, 3, 1, 2
    forms = dict.fromkeys(form for form in (*as_they_are, last) if form and not unclear)
    listed = " or ".join(f"(m, {', '.join(map(str, form))})" for form in forms)
    why = ""
    if unclear:
        listed, why = f"(m, {wanted.d})", ", with channels that may come first or last"
    elif last and (*last[:2], 3) == item:
        why = " in colour"
    raise DataError(f"{path} holds an array {shape}{why}; {wanted.name} needs {listed}")


def _rows(path: Path, array: Array, axes: tuple[int, ...] | None, wanted: _Wanted) -> np.ndarray:
    """The checked rows (m, d) as they are kept: the mapped ones themselves where they are so."""
    shape = array.shape[0], wanted.d
    whole = None if axes else _as_it_lies(array, wanted)
    rows = np.empty(shape, wanted.kept) if whole is None else whole.reshape(shape)
    start, most = 0, 0
    for block in array.blocks():
        _check_values(path, block, start, wanted)
        most = max(most, int(block.max()))
        if whole is None:
            moved = block if axes is None else block.transpose(axes)
            rows[start : start + len(block)] = _converted(moved.reshape(-1, wanted.d), wanted)
        start += len(block)
    if array.dtype == np.uint8 and most == 1:
        raise DataError(
            f"{path} holds uint8, which is read as k / {wanted.top}, and only 0 and 1, which is "
            "black; save binary samples as bool or float, or with 0 and "
            f"{wanted.top} in place of 0 and 1"
        )
    return rows


def _as_it_lies(array: Array, wanted: _Wanted) -> np.ndarray | None:
    """The mapped array, where it can be scored without being rounded or put in order first."""
    whole = array.mapped
    if whole is None or not (whole.flags.c_contiguous and whole.dtype.isnative):
        return None
    return whole if whole.dtype.kind == ("f" if wanted.levels is None else "u") else None


def _check_values(path: Path, block: np.ndarray, start: int, wanted: _Wanted) -> None:
    """Raises DataError for the first row of a block that holds NaN or lies out of range."""
    if block.dtype == np.bool_:
        return
    low, high = max(wanted.low, -_LIMIT), min(wanted.high, _LIMIT)
    if block.dtype == np.uint8:
        low, high = 0, wanted.top
    least, most = float(block.min()), float(block.max())
    if low <= least and most <= high:  # which NaN fails
        return
    flat = block.reshape(len(block), -1)
    wrong = ~((flat >= low) & (flat <= high))
    row = int(wrong.any(axis=1).argmax())
    value = flat[row][wrong[row]][0]
    where = f"{path}: row {start + row} (counted from 0) holds {value!s}"  # every digit of its type
    if not abs(float(value)) <= _LIMIT:
        raise DataError(f"{where}; samples are finite numbers in float32")
    hint = _hint(least, most) if (low, high) == (0, 1) else ""
    raise DataError(f"{where}, outside [{low:g}, {high:g}], the range of {wanted.name}{hint}")


def _hint(least: float, most: float) -> str:
    """What would bring values between these two into [0, 1], where one can tell."""
    if least >= -NEAR and most <= 1 + NEAR:
        return "; that near to it, x.clip(0, 1) does"
    if -1 - NEAR <= least < -NEAR and most <= 1 + NEAR:
        return "; (x + 1) / 2 may be what you mean"
    if least >= 0 and 2 < most <= 255:
        return "; x / 255 may be what you mean"
    return ""


def _converted(block: np.ndarray, wanted: _Wanted) -> np.ndarray:
    """Rows of any accepted type as they are kept."""
    if block.dtype == np.uint8:
        return block
    if block.dtype == np.bool_:
        return block * wanted.kept.type(wanted.top)
    native = block.astype(block.dtype.newbyteorder("="))  # a copy, which torch may own
    return as_stored(torch.from_numpy(native), wanted.dataset)
