"""Precision, recall, density, coverage: prdc's and torch-fidelity's numbers, ties, and which is
which.
"""

import math

import fidelity
import prdc
import pytest
import torch
from torch import Tensor

from genbench.metrics import _balls
from genbench.metrics import prdc as metrics
from genbench.metrics.prdc import Coverage, Density, Precision, Recall

ALL = {"precision": Precision, "recall": Recall, "density": Density, "coverage": Coverage}


def same(rows: Tensor) -> Tensor:
    return rows


def drawn(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def whole(n: int, d: int, seed: int, most: int = 4) -> Tensor:
    """Rows of small whole numbers: full of ties."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, most, (n, d), generator=generator).float()


def ours(samples: Tensor, test: Tensor, k: int = 5) -> dict[str, float]:
    return {name: metric(k)(samples, test, same).value for name, metric in ALL.items()}


def by_definition(y: Tensor, x: Tensor, k: int) -> dict[str, float]:
    """Samples y, test rows x, all differences in float64."""

    def apart(a: Tensor, b: Tensor) -> Tensor:
        return (a.double()[:, None] - b.double()).square().sum(dim=2)

    def radius(a: Tensor) -> Tensor:
        own = apart(a, a)
        own.fill_diagonal_(math.inf)
        return own.sort(dim=1).values[:, k - 1]

    pairs = apart(x, y)
    in_x, in_y = pairs < radius(x)[:, None], pairs < radius(y)
    return {
        "precision": in_x.any(dim=0).double().mean().item(),
        "recall": in_y.any(dim=1).double().mean().item(),
        "density": in_x.sum().item() / (k * len(y)),
        "coverage": in_x.any(dim=1).double().mean().item(),
    }


# --- oracles ---


@pytest.mark.parametrize(
    ("m", "n", "d", "k"), [(200, 150, 3, 5), (90, 300, 40, 3), (400, 400, 8, 1)]
)
def test_prdc_gives_the_same_numbers(m: int, n: int, d: int, k: int) -> None:
    y, x = drawn(m, d, 0) * 1.1 + 0.2, drawn(n, d, 1)
    theirs = prdc.compute_prdc(x.double().numpy(), y.double().numpy(), k)
    assert ours(y, x, k) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("k", [3, 5])
def test_torch_fidelity_gives_the_same_precision_and_recall_where_nothing_ties(k: int) -> None:
    y, x = drawn(300, 6, 0) * 0.8, drawn(250, 6, 1)
    full = fidelity.prc.calculate_precision_recall_full(y.double(), x.double(), k)
    values = ours(y, x, k)
    assert (values["precision"], values["recall"]) == pytest.approx(full, abs=1e-7)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("d", [2, 5, 30])
def test_ties_of_whole_numbers_are_counted_by_the_definition(d: int, k: int) -> None:
    y, x = whole(300, d, 0), whole(280, d, 1)
    assert ours(y, x, k) == pytest.approx(by_definition(y, x, k), abs=1e-12)


def test_ties_far_from_the_origin_are_counted_by_the_definition() -> None:
    y, x = whole(300, 3, 0) / 3 + 1000, whole(280, 3, 1) / 3 + 1000
    assert ours(y, x) == pytest.approx(by_definition(y, x, 5), abs=1e-12)


@pytest.mark.parametrize("block", [700, 5000, 10**6])
def test_the_size_of_blocks_changes_nothing(block: int) -> None:
    y, x = drawn(310, 20, 0), drawn(290, 20, 1)
    one, other = _balls.balls(y, x, 5), _balls.balls(y, x, 5, block=block)
    for name in ("of_x", "of_y", "held_y"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_values_do_not_hang_on_units(scale: float) -> None:
    y, x = drawn(310, 20, 0), drawn(290, 20, 1)
    assert ours((y * scale).double(), (x * scale).double()) == pytest.approx(ours(y, x), abs=0.01)


def test_every_radius_is_the_distance_to_the_kth_other_row() -> None:
    x = torch.cat([drawn(200, 50, 0), drawn(60, 50, 0)[:40], whole(100, 50, 1)])
    own = torch.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    own.fill_diagonal_(math.inf)
    expected = own.sort(dim=1).values[:, 4]
    assert torch.allclose(_balls.sq_radii(x, 5), expected, rtol=1e-12, atol=0)


# --- which is which ---


def test_a_generator_that_repeats_a_typical_row_has_precision_near_1_and_recall_near_0() -> None:
    x = drawn(500, 6, 0)
    values = ours(0.01 * drawn(500, 6, 1), x)
    assert values["precision"] > 0.99
    assert values["recall"] < 0.01


def test_a_generator_that_spreads_too_far_has_recall_near_1_and_low_precision() -> None:
    values = ours(4 * drawn(500, 3, 1), drawn(500, 3, 0))
    assert values["precision"] < 0.5
    assert values["recall"] > 0.95


def test_samples_and_test_rows_are_not_the_same_to_density_and_coverage() -> None:
    y, x = 0.3 * drawn(500, 6, 0), drawn(500, 6, 1)
    one, other = ours(y, x), ours(x, y)
    assert one["density"] > 1.5 > 0.5 > other["density"]
    assert one["precision"] == other["recall"]


def test_dropped_kinds_lower_recall_and_coverage_by_their_share_and_leave_precision() -> None:
    kinds = torch.arange(600) % 6
    x, y = (drawn(600, 4, seed) + 20 * kinds[:, None] for seed in (0, 1))
    every, half = ours(y, x), ours(y[kinds < 3], x)
    assert half["recall"] == pytest.approx(every["recall"] / 2, abs=0.05)
    assert half["coverage"] == pytest.approx(every["coverage"] / 2, abs=0.05)
    assert half["precision"] == pytest.approx(every["precision"], abs=0.03)


def test_real_rows_have_density_1_and_coverage_1_less_2_to_the_minus_k() -> None:
    values = ours(drawn(4000, 4, 0), drawn(4000, 4, 1))
    assert values["density"] == pytest.approx(1, abs=0.05)
    assert values["coverage"] == pytest.approx(1 - 2**-5, abs=0.01)


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_rows_does_not_matter(name: str) -> None:
    y, x = drawn(310, 5, 0), drawn(290, 5, 1)
    assert ALL[name]()(y.flip(0), x.flip(0), same).value == ALL[name]()(y, x, same).value


# --- what is read, and remembered ---


def test_rows_after_the_first_ten_thousand_are_not_read() -> None:
    y, x = drawn(10_050, 2, 0), drawn(10_020, 2, 1)
    far = [
        rows.index_add(0, torch.arange(10_000, len(rows)), torch.ones(len(rows) - 10_000, 2) * 50)
        for rows in (y, x)
    ]
    assert Recall()(*far, same).value == Recall()(y, x, same).value


def test_four_metrics_of_the_same_rows_compare_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(metrics, "balls", lambda *rows: calls.append(1) or _balls.balls(*rows))
    metrics._LAST.clear()
    y, x = drawn(310, 5, 7), drawn(290, 5, 8)
    ours(y, x)
    assert len(calls) == 1
    ours(x, y)
    ours(x, y, 4)
    assert len(calls) == 3


# --- errors ---


@pytest.mark.parametrize("metric", [Precision, Density])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.2, 0.2), (0.8, 0.0)])
def test_the_standard_error_is_the_deviation_over_redraws_of_the_samples(
    metric: type[Precision], scale: float, shift: float
) -> None:
    x = drawn(600, 8, 0)
    scores = [metric()(scale * drawn(600, 8, i) + shift, x, same) for i in range(1, 101)]
    deviation = float(torch.tensor([score.value for score in scores]).std())
    errors = [score.stderr for score in scores if score.stderr is not None]
    assert len(errors) == 100
    assert 0.75 < sum(errors) / 100 / deviation < 1.33


@pytest.mark.parametrize("metric", [Recall, Coverage])
def test_where_no_error_is_sound_there_is_none_and_the_reason(metric: type[Recall]) -> None:
    score = metric()(drawn(100, 3, 0), drawn(100, 3, 1), same)
    assert score.stderr is None
    assert "no error is known" in score.over


# --- what is refused or warned of ---


def test_copies_are_warned_of() -> None:
    y = drawn(20, 3, 0).repeat_interleave(10, dim=0)
    score = Recall()(y, drawn(100, 3, 1), same)
    assert score.value == 0
    assert "200 of 200 samples have 5 copies or more" in score.warnings[0]


def test_equal_test_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="all 30 test rows have the same features"):
        Precision()(drawn(40, 3, 0), torch.ones(30, 3), same)


def test_all_equal_samples_are_counted_strictly() -> None:
    values = ours(torch.zeros(50, 3), drawn(100, 3, 1))
    assert values["recall"] == 0
    assert values["precision"] in (0, 1)


@pytest.mark.parametrize(("m", "n"), [(5, 40), (40, 5)])
def test_too_few_rows_for_k_are_refused(m: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"5-th nearest other row takes at least 6 .*, got 5"):
        Precision()(drawn(m, 3, 0), drawn(n, 3, 1), same)


def test_a_k_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        Precision(k=0)


def test_features_that_are_no_numbers_are_refused() -> None:
    x = drawn(60, 3, 0)
    x[7, 1] = math.inf
    with pytest.raises(ValueError, match="got 1 of 60 test rows with NaN or infinity"):
        Precision()(drawn(60, 3, 1), x, same)
