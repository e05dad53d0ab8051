"""Parzen by class: each test row under the windows at the samples of its own class."""

import math

import pytest
import torch

from genbench.metrics.parzen import Parzen
from genbench.metrics.parzen_by_class import ParzenByClass
from genbench.protocols import Labels


def cloud(n, seed, d=3):
    """Rows (n, d) of two classes in turn, in [0, 1], and their classes."""
    labels = torch.arange(n) % 2
    draw = torch.Generator().manual_seed(seed)
    return 0.1 * torch.rand(n, d, generator=draw) + 0.9 * labels[:, None], labels


def scored(samples=None, asked=None):
    (own, of_samples), (valid, of_valid), (test, of_test) = (cloud(n, n) for n in (40, 30, 20))
    labels = Labels(of_samples, of_valid, of_test)
    samples, asked = (own, of_samples) if samples is None else (samples, asked)
    return ParzenByClass()(samples, asked, valid, test, labels), samples, test, of_test


def test_a_row_is_scored_under_the_samples_of_its_class_alone():
    score, samples, test, classes = scored()
    for i in (0, 7):
        own = samples[classes[i] == torch.arange(40) % 2].double()
        sigma = score.notes["sigma"][str(int(classes[i]))]
        exponents = -(own - test[i].double()).square().sum(dim=1) / (2 * sigma**2)
        constant = math.log(len(own)) + 3 * math.log(sigma * math.sqrt(2 * math.pi))
        literal = exponents.logsumexp(dim=0) - constant
        assert float(score.per_example[i]) == pytest.approx(float(literal), abs=1e-3)
    assert score.value == pytest.approx(float(score.per_example.mean()))
    assert score.stderr == pytest.approx(float(score.per_example.std(correction=0)) / 20**0.5)


def test_where_classes_lie_apart_it_is_the_pooled_score_and_the_log_of_their_number():
    score, samples, test, _ = scored()
    (valid, _) = cloud(30, 30)
    pooled = Parzen()(samples, valid, test)
    assert score.value - pooled.value == pytest.approx(math.log(2), abs=0.02)


def test_samples_of_the_wrong_class_cost_what_pooled_ones_do_not():
    (samples, labels) = cloud(40, 40)
    right, wrong = scored(samples, labels)[0], scored(samples, 1 - labels)[0]
    assert wrong.value < right.value - 1


def test_the_mean_of_each_class_is_told_and_the_lowest_is_named():
    score, _, _, classes = scored()
    for label, mean in score.curves["nats by class"]:
        assert mean == pytest.approx(float(score.per_example[classes == label].mean()))
    lowest = min(score.curves["nats by class"], key=lambda point: point[1])
    assert (score.notes["lowest class"], score.notes["its nats"]) == lowest


def test_a_class_without_samples_is_refused():
    (samples, _) = cloud(40, 40)
    with pytest.raises(ValueError, match="samples of class 1"):
        scored(samples, torch.zeros(40, dtype=torch.int64))
