"""Runs of FID: few and many features, fewer samples than those, parts that are left out."""

from __future__ import annotations

from functools import partial

from genbench.metrics._moments import Sums
from genbench.metrics.frechet import Frechet

from ..fingerprints import Given, refusal
from . import _rows
from ._features import Features, drawn, given


def of_parts_of_the_samples() -> Given:
    return given(Frechet()(*drawn(), Features()))


def of_many_features() -> Given:
    """More than are left out in many parts, and so many that no part is left out."""
    some, most = (given(Frechet()(*drawn(1200, 40, d), Features())) for d in (300, 1100))
    return {**some, "of most": most["value"]}


def of_few_rows() -> Given:
    return given(Frechet()(*drawn(5, 7, 8), Features()))


def of_several_blocks() -> Given:
    return given(Frechet()(*drawn(10_300, 60, 2), Features()))


def what_tables_say() -> Given:
    return {"signature": list(Frechet.signature({"features": "pixels"}, 256).values())}


def refused() -> Given:
    samples, test = drawn(20, 20)
    calls = [
        partial(Frechet(), samples[:1], test, Features()),
        partial(Frechet(), samples, test * 0 + 1, Features()),
        partial(Frechet(), samples, test * 0, Features()),
        partial(Frechet(), samples / 0, test, Features()),
        partial(Frechet(), samples, test, lambda rows: rows[0]),
        partial(Sums, test[0], 3),
    ]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-5
RUNS = (
    of_parts_of_the_samples,
    of_many_features,
    of_few_rows,
    of_several_blocks,
    what_tables_say,
    refused,
    *_rows.READ,
)
