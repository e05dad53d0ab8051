"""Class fidelity: the share of samples of the class that was asked for, and of test rows."""

import math

import pytest
import torch

from genbench.metrics.class_fidelity import ClassFidelity
from genbench.protocols import Labels


class Classes:
    """Rows whose only number is their class, a whole number below 3."""

    def classify(self, rows):
        return torch.nn.functional.one_hot(rows[:, 0].long(), 3).float()


def scored(found, asked, of_test=(0, 1, 2), test_labels=(0, 1, 2)):
    rows = [torch.tensor(values)[:, None].float() for values in (found, of_test)]
    labels = Labels(*[torch.tensor(test_labels)] * 3)
    return ClassFidelity()(rows[0], torch.tensor(asked), rows[1], labels, Classes())


def test_it_is_the_share_of_samples_that_are_of_the_class_that_was_asked_for():
    score = scored([0, 0, 1, 1, 2], [0, 0, 1, 0, 1])
    assert score.value == pytest.approx(3 / 5)
    assert score.stderr == pytest.approx(math.sqrt(0.6 * 0.4 / 5))


def test_each_class_has_its_own_share_and_the_lowest_is_named():
    score = scored([0, 0, 1, 1, 2], [0, 0, 1, 0, 1])
    (_, of_0), (_, of_1) = score.curves["share right by class: samples"]
    assert (of_0, of_1) == pytest.approx((2 / 3, 1 / 2))
    assert (score.notes["lowest class"], score.notes["its share"]) == (1, 0.5)


def test_the_classifiers_own_mistakes_on_test_rows_stand_beside():
    score = scored([0], [0], of_test=(0, 1, 1, 1), test_labels=(0, 1, 2, 1))
    assert score.notes["of test rows"] == 0.75
    assert score.curves["share right by class: test rows"] == [(0, 1), (1, 1), (2, 0)]


def test_features_without_classes_are_refused():
    assert "have no classes" in ClassFidelity.unmet(torch.nn.Identity(), None)
    assert ClassFidelity.unmet(Classes(), None) == ""
