"""Rows as they are kept and as they are scored, whoever made them.

Samples of data with `levels` are kept as the k of k / (levels - 1), uint8, and scored as those
values in float32; samples of continuous data are kept and scored in float32.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genbench.protocols import Dataset
from genbench.records import pages
from genbench.records.pages import Pages

BLOCK = 4096  # rows that are converted at a time
LARGEST = 2**27  # numbers that are converted at once; of more rows, only those in use are


def levels_of(dataset: Dataset) -> int | None:
    """How many values a number of a sample can take, or None where they are not rounded."""
    return dataset.levels if tuple(dataset.range) == (0.0, 1.0) else None


def as_stored(rows: Tensor, dataset: Dataset) -> np.ndarray:
    """Rows (m, d) in the dataset's range as they are kept."""
    levels = levels_of(dataset)
    rows = rows.detach()
    kept = torch.float32 if levels is None else torch.uint8
    if isinstance(rows, Deferred) and (rows.stored.dtype, rows.levels) == (kept, levels):
        return rows.stored.cpu().numpy()
    if levels is None:
        return rows.to("cpu", torch.float32).numpy()
    parts = ((part.double() * (levels - 1)).round() for part in rows.split(BLOCK))
    return torch.cat([part.to("cpu", torch.uint8) for part in parts]).numpy()


def as_scored(stored: Tensor, levels: int | None) -> Tensor:
    """Kept rows (m, d), on any device, as a metric is given them: float32."""
    if levels is not None and stored.dtype == torch.uint8:
        return stored.float().div_(levels - 1)
    return stored.float()


def deferred(rows: np.ndarray, levels: int | None = None) -> Tensor:
    """Rows (n, d) of a dataset that do not fit as float32, converted where they are used.

    rows: the k of k / (levels - 1), uint8, or float32 without levels; in memory, or mapped:
    `np.load("test.npy", mmap_mode="r")`. Raises TypeError for others.

    >>> deferred(np.array([[0, 255]], dtype="uint8"), 256) * 2
    tensor([[0., 2.]])
    """
    wanted = np.float32 if levels is None else np.uint8
    if rows.ndim != 2 or rows.dtype != wanted:
        got = f"{rows.ndim} axes of {rows.dtype}"
        raise TypeError(f"deferred rows are (n, d) of {np.dtype(wanted)}, got {got}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nobody writes
        stored = torch.from_numpy(rows)
    return Deferred(stored, levels, Pages(rows))


def digests(rows: np.ndarray) -> list[bytes]:
    """A short name for the bytes of each row (m, d); equal names mean equal rows."""
    found = []
    for block in pages.blocks(rows, BLOCK):
        block = block if block.dtype == np.uint8 else block.astype(np.float32, copy=False)
        found += [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in block]
    return found


def grid(rows: Tensor, shape: Sequence[int], columns: int) -> bytes:
    """A PNG of the first rows (n, d) in [0, 1] as pictures of `shape`, (c, h, w) with c 1 or 3."""
    c, h, w = shape
    n = len(rows) // columns * columns
    pictures = rows[:n].reshape(-1, columns, c, h, w).clamp(0, 1).mul(255).round()
    tiled = pictures.permute(0, 3, 1, 4, 2).reshape(-1, columns * w, c).to("cpu", torch.uint8)
    file = io.BytesIO()
    Image.fromarray(tiled.numpy().squeeze(-1) if c == 1 else tiled.numpy()).save(file, "PNG")
    return file.getvalue()


class Deferred(Tensor):
    """Rows (m, d) that are kept in less memory, or on disk, and converted where they are used.

    A float32 tensor for whoever computes with it: parts of it are Deferred too, and any other
    operation is given `as_scored` of the part that it is called with. Pages of a mapped file, where
    they lie in one, are given back behind it. On another device they are kept as they are here.
    Raises TypeError for an operation that would write into it, or convert more than `LARGEST`
    numbers at once.
    """

    _PARTS = (
        *(torch.ops.aten.slice.Tensor, torch.ops.aten.split.Tensor),
        *(torch.ops.aten.index.Tensor, torch.ops.aten.index_select.default),
        *(torch.ops.aten.detach.default, torch.ops.aten.alias.default),
    )
    stored: Tensor
    levels: int | None
    pages: Pages | None

    @staticmethod
    def __new__(cls, stored: Tensor, levels: int | None, pages: Pages | None = None) -> Deferred:
        rows = Tensor._make_wrapper_subclass(
            cls, stored.shape, dtype=torch.float32, device=stored.device
        )
        rows.stored, rows.levels, rows.pages = stored, levels, pages
        return rows

    @classmethod
    def __torch_dispatch__(
        cls, operation: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if operation in cls._PARTS and isinstance(args[0], Deferred):
            about = args[0].levels, args[0].pages
            found = operation(args[0].stored, *args[1:], **(kwargs or {}))
            if isinstance(found, Tensor):
                return Deferred(found, *about)
            return [Deferred(part, *about) for part in found]
        if operation is torch.ops.aten._to_copy.default and _only_moves(kwargs or {}):
            moved = args[0].stored.to((kwargs or {})["device"])
            return Deferred(moved, args[0].levels)
        _check_reads_only(operation, args, kwargs or {})
        named = {name: _converted(operation, value) for name, value in (kwargs or {}).items()}
        return operation(*(_converted(operation, value) for value in args), **named)


def _only_moves(named: Mapping[str, Any]) -> bool:
    """Whether a copy is asked for on a device, and of float32."""
    return named.get("device") is not None and named.get("dtype") in (None, torch.float32)


def _check_reads_only(operation: Any, args: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Raises TypeError for an operation that would write into deferred rows: it would be lost."""
    declared = operation._schema.arguments
    given = {**dict(zip((a.name for a in declared), args, strict=False)), **named}
    written = (a.name for a in declared if a.alias_info is not None and a.alias_info.is_write)
    if any(isinstance(given.get(name), Deferred) for name in written):
        raise TypeError(
            f"{operation} would write into rows that are converted where they are used, and the "
            "change would be lost: use the operation that returns its result, or clone() first"
        )


def _converted(operation: Any, value: Any) -> Any:
    if isinstance(value, Deferred):
        if value.numel() > LARGEST:
            raise TypeError(
                f"{operation} would convert {value.numel():,} numbers at once, more than "
                f"{LARGEST:,}: work on parts, such as those of rows.split({BLOCK})"
            )
        return _read(value.stored, value.levels, value.pages)
    if isinstance(value, list | tuple):
        return [_converted(operation, part) for part in value]
    return value


def _read(stored: Tensor, levels: int | None, held: Pages | None) -> Tensor:
    """Kept rows as they are scored; of rows far apart in a mapped file no more at once than HELD.

    A system may map megabytes of a file for a single row, so what lies between rows counts too.
    """
    if held is None:
        return as_scored(stored, levels)
    apart = max(1, stored.stride(0) * stored.itemsize)  # bytes from row to row
    found = []
    for part in stored.split(max(1, pages.HELD // apart)):
        held.about_to_read(len(part) * apart)
        found.append(as_scored(part, levels))
    return found[0] if len(found) == 1 else torch.cat(found)
