"""What two reference rows say of the score: centroids that outscore the rows they average."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from genbench.comparing import estimates
from genbench.comparing.comparison import PerExample
from genbench.records.names import head, judge, settings
from genbench.records.run import Result
from genbench.words import value_and_error


def on_centroids(
    results: Sequence[Result],
    per_example: PerExample,
    centroids: str,
    images: str,
) -> list[str]:
    """What centroids say about the score, where that row and the training images' are both there.

    A sentence for each dataset, metric, seed and sample count on which the model `centroids`, as
    its recipe has it, outscores `images` by more than two paired standard errors over test rows.
    """
    pairs: dict[tuple[Any, ...], dict[tuple[str, str], list[Result]]] = {}
    for result in sorted(results, key=lambda result: result.fold):
        if result.status == "done" and len(settings(result)) == len(result.overrides):
            key = (result.digest, judge(result), result.seed, result.samples, result.sample_set)
            pairs.setdefault(key, {}).setdefault((result.model, result.preset), []).append(result)
    lines = [
        _centroid_note(ours, theirs, per_example)
        for pair in pairs.values()
        for (model, _), ours in pair.items()
        for (other, _), theirs in pair.items()
        if (model, other) == (centroids, images) and len(ours) == len(theirs)
    ]
    kinds: dict[str, list[str]] = {}
    for line in filter(None, lines):
        kinds.setdefault(re.sub(r"\d+", "", line), []).append(line)
    return [
        found[0] + (f" (and {len(found) - 1} more like it)" if found[1:] else "")
        for found in kinds.values()
    ]


def _centroid_note(
    ours: Sequence[Result],
    theirs: Sequence[Result],
    per_example: PerExample,
) -> str | None:
    """A warning where centroids outscore the images by more than two paired errors."""
    values = [[per_example(result) for result in side] for side in (ours, theirs)]
    if any(value is None for side in values for value in side):
        return None
    pooled = [np.concatenate([value for value in side if value is not None]) for side in values]
    difference, error = estimates.paired_difference(*pooled)
    if ours[0].best not in ("high", "low"):
        return None
    difference *= 1 if ours[0].best == "high" else -1
    if not difference > 2 * error:
        return None
    trained_on = ours[0].training.rows or "the"
    return (
        f"on {head(ours[0])}, {ours[0].scored} {ours[0].model} centroids of {trained_on} training "
        f"images outscore {theirs[0].scored} of those images by "
        f"{value_and_error(difference, error)} {ours[0].unit} (paired over test examples): "
        f"{judge(ours[0])} here does not mean better samples"
    )
