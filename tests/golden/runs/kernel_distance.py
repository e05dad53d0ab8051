"""Runs of KID: several blocks, few rows, what it refuses."""

from __future__ import annotations

from functools import partial

from genbench.metrics.kernel_distance import KernelDistance, power_of_two

from ..fingerprints import Given, refusal
from . import _rows
from ._features import Features, drawn, given


def of_several_blocks() -> Given:
    samples, test = drawn(700, 600)
    return given(KernelDistance()(50 * samples, 50 * test, Features()))


def of_three_rows() -> Given:
    return given(KernelDistance()(*drawn(3, 3), Features()))


def what_tables_say() -> Given:
    signature = list(KernelDistance.signature({"features": "pixels"}, 256).values())
    return {"signature": signature, "power of 0": [float(power_of_two(drawn()[0] * 0))]}


def refused() -> Given:
    samples, test = drawn(20, 20)
    calls = [
        partial(KernelDistance(), samples[:1], test, Features()),
        partial(KernelDistance(), samples, test * 0, Features()),
        partial(KernelDistance(), samples / 0, test, Features()),
        partial(KernelDistance(), samples, test, lambda rows: rows[0]),
    ]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-4
RUNS = (of_several_blocks, of_three_rows, what_tables_say, refused, *_rows.READ)
