"""Features that are computed once: the callable that a metric is given.

Rows are cut into blocks of 10,000, aligned at 0, and each block is known by the sha256 of its
bytes. So metrics that read the same rows, whole or block by block, share one computation: in
memory, where the blocks used last stay, and in files below the samples' folder,

    FOLDER/NAME-DIGEST/ROWS.safetensors    DIGEST of the extractor, ROWS of the block

A file that is damaged, edited or of something else is computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import AlteredError
from genbench.precision import float32_products
from genbench.protocols import Features

BLOCK = 10_000  # rows that are computed, remembered and kept together
MOST = 1 << 29  # bytes of features that stay in memory

Read = Callable[[Path], tuple[Mapping[str, np.ndarray], Any]]
Write = Callable[[Path, Mapping[str, np.ndarray], Any], None]


class Kept:
    """`kept(rows)` is `extractor(rows)`, (n, width), computed once for each block of rows.

    name: the extractor's registered name.
    folder, read, write: where blocks are kept, and the pair that reads and writes named arrays
        with a note, such as records.files.read_tensors and write_tensors; None keeps no file.
        `read` raises AlteredError for a file that is not there or not as it was written.
    most: bytes of features that stay in memory.
    `classify(rows)`, (n, classes) logits, where the extractor has it.
    """

    def __init__(
        self,
        extractor: Features,
        name: str,
        folder: Path | None = None,
        read: Read | None = None,
        write: Write | None = None,
        most: int = MOST,
    ) -> None:
        self.extractor = extractor
        self.name = name
        self.width: int = extractor.width
        self._folder, self._read, self._write, self._most = folder, read, write, most
        self._remembered: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        if hasattr(extractor, "classify"):
            self.classify: Callable[[Tensor], Tensor] = self._classify

    @property
    def digest(self) -> str:
        """sha256, in hex, of what the extractor computes with; empty where there is only code."""
        return self.extractor.digest

    @property
    def key(self) -> str:
        """sha256, in hex, of the extractor's name, revision and digest."""
        identity = [self.name, getattr(self.extractor, "revision", None), self.digest]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()

    def __call__(self, rows: Tensor) -> Tensor:
        """Features (n, width) of rows (n, d), on the rows' device."""
        if not getattr(self.extractor, "remembered", True):
            return self.extractor(rows)
        return self._in_blocks(rows, self._features)

    def _classify(self, rows: Tensor) -> Tensor:
        """Logits (n, classes) of rows (n, d), on the rows' device."""
        return self._in_blocks(rows, self._logits)

    def _in_blocks(self, rows: Tensor, computed: Callable[[Tensor, str], Tensor]) -> Tensor:
        """`computed` of each block and the sha256 of its rows, one below the other."""
        starts = range(0, max(len(rows), 1), BLOCK)
        # copies, since rows may be converted where they are used, each time anew
        blocks = (rows[i : i + BLOCK].detach().clone() for i in starts)
        return torch.cat([computed(block, digest_of(block)).to(rows.device) for block in blocks])

    def _features(self, block: Tensor, digest: str) -> Tensor:
        return self._known("features", digest, lambda: self._from_file(block, digest))

    def _logits(self, block: Tensor, digest: str) -> Tensor:
        head = getattr(self.extractor, "head", None)
        if head is not None:  # of features that are known, so that the net runs once
            return _exactly(head, self._features(block, digest).to(block.device))
        classify = self.extractor.classify  # pyright: ignore[reportAttributeAccessIssue]
        return self._known("logits", digest, lambda: _exactly(classify, block))

    def _known(self, what: str, digest: str, computed: Callable[[], Tensor]) -> Tensor:
        """The remembered tensor, or the one computed now; the least recently used ones go."""
        name = (f"{what} {self.key}", digest)
        found = self._remembered.pop(name, None)
        self._remembered[name] = computed().cpu() if found is None else found
        while len(self._remembered) > 1 and self._bytes() > self._most:
            self._remembered.popitem(last=False)
        return self._remembered[name]

    def _bytes(self) -> int:
        return sum(kept.numel() * kept.element_size() for kept in self._remembered.values())

    def _from_file(self, block: Tensor, digest: str) -> Tensor:
        """The block's features as a file has them, or computed, and then written."""
        if self._folder is None or self._read is None or self._write is None:
            return _exactly(self.extractor, block)
        path = self._folder / f"{self.name}-{self.key[:10]}" / f"{digest}.safetensors"
        note = {"features": self.name, "key": self.key, "rows": digest}
        try:
            arrays, about = self._read(path)
            if about == note and arrays["features"].shape == (len(block), self.width):
                return torch.from_numpy(arrays["features"])
        except (AlteredError, KeyError):
            pass  # not there, damaged, or not a file of ours
        found = _exactly(self.extractor, block)
        self._write(path, {"features": found.detach().cpu().numpy()}, note)
        return found


def digest_of(rows: Tensor) -> str:
    """sha256, in hex, of type, shape and bytes of rows (n, d)."""
    array = np.ascontiguousarray(rows.detach().cpu().numpy())
    found = hashlib.sha256(f"{array.dtype.str}|{array.shape}|".encode())
    found.update(array.reshape(-1).view("uint8").data)
    return found.hexdigest()


def _exactly(compute: Callable[[Tensor], Tensor], block: Tensor) -> Tensor:
    with torch.no_grad(), float32_products():
        return compute(block).detach()
