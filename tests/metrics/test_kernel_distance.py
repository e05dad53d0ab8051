"""KID: torch-fidelity's numbers, no bias, errors, and what is refused."""

import math

import fidelity
import numpy as np
import pytest
import torch
from torch import Tensor

from genbench.metrics.kernel_distance import KernelDistance, kernel, power_of_two


def same(rows: Tensor) -> Tensor:
    return rows


def drawn(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kid(samples: Tensor, test: Tensor) -> float:
    return KernelDistance()(samples, test, same).value


def theirs(samples: Tensor, test: Tensor) -> float:
    how = {"kid_subsets": 1, "kid_subset_size": len(samples), "verbose": False}
    found = fidelity.kid.kid_features_to_metric(samples, test, **how)
    return found[fidelity.kid.KEY_METRIC_KID_MEAN]


# --- the definition ---


@pytest.mark.parametrize(("n", "d"), [(50, 3), (700, 64), (1201, 10)])
def test_torch_fidelity_gives_the_same_number(n: int, d: int) -> None:
    x = drawn(n, d, 1)
    x /= x.square().mean().sqrt()
    y = 1.2 * drawn(n, d, 0) + 0.1
    assert kid(y, x) == pytest.approx(theirs(y, x), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("power", [-7, 5])
def test_features_are_scaled_by_the_power_of_two_that_is_in_the_notes(power: int) -> None:
    y, x = 1.2 * drawn(300, 8, 0), drawn(300, 8, 1)
    score = KernelDistance()(y * 2.0**power, x * 2.0**power, same)
    assert score.notes["features times 2 to the"] == -power
    assert score.value == pytest.approx(theirs(y, x), rel=1e-9)


def test_float32_features_give_the_same_number_to_a_millionth_of_the_kernel() -> None:
    y, x = 1.2 * drawn(700, 64, 0), drawn(700, 64, 1)
    assert kid(y.float(), x.float()) == pytest.approx(kid(y, x), abs=1e-6)


def test_sets_of_different_sizes_are_means_over_pairs() -> None:
    y, x = drawn(12, 3, 0) * 1.5, drawn(9, 3, 1)
    s = 2.0 ** power_of_two(x)

    def k(a: Tensor, b: Tensor) -> float:
        return float((a @ b * s * s / 3 + 1) ** 3)

    yy = np.mean([k(y[i], y[j]) for i in range(12) for j in range(12) if i != j])
    xx = np.mean([k(x[i], x[j]) for i in range(9) for j in range(9) if i != j])
    yx = np.mean([k(a, b) for a in y for b in x])
    assert kid(y, x) == pytest.approx(float(yy + xx - 2 * yx), rel=1e-10)


def test_rows_in_several_blocks_are_all_counted_once() -> None:
    y = drawn(1003, 4, 0)
    k = ((y @ y.T) / 4 + 1) ** 3
    k.fill_diagonal_(0)
    found = kernel(y)
    assert torch.allclose(found.rows, k.sum(dim=1) / 1002)
    assert torch.allclose(found.columns, k.sum(dim=0) / 1002)
    r = k.sum(dim=1) / 1002
    centred = (k - r[:, None] - r + k.sum() / 1003 / 1002).fill_diagonal_(0)
    assert found.spread == pytest.approx(float(centred.square().sum()) / 1003 / 1002, rel=0.01)


def test_the_sets_may_change_places_and_rows_their_order() -> None:
    y, x = drawn(310, 5, 0) * 1.01, drawn(290, 5, 1)
    assert kid(y.flip(0), x.flip(0)) == pytest.approx(kid(y, x), rel=1e-9)
    assert kid(x, y) == pytest.approx(kid(y, x), rel=1e-9)


def test_rows_after_the_first_ten_thousand_are_not_read() -> None:
    y, x = drawn(10_004, 2, 0), drawn(200, 2, 1)
    far = y.clone()
    far[10_000:] = 50
    assert kid(far, x) == kid(y, x)


# --- no bias, errors ---


def test_the_mean_over_redraws_of_one_distribution_is_0_within_its_error() -> None:
    values = torch.tensor([kid(drawn(60, 5, 2 * i), drawn(90, 5, 2 * i + 1)) for i in range(300)])
    assert abs(float(values.mean())) < 3 * float(values.std()) / math.sqrt(300)
    assert float((values < 0).double().mean()) > 0.3


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
def test_the_standard_error_is_the_deviation_over_redraws_of_the_samples(shift: float) -> None:
    x = drawn(500, 8, 0)
    scores = [KernelDistance()(drawn(500, 8, i) + shift, x, same) for i in range(1, 101)]
    deviation = float(torch.tensor([score.value for score in scores]).std())
    errors = [score.stderr for score in scores if score.stderr is not None]
    assert len(errors) == 100
    assert 0.75 < sum(errors) / 100 / deviation < 1.33


def test_the_standard_error_holds_for_few_samples_beside_many_test_rows() -> None:
    x = drawn(1200, 8, 0)
    scores = [KernelDistance()(drawn(40, 8, i), x, same) for i in range(1, 101)]
    deviation = float(torch.tensor([score.value for score in scores]).std())
    assert 0.75 < sum(score.stderr or 0 for score in scores) / 100 / deviation < 1.33


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
def test_the_error_over_both_is_the_deviation_over_redraws_of_both(shift: float) -> None:
    scores = [
        KernelDistance()(drawn(500, 8, 2 * i) + shift, drawn(300, 8, 2 * i + 1), same)
        for i in range(100)
    ]
    deviation = float(torch.tensor([score.value for score in scores]).std())
    errors = [float(score.notes["error over samples and test rows"]) for score in scores]
    assert 0.75 < sum(errors) / 100 / deviation < 1.33


# --- what is refused ---


def test_equal_test_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="all 30 test rows have the same features"):
        kid(drawn(40, 3, 0), torch.ones(30, 3))


def test_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        kid(drawn(1, 3, 0), drawn(40, 3, 1))


def test_features_that_are_no_numbers_are_refused() -> None:
    x = drawn(60, 3, 0)
    x[7, 1] = math.nan
    with pytest.raises(ValueError, match="got 1 of 60 test rows with NaN or infinity"):
        kid(drawn(60, 3, 1), x)


def test_three_rows_have_a_value_and_no_error() -> None:
    score = KernelDistance()(drawn(3, 2, 0), drawn(30, 2, 1), same)
    assert score.stderr is None
    assert score.over == "no error is known of fewer than 4 rows"
