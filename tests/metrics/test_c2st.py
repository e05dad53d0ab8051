"""The trained two-sample test: against the best classifier there is; error, p and limits."""

import math

import pytest
import torch
from scipy.stats import norm
from sets import error_over_deviation, mnist, normal, rejected, same

from genbench.metrics import c2st
from genbench.metrics.c2st import C2ST
from genbench.protocols import Score


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def shorter(monkeypatch):
    """A training that is long enough for a few hundred rows."""
    monkeypatch.setattr(c2st, "STEPS", 25)


def scored(x: torch.Tensor, y: torch.Tensor) -> Score:
    return C2ST()(x, y, same)


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_the_accuracy_is_nearly_that_of_the_best_classifier_of_two_gaussians(shift):
    """Φ(shift / 2), for Gaussians of variance 1 along the shift."""
    score = scored(normal(3000, 4, 1, shift=shift), normal(3000, 4, 2))
    assert abs(score.value - norm.cdf(shift / 2)) < 3 * score.stderr + 0.015


def test_a_difference_of_spread_alone_is_learnt():
    score = scored(normal(1500, 10, 1, 2.0), normal(1500, 10, 2))
    assert score.value > 0.8


def test_p_is_the_binomials_normal_limit():
    score = scored(normal(200, 4, 1, shift=0.5), normal(200, 4, 2))
    n = score.notes["rows"]["held out"]
    assert n == 200
    expected = norm.sf(score.value, 0.5, 1 / math.sqrt(4 * n))
    assert score.notes["p of 1/2"] == pytest.approx(expected, rel=1e-9)
    assert score.stderr == pytest.approx(math.sqrt(score.value * (1 - score.value) / n))


def test_held_out_rows_teach_the_classifier_nothing():
    """Labels that only a memory could know: the accuracy stays at one half."""
    x = normal(2000, 300, 1)
    assert abs(scored(x[:1000], x[1000:]).value - 0.5) < 0.06


@pytest.mark.parametrize("name", ["shift", "spread", "junk", "collapse"])
def test_the_score_rises_with_the_distance_from_the_data(name, shorter):
    y, x = normal(1000, 4, 1), normal(1000, 4, 2)
    values = []
    for far in (0.0, 0.3, 0.6, 1.0):
        moved = {
            "shift": x + 2 * far,
            "spread": x * (1 + 3 * far),
            "junk": torch.where(torch.arange(1000)[:, None] < 1000 * far, x + 9, x),
            "collapse": x * (1 - far),
        }[name]
        values.append(scored(moved, y).value)
    assert values == sorted(values)
    assert values[-1] > 0.8


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_standard_error_is_that_of_redrawn_samples_and_test_rows(shift, shorter):
    def one(seed: int) -> Score:
        x, y = normal(400, 4, seed).split([200, 200])
        return scored(x + shift * torch.eye(4)[0], y)

    assert 0.75 < error_over_deviation(one) < 1.33


def test_p_rejects_about_5_percent_of_nulls(shorter):
    def p(seed: int) -> float:
        return scored(*normal(300, 4, seed).split([150, 150])).notes["p of 1/2"]

    assert 0.02 <= rejected(p) <= 0.09


def test_one_seed_gives_one_number():
    x, y = normal(100, 4, 1), normal(100, 4, 2)
    torch.manual_seed(5)
    first = scored(x, y)
    torch.manual_seed(5)
    assert scored(x, y) == first


def test_the_units_of_a_feature_do_not_matter(shorter):
    x, y = normal(300, 4, 1, 1.5), normal(300, 4, 2)
    torch.manual_seed(5)
    first = scored(x, y)
    torch.manual_seed(5)
    assert scored(1024 * x, 1024 * y).value == first.value


def test_grey_levels_between_those_of_the_data_give_samples_away():
    levels = torch.rand(2000, 1, generator=torch.Generator().manual_seed(1)).round()
    between = torch.rand(2000, 1, generator=torch.Generator().manual_seed(2))
    assert scored(between, levels).value > 0.9
    assert abs(scored(between.round(), levels).value - 0.5) < 0.06


def test_constants_too_few_rows_and_nan_give_no_silent_number():
    flat = torch.full((100, 3), 0.5)
    score = scored(flat, flat)
    assert (score.value, len(score.warnings)) == (0.5, 2)
    with pytest.raises(ValueError, match="at least 20 sample rows are needed, got 19"):
        scored(flat[:19], flat)
    with pytest.raises(ValueError, match="NaN or infinity"):
        scored(flat.index_fill(0, torch.tensor(3), torch.nan), flat)


@pytest.mark.data
def test_random_halves_of_mnists_test_rows_pass_and_noise_does_not():
    test = mnist().test[torch.randperm(10_000)]
    null = scored(test[:5000], test[5000:])
    assert abs(null.value - 0.5) < 3 * null.stderr
    assert scored(torch.rand(1000, 784), test).value > 0.99
