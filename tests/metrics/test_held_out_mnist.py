"""Real against real: what MNIST's held-out rows score, to the last digit that a table prints."""

from pathlib import Path

import pytest
from sets import mnist

from genbench.features.digits import Digits
from genbench.features.kept import Kept
from genbench.metrics.frechet import Frechet
from genbench.metrics.kernel_distance import KernelDistance
from genbench.metrics.prdc import Coverage, Density, Precision, Recall
from genbench.words import value_and_error

pytestmark = pytest.mark.data

PINNED = {
    Frechet: "173 ± 14",
    KernelDistance: "0.00451 ± 0.00082",
    Precision: "0.9436 ± 0.0024",
    Recall: "0.9354",
    Density: "0.9760 ± 0.0069",
    Coverage: "0.9272",
}


def test_held_out_rows_score_what_is_pinned() -> None:
    split, digits = mnist(), Kept(Digits((1, 28, 28), Path()), "digits")
    samples = split.valid[1000:]  # the first ones choose
    scores = {metric: metric()(samples, split.test, digits) for metric in PINNED}
    printed = {metric: value_and_error(s.value, s.stderr) for metric, s in scores.items()}
    assert printed == PINNED
