"""MMD against scikit-learn's kernel and closed forms; its error, p, bandwidth and limits."""

import math

import pytest
import torch
from sets import error_over_deviation, mnist, normal, rejected, same
from sklearn.metrics.pairwise import rbf_kernel

from genbench.metrics import mmd
from genbench.metrics.mmd import MMD, bandwidth
from genbench.protocols import Score

VALID = normal(500, 5, 5000)


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    """Permutations enough for a test."""
    monkeypatch.setattr(mmd, "PERMUTATIONS", 199)
    torch.manual_seed(0)


def scored(x: torch.Tensor, y: torch.Tensor) -> Score:
    return MMD()(x, VALID[:200, : x.shape[1]], y, same)


def by_definition(x: torch.Tensor, y: torch.Tensor, w: float) -> float:
    n, gamma = len(x), 1 / (2 * w * w)
    xx, yy, xy = (rbf_kernel(a.double(), b.double(), gamma) for a, b in ((x, x), (y, y), (x, y)))
    within = (xx.sum() - n + yy.sum() - n) / (n * (n - 1))
    return within - 2 * xy.mean()


@pytest.mark.parametrize("block", [2**24, 500])
def test_the_value_is_that_of_scikit_learns_kernel(block, monkeypatch):
    monkeypatch.setattr(mmd, "BLOCK", block)
    x, y = normal(90, 5, 1, 1.2), normal(90, 5, 2)
    score = scored(x, y)
    assert score.value == pytest.approx(by_definition(x, y, score.notes["bandwidth"]), abs=1e-6)


def test_the_permuted_statistics_are_those_of_swapped_rows():
    x, y = normal(40, 5, 1), normal(40, 5, 2)
    labels = mmd._labels(40, x.device)
    permuted = mmd._summed(x, y, 1.5, labels).mmd2(40)
    pooled = torch.stack([x, y], dim=1).flatten(0, 1)
    for r in (0, 1, 2, 199):
        a, b = pooled[labels[:, r] == 1], pooled[labels[:, r] == 0]
        assert permuted[r].item() == pytest.approx(by_definition(a, b, 1.5), abs=1e-6)


def test_the_bandwidth_is_the_median_distance_of_validation_rows():
    expected = torch.pdist(VALID.double()).median().item()
    assert bandwidth(VALID) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("s", "shift"), [(1.0, 0.0), (1.0, 1.0), (2.0, 0.0), (0.5, 0.3)])
def test_the_value_is_the_closed_form_between_gaussians(s, shift):
    """E k(a, b) of a - b ~ N(δ, v I) is (w² / (w² + v))^(d/2) exp(-δ² / 2 (w² + v))."""
    d, n = 3, 2000
    draw = torch.Generator().manual_seed(3)
    x, y = (torch.randn(n, d, generator=draw) for _ in range(2))
    x = s * x + shift
    score = scored(x, y)
    w2 = score.notes["bandwidth"] ** 2

    def mean(v: float, far: float) -> float:
        return (w2 / (w2 + v)) ** (d / 2) * math.exp(-far / (2 * (w2 + v)))

    expected = mean(2 * s * s, 0) + mean(2, 0) - 2 * mean(1 + s * s, d * shift**2)
    assert abs(score.value - expected) < 3.5 * score.stderr + 1e-4


def test_the_mean_over_nulls_is_0(monkeypatch):
    monkeypatch.setattr(mmd, "PERMUTATIONS", 10)  # of p, which is not looked at
    values = [scored(*normal(100, 5, seed).split([50, 50])).value for seed in range(100)]
    found = torch.tensor(values)
    assert found.mean().abs() < 3 * found.std() / 10
    assert found.min() < 0


@pytest.mark.parametrize("name", ["shift", "spread", "junk", "collapse"])
def test_the_score_rises_with_the_distance_from_the_data(name):
    y, x = normal(400, 5, 1), normal(400, 5, 2)
    values = []
    for far in (0.0, 0.3, 0.6, 1.0):
        moved = {
            "shift": x + 2 * far,
            "spread": x * (1 + 2 * far),
            "junk": torch.where(torch.arange(400)[:, None] < 400 * far, x + 9, x),
            "collapse": x * (1 - far),
        }[name]
        values.append(scored(moved, y).value)
    assert values == sorted(values)


@pytest.mark.parametrize(("std", "shift"), [(1.0, 0.0), (1.3, 0.0), (1.0, 1.0), (0.3, 0.0)])
def test_the_standard_error_is_that_of_redrawn_samples_and_test_rows(std, shift, monkeypatch):
    monkeypatch.setattr(mmd, "PERMUTATIONS", 50)  # of p, which is not looked at

    def one(seed: int) -> Score:
        x, y = normal(240, 5, seed).split([120, 120])
        return scored(x * std + shift * torch.eye(5)[0], y)

    assert 0.75 < error_over_deviation(one) < 1.33


def test_p_rejects_about_5_percent_of_nulls(monkeypatch):
    monkeypatch.setattr(mmd, "PERMUTATIONS", 99)

    def p(seed: int) -> float:
        return scored(*normal(100, 5, seed).split([50, 50])).notes["p by permutation"]

    assert 0.02 <= rejected(p) <= 0.09


def test_the_bandwidth_never_hangs_on_the_test_rows():
    x = normal(100, 5, 1)
    widths = {scored(x, y).notes["bandwidth"] for y in (normal(100, 5, 2), 50 + normal(100, 5, 3))}
    assert len(widths) == 1


def test_constants_too_few_rows_and_nan_give_no_silent_number():
    x, flat = normal(100, 5, 1), torch.full((100, 5), 0.5)
    with pytest.raises(ValueError, match="the bandwidth is the median distance of 100"):
        MMD()(x, flat, x, same)
    score = MMD()(flat, VALID, flat, same)
    assert score.value == pytest.approx(0, abs=1e-5)
    assert len(score.warnings) == 2
    with pytest.raises(ValueError, match="at least 10 validation rows are needed, got 9"):
        MMD()(x, VALID[:9], x, same)
    with pytest.raises(ValueError, match="NaN or infinity"):
        scored(x.clone().index_fill_(0, torch.tensor(3), torch.nan), x)


@pytest.mark.data
def test_random_halves_of_mnists_test_rows_pass_and_halves_in_file_order_do_not():
    split = mnist()
    test, valid = split.test, split.valid
    random = test[torch.randperm(10_000)]
    assert MMD()(random[:2500], valid, random[2500:5000], same).notes["p by permutation"] > 0.01
    score = MMD()(test[:2500], valid, test[-2500:], same)
    assert score.notes["p by permutation"] == 1 / 200
