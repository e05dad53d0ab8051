"""Reconstruction: its definition pair by pair, and what a decoder that ignores its code gets."""

import pytest
import torch
from sets import normal

from genbench.metrics.reconstruction import Reconstruction


class Linear:
    """Codes are the first numbers of a row; the others decode to 0."""

    def __init__(self, kept: int) -> None:
        self.kept = kept

    def encode(self, x):
        return x[:, : self.kept]

    def decode(self, z):
        return torch.nn.functional.pad(z, (0, 5 - z.shape[1]))


class Blurred(Linear):
    """Whatever the code, the same row."""

    def decode(self, z):
        return torch.full((len(z), 5), 0.3)


def test_the_value_is_the_mean_distance_and_stands_beside_the_mean_over_all_other_pairs():
    x = normal(40, 5, 1)
    score = Reconstruction()(Linear(2), x)
    decoded = Linear(2).decode(x[:, :2])
    each = [(a - b).norm().item() for a, b in zip(x.double(), decoded.double(), strict=True)]
    others = [(x[i] - decoded[j]).norm().item() for i in range(40) for j in range(40) if i != j]
    assert score.value == pytest.approx(sum(each) / 40)
    assert score.per_example is not None
    assert score.per_example.tolist() == pytest.approx(each)
    assert score.notes["of a random pair"] == pytest.approx(sum(others) / len(others), rel=1e-5)
    assert score.stderr == pytest.approx(torch.tensor(each).std().item() / 40**0.5)


def test_a_decoder_that_ignores_its_code_is_no_nearer_than_a_random_pair():
    assert Reconstruction()(Blurred(2), normal(40, 5, 1)).notes[
        "ratio to a random pair"
    ] == pytest.approx(1, rel=1e-6)


def test_a_perfect_model_scores_0():
    score = Reconstruction()(Linear(5), normal(40, 5, 1))
    assert score.value == score.notes["ratio to a random pair"] == 0


def test_rows_that_are_all_the_same_and_decoded_so_have_a_ratio():
    score = Reconstruction()(Linear(5), torch.ones(4, 5))
    assert score.notes["ratio to a random pair"] == 0
