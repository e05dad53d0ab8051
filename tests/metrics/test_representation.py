"""Representation: neighbours and probe by scikit-learn's, pairs by hand, and what is left out."""

import pytest
import torch
from sets import normal
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from genbench.metrics.representation import PENALTY, Representation, probed
from genbench.protocols import Labels

W = normal(6, 3, 5)


class Encoder:
    """Its code is of the first number; its features and those before training are projections."""

    def encode(self, x):
        return x[:, :1]


class Featured(Encoder):
    def represent(self, x):
        return (x @ W).relu()

    def represent_initial(self, x):
        return x[:, 3:]


def of_classes(n: int, seed: int, classes: int = 3):
    """Rows around the first axes, overlapping."""
    y = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))
    x = normal(n, 6, seed, std=0.9)
    x[:, :3] += torch.eye(3)[y]
    return x, y


TRAIN, TEST = of_classes(300, 1), of_classes(200, 2)
LABELS = Labels(TRAIN[1], TRAIN[1][:0], TEST[1])


def scored(model, labels=LABELS):
    return Representation()(model, TRAIN[0], TEST[0], labels)


def right(features, labels=LABELS):
    shown = labels.train >= 0
    neighbours = KNeighborsClassifier(1).fit(features(TRAIN[0][shown]), labels.train[shown])
    return 100 * (torch.tensor(neighbours.predict(features(TEST[0]))) == labels.test).double()


def test_the_value_is_the_share_of_rows_whose_nearest_neighbour_is_alike():
    score, expected = scored(Featured()), right(Featured().represent)
    assert score.per_example is not None
    assert torch.equal(score.per_example, expected)
    assert score.value == expected.mean()
    assert score.stderr == pytest.approx(expected.std().item() / 200**0.5)


def test_pixels_and_the_initial_encoder_stand_beside_it_paired_row_by_row():
    score = scored(Featured())
    own = right(Featured().represent)
    others = {"pixels": right(lambda x: x), "the initial encoder": right(lambda x: x[:, 3:])}
    for name, other in others.items():
        assert score.notes[f"of {name}"] == other.mean()
        d = own - other
        pair = {"difference": d.mean().item(), "stderr": d.std().item() / 200**0.5}
        assert score.notes[f"less that of {name}"] == pytest.approx(pair)


def test_a_model_without_features_of_its_own_is_judged_by_its_codes():
    score = scored(Encoder())
    assert score.value == right(Encoder().encode).mean()
    assert "of the initial encoder" not in score.notes


def test_rows_whose_label_is_hidden_are_no_reference():
    hidden = torch.where(torch.arange(300) % 4 == 0, TRAIN[1], -1)
    labels = Labels(hidden, hidden[:0], TEST[1])
    assert scored(Featured(), labels).value == right(Featured().represent, labels).mean()
    assert scored(Featured(), labels).notes["rows"] == {"train": 75, "test": 200}


def test_an_encoder_that_training_did_not_improve_is_said():
    class Worse(Featured):
        def represent_initial(self, x):
            return x[:, :3]

    assert not scored(Featured()).warnings
    (warning,) = scored(Worse()).warnings
    assert "no better than before its training" in warning


def test_the_probe_is_the_logistic_regression_of_scikit_learn():
    (x, y), queries = of_classes(300, 1), of_classes(400, 3)[0]
    f = (x - x.mean(dim=0)) / x.var(dim=0).mean().sqrt()
    there = (queries - x.mean(dim=0)) / x.var(dim=0).mean().sqrt()
    peer = LogisticRegression(C=1 / (PENALTY * len(x)), max_iter=1000).fit(f, y)
    assert (probed(x, y, queries) == torch.tensor(peer.predict(there))).double().mean() > 0.99
