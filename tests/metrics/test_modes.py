"""Modes: divergence of classes and of mixtures' modes, errors, p, and what is refused."""

import math
from pathlib import Path

import pytest
import torch
from scipy import stats
from torch import Tensor

from genbench.datasets.grid import Grid
from genbench.datasets.ring import Ring
from genbench.metrics.modes import Modes, homogeneity


class Classes:
    """Features whose classes are the first column, a whole number below `many`."""

    def __init__(self, many: int = 4) -> None:
        self.many, self.sizes = many, []

    def __call__(self, rows: Tensor) -> Tensor:
        return rows

    def classify(self, rows: Tensor) -> Tensor:
        self.sizes.append(len(rows))
        return torch.nn.functional.one_hot(rows[:, 0].long(), self.many).float()


def of(*counts: int) -> Tensor:
    """Rows with so many of each class."""
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))[:, None].float()


def drawn(n: int, seed: int, shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(torch.tensor(shares), n, True, generator=generator)[:, None].float()


def modes(samples: Tensor, test: Tensor, many: int = 4):
    return Modes()(samples, test, Classes(many))


# --- classes ---


def test_equal_histograms_have_divergence_0() -> None:
    assert modes(of(10, 20, 30, 40), of(1, 2, 3, 4)).value == pytest.approx(0, abs=1e-15)


def test_the_divergence_is_of_the_samples_from_the_test_rows() -> None:
    samples, test = of(60, 20, 10, 10), of(25, 25, 25, 25)
    expected = stats.entropy([0.6, 0.2, 0.1, 0.1], [0.25] * 4)
    assert modes(samples, test).value == pytest.approx(expected)
    turned = stats.entropy([0.25] * 4, [0.6, 0.2, 0.1, 0.1])
    assert modes(test, samples).value == pytest.approx(turned)


def test_a_dropped_class_costs_the_log_of_what_is_left_and_is_warned_of() -> None:
    score = modes(of(50, 0, 50, 50), of(100, 100, 100, 100))
    assert score.value == pytest.approx(math.log(4 / 3))
    assert score.warnings == ["no sample is of class 1, 100 of 400 test rows are"]
    assert (score.notes["rarest class"], score.notes["its share"]) == (1, 0)


def test_every_dropped_class_costs_more() -> None:
    test = of(100, 100, 100, 100)
    values = [
        modes(of(*(100 if i < kept else 0 for i in range(4))), test).value for kept in (4, 3, 2, 1)
    ]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(math.log(4))


def test_a_class_without_test_rows_counts_as_half_a_row() -> None:
    score = modes(of(10, 10, 0, 0), of(20, 0, 0, 0))
    q = (20 / 21.5, 0.5 / 21.5)
    assert score.value == pytest.approx(sum(0.5 * math.log(0.5 / share) for share in q))


def test_notes_hold_entropies_chi_square_and_p() -> None:
    notes = modes(of(60, 20, 10, 10), of(30, 20, 30, 20)).notes
    assert notes["entropy"] == pytest.approx(stats.entropy([0.6, 0.2, 0.1, 0.1]))
    assert notes["entropy of test rows"] == pytest.approx(stats.entropy([0.3, 0.2, 0.3, 0.2]))
    expected = stats.chi2_contingency([[60, 20, 10, 10], [30, 20, 30, 20]], correction=False)
    assert (notes["chi-square"], notes["p"]) == pytest.approx((expected[0], expected[1]))


def test_all_samples_are_read_in_blocks() -> None:
    classes = Classes(2)
    score = Modes()(of(20_000, 5000), of(8, 2), classes)
    assert classes.sizes == [10_000, 10_000, 5000, 10]
    assert score.value == pytest.approx(0, abs=1e-15)


def test_the_order_of_rows_does_not_matter() -> None:
    x, y = drawn(500, 0), drawn(400, 1)
    assert modes(x.flip(0), y.flip(0)).value == modes(x, y).value


@pytest.mark.parametrize("shares", [(0.1, 0.2, 0.3, 0.4), (0.2, 0.2, 0.2, 0.4), (0, 0.1, 0.8, 0.1)])
def test_the_standard_error_is_the_deviation_over_redraws_of_the_samples(
    shares: tuple[float, ...],
) -> None:
    test = drawn(1000, 0)
    scores = [modes(drawn(1000, i, shares), test) for i in range(1, 101)]
    deviation = float(torch.tensor([score.value for score in scores]).double().std())
    assert 0.75 < sum(score.stderr or 0 for score in scores) / 100 / deviation < 1.33


def test_p_rejects_about_a_twentieth_of_nulls() -> None:
    pairs = [(drawn(500, 2 * i), drawn(700, 2 * i + 1)) for i in range(200)]
    rejected = sum(float(str(modes(*pair).notes["p"])) < 0.05 for pair in pairs)
    assert 4 <= rejected <= 18


def test_one_class_on_both_sides_differs_by_nothing() -> None:
    assert homogeneity(torch.tensor([5.0, 0]), torch.tensor([9.0, 0])) == (0, 1)


# --- mixtures ---


@pytest.mark.parametrize(("dataset", "many"), [(Ring, 8), (Grid, 25)])
def test_draws_of_a_mixture_hit_every_mode(dataset: type[Ring], many: int, tmp_path: Path) -> None:
    density = dataset(tmp_path).density
    torch.manual_seed(0)
    score = Modes()(density.draw(5000), torch.zeros(0, 2), None, density)
    assert (score.notes["modes hit"], score.notes["modes"]) == (many, many)
    inside = 1 - math.exp(-9 / 2)  # in two dimensions
    assert score.notes["share of high quality"] == pytest.approx(inside, abs=0.005)
    assert score.value < 4 * float(str(score.notes["of equal distributions"]))
    assert not score.warnings


def test_one_mode_alone_has_the_log_of_their_number(tmp_path: Path) -> None:
    density = Ring(tmp_path).density
    score = Modes()(density.centres[2].repeat(50, 1).float(), torch.zeros(0, 2), None, density)
    assert score.value == pytest.approx(math.log(8))
    assert score.notes["modes hit"] == 1
    assert score.warnings == ["7 of 8 modes have no sample within 3 standard deviations"]


def test_samples_between_modes_hit_none(tmp_path: Path) -> None:
    density = Grid(tmp_path).density
    score = Modes()(density.centres.float() + 0.5, torch.zeros(0, 2), None, density)
    assert score.notes["modes hit"] == 0
    assert score.notes["share of high quality"] == 0


# --- what is refused ---


def test_features_without_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="choose features that have classes"):
        Modes()(of(5, 5), of(5, 5), lambda rows: rows)


def test_logits_that_are_no_numbers_are_refused() -> None:
    broken = Classes()
    broken.classify = lambda rows: torch.full((len(rows), 3), math.nan)
    with pytest.raises(ValueError, match="got 10 of 10 samples with NaN or infinity"):
        Modes()(of(5, 5), of(5, 5), broken)


def test_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        modes(of(1), of(5, 5))
