"""Runs of the semi-supervised error, with a control and without."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from torch import Tensor

from genbench.metrics.semi_supervised_error import SemiSupervisedError
from genbench.protocols import Labels

from ..fingerprints import Given
from ._features import Features, drawn, given
from ._labelled import in_turn

Classifier = Callable[[Tensor], Tensor]


def with_a_control() -> Given:
    classify: Classifier = Features().classify
    return _given(SimpleNamespace(classify=classify, classify_control=lambda x: classify(-x)))


def alone() -> Given:
    return _given(SimpleNamespace(classify=Features().classify))


def _given(model: SimpleNamespace) -> Given:
    test, _ = drawn()
    labels = Labels(in_turn(9, hidden=4), in_turn(9), in_turn(len(test)))
    score = SemiSupervisedError()(model, test, labels)
    intervals = [score.notes.get(name) for name in ("interval", "control's interval")]
    ends = [float(str(end)) for both in intervals if isinstance(both, list) for end in both]
    assert score.per_example is not None
    return {**given(score), "ends": ends, "rows": score.per_example}


TOLERANCE = 1e-6
RUNS = (with_a_control, alone)
