"""FID: closed forms, torch-fidelity's numbers, and what it says of few, equal or broken rows."""

import math

import fidelity
import pytest
import torch
from torch import Tensor

from genbench.metrics._rows import blocks_of
from genbench.metrics.frechet import EXTRAPOLATED, Frechet
from genbench.protocols import BY_SAMPLES


def same(rows: Tensor) -> Tensor:
    return rows


def drawn(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fid(samples: Tensor, test: Tensor) -> float:
    return Frechet()(samples, test, same).value


def mixed(n: int, d: int, seed: int) -> Tensor:
    """Rows whose features depend on each other, off the origin."""
    return drawn(n, d, seed) @ drawn(d, d, 99) / d + 3


# --- closed forms ---


def test_equal_rows_have_distance_zero() -> None:
    x = mixed(400, 30, 0)
    assert fid(x, x) <= 1e-10 * float(x.var(dim=0).sum())


def test_equal_rows_have_distance_zero_where_features_are_constant() -> None:
    x = mixed(400, 30, 0)
    x[:, :7] = 0
    x[:, 8] = x[:, 9]
    assert fid(x, x) <= 1e-10 * float(x.var(dim=0).sum())


def test_a_shift_costs_its_square() -> None:
    x = mixed(300, 16, 0)
    shift = torch.linspace(-1, 2, 16, dtype=torch.float64)
    assert fid(x + shift, x) == pytest.approx(float(shift.square().sum()), rel=1e-10)


def test_a_scale_costs_the_squared_difference_of_deviations() -> None:
    x = mixed(300, 16, 0)
    x -= x.mean(dim=0)
    traces = float(x.var(dim=0).sum())  # with n - 1
    assert fid(1.5 * x, x) == pytest.approx(0.25 * traces, rel=1e-10)


def test_diagonal_covariances_commute() -> None:
    axes = torch.cat([torch.eye(4), -torch.eye(4)]).double()
    a, b = torch.tensor([1.0, 2, 3, 4]).double(), torch.tensor([2.0, 2, 1, 5]).double()
    expected = 2 / 7 * float((a - b).square().sum())  # two rows of eight are off the mean
    assert fid(axes * a, axes * b) == pytest.approx(expected, rel=1e-10)


def test_a_rotation_changes_nothing() -> None:
    x, y = mixed(300, 12, 0), drawn(200, 12, 1)
    q = torch.linalg.qr(drawn(12, 12, 2)).Q
    assert fid(x @ q, y @ q) == pytest.approx(fid(x, y), rel=1e-10)


def test_values_scale_with_the_square_of_the_features() -> None:
    x, y = mixed(300, 12, 0), drawn(200, 12, 1)
    assert fid(7 * x, 7 * y) == pytest.approx(49 * fid(x, y), rel=1e-10)


# --- torch-fidelity ---


def theirs(x: Tensor, y: Tensor) -> float:
    statistics = [fidelity.fid.fid_features_to_statistics(rows) for rows in (x, y)]
    return fidelity.fid.fid_statistics_to_metric(*statistics, verbose=False)[
        fidelity.fid.KEY_METRIC_FID
    ]


@pytest.mark.parametrize(("n", "d"), [(300, 16), (700, 64), (20_500, 9), (900, 300), (41, 2)])
def test_float64_features_give_torch_fidelitys_value(n: int, d: int) -> None:
    x, y = mixed(n, d, 0), drawn(n + 100, d, 1)
    assert fid(x, y) == pytest.approx(theirs(x, y), rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(700, 64), (900, 300)])
def test_float32_features_give_torch_fidelitys_value(n: int, d: int) -> None:
    x, y = mixed(n, d, 0).float(), drawn(n + 100, d, 1).float()
    assert fid(x, y) == pytest.approx(theirs(x, y), rel=1e-5)


def test_whole_numbers_are_summed_without_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randint(0, 256, (900, 64), generator=generator) for _ in range(2))
    exact = fid(x.double(), y.double())
    assert fid(x.float(), y.float()) == exact


def test_fewer_samples_than_features_give_torch_fidelitys_value_and_a_warning() -> None:
    x, y = mixed(20, 32, 0), mixed(300, 32, 1)
    score = Frechet()(x, y, same)
    assert score.value == pytest.approx(theirs(x, y), rel=1e-5)
    assert score.stderr is None
    assert "20 samples are no more than the 32 features" in score.warnings[0]


# --- order, parts, errors ---


def test_the_order_of_rows_does_not_matter() -> None:
    x, y = mixed(20_300, 5, 0), mixed(10_100, 5, 1)
    assert fid(x.flip(0), y.flip(0)) == pytest.approx(fid(x, y), rel=1e-10)


def test_parts_of_the_samples_are_curved_and_extrapolated() -> None:
    x, y = mixed(2000, 10, 0), mixed(2000, 10, 1)
    score = Frechet()(x, y, same)
    counts, values = zip(*score.curves[BY_SAMPLES], strict=True)
    assert counts == (500, 1000, 2000)
    assert values == tuple(sorted(values, reverse=True))
    quarter = blocks_of(2000, 20, x.device) % 4
    assert values[0] == pytest.approx(sum(fid(x[quarter == i], y) for i in range(4)) / 4)
    assert score.notes[EXTRAPOLATED] < score.value


def test_no_part_has_fewer_samples_than_features() -> None:
    score = Frechet()(mixed(300, 100, 0), mixed(2000, 100, 1), same)
    assert [m for m, _ in score.curves[BY_SAMPLES]] == [150, 300]


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
def test_the_standard_error_is_the_deviation_over_redraws_of_the_samples(shift: float) -> None:
    test = mixed(600, 6, 0)
    scores = [Frechet()(mixed(600, 6, i) + shift, test, same) for i in range(1, 101)]
    deviation = float(torch.tensor([score.value for score in scores]).std())
    errors = [score.stderr for score in scores if score.stderr is not None]
    assert len(errors) == 100
    assert 0.75 < sum(errors) / 100 / deviation < 1.33


@pytest.mark.parametrize("shift", [0.1, 0.5])
def test_the_error_over_both_is_the_deviation_over_redraws_of_both(shift: float) -> None:
    scores = [
        Frechet()(mixed(600, 6, 2 * i) + shift, mixed(600, 6, 2 * i + 1), same) for i in range(100)
    ]
    deviation = float(torch.tensor([score.value for score in scores]).std())
    errors = [float(score.notes["error over samples and test rows"]) for score in scores]
    assert 0.75 < sum(errors) / 100 / deviation < 1.33


# --- what is refused ---


def test_equal_features_of_all_test_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="all 50 test rows have the same features"):
        fid(mixed(60, 3, 0), torch.ones(50, 3))


def test_features_that_are_no_numbers_are_refused() -> None:
    x = mixed(60, 3, 0)
    x[7, 1] = math.nan
    with pytest.raises(ValueError, match="got 1 of 60 samples with NaN or infinity"):
        fid(x, mixed(60, 3, 1))


def test_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        fid(mixed(1, 3, 0), mixed(60, 3, 1))


def test_samples_that_are_all_equal_have_a_distance() -> None:
    y = mixed(500, 4, 1)
    point = y.mean(dim=0).repeat(100, 1)
    assert fid(point, y) == pytest.approx(float(y.var(dim=0).sum()))
