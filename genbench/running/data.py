"""Which rows a run sees: the identity of each fold of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from genbench.errors import DataError, GenbenchError
from genbench.plugins import registry
from genbench.records.files import sha256_of_arrays
from genbench.records.run import Data


def read_data(dataset: str, data_dir: Path) -> list[Data]:
    """The identity of every fold of a dataset: which rows a run of it would see.

    Raises DataError for missing or damaged files, and for a dataset that breaks its contract.
    """
    cls = registry.load("dataset", dataset)
    try:
        source = cls(data_dir)
        return [identity(dataset, source, fold) for fold in range(source.folds)]
    except GenbenchError:
        raise
    except Exception as error:  # a stranger's dataset may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"dataset {dataset!r} cannot be read: {reason}") from error


def identity(dataset: str, source: Any, fold: int) -> Data:
    """Which rows one fold holds: sha256 of its parts, and what must be said of them."""
    if source.levels is not None and not 2 <= source.levels <= 256:
        raise DataError(f"levels of {dataset!r} must be 2 to 256 or None, got {source.levels}")
    split = source.split(fold)
    train, valid, test = (_digest(part) for part in (split.train, split.valid, split.test))
    return Data(
        name=dataset,
        fold=fold,
        folds=source.folds,
        train=train,
        valid=valid,
        test=test,
        digest=source.digest,
        caveat=source.caveat,
        levels=source.levels,
    )


def _digest(rows: Tensor) -> str:
    return sha256_of_arrays({"rows": rows.numpy()})
