"""C_T, AuthPct and the ratio of distances: scikit-learn, scipy, definitions, errors, limits."""

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from sets import error_over_deviation, mnist, normal, rejected, same
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from genbench.metrics import copying
from genbench.metrics.copying import Authenticity, DataCopying, NNRatio, cells, mann_whitney
from genbench.protocols import Score

T = normal(600, 4, 1001)


def oracle(rows: torch.Tensor, train: torch.Tensor, k: int = 1) -> np.ndarray:
    """Distances to the k-th nearest training row."""
    found = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train.double().numpy())
    return found.kneighbors(rows.double().numpy())[0][:, -1]


@pytest.mark.parametrize("rounded", [False, True])
def test_z_is_that_of_scipy_with_and_without_ties(rounded):
    x, y = (normal(n, 1, n)[:, 0].double() for n in (50, 70))
    x = x - 1
    x, y = (x.round(), y.round()) if rounded else (x, y)
    expected = mannwhitneyu(x.numpy(), y.numpy(), method="asymptotic", use_continuity=False)
    z = mann_whitney(x, y)
    assert z < 0
    assert copying.below(-abs(z)) * 2 == pytest.approx(expected.pvalue, rel=1e-9)


def test_c_t_is_the_weighted_mean_of_z_over_cells():
    x, y = normal(300, 4, 2), normal(250, 4, 3)
    centres = cells(T, 3).double()
    in_x, in_y = (torch.cdist(rows.double(), centres).argmin(dim=1).numpy() for rows in (x, y))
    of_x, of_y = oracle(x, T), oracle(y, T)
    total = 0.0
    for cell in range(3):
        p, q = of_x[in_x == cell], of_y[in_y == cell]
        u = mannwhitneyu(p, q).statistic
        z = (u - len(p) * len(q) / 2) / np.sqrt(len(p) * len(q) * (len(p) + len(q) + 1) / 12)
        total += z * len(q) / len(y)
    assert DataCopying()(x, T, y, same).value == pytest.approx(total, rel=1e-9)


def test_cells_are_as_tight_as_those_of_scikit_learn():
    rows = torch.cat([normal(100, 3, 1), normal(50, 3, 2, shift=6), normal(70, 3, 3, shift=-7)])
    ours = torch.cdist(rows, cells(rows, 3)).amin(dim=1).square().sum().item()
    assert ours == pytest.approx(KMeans(3, n_init=10, random_state=0).fit(rows).inertia_, rel=1e-3)


def test_the_ratio_is_that_of_medians_of_nearest_distances():
    x, y = normal(200, 4, 2, 0.5), normal(201, 4, 3)
    expected = np.median(oracle(x, T)) / np.median(oracle(y, T))
    assert NNRatio()(x, T, y, same).value == pytest.approx(expected, rel=1e-5)


def test_authpct_is_that_of_the_definition():
    x = normal(200, 4, 2)
    d1 = torch.cdist(x.double(), T.double())
    among = torch.cdist(T.double(), T.double()).fill_diagonal_(torch.inf).amin(dim=1)
    near, which = d1.min(dim=1)
    expected = 100 * (among[which] < near).double().mean().item()
    assert Authenticity()(x, T, same).value == pytest.approx(expected)


def test_copies_have_no_authentic_row_a_ratio_of_0_and_a_c_t_far_below_0():
    y = normal(300, 4, 3)
    assert Authenticity()(T, T, same).value == 0
    assert NNRatio()(T, T, y, same).value == 0
    score = DataCopying()(T, T, y, same)
    assert score.value < -10
    assert score.notes["p of no copying"] < 1e-6


def test_copies_of_repeated_training_rows_are_not_authentic_either():
    twice = torch.cat([T, T])
    assert Authenticity()(T, twice, same).value == 0


def test_all_three_fall_as_more_samples_are_copies():
    y, free = normal(400, 4, 3), normal(400, 4, 4)
    found = []
    for k in range(0, 401, 80):
        x = torch.cat([T[:k], free[k:]])
        scores = NNRatio()(x, T, y, same), DataCopying()(x, T, y, same), Authenticity()(x, T, same)
        found.append([score.value for score in scores])
    for values in zip(*found, strict=True):
        assert list(values) == sorted(values, reverse=True)
        assert len(set(values)) > 3


def test_all_three_rise_as_samples_spread_out():
    y = normal(400, 4, 3)
    found = []
    for std in (1.0, 2.0, 4.0, 8.0):
        x = normal(400, 4, 4, std)
        scores = NNRatio()(x, T, y, same), DataCopying()(x, T, y, same), Authenticity()(x, T, same)
        found.append([score.value for score in scores])
    for values in zip(*found, strict=True):
        assert list(values) == sorted(values)


def test_narrow_samples_that_know_no_training_row_are_accused_by_c_t():
    y, narrow = normal(400, 4, 3), normal(400, 4, 4, 0.3)
    assert NNRatio()(narrow, T, y, same).value < 0.8
    assert DataCopying()(narrow, T, y, same).value < -3


@pytest.mark.parametrize(
    ("metric", "std"), [(NNRatio(), 1.0), (NNRatio(), 0.5), (DataCopying(), 0.7)]
)
def test_the_standard_error_is_that_of_redrawn_samples_and_test_rows(metric, std):
    def one(seed: int) -> Score:
        x, y = normal(350, 4, seed).split([150, 200])
        return metric(std * x, T[:300], y, same)

    assert 0.75 < error_over_deviation(one) < 1.33


def test_the_standard_error_of_authpct_is_that_of_redrawn_samples():
    def one(seed: int) -> Score:
        return Authenticity()(normal(300, 4, seed), T, same)

    assert 0.75 < error_over_deviation(one) < 1.33


def test_p_of_no_copying_rejects_about_5_percent_of_nulls(monkeypatch):
    monkeypatch.setattr(copying, "BLOCKS", 2)  # of the error, which is not looked at

    def p(seed: int) -> float:
        x, y = normal(250, 4, seed).split([100, 150])
        return DataCopying()(x, T[:300], y, same).notes["p of no copying"]

    assert 0.02 <= rejected(p) <= 0.09


def test_cells_without_samples_are_warned_of_and_none_at_all_is_refused():
    y = normal(300, 4, 3)
    one_cell = T[:1] + 0.01 * normal(100, 4, 2)
    assert "2 of 3 cells" in DataCopying()(one_cell, T, y, same).warnings[0]
    far = y + 300
    with pytest.raises(ValueError, match="no cell of the training rows holds 20 samples"):
        DataCopying()(far, torch.cat([T, T - 100, T + 300]), y, same)


def test_constants_give_no_silent_number():
    flat = torch.full((100, 4), 0.5)
    with pytest.raises(ValueError, match="no ratio"):
        NNRatio()(flat, flat, flat, same)
    score = DataCopying()(flat, flat, flat, same)
    assert score.value == 0
    for flattened in (score, Authenticity()(flat, flat, same)):
        assert "all samples have equal features" in flattened.warnings[-2]


def test_too_few_rows_and_nan_are_refused():
    bad = T.clone()
    bad[5, 0] = torch.nan
    for metric in (NNRatio(), DataCopying()):
        with pytest.raises(ValueError, match="at least 20 sample rows are needed, got 19"):
            metric(T[:19], T, T, same)
        with pytest.raises(ValueError, match="NaN or infinity"):
            metric(T, bad, T, same)
    with pytest.raises(ValueError, match="at least 2 training rows"):
        Authenticity()(T, T[:1], same)


@pytest.mark.data
def test_on_mnist_copies_are_found_and_held_out_digits_are_not():
    split = mnist()
    t, y, held_out = split.train[:3000], split.test[:1000], split.valid[:1000]
    assert Authenticity()(t[:1000], t, same).value == 0
    assert Authenticity()(held_out, t, same).value > 50
    assert NNRatio()(t[:1000], t, y, same).value == 0
    assert DataCopying()(t[:1000], t, y, same).value < -20
    assert abs(NNRatio()(held_out, t, y, same).value - 1) < 0.1
