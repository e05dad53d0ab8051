"""The share of samples that lie nearer to training rows: its definition, error, p and limits."""

import pytest
import torch
from sets import error_over_deviation, mnist, normal, rejected, same

from genbench.metrics.train_share import TrainShare
from genbench.protocols import Score


def scored(x: torch.Tensor, t: torch.Tensor, h: torch.Tensor) -> Score:
    return TrainShare()(x, t, h, same)


def drawn(seed: int, n: int = 200, m: int = 300, d: int = 5) -> Score:
    x, t, h = normal(2 * n + m, d, seed).split([m, n, n])
    return scored(x, t, h)


def test_the_share_is_that_of_the_definition():
    x, t, h = normal(90, 4, 1), normal(200, 4, 2), normal(100, 4, 3)
    to_t, to_h = (torch.cdist(x.double(), rows.double()).amin(dim=1) for rows in (t, h))
    p = ((to_t < to_h).double() + (to_t == to_h).double() / 2).mean().item()
    assert scored(x, t, h).notes["nearer to training rows"] == p
    assert scored(x, t, h).value == pytest.approx((p / 200) / (p / 200 + (1 - p) / 100), rel=1e-12)


@pytest.mark.parametrize(("big", "n"), [(600, 200), (200, 200), (100, 400)])
def test_it_is_a_half_whatever_the_counts_and_p_holds(big: int, n: int):
    def one(seed: int) -> Score:
        x, t, h = normal(300 + big + n, 5, seed).split([300, big, n])
        return scored(x, t, h)

    scores = [one(seed) for seed in range(100)]
    values = torch.tensor([score.value for score in scores])
    assert abs(values.mean() - 0.5) < 3 * values.std() / 10 + 0.01
    assert 0.75 < error_over_deviation(one) < 1.33
    assert 0.02 <= rejected(lambda seed: one(seed).notes["p of 1/2"]) <= 0.09


def test_copies_of_training_rows_give_1_and_of_held_out_rows_0():
    t, h = normal(150, 4, 1), normal(150, 4, 2)
    assert scored(t, t, h).value == 1
    assert scored(h, t, h).value == 0
    assert scored(t, t, h).notes["p of 1/2"] < 1e-6


def test_copies_of_any_training_rows_give_1_however_many_there_are():
    t, h = normal(2000, 6, 1), normal(500, 6, 2)
    assert scored(t[::7], t, h).value == 1


def test_blur_alone_moves_the_share_by_no_more_than_its_error():
    t, h = normal(1000, 8, 1), normal(1000, 8, 2)
    for std in (0.1, 0.5, 1.0, 2.0):
        score = scored(normal(1000, 8, 3, std), t, h)
        assert abs(score.value - 0.5) < 3 * score.stderr


def test_the_share_rises_as_more_samples_are_copies():
    t, h, free = normal(400, 6, 1), normal(400, 6, 2), normal(400, 6, 3)
    values = [scored(torch.cat([t[:k], free[k:]]), t, h).value for k in range(0, 401, 100)]
    assert values == sorted(values)
    assert values[-1] == 1


def test_the_share_rises_as_copies_come_nearer_to_their_sources():
    t, h = normal(400, 6, 1), normal(400, 6, 2)
    noise = normal(400, 6, 3)
    values = [scored(t + far * noise, t, h).value for far in (2.0, 0.5, 0.2, 0.01)]
    assert values == sorted(values)


def test_the_standard_error_is_that_of_redrawn_samples_training_and_test_rows():
    assert 0.75 < error_over_deviation(drawn) < 1.33


def test_the_standard_error_holds_where_half_the_samples_are_near_copies():
    def one(seed: int) -> Score:
        x, t, h = normal(700, 5, seed).split([300, 200, 200])
        return scored(torch.cat([x[:150], t[:150] + 0.2 * x[150:]]), t, h)

    assert 0.75 < error_over_deviation(one) < 1.33


def test_the_standard_error_holds_where_samples_are_narrow_and_share_their_nearest_rows():
    def one(seed: int) -> Score:
        x, t, h = normal(700, 5, seed).split([300, 200, 200])
        return scored(0.2 * x, t, h)

    assert 0.75 < error_over_deviation(one) < 1.33


def test_the_noted_error_is_that_of_redrawn_samples_alone():
    t, h = normal(200, 5, 1000), normal(200, 5, 1001)
    scores = [scored(normal(300, 5, seed), t, h) for seed in range(100)]
    spread = torch.tensor([score.value for score in scores]).std().item()
    noted = [score.notes["stderr over samples alone"] for score in scores]
    assert 0.75 < sum(noted) / 100 / spread < 1.33


def test_p_rejects_about_5_percent_of_nulls():
    assert 0.02 <= rejected(lambda seed: drawn(seed).notes["p of 1/2"]) <= 0.09


def test_p_holds_where_many_samples_share_one_nearest_row():
    def p(seed: int) -> float:
        x, t, h = normal(460, 5, seed).split([60, 200, 200])
        return scored(x.repeat(5, 1), t, h).notes["p of 1/2"]

    assert 0.02 <= rejected(p) <= 0.09


def test_of_samples_that_are_nearest_to_one_row_z_says_nothing_and_a_warning_says_so():
    t, h = normal(200, 4, 1), normal(200, 4, 2)
    alike = normal(1, 4, 3) + 1e-3 * normal(100, 4, 4)
    found = scored(alike, t, h)
    assert found.value in (0.0, 1.0)
    assert found.stderr == 0
    assert abs(found.notes["z of 1/2"]) == pytest.approx(1, abs=0.01)
    (warning,) = found.warnings
    assert "few rows, as if to 1.0 of one weight" in warning
    assert not scored(normal(100, 4, 3), t, h).warnings


def test_ties_count_half():
    t = normal(100, 3, 1)
    score = scored(normal(100, 3, 2), t, t)
    assert (score.value, score.notes["ties"]) == (0.5, 1.0)


def test_where_nearly_all_rows_tie_innocent_rows_have_a_half_at_even_counts_alone():
    states = (normal(1700, 2, 0) > 0).float()  # four states, which all lie on either side
    x, t, h = states[:500], states[500:1500], states[1500:]
    assert scored(x, t[:200], h).value == 0.5
    assert scored(x, t, h).value == pytest.approx((1 / 1000) / (1 / 1000 + 1 / 200))


def test_constants_are_warned_of():
    flat, t, h = torch.full((100, 3), 0.5), normal(100, 3, 1), normal(100, 3, 2)
    assert [w.split(" have")[0] for w in scored(t, flat, flat).warnings] == [
        "all training rows",
        "all test rows",
    ]
    score = scored(flat, t, h)
    assert "all samples have equal features" in score.warnings[0]
    assert score.notes["p of 1/2"] == pytest.approx(0.32, abs=0.01)  # one row decides: |z| = 1


def test_too_few_rows_and_nan_are_refused():
    enough = normal(100, 3, 1)
    with pytest.raises(ValueError, match="at least 10 sample rows are needed, got 9"):
        scored(enough[:9], enough, enough)
    with pytest.raises(ValueError, match="1 of 100 rows with NaN or infinity"):
        scored(torch.where(torch.arange(100)[:, None] == 3, torch.nan, enough), enough, enough)


def test_features_are_asked_for_in_blocks_from_0_on():
    sizes: list[int] = []

    def features(rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(rows))
        return rows[:, :1]

    TrainShare()(torch.rand(12_000, 2), torch.rand(10_050, 2), torch.rand(100, 2), features)
    assert sizes == [10_000, 100, 10_000, 50]


@pytest.mark.data
def test_mnists_test_rows_have_a_share_of_about_a_half_and_copies_one_of_1():
    split = mnist()
    near, far = split.train[:2000], split.valid[:2000]
    assert abs(scored(split.test[:2000], near, far).value - 0.5) < 0.05
    assert scored(near, near, far).value == 1
