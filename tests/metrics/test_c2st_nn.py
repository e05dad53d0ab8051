"""The nearest-neighbour two-sample test: its definition, both sides, error, p and limits."""

import pytest
import torch
from sets import error_over_deviation, mnist, normal, rejected, same
from sklearn.neighbors import KNeighborsClassifier

from genbench.metrics import c2st_nn
from genbench.metrics.c2st_nn import C2STNN, accuracies
from genbench.protocols import Score


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def fewer(monkeypatch):
    """Permutations enough for a test."""
    monkeypatch.setattr(c2st_nn, "PERMUTATIONS", 199)


def scored(x: torch.Tensor, y: torch.Tensor) -> Score:
    return C2STNN()(x, y, same)


def sides(score: Score) -> list[float]:
    return [score.notes[f"accuracy on {side} rows"] for side in ("real", "generated")]


def test_both_accuracies_are_those_of_scikit_learn_leaving_one_out():
    x, y = normal(60, 3, 1, 1.5), normal(60, 3, 2)
    pooled, labels = torch.cat([y, x]), torch.arange(120) < 60
    right = []
    for i in range(120):
        others = torch.arange(120) != i
        nearest = KNeighborsClassifier(1).fit(pooled[others], labels[others])
        right.append(bool(nearest.predict(pooled[i : i + 1])[0] == labels[i]))
    expected = [sum(right[:60]) / 60, sum(right[60:]) / 60]
    score = scored(x, y)
    assert sides(score) == pytest.approx(expected)
    assert score.value == pytest.approx(max(abs(a - 0.5) for a in expected))


def test_samples_around_the_data_fool_the_mean_and_not_the_score():
    score = scored(normal(500, 20, 1, 1.2), normal(500, 20, 2))
    assert abs(sum(sides(score)) / 2 - 0.5) < 0.05
    assert score.value > 0.15
    assert score.notes["p by permutation"] == 0.001


def test_copies_of_test_rows_mislead_both_sides():
    y = normal(200, 3, 1)
    assert sides(scored(y, y)) == [0, 0]
    assert scored(y, y).value == 0.5


@pytest.mark.parametrize("name", ["shift", "spread", "junk"])
def test_the_score_rises_with_the_distance_from_the_data(name, fewer):
    y, x = normal(600, 4, 1), normal(600, 4, 2)
    junk = normal(600, 4, 3, shift=20)
    values = []
    for far in (0.0, 0.2, 0.5, 1.0):
        moved = {
            "shift": x + 5 * far,
            "spread": x * (1 + 3 * far),
            "junk": torch.where(torch.arange(600)[:, None] < 600 * far, junk, x),
        }[name]
        values.append(scored(moved, y).value)
    assert values == sorted(values)
    assert values[-1] > 0.4


@pytest.mark.parametrize(("std", "shift"), [(1.0, 0.0), (1.3, 0.0), (1.0, 3.0), (0.3, 0.0)])
def test_the_standard_error_is_that_of_redrawn_samples_and_test_rows(std, shift, fewer):
    def one(seed: int) -> Score:
        x, y = normal(400, 5, seed).split([200, 200])
        return scored(x * std + shift * torch.eye(5)[0], y)

    assert 0.75 < error_over_deviation(one) < 1.33


def test_p_rejects_about_5_percent_of_nulls(fewer):
    def p(seed: int) -> float:
        return scored(*normal(300, 5, seed).split([150, 150])).notes["p by permutation"]

    assert 0.02 <= rejected(p) <= 0.09


def test_permuted_labels_keep_both_counts():
    real, neighbour = torch.arange(40) < 20, torch.arange(40).roll(1)
    assert accuracies(real[None], neighbour)[:, 0].tolist() == [0.95, 0.95]
    assert 0 <= c2st_nn._permuted(real, neighbour).mean() < 0.15


def test_the_error_on_the_graph_is_the_sum_over_linked_pairs():
    draw = torch.Generator().manual_seed(1)
    neighbour = torch.randint(1, 30, (30,), generator=draw).add(torch.arange(30)).remainder(30)
    real = torch.arange(30) % 3 > 0
    right = (real == real[neighbour]).double()
    r = (right - right[real].mean()) * real
    i, j = torch.arange(30)[:, None], torch.arange(30)
    linked = (neighbour[i] == j) | (neighbour[j] == i) | (neighbour[i] == neighbour[j])
    expected = (r[i] * r[j] * linked).sum().clamp(0).sqrt() / real.sum()
    assert expected > 0
    assert c2st_nn._graph_error(real, neighbour, real) == pytest.approx(expected.item())


def test_equal_rows_on_both_sides_are_not_rejected_and_warned_of(fewer):
    flat = torch.full((200, 3), 0.3)
    score = scored(flat, flat)
    assert score.notes["p by permutation"] > 0.05
    assert len(score.warnings) == 2


def test_the_surplus_of_one_side_is_left_out():
    y = normal(100, 3, 1)
    assert scored(normal(500, 3, 2), y).notes["rows"] == {"samples": 100, "test": 100}


def test_too_few_rows_and_nan_are_refused():
    y = normal(100, 3, 1)
    with pytest.raises(ValueError, match="at least 10 test rows are needed, got 9"):
        scored(y, y[:9])
    with pytest.raises(ValueError, match="NaN or infinity"):
        scored(y.clone().index_fill_(0, torch.tensor(3), torch.nan), y)


@pytest.mark.data
def test_random_halves_of_mnists_test_rows_pass_and_halves_in_file_order_do_not():
    test = mnist().test
    halves = test[torch.randperm(10_000)]
    null = scored(halves[:2500], halves[2500:5000])
    assert null.notes["p by permutation"] >= 0.05
    assert all(abs(a - 0.5) < 3 * null.stderr * 2 for a in sides(null))
    assert null.value < null.notes["score of permuted labels"] + 3 * null.stderr
    by_file = scored(test[:5000], test[5000:])
    assert sum(sides(by_file)) / 2 == pytest.approx(0.70, abs=0.015)
    assert by_file.notes["p by permutation"] == 0.001
