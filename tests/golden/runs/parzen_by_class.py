"""Runs of Parzen by class: the rows of three classes, and what it refuses."""

from __future__ import annotations

from functools import partial

from genbench.metrics.parzen_by_class import ParzenByClass
from genbench.protocols import Labels

from ..fingerprints import Given, refusal
from . import _rows, parzen
from ._estimator import rows
from ._features import given
from ._labelled import in_turn


def by_class() -> Given:
    """Of 40 samples and 20 rows; and without any of one class."""
    samples, valid, test = rows()
    labels = Labels(in_turn(40), in_turn(20), in_turn(20))
    score = ParzenByClass()(samples, in_turn(40), valid, test, labels)
    assert score.per_example is not None
    call = partial(ParzenByClass(), samples, in_turn(40, 2), valid, test, labels)
    signature = [*ParzenByClass.signature({}, 256).values()]
    found = {"signature": signature, "errors": [refusal(call)]}
    return {**given(score), "rows": score.per_example, **found}


TOLERANCE = parzen.TOLERANCE
RUNS = (by_class, *parzen.RUNS, *_rows.READ)
