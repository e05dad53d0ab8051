"""The metric around the estimator: its choice of sigma, its warnings, what it tells beside."""

import json
import math

import pytest
import torch
from test_parzen import images, seeded
from told import told

from genbench.metrics.parzen import Parzen, log_likelihood, validation_curve
from genbench.metrics.parzen.estimator import Windows
from genbench.metrics.parzen.pruning import Outline

D = 100


def around_zero(n: int, spread: float, seed: int) -> torch.Tensor:
    """Rows whose best sigma under one window at zero is |x| / √d, in closed form."""
    return spread * torch.randn(n, D, generator=seeded(seed))


def best_sigma(rows: torch.Tensor) -> float:
    return rows.double().square().mean().sqrt().item()


@pytest.fixture
def rows():
    """One window at zero (eight times), and rows whose best sigma lies between 0.316 and 1."""
    return torch.zeros(8, D), around_zero(60, 0.55, 1), around_zero(70, 0.55, 2)


COARSE = {"grid_start": 0.1, "grid_stop": 1.0, "grid_size": 3}


# --- between the points of the grid ----------------------------------------------------------


def test_a_coarse_grid_is_a_warning_that_names_the_better_sigma_and_the_gain(rows):
    score = Parzen(grid_start=0.1, grid_stop=10.0, grid_size=3)(*rows)
    (warning,) = told(score)["warnings"]
    better, mean = max(told(score)["between"], key=lambda point: point[1])
    assert better == pytest.approx(best_sigma(rows[1]), rel=0.1)
    assert f"{better:.4g}" in warning
    gain = mean - max(mean for _, mean in told(score)["curve"])
    assert gain > 1
    assert f"{gain:.1f} nats better than {told(score)['sigma']:.4g}" in warning
    assert "sigma_search=refine" in warning


def test_a_grid_whose_point_is_nearly_the_best_is_no_warning(rows):
    samples, valid, test = rows
    fine = {"grid_start": best_sigma(valid) / 2, "grid_stop": best_sigma(valid) * 2}
    assert told(Parzen(**fine, grid_size=9)(samples, valid, test))["warnings"] == []


def test_the_points_between_surround_the_best_and_hold_their_true_means(rows):
    samples, valid, _ = rows
    details = told(Parzen(**COARSE)(*rows))
    grid = Parzen(**COARSE).grid
    sigmas = [sigma for sigma, _ in details["between"]]
    assert sigmas == sorted(sigmas)
    assert not set(sigmas) & set(grid)
    best = grid.index(details["sigma"])
    assert grid[best - 1] < sigmas[0] < details["sigma"]
    assert details["sigma"] < sigmas[-1] or best == len(grid) - 1
    for sigma, mean in details["between"]:
        assert mean == pytest.approx(log_likelihood(samples, valid, sigma).mean().item(), abs=1e-2)


def test_searching_the_grid_takes_a_point_of_the_grid(rows):
    details = told(Parzen(**COARSE)(*rows))
    assert details["sigma"] in Parzen(**COARSE).grid
    assert details["valid"] == max(mean for _, mean in details["curve"])


@pytest.mark.parametrize("size", [3, 4, 10])
@pytest.mark.parametrize("spread", [0.15, 0.3, 0.55, 0.9])
def test_refining_finds_the_optimum_within_one_percent(rows, spread, size):
    valid = around_zero(60, spread, 3)
    metric = Parzen(grid_start=0.1, grid_stop=1.0, grid_size=size, sigma_search="refine")
    details = told(metric(rows[0], valid, rows[2]))
    assert details["sigma"] == pytest.approx(best_sigma(valid), rel=0.01 if size == 10 else 0.03)
    assert details["warnings"] == []
    assert details["valid"] >= max(mean for _, mean in details["curve"])
    assert details["valid"] == max(mean for _, mean in details["between"])


def test_refining_never_uses_the_test_rows(rows):
    samples, valid, test = rows
    metric = Parzen(**COARSE, sigma_search="refine")
    chosen = told(metric(samples, valid, test))
    for other in (test + 10, 1e-3 * test, test[:1]):
        details = told(metric(samples, valid, other))
        for name in ("sigma", "curve", "between", "valid"):
            assert details[name] == chosen[name]


@pytest.mark.parametrize("search", ["grid", "refine"])
@pytest.mark.parametrize(("spread", "edge"), [(0.01, 0.1), (30.0, 1.0)])
def test_an_optimum_outside_the_grid_is_a_warning_of_the_edge_alone(rows, spread, edge, search):
    valid = around_zero(60, spread, 3)
    details = told(Parzen(**COARSE, sigma_search=search)(rows[0], valid, rows[2]))
    (warning,) = details["warnings"]
    assert "edge of its grid (0.1 to 1)" in warning
    assert details["sigma"] == pytest.approx(edge, rel=1e-9)


@pytest.mark.parametrize("fixed", [{"sigma": 0.1}, {"grid_start": 0.3, "grid_size": 1}])
def test_one_width_has_nothing_between_and_no_warning(rows, fixed):
    search = "grid" if "sigma" in fixed else "refine"
    details = told(Parzen(**fixed, sigma_search=search)(*rows))
    assert details["between"] == []
    assert details["warnings"] == []
    assert not any("sigma" in name for name in Parzen(**fixed, sigma_search=search)(*rows).curves)


def test_the_validation_curve_is_in_the_order_of_the_grid(rows):
    samples, valid, _ = rows
    curve = validation_curve(samples, valid, [0.5, 0.1, 0.3])
    assert [sigma for sigma, _ in curve] == [0.5, 0.1, 0.3]
    for sigma, mean in curve:
        assert mean == pytest.approx(log_likelihood(samples, valid, sigma).mean().item(), abs=1e-2)


# --- by count --------------------------------------------------------------------------------


@pytest.mark.parametrize("search", ["grid", "refine"])
def test_fewer_samples_score_as_they_would_alone(search):
    samples, valid, test = (0.3 * torch.randn(n, 20, generator=seeded(n)) for n in (300, 50, 80))
    metric = Parzen(sigma_search=search)
    score = metric(samples, valid, test)
    quarter, half, whole = told(score)["by_count"]
    assert whole == [300, told(score)["sigma"], score.value]
    for (m, sigma, value), part in ((quarter, samples[::4]), (half, samples[::2])):
        alone = metric(part, valid, test)
        assert m == len(part)
        assert sigma == told(alone)["sigma"]
        assert value == pytest.approx(alone.value, abs=1e-3)
    assert quarter[2] < half[2] < whole[2]


@pytest.mark.parametrize(("m", "counts"), [(1, [1]), (4, [2, 4]), (7, [4, 7]), (8, [2, 4, 8])])
def test_of_few_samples_fewer_counts_are_told(m, counts):
    samples = torch.rand(m, 3, generator=seeded(0))
    found = told(Parzen(sigma=0.3)(samples, samples, samples))["by_count"]
    assert [count for count, *_ in found] == counts


def test_a_fixed_sigma_is_kept_for_every_count(rows):
    samples, valid, test = rows
    for choosing in (valid, valid[:0]):
        found = told(Parzen(sigma=0.7)(samples, choosing, test))["by_count"]
        assert [sigma for _, sigma, _ in found] == [0.7] * 3


# --- effective number ------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["dense", "pruned"])
def maybe_pruned(request, monkeypatch):
    monkeypatch.setattr(Outline, "pays", lambda outline, *_: request.param and outline.columns > 0)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_effective_number_is_that_of_the_windows_that_coincide(k, maybe_pruned):
    """A row on k equal windows, all others far: (Σ p)² / Σ p² = k² / k."""
    kinds = images(400, 256, 1, 10_000)
    samples = torch.cat([kinds, kinds[:3].repeat(k - 1, 1)])
    scored = Windows(samples).score(kinds[:3], [0.05])
    assert scored.effective[0].tolist() == pytest.approx([k] * 3, rel=1e-4)
    spread = told(Parzen(sigma=0.05)(samples, kinds, kinds[:3]))["effective"]
    assert spread == pytest.approx(dict.fromkeys(["least", "median", "greatest"], k), rel=1e-4)


def test_the_effective_number_under_a_huge_sigma_is_that_of_all_windows(maybe_pruned):
    samples = images(400, 256, 1, 400)
    scored = Windows(samples).score(samples[:9], [1e5])
    assert scored.effective[0].tolist() == pytest.approx([400] * 9, rel=1e-4)


def test_the_effective_number_is_by_the_definition(maybe_pruned):
    samples, x, sigmas = images(400, 256, 1, 100), images(20, 256, 2, 100), [0.05, 0.2, 1.0]
    scored = Windows(samples, "float64").score(x, sigmas)
    for sigma, ours in zip(sigmas, scored.effective, strict=True):
        p = (-torch.cdist(x.double(), samples.double()).square() / (2 * sigma**2)).softmax(dim=1)
        torch.testing.assert_close(ours, 1 / p.square().sum(dim=1), rtol=1e-6, atol=0)


def test_the_spread_of_effective_numbers_is_least_median_greatest():
    samples = torch.cat([torch.zeros(3, 2), torch.tensor([[100.0, 0.0], [200.0, 0.0]])])
    test = torch.tensor([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0]])
    found = told(Parzen(sigma=0.1)(samples, test, test))["effective"]
    assert found == pytest.approx({"least": 1, "median": 1, "greatest": 3})


# --- the record ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{}, {"sigma_search": "refine"}, {"precision": "float64"}, {"sigma": 0.4}]
)
def test_all_notes_are_plain_json(rows, settings):
    notes = dict(Parzen(**settings)(*rows).notes)
    assert json.loads(json.dumps(notes, allow_nan=False)) == notes


def test_float64_is_asked_of_every_number_of_a_score(rows, monkeypatch):
    asked = []
    right = Windows.score_by_count

    def score_by_count(windows, *args):
        asked.extend(found := right(windows, *args))
        return found

    monkeypatch.setattr(Windows, "score_by_count", score_by_count)
    Parzen(precision="float64")(*rows)
    assert len(asked) >= 9  # the grid, between its points, the test rows: by three counts each
    assert all(scored.in_float64 for scored in asked)


def test_the_memory_that_was_set_is_that_of_every_block(rows, monkeypatch):
    from genbench.metrics.parzen import blocks

    seen = set()
    right = blocks.Sizes.within

    def within(memory, *others):
        seen.add(memory)
        return right(memory, *others)

    monkeypatch.setattr(blocks.Sizes, "within", staticmethod(within))
    Parzen(memory=300 * 2**20)(*rows)
    (memory,) = seen  # for fewer samples too
    assert 300 * 2**20 // 8 <= memory <= 300 * 2**20


def test_the_standard_error_is_over_the_test_rows(rows):
    score = Parzen(sigma=0.5)(*rows)
    assert score.per_example is not None
    assert score.stderr == pytest.approx(
        score.per_example.std(correction=0).item() / math.sqrt(70), rel=1e-12
    )


# --- other protocols --------------------------------------------------------------------------


def test_scaling_all_rows_and_sigma_takes_d_log_a_from_the_score(rows) -> None:
    a = 255 / 256
    plain = Parzen(sigma=0.5)(*rows).value
    assert Parzen(sigma=0.5 * a, scale=a)(*rows).value == pytest.approx(plain - D * math.log(a))


def test_a_threshold_scores_the_samples_as_zeros_and_ones() -> None:
    samples, valid, test = (images(n, 32, n) for n in (12, 40, 50))
    binary = (samples >= 0.5).float()
    assert Parzen(threshold=0.5)(samples, valid, test).value == Parzen()(binary, valid, test).value


@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"scale": math.inf}, {"threshold": math.nan}])
def test_an_impossible_scale_or_threshold_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Parzen(**wrong)


@pytest.mark.parametrize("name", Parzen.protocols(256, "mean"))
def test_every_named_protocol_differs_from_the_papers_in_its_signature(name: str) -> None:
    usual = Parzen.signature({}, 256)
    assert usual == {"scale": "255", "sigma": "grid10", "v": "first1000", "prec": "auto"}
    assert Parzen.signature(Parzen.protocols(256, "mean")[name], 256) != usual
