"""What a model drew, checked and as it is kept."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import ModelError
from genbench.records.run import Run
from genbench.running.labels import asked
from genbench.samples.pixels import as_stored


def drawn(
    run: Run, model: Any, n: int, dataset: Any, pool: Tensor | None
) -> tuple[np.ndarray, Tensor | None]:
    """n samples of a model as they are kept, and the labels that were asked for, if any.

    pool: labels of the classes that are asked for in turn; None where none are asked for.
    """
    wanted = None if pool is None else asked(pool, n)
    return kept_of(run, sampled(model, n, wanted), dataset, n, wanted), wanted


def sampled(model: Any, n: int, wanted: Tensor | None) -> Any:
    """What `sample` gives, of its own copy of the wanted labels where there are some."""
    return model.sample(n) if wanted is None else model.sample(n, wanted.clone())


def kept_of(run: Run, rows: Any, dataset: Any, n: int, wanted: Tensor | None) -> np.ndarray:
    """Samples as they are kept; raises ModelError where they are too many, or not one a label."""
    kept = checked(run, rows, dataset)
    if len(kept) > n or (wanted is not None and len(kept) < n):
        raise ModelError(f"{run.model} gave {len(kept)} samples where {n} were asked for")
    return kept


def checked(run: Run, samples: Any, dataset: Any) -> np.ndarray:
    """Samples (m, d) as they are kept: the k of k / (levels - 1), or float32.

    Raises ModelError for what cannot be samples of the dataset.
    """
    if not isinstance(samples, Tensor):
        raise ModelError(
            f"{run.model}: sample() gave {type(samples).__name__}; it must give a torch tensor"
        )
    rows = samples.detach()
    _check(run, rows, math.prod(dataset.shape), *dataset.range)
    return as_stored(rows, dataset)


def _check(run: Run, rows: Tensor, d: int, low: float, high: float) -> None:
    """Raises ModelError for samples of the wrong shape, that are no numbers, or out of range."""
    if rows.ndim != 2 or rows.shape[1] != d or len(rows) == 0:
        raise ModelError(
            f"{run.model}: samples must have the shape (at most {run.samples}, {d}) "
            f"and at least one row, got {tuple(rows.shape)}"
        )
    if not torch.isfinite(rows).all():
        bad = int((~torch.isfinite(rows)).any(dim=1).sum())
        raise ModelError(f"{run.model}: {bad} of {len(rows)} samples hold NaN or infinity")
    least, most = float(rows.min()), float(rows.max())
    if least < low or most > high:
        raise ModelError(
            f"{run.model}: samples must lie in [{low:g}, {high:g}], the range of "
            f"{run.data.name}, got values from {least:g} to {most:g}"
        )
