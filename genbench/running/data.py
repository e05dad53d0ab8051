"""Which rows a run sees: datasets read once, and the identity of each of their folds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.errors import DataError, GenbenchError
from genbench.features.kept import Kept
from genbench.plugins import registry
from genbench.plugins.code import FEATURES
from genbench.protocols import Split
from genbench.records.files import sha256_of_arrays, sha256_of_blocks
from genbench.records.run import Data
from genbench.samples.featured import Featured
from genbench.samples.pixels import BLOCK, Deferred

TUNING_ROWS = 1000  # validation rows that tune a metric; those after them choose the epoch


class Sources:
    """The datasets in a folder; each is built once, and each fold digested once.

    Of each dataset the fold that was looked at last is held in memory.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._datasets: dict[str, Any] = {}
        self._splits: dict[str, tuple[int, Split]] = {}
        self._digested: dict[str, tuple[Tensor, str]] = {}  # training rows that folds may share
        self._featured: dict[tuple[str, str, int, str], Kept] = {}
        self._identities: dict[tuple[str, int], Data] = {}

    def dataset(self, name: str) -> Any:
        """A registered dataset; raises DataError for whatever its constructor raises."""
        if name not in self._datasets:
            with _readable(name):
                self._datasets[name] = registry.load("dataset", name)(self.data_dir)
        return self._datasets[name]

    def split(self, name: str, fold: int) -> Split:
        """One fold of a dataset, on the CPU.

        Raises DataError on missing or damaged files, and for values that are out of range.
        """
        held = self._splits.get(name)
        if held is None or held[0] != fold:
            with _readable(name):
                found = self.dataset(name).split(fold)
                _check_values(name, fold, found, *self.dataset(name).range)
            self._splits[name] = fold, found
        return self._splits[name][1]

    def identity(self, name: str, fold: int) -> Data:
        """Which rows one fold holds: sha256 of its parts, and what must be said of them."""
        if (name, fold) not in self._identities:
            with _readable(name):
                self._identities[name, fold] = self._identified(name, fold)
        return self._identities[name, fold]

    def identities(self, name: str) -> list[Data]:
        """The identity of every fold.

        Raises DataError for missing or damaged files, and for a dataset that breaks its contract.
        """
        with _readable(name):
            folds = range(self.dataset(name).folds)
        return [self.identity(name, fold) for fold in folds]

    def featured(self, name: str, features: str, folder: Path | None = None) -> Featured:
        """Registered features of the rows of a dataset, kept in a folder, if one is given."""
        return Featured(features, self.dataset(name), self.data_dir, folder)

    def features(
        self, name: str, features: str, fold: int, split: Split, folder: Path | None = None
    ) -> Kept:
        """What a metric is given on a fold; metrics that take the same share one computation."""
        key = name, features, fold, str(split.train.device)
        if key not in self._featured:
            self._featured = {key: self.featured(name, features, folder).of(split)}
        return self._featured[key]

    def computed_with(self, settings: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The digest of what a metric's features are computed with; nothing where it takes none.

        None where they cannot be had: such a run is never done.
        """
        if not settings.get(FEATURES):
            return {}
        features = self.featured(name, settings[FEATURES])
        return {FEATURES: None if features.lack() else features.digest}

    def _identified(self, name: str, fold: int) -> Data:
        source = self.dataset(name)
        if source.levels is not None and not 2 <= source.levels <= 256:
            raise DataError(f"levels of {name!r} must be 2 to 256 or None, got {source.levels}")
        split = self.split(name, fold)
        known = self._digested.get(name)
        if known is None or known[0] is not split.train:
            self._digested[name] = split.train, _digest(split.train)
        return Data(
            name=name,
            fold=fold,
            folds=source.folds,
            train=self._digested[name][1],
            valid=_digest(split.valid),
            test=_digest(split.test),
            digest=source.digest,
            caveat=source.caveat,
            levels=source.levels,
            labels={
                name: sha256_of_arrays({"labels": labels.numpy()})
                for name in ("train", "valid", "test")
                if (labels := getattr(split, f"{name}_labels")) is not None
            },
        )


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turns what a stranger's dataset raises into a DataError that names it."""
    try:
        yield
    except GenbenchError:
        raise
    except Exception as error:  # a stranger's dataset may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"dataset {name!r} cannot be read: {reason}") from error


def _check_values(name: str, fold: int, split: Split, low: float, high: float) -> None:
    """Raises DataError for rows with a value that is no number, or outside the declared range."""
    for part in ("train", "valid", "test"):
        rows = getattr(split, part)
        if rows.numel() == 0:
            continue
        least, most = _ends(rows)
        if not (math.isfinite(least) and math.isfinite(most) and low <= least and most <= high):
            raise DataError(
                f"dataset {name!r}, fold {fold}: the {part} rows have values from {least:g} to "
                f"{most:g}, and must be numbers in the declared range [{low:g}, {high:g}]"
            )


def _ends(rows: Tensor) -> tuple[float, float]:
    """The least and the greatest value; NaN where there is one."""
    parts = rows.split(BLOCK) if isinstance(rows, Deferred) else [rows]
    least, most = zip(*(torch.aminmax(part) for part in parts), strict=True)
    return float(torch.stack(least).min()), float(torch.stack(most).max())


def _digest(rows: Tensor) -> str:
    """As of the float32 rows, though deferred ones are never there at once."""
    if not isinstance(rows, Deferred):
        return sha256_of_arrays({"rows": rows.numpy()})
    parts = (part.clone().numpy() for part in rows.split(BLOCK))
    return sha256_of_blocks("rows", tuple(rows.shape), "<f4", parts)


def carved(train: Tensor) -> tuple[Tensor, Tensor]:
    """Training rows, and those at their end that select epochs and tune sampling instead.

    Or their labels. A tenth, at most twice as many as tune a metric.
    """
    held_out = min(2 * TUNING_ROWS, len(train) // 10)
    kept = len(train) - held_out
    return train[:kept], train[kept:]
