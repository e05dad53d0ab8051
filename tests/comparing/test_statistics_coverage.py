"""Simulations with planted components: what is estimated, and how often an interval holds it.

A drawn score is mean + seed + sample set(seed) + block + example(block) + interactions, all normal.
Its planted standard deviations are those of single scores; a regime says what dominates.
"""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from genbench.comparing import estimates, variance
from genbench.comparing.estimates import Estimate

DRAWS = 2000
BLOCKS, SIZE = 20, 5
ROWS = BLOCKS * SIZE
# standard deviations: of seeds, sample sets, blocks, examples, seeds×examples, sets×examples
REGIMES = {
    "examples dominate": (0.1, 0.1, 4, 8, 1, 2),
    "seeds dominate": (3, 0.5, 2, 4, 1, 2),
    "sample sets dominate": (0.5, 3, 2, 4, 1, 2),
    "balanced": (1, 1, 4, 6, 1, 2),
    "interactions dominate": (0.5, 0.5, 2, 2, 6, 8),
}
LONGER = ("examples dominate", "interactions dominate")
ALL = [pytest.param(name, marks=[pytest.mark.slow] * (name in LONGER)) for name in REGIMES]


@cache
def drawn(regime: str, seeds: int, sets: int) -> tuple[np.ndarray, ...]:
    """Scores (draws, S, K, n) with the parts that a conditional mean keeps: rows, seeds, sets."""
    rng = np.random.default_rng([list(REGIMES).index(regime), seeds, sets])
    seed, of_set, block, example, seed_rows, set_rows = REGIMES[regime]

    def normal(scale: float, *shape: int) -> np.ndarray:
        return rng.normal(0, scale, (DRAWS, *shape))

    rows = np.repeat(normal(block, 1, 1, BLOCKS), SIZE, axis=-1) + normal(example, 1, 1, ROWS)
    models = normal(seed, seeds, 1, 1), normal(of_set, seeds, sets, 1)
    mixed = normal(seed_rows, seeds, 1, ROWS) + normal(set_rows, seeds, sets, ROWS)
    return rows + models[0] + models[1] + mixed, rows, *models


def coverage(estimates: list[Estimate], truth: np.ndarray | float = 0.0) -> float:
    low, high = (np.array([getattr(e, end) for e in estimates]) for end in ("low", "high"))
    return float(np.mean((low <= truth) & (truth <= high)))


@pytest.mark.parametrize("regime", [name for name in REGIMES if name not in LONGER])
def test_each_planted_component_is_found_on_average(regime: str) -> None:
    scores = drawn(regime, 5, 3)[0]
    seed, of_set, block, example, *mixed = REGIMES[regime]
    found = [variance.components(ll, SIZE) for ll in scores]
    planted = {
        "seeds": seed**2,
        "sample_sets": of_set**2,
        "blocks": block**2,
        "examples": example**2,
        "remainder": sum(each**2 for each in mixed),
    }
    means = {name: np.mean([getattr(one, name) for one in found]) for name in planted}
    assert means == pytest.approx(planted, rel=0.2)


@pytest.mark.parametrize("regime", ALL)
def test_an_interval_over_methods_and_test_examples_holds_with_5_seeds(regime: str) -> None:
    found = [estimates.of_methods_on_other_rows(ll, SIZE) for ll in drawn(regime, 5, 3)[0]]
    assert 0.93 <= coverage(found) <= 0.97


@pytest.mark.parametrize("regime", ALL)
def test_an_interval_over_methods_and_test_examples_holds_with_3_seeds(regime: str) -> None:
    found = [estimates.of_methods_on_other_rows(ll, SIZE) for ll in drawn(regime, 3, 3)[0]]
    assert coverage(found) >= 0.90


@pytest.mark.parametrize("regime", ALL)
@pytest.mark.parametrize(("seeds", "low"), [(5, 0.93), (3, 0.90)])
def test_an_interval_over_methods_holds_on_these_test_examples(
    regime: str, seeds: int, low: float
) -> None:
    scores, rows, *_ = drawn(regime, seeds, 3)
    found = [estimates.of_methods(values) for values in scores.mean(axis=(2, 3))]
    assert low <= coverage(found, rows.mean(axis=(1, 2, 3))) <= 0.97


@pytest.mark.parametrize("regime", ALL)
@pytest.mark.parametrize(("sets", "low"), [(5, 0.93), (3, 0.90)])
def test_an_interval_over_models_holds_for_this_training(
    regime: str, sets: int, low: float
) -> None:
    scores, _, seeds, _ = drawn(regime, 1, sets)
    found = [estimates.of_models(ll[0], SIZE) for ll in scores]
    assert low <= coverage(found, seeds[:, 0, 0, 0]) <= 0.97


@pytest.mark.parametrize("regime", ALL)
def test_an_interval_over_test_examples_holds_for_these_samples(regime: str) -> None:
    scores, _, seeds, sets = drawn(regime, 1, 3)
    found = [estimates.of_examples(ll[0, 0], SIZE) for ll in scores]
    assert 0.93 <= coverage(found, seeds[:, 0, 0, 0] + sets[:, 0, 0, 0]) <= 0.97


def test_test_examples_taken_one_by_one_are_too_sure_where_blocks_are_alike() -> None:
    scores, _, seeds, sets = drawn("balanced", 1, 3)
    found = [estimates.of_examples(ll[0, 0]) for ll in scores]
    assert coverage(found, seeds[:, 0, 0, 0] + sets[:, 0, 0, 0]) < 0.85


@pytest.mark.parametrize("regime", ALL)
def test_differences_of_equal_models_are_called_shown_in_1_of_20(regime: str) -> None:
    pairs = zip(_two_sides(regime, 3), _two_sides(regime, 3, shift=1), strict=True)
    found = [estimates.difference_of_models(a, b, SIZE) for a, b in pairs]
    assert coverage(found) >= 0.90
    assert np.mean([estimates.p_value(each) < 0.05 for each in found]) <= 0.10


def _two_sides(regime: str, sets: int, shift: int = 0) -> np.ndarray:
    """Sample sets (draws, K, n) of one of two models that share test rows and are equally good."""
    scores, _, seeds, _ = drawn(regime, 2, sets)
    return (scores - seeds)[:, shift]


# --- folds and seeds ---


def test_students_t_over_5_folds_holds() -> None:
    values = np.random.default_rng(0).normal(0, 1, (DRAWS, 5))
    assert 0.93 <= coverage([estimates.of_folds(each) for each in values]) <= 0.97


def test_the_percentile_bootstrap_over_5_folds_holds_too_rarely_to_be_used() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (DRAWS, 5))
    picks = rng.integers(0, 5, (1000, 5))
    low, high = np.percentile(values[:, picks].mean(axis=-1), [2.5, 97.5], axis=-1)
    assert 0.80 <= np.mean((low <= 0) & (high >= 0)) <= 0.86
    sources = Path(estimates.__file__).parent.rglob("*.py")
    assert not [path for path in sources if re.search("bootstrap", path.read_text(), re.I)]


def test_one_more_seed_falls_into_the_prediction_interval() -> None:
    values = np.random.default_rng(0).normal(0, 1, (DRAWS, 4))
    ends = [estimates.prediction_interval(each[:3]) for each in values]
    inside = [low <= each[3] <= high for (low, high), each in zip(ends, values, strict=True)]
    assert 0.93 <= np.mean(inside) <= 0.97


SPREADS = {"alike": (1, 1, 1, 1), "unlike": (1, 2, 4, 8)}


@pytest.mark.parametrize("spreads", SPREADS.values(), ids=SPREADS)
@pytest.mark.parametrize("seeds", [3, 5])
def test_of_equal_methods_one_is_left_out_of_the_best_in_at_most_6_of_100(
    seeds: int, spreads: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(seeds)
    values = rng.normal(0, 1, (DRAWS, seeds, 4)) * spreads
    found = [estimates.best(dict(zip("abcd", each.T, strict=True))) for each in values]
    assert np.mean([len(best) < 4 for best in found]) <= 0.06


# --- one distribution twice ---


def rates(sets: np.ndarray, pairs: int, block: int) -> tuple[float, float]:
    """How often 3 sets against 3 others are called different, and naively 1 against 1.

    sets: scores (K, n) of sample sets from one distribution, of which each pair takes six.
    """
    rng = np.random.default_rng(0)
    models, naive = [], []
    for _ in range(pairs):
        picked = sets[rng.permutation(len(sets))[:6]]
        found = estimates.difference_of_models(picked[:3], picked[3:], block)
        models.append(estimates.p_value(found) < 0.05)
        naive.append(stats.ttest_rel(picked[0], picked[3]).pvalue < 0.05)
    return float(np.mean(models)), float(np.mean(naive))


def test_one_distribution_twice_is_called_one_over_sample_sets_but_two_over_examples() -> None:
    import torch

    from genbench.metrics.parzen import log_likelihood

    torch.manual_seed(0)
    sets, test = torch.randn(60, 100, 3), torch.randn(1000, 3)
    scores = np.stack([log_likelihood(each, test, 0.5).numpy() for each in sets])
    models, naive = rates(scores, 200, block=1)
    assert models <= 0.10
    assert naive > 0.20


@pytest.mark.data
def test_real_images_twice_are_called_one_over_sample_sets_but_two_over_examples() -> None:
    import torch

    from genbench.metrics.parzen import log_likelihood

    split = _mnist()
    images, found = torch.cat([split.train, split.valid]), []
    for seed in (0, 1):
        order = torch.randperm(60_000, generator=torch.Generator().manual_seed(seed))
        disjoint = images[order].view(30, 2_000, -1)
        scores = [log_likelihood(each, split.test, 0.2).numpy() for each in disjoint]
        found.append(rates(np.stack(scores), 100, estimates.block_of(10_000)))
    models, naive = np.mean(found, axis=0)
    assert models <= 0.10
    assert naive > 0.20


@pytest.mark.data
def test_standard_errors_of_replay_grow_with_the_block_as_measured() -> None:
    from genbench.metrics.parzen import log_likelihood

    split = _mnist()
    scores = log_likelihood(split.train[:10_000], split.test, 10 ** (-1 + 2 / 9)).numpy()
    errors = [each.error for each in estimates.by_blocks(scores).values()]
    assert errors == pytest.approx([2.13, 2.28, 2.56, 2.90, 3.61, 4.50], abs=0.01)


def _mnist():
    import os

    from genbench.datasets.mnist import MNIST

    folder = Path(os.environ.get("GENBENCH_DATA", "")).resolve()
    if not list(folder.glob("mnist/train-images-idx3-ubyte*")):
        pytest.skip("GENBENCH_DATA names no folder with mnist/train-images-idx3-ubyte[.gz]")
    return MNIST(folder).split(0)
