"""The semi-supervised error: counts, Wilson's interval, and the control in pairs."""

from types import SimpleNamespace

import pytest
import torch
from scipy import stats

from genbench.metrics.semi_supervised_error import SemiSupervisedError
from genbench.protocols import Labels

TRUTH = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])


def classifier(found):
    """Of rows whose only number is their place."""
    return lambda rows: torch.nn.functional.one_hot(torch.tensor(found)[rows[:, 0].long()], 3)


def scored(**classes):
    model = SimpleNamespace(**{name: classifier(found) for name, found in classes.items()})
    shown = torch.tensor([0, -1, 1, -1, -1])
    return SemiSupervisedError()(model, torch.arange(8.0)[:, None], Labels(shown, shown, TRUTH))


OURS, CONTROL = [0, 1, 2, 0, 1, 2, 1, 2], [0, 0, 0, 0, 0, 2, 1, 1]


def test_it_is_the_share_of_rows_in_percent_whose_greatest_logit_is_of_another_class():
    score = scored(classify=OURS)
    assert score.value == 25
    assert score.per_example.tolist() == [0, 0, 0, 0, 0, 0, 100, 100]
    assert score.stderr == pytest.approx(100 * (0.25 * 0.75 / 8) ** 0.5)
    assert (score.notes["wrong"], score.notes["labels"]) == (2, 2)


@pytest.mark.parametrize("found", [OURS, TRUTH.tolist()])
def test_its_interval_is_wilsons(found):
    score = scored(classify=found)
    wrong = score.notes["wrong"]
    known = stats.binomtest(wrong, 8).proportion_ci(method="wilson")
    assert score.notes["interval"] == pytest.approx([100 * known.low, 100 * known.high], abs=1e-9)


def test_the_control_is_compared_in_pairs_over_the_same_rows():
    score = scored(classify=OURS, classify_control=CONTROL)
    pairs = torch.tensor([0.0, 100, 100, 0, 100, 0, 0, -100])
    assert score.notes["control"] == 50
    assert score.notes["control's more"] == pairs.mean()
    expected = float(pairs.std(correction=0)) / 8**0.5
    assert score.notes["stderr of that"] == pytest.approx(expected)


def test_a_model_without_a_control_is_scored_without():
    assert "control" not in scored(classify=OURS).notes
