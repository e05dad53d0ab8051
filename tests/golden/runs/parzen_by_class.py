"""Runs of Parzen by class: the rows of two classes, and what it refuses."""

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
    """Of 40 samples and 20 rows, of classes 0 and 2; and without samples of class 2."""
    samples, valid, test = rows()
    asked, of_rows = 2 * in_turn(40, 2), 2 * in_turn(20, 2)
    labels = Labels(asked, of_rows, of_rows)
    score = ParzenByClass()(samples, asked, valid, test, labels)
    assert score.per_example is not None
    call = partial(ParzenByClass(), samples, in_turn(40, 2), valid, test, labels)
    signature = [*ParzenByClass.signature({}, 256).values()]
    found = {"signature": signature, "errors": [refusal(call)]}
    return {**given(score), "rows": score.per_example, **found}


TOLERANCE = parzen.TOLERANCE
RUNS = (by_class, *parzen.RUNS, *_rows.READ)
