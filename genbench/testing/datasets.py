"""What every dataset must keep: that it is read the same each time, and is what it declares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.errors import DataError
from genbench.plugins import registry
from genbench.seeding import seeded
from genbench.testing.claims import require, works

ROWS = 2000  # whose density is compared with that of draws
AT_A_TIME = 4096  # rows that are looked at, so that those that do not fit are no trouble


def check_dataset(dataset: str | type, data_dir: Path) -> list[str]:
    """The claims of `protocols.Dataset`; raises CheckError, or DataError if files are missing."""
    cls = registry.load("dataset", dataset) if isinstance(dataset, str) else dataset
    return list(_dataset_claims(cls, data_dir))


def _dataset_claims(cls: Any, data_dir: Path) -> Iterator[str]:
    source, again = cls(data_dir), cls(data_dir)
    d, (low, high) = math.prod(source.shape), source.range
    hexadecimal = len(source.digest) == 64 and set(source.digest) <= set("0123456789abcdef")
    yield require(hexadecimal, "digest is a sha256 in hex", f"got {source.digest!r}")
    yield require(source.digest == again.digest, "digest is stable", "two readings differ")
    yield require(source.folds >= 1, "has at least one fold", f"got {source.folds}")
    words = isinstance(source.caveat, str)
    yield require(words, "caveat is a sentence or empty", f"got {source.caveat!r}")
    levels = source.levels is None or 2 <= source.levels <= 256
    yield require(levels, "levels are 2 to 256, or None", f"got {source.levels!r}")
    for fold in islice(range(source.folds), 2):
        split, twin = source.split(fold), again.split(fold)
        for part in ("train", "valid", "test"):
            rows, name = getattr(split, part), f"{part} of fold {fold}"
            fits = rows.ndim == 2 and rows.shape[1] == d and rows.dtype == torch.float32
            got = f"got {tuple(rows.shape)}, {rows.dtype}"
            yield require(fits and len(rows) > 0, f"{name} is float32 (n, {d}), n > 0", got)
            parts, twins = rows.split(AT_A_TIME), getattr(twin, part).split(AT_A_TIME)
            least, most = min(float(p.min()) for p in parts), max(float(p.max()) for p in parts)
            finite = all(bool(p.isfinite().all()) for p in parts)
            inside = low <= least and most <= high and finite
            yield require(inside, f"{name} lies in {source.range}", f"from {least} to {most}")
            same = len(parts) == len(twins) and all(map(torch.equal, parts, twins))
            yield require(same, f"{name} is the same at every reading", "two readings differ")
            labels = getattr(split, f"{part}_labels")
            fits = labels is None or (labels.shape == (len(rows),) and labels.dtype == torch.int64)
            yield require(fits, f"labels of {name} are int64, one a row", f"got {labels!r}")
            if source.levels is not None:
                off = max(_off(p * (source.levels - 1)) for p in parts)
                claim = f"{name} has {source.levels} levels"
                yield require(off < 1e-3, claim, f"a value is {off:.3g} of a level off")
    if getattr(source, "density", None) is not None:
        yield from _density_claims(source)
    for fold in (-1, source.folds):
        got = "it was accepted"
        try:
            source.split(fold)
        except DataError:
            got = ""
        except Exception as error:  # anything else is the broken claim itself
            got = f"it raised {type(error).__name__}"
        yield require(not got, f"fold {fold} is refused with a DataError", got)


def _off(levels: Tensor) -> float:
    """How far at most values are from whole numbers."""
    above = levels.frac().abs()
    return float(torch.minimum(above, 1 - above).max())


def _density_claims(source: Any) -> Iterator[str]:
    """The density gives a number for each row, and the rows are as likely as its own draws."""
    x, d = source.split(0).test[:ROWS], math.prod(source.shape)
    with works("density has log_prob and draw"), seeded("density"):
        log_p, drawn = source.density.log_prob(x), source.density.draw(ROWS)
        of_drawn = source.density.log_prob(drawn).double()
    got = f"got {tuple(log_p.shape)}"
    yield require(log_p.shape == (len(x),), "density.log_prob gives a value for each row", got)
    fits = drawn.shape == (ROWS, d) and drawn.dtype == torch.float32
    got = f"got {tuple(drawn.shape)}, {drawn.dtype}"
    yield require(fits, f"density.draw gives float32 rows of d = {d}", got)
    finite = bool(log_p.isfinite().all())
    yield require(finite, "density is positive at every row", "its log is no finite number")
    log_p = log_p.double()
    error = math.sqrt(float(log_p.var()) / len(log_p) + float(of_drawn.var()) / ROWS)
    apart = float((log_p.mean() - of_drawn.mean()).abs())
    claim = "the rows are as likely as draws of the density"
    reason = f"their means of log p differ by {apart:.3g} nats, {apart / error:.3g} standard errors"
    yield require(apart < 5 * error, claim, reason)
