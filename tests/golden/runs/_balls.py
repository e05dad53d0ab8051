"""Runs that precision, recall, density and coverage have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from genbench.metrics import _balls
from genbench.metrics.prdc import Coverage, Density, Precision, Recall

from ..fingerprints import Given, refusal
from . import _rows
from ._features import Features, drawn, given

FOUR = (Precision, Recall, Density, Coverage)


def of(metric: Any) -> tuple[Callable[[], Given], ...]:
    """The runs of one of the four."""

    def of_few_rows() -> Given:
        """Beside the value of this one those of the others, which one file holds."""
        rows = drawn(60, 50)
        values = {of.__name__: [of()(*rows, Features()).value] for of in FOUR}
        return {**given(metric()(*rows, Features())), **values}

    def of_many_rows() -> Given:
        return given(metric(k=3)(*drawn(), Features()))

    def of_whole_numbers_and_copies() -> Given:
        samples, test = (rows.round() for rows in drawn(400, 300, 2))
        return given(metric()(samples, test, Features()))

    def of_rows_far_from_the_origin() -> Given:
        samples, test = (rows.round() / 3 + 3000 for rows in drawn(400, 300, 2))
        return given(metric()(samples, test, Features()))

    def what_tables_say() -> Given:
        return {"signature": list(metric.signature({"features": "pixels"}, 256).values())}

    def refused() -> Given:
        samples, test = drawn(20, 20)
        calls = [
            partial(metric, k=0),
            partial(metric(), samples[:5], test, Features()),
            partial(metric(), samples, test * 0, Features()),
            partial(metric(), samples, test / 0, Features()),
            partial(metric(), samples, test, lambda rows: rows[0]),
        ]
        return {"errors": [refusal(call) for call in calls]}

    def in_several_blocks() -> Given:
        samples, test = drawn(40, 30)
        found = _balls.balls(samples.repeat(5, 1), test, 2, block=300)
        return {"counts": torch.cat([found.of_x, found.of_y, found.held_y])}

    return (
        of_few_rows,
        of_many_rows,
        of_whole_numbers_and_copies,
        of_rows_far_from_the_origin,
        what_tables_say,
        refused,
        in_several_blocks,
        *_rows.READ,
        *_rows.NEAR,
    )
