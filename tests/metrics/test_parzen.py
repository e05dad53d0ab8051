"""Parzen log-likelihood against slow, independent oracles; its door; its metric."""

import json
import math
import os
from concurrent.futures import Executor, Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity
from told import told
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.metrics.parzen import Parzen, dense, estimator, log_likelihood, select_sigma
from genbench.metrics.parzen.blocks import Sizes

PAPER_GRID = np.logspace(-1, 0, 10).tolist()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, d: int, seed: int, kinds: int = 50) -> torch.Tensor:
    """Bright bars on black with a little noise, in [0, 1]; each row near one of a few kinds."""
    draw = {"generator": seeded(seed), "dtype": torch.float64}
    prototypes = torch.randn(kinds, d // 16, generator=seeded(0), dtype=torch.float64)
    which = torch.randint(kinds, (n,), generator=seeded(seed))
    smooth = prototypes.repeat_interleave(16, dim=1)[which]
    return (smooth + 0.05 * torch.randn(n, d, **draw)).clamp(0, 1).float()


def mixture(mu: torch.Tensor, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The definition, in float64, by torch.distributions."""
    windows = Independent(Normal(mu.double(), sigma), 1)
    equal = Categorical(torch.ones(len(mu), dtype=torch.float64))
    return MixtureSameFamily(equal, windows, validate_args=False).log_prob(x.double())


def assert_exact(ours: torch.Tensor, oracle: torch.Tensor) -> None:
    torch.testing.assert_close(ours, oracle, rtol=1e-9, atol=1e-8)


# --- oracles ---------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.05, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("d", [1, 2, 7, 784])
def test_float64_agrees_with_the_torch_mixture(d, sigma, offset):
    mu = torch.rand(40, d, generator=seeded(1), dtype=torch.float64) + offset
    x = torch.rand(15, d, generator=seeded(2), dtype=torch.float64) + offset
    assert_exact(log_likelihood(mu, x, sigma), mixture(mu, x, sigma))


def test_float64_agrees_with_differences_and_scipy_logsumexp():
    mu, x, sigma = images(60, 784, 1).double(), images(20, 784, 2).double(), 0.2
    sq_dist = ((x.numpy()[:, None] - mu.numpy()[None]) ** 2).sum(axis=2)
    oracle = np.asarray(logsumexp(-sq_dist / (2 * sigma**2), axis=1)) - math.log(60)
    oracle -= 784 * math.log(sigma) + 784 / 2 * math.log(2 * math.pi)
    assert_exact(log_likelihood(mu, x, sigma), torch.from_numpy(oracle))


def test_float64_agrees_with_sklearn_in_one_leaf():
    mu, x = images(100, 784, 1).double(), images(20, 784, 2).double()
    one_leaf = KernelDensity(bandwidth=0.2, leaf_size=100).fit(mu)
    assert_exact(log_likelihood(mu, x, 0.2), torch.as_tensor(one_leaf.score_samples(x)))


def test_sklearn_with_its_default_leaf_size_is_off_by_many_nats_at_784_dimensions():
    """A user's check against the default KernelDensity fails: scikit-learn#7492, #25799, #27186."""
    mu, x = images(800, 784, 1).double(), images(20, 784, 2).double()
    default = KernelDensity(bandwidth=0.1).fit(mu)
    assert (torch.as_tensor(default.score_samples(x)) - mixture(mu, x, 0.1)).abs().max() > 10


@pytest.mark.parametrize("d", [784, 2304, 3072])
def test_float32_is_within_a_hundredth_of_a_nat_at_every_sigma_of_the_grid(d):
    mu, x = images(600, d, 1), images(100, d, 2)
    alone = torch.stack([log_likelihood(mu, x, sigma) for sigma in PAPER_GRID])
    exact = log_likelihood(mu.double(), x.double(), PAPER_GRID)
    for error in (alone - exact, log_likelihood(mu, x, PAPER_GRID) - exact):
        assert error.abs().max() < 1e-2
        assert error.mean(dim=1).abs().max() < 1e-3


def forced_to_float32(monkeypatch):
    monkeypatch.setattr(dense, "_product", lambda *_: torch.float32)


@pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("d", [1, 5, 64, 784, 3072])
def test_the_rounding_error_stays_below_its_bound(d, sigma, monkeypatch):
    """Rows near ones and near zeros: the cancellation is at its worst."""
    bright = 0.9 + 0.1 * torch.rand(200, d, generator=seeded(d))
    mu, x = torch.cat([bright[:100], 1 - bright[100:]]), bright[50:150].roll(1, dims=1)
    exact = log_likelihood(mu.double(), x.double(), sigma)
    centre = mu.double().mean(dim=0)
    reach = sum((part - centre).square().sum(dim=1).max().item() for part in (x, mu))
    forced_to_float32(monkeypatch)
    error = (log_likelihood(mu, x, sigma) - exact).abs().max().item()
    of_the_sum = 1e-6
    assert error < dense.rounding_error(torch.float32, reach, d, sigma) + of_the_sum


def test_the_cheapest_product_that_is_exact_enough_is_taken():
    f32, f64 = torch.float32, torch.float64
    assert dense._product(f32, 50.0, 784, 0.2) == f32
    assert dense._product(f32, 50.0, 784, 0.01) == f64
    assert dense._product(f32, 200.0, 784, 1e-9) is None
    assert dense._product(f64, 200.0, 784, 0.2) == f64
    assert dense._product(f64, 200.0, 784, 1e-4) is None
    assert dense._product(f32, 1e38, 784, 1e30) == f64  # would overflow
    assert dense._product(f32, 1e-60, 784, 1e-30) == f64  # would underflow
    assert dense._product(f32, math.inf, 784, 1e30) is None
    assert dense._product(f32, math.nan, 784, 1e30) is None


@pytest.mark.parametrize("sigma", [1e-8, 1e-3, 0.01, 0.05])
def test_float32_data_are_right_at_small_sigma(sigma):
    mu, x = images(60, 784, 1), images(15, 784, 2)
    assert_exact(log_likelihood(mu, x, sigma), mixture(mu, x, sigma))


@pytest.mark.parametrize("scale", [1e-30, 1e15])
def test_float32_data_of_any_scale_are_right(scale):
    mu, x = images(30, 64, 1) * scale, images(10, 64, 2) * scale
    error = log_likelihood(mu, x, 0.3 * scale) - mixture(mu, x, 0.3 * scale)
    assert error.abs().max() < 1e-2


def test_matmul_shortcuts_allowed_outside_change_no_byte():
    mu, x = images(300, 784, 1), images(50, 784, 2)
    expected = log_likelihood(mu, x, 0.2)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(log_likelihood(mu, x, 0.2), expected)
    finally:
        torch.set_float32_matmul_precision("highest")


# --- shapes and types ------------------------------------------------------------------------


def test_one_sample_one_row_one_dimension():
    ll = log_likelihood(torch.tensor([[1.0]]), torch.tensor([[3.0]]), 2.0)
    assert ll.tolist() == pytest.approx([-math.log(2 * math.sqrt(2 * math.pi)) - 0.5], abs=1e-12)


def test_a_sequence_of_sigmas_gives_the_rows_of_each_alone():
    mu, x = images(50, 784, 1).double(), images(10, 784, 2).double()
    alone = torch.stack([log_likelihood(mu, x, sigma) for sigma in (0.5, 0.1, 0.2)])
    for several in ([0.5, 0.1, 0.2], torch.tensor([0.5, 0.1, 0.2], dtype=torch.float64)):
        assert_exact(log_likelihood(mu, x, several), alone)


@pytest.mark.parametrize("sigma", [0.25, torch.tensor(0.25), np.float32(0.25)])
def test_a_single_sigma_gives_one_value_a_row(sigma):
    ll = log_likelihood(torch.zeros(3, 2), torch.ones(4, 2), sigma)
    assert ll.shape == (4,)
    assert ll.dtype == torch.float64
    assert log_likelihood(torch.zeros(3, 2), torch.ones(4, 2), [sigma]).shape == (1, 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int64])
def test_narrow_and_integer_types_score_as_the_numbers_they_hold(dtype):
    mu, x = (255 * images(30, 784, 1)).to(dtype), (255 * images(10, 784, 2)).to(dtype)
    torch.testing.assert_close(
        log_likelihood(mu, x, 50.0), mixture(mu, x, 50.0), rtol=1e-9, atol=1e-2
    )


def test_wide_integers_keep_every_digit():
    mu, x = torch.tensor([[2**40 + 1]]), torch.tensor([[2**40]])
    assert_exact(log_likelihood(mu, x, 1.0), mixture(torch.ones(1, 1), torch.zeros(1, 1), 1.0))


def test_bool_rows_are_zeros_and_ones():
    mu, x = images(30, 64, 1) > 0.5, images(10, 64, 2) > 0.5
    assert torch.equal(log_likelihood(mu, x, 0.5), log_likelihood(mu.float(), x.float(), 0.5))


def test_non_contiguous_rows_score_as_their_copies():
    mu, x = images(40, 784, 1).double()[::2, ::2], images(784, 64, 2).double().T[:, ::2]
    assert not mu.is_contiguous()
    expected = log_likelihood(mu.contiguous(), x.contiguous(), 0.3)
    assert_exact(log_likelihood(mu, x, 0.3), expected)


def test_inputs_are_left_alone_and_no_gradient_is_kept():
    mu, x = images(20, 64, 1).requires_grad_(), images(10, 64, 2)
    before = mu.detach().clone(), x.clone()
    assert not log_likelihood(mu, x, 0.3).requires_grad
    assert torch.equal(mu, before[0])
    assert torch.equal(x, before[1])


# --- extremes --------------------------------------------------------------------------------


def test_duplicated_rows_score_alike():
    mu, x = images(20, 784, 1), images(1, 784, 2).repeat(5, 1)
    ll = log_likelihood(mu, x, 0.1)
    assert ll.max() - ll.min() < 1e-2


@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.1])
def test_a_row_on_a_lone_sample_has_the_peak_density(sigma):
    mu = images(20, 784, 1)
    peak = -math.log(20) - 784 * math.log(sigma * math.sqrt(2 * math.pi))
    assert log_likelihood(mu, mu, sigma).tolist() == pytest.approx([peak] * 20, abs=1e-2)


def test_rounding_lifts_no_row_above_the_peak_density():
    mu = torch.rand(100, 784, generator=seeded(0))  # so far apart that each row has one sample
    peak = -math.log(100) - 784 * math.log(0.4 * math.sqrt(2 * math.pi))
    assert log_likelihood(mu, mu, 0.4).max().item() <= peak + 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_far_outlying_row_is_finite_and_right(dtype):
    mu, x = images(30, 784, 1).to(dtype), images(5, 784, 2).to(dtype)
    x[2] = 1e8
    assert_exact(log_likelihood(mu, x, 0.1)[2:3], mixture(mu, x, 0.1)[2:3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_far_outlying_sample_leaves_the_others_right(dtype):
    mu, x = images(30, 784, 1).to(dtype), images(5, 784, 2).to(dtype)
    mu[7] = 1e12
    assert_exact(log_likelihood(mu, x, 0.1), mixture(mu, x, 0.1))


def test_only_what_no_float64_holds_is_infinite():
    ll = log_likelihood(torch.zeros(2, 1), torch.tensor([[0.0], [1e10]]), 1e-149)
    assert ll[0].isfinite()
    assert ll[1] == -math.inf


# --- chunks ----------------------------------------------------------------------------------


def in_blocks_of(sizes: Sizes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sizes, "within", staticmethod(lambda *_: sizes))


@pytest.mark.parametrize(
    "sizes", [(1, 1, 1), (3, 14, 7), (7, 3, 3), (1000, 5, 5), (5, 1000, 1000), (5, 20, 1)]
)
def test_values_keep_the_order_of_the_rows_for_every_block_size(sizes, monkeypatch):
    mu, x = images(31, 64, 1).double(), images(23, 64, 2).double()
    oracle = mixture(mu, x, 0.2)
    in_blocks_of(Sizes(*sizes), monkeypatch)
    assert_exact(log_likelihood(mu, x, 0.2), oracle)


@pytest.mark.parametrize("at_once", [1, 5, 22, 23])
def test_values_keep_the_order_of_the_rows_however_many_are_served_at_once(at_once, monkeypatch):
    mu, x = images(31, 64, 1).double(), images(23, 64, 2).double()
    monkeypatch.setattr(estimator, "AT_ONCE", at_once)
    assert_exact(log_likelihood(mu, x, 0.2), mixture(mu, x, 0.2))


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation allocated, in elements and in bytes."""

    numel = nbytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        known = {a.untyped_storage().data_ptr() for a in args if isinstance(a, torch.Tensor)}
        if isinstance(made, torch.Tensor) and made.untyped_storage().data_ptr() not in known:
            self.numel = max(self.numel, made.numel())
            self.nbytes = max(self.nbytes, made.untyped_storage().nbytes())
        return made


class Inline(Executor):
    """Does a job where it is submitted: a dispatch mode sees its own thread only."""

    def __init__(self, workers: int) -> None: ...

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_no_tensor_grows_with_the_product_of_rows_and_samples(monkeypatch):
    monkeypatch.setattr(estimator, "ThreadPoolExecutor", Inline)
    in_blocks_of(Sizes(8, 16, 16), monkeypatch)
    mu, x = torch.rand(640, 4), torch.rand(320, 4)
    with Largest() as largest:
        log_likelihood(mu, x, 0.5)
    assert 8 * 16 <= largest.numel <= 640 * 4  # the spread of the samples; all pairs are 204,800


def test_a_million_samples_pass():
    mu = torch.randn(1_000_000, 2, generator=seeded(0))
    ll = log_likelihood(mu, torch.zeros(1, 2), 0.1)
    assert ll.item() == pytest.approx(-math.log(2 * math.pi * 1.01), abs=0.05)


# --- the door --------------------------------------------------------------------------------

ROWS = torch.zeros(3, 2)
NAN_IN_ROW_1 = torch.tensor([[0.0], [math.nan], [math.nan]])


@pytest.mark.parametrize(
    ("samples", "x", "sigma", "message"),
    [
        (torch.zeros(2), ROWS, 1.0, r"samples must be .*got \(2,\)"),
        (ROWS, torch.zeros(3, 2, 2), 1.0, r"x must be .*got \(3, 2, 2\)"),
        (torch.zeros(0, 2), ROWS, 1.0, "samples must .* at least one"),
        (ROWS, torch.zeros(0, 2), 1.0, "x must .* at least one"),
        (torch.zeros(3, 0), torch.zeros(3, 0), 1.0, "at least one"),
        (ROWS, ROWS.to(torch.complex64), 1.0, "x must be real"),
        (ROWS, torch.zeros(3, 5), 1.0, "equal length, got d = 2 and 5"),
        (ROWS, ROWS.to("meta"), 1.0, "share a device, got cpu, meta"),
        (NAN_IN_ROW_1, torch.zeros(1, 1), 1.0, "samples must be finite, row 1"),
        (torch.zeros(1, 1), NAN_IN_ROW_1, 1.0, "x must be finite, row 1"),
        (torch.tensor([[-math.inf]]), torch.zeros(1, 1), 1.0, "samples must be finite, row 0"),
        (torch.tensor([[1e200]]).double(), torch.zeros(1, 1), 1.0, "row 0"),
        (ROWS, ROWS, 0.0, "sigma must be finite and > 0.*got 0.0"),
        (ROWS, ROWS, -0.1, "sigma .*got -0.1"),
        (ROWS, ROWS, math.nan, "sigma .*got nan"),
        (ROWS, ROWS, [0.1, math.inf], "sigma .*got inf"),
        (ROWS, ROWS, 1e-200, "sigma .*its square"),
        (ROWS, ROWS, [], "sigma must be a number or a sequence"),
        (ROWS, ROWS, [[0.1]], "sigma must be a number or a sequence"),
    ],
)
def test_bad_input_is_named_at_the_door(samples, x, sigma, message):
    with pytest.raises(ValueError, match=message):
        log_likelihood(samples, x, sigma)


@pytest.mark.parametrize(
    "settings",
    [
        {"sigma": 0.0},
        {"grid_start": 0.0},
        {"grid_start": 2.0},
        {"grid_stop": math.inf},
        {"grid_size": 0},
        {"n_valid": 0},
        {"sigma_search": "random"},
        {"sigma": 0.2, "sigma_search": "refine"},
        {"precision": "float32"},
        {"memory": 2**20},
    ],
)
def test_bad_settings_are_refused_when_the_metric_is_built(settings):
    with pytest.raises(ValueError, match=next(iter(settings)).split("_")[0]):
        Parzen(**settings)


# --- choosing sigma --------------------------------------------------------------------------


def test_the_sigma_with_the_greatest_mean_is_selected():
    mu, valid = torch.zeros(1, 784), 0.3 * torch.randn(200, 784, generator=seeded(0))
    assert select_sigma(mu, valid, [1.0, 0.1, 0.3, 0.5]) == 0.3


@pytest.mark.parametrize("grid", [[0.4, 0.2, 0.3], [0.2, 0.3, 0.4]])
def test_of_equally_good_sigmas_the_least_is_selected(grid, monkeypatch):
    asked = []

    def equal(_, x, sigmas):
        asked.extend(*sigmas)
        return [SimpleNamespace(log_likelihood=torch.zeros(len(sigmas[0]), len(x)))]

    monkeypatch.setattr(estimator.Windows, "score_by_count", equal)
    assert select_sigma(ROWS, ROWS, grid) == 0.2
    assert len(asked) > 1


def test_the_default_grid_is_the_papers():
    assert Parzen().grid == pytest.approx(PAPER_GRID, rel=1e-12)


@pytest.fixture(scope="module")
def rows():
    """Samples, validation and test rows whose best sigma, about 0.3, is inside the grid."""
    return [0.3 * torch.randn(n, 20, generator=seeded(n)) for n in (300, 50, 80)]


def test_sigma_never_depends_on_the_test_rows(rows):
    samples, valid, test = rows
    chosen = told(Parzen()(samples, valid, test))
    for other in (test + 10, 1e-3 * test, test[:1]):
        details = told(Parzen()(samples, valid, other))
        assert details["sigma"] == chosen["sigma"]
        assert details["curve"] == chosen["curve"]


def test_only_the_first_validation_rows_choose(rows):
    samples, valid, test = rows
    polluted = torch.cat([valid[:40], valid[40:] + 100])
    first = Parzen(n_valid=40)(samples, polluted, test)
    assert told(first) == told(Parzen()(samples, valid[:40], test))
    assert told(first)["n_valid"] == 40


def test_a_fixed_sigma_is_used_as_given_even_without_validation_rows(rows):
    samples, valid, test = rows
    score = Parzen(sigma=0.7)(samples, valid[:0], test)
    assert score.value == pytest.approx(log_likelihood(samples, test, 0.7).mean().item())
    assert told(score)["sigma"] == 0.7
    assert told(score)["gap"] is None
    assert told(score)["warnings"] == []


def test_choosing_without_validation_rows_is_refused(rows):
    samples, valid, test = rows
    with pytest.raises(ValueError, match="validation rows, got none"):
        Parzen()(samples, valid[:0], test)


@pytest.mark.parametrize("scale", [1e-3, 10.0])
def test_a_sigma_at_either_edge_of_the_grid_is_a_warning(rows, scale):
    samples, valid, test = (scale * part for part in rows)
    (warning,) = told(Parzen()(samples, valid, test))["warnings"]
    assert "edge of its grid (0.1 to 1)" in warning


def test_a_sigma_inside_the_grid_is_no_warning(rows):
    details = told(Parzen()(*rows))
    assert details["warnings"] == []
    assert 0.1 < details["sigma"] < 1


# --- the score -------------------------------------------------------------------------------


def test_value_and_stderr_are_those_of_the_test_rows(rows):
    samples, valid, test = rows
    score = Parzen()(samples, valid, test)
    ll = log_likelihood(samples, test, told(score)["sigma"])
    assert score.per_example is not None
    torch.testing.assert_close(score.per_example, ll, rtol=0, atol=1e-6)
    rows_of = score.per_example.numpy()
    assert score.value == pytest.approx(np.mean(rows_of), rel=1e-12)
    assert score.stderr == pytest.approx(np.std(rows_of) / math.sqrt(80), rel=1e-12)


def test_the_gap_is_validation_less_test(rows):
    samples, valid, test = rows
    score = Parzen()(samples, valid, test)
    mean_valid = log_likelihood(samples, valid, told(score)["sigma"]).mean().item()
    assert told(score)["valid"] == pytest.approx(mean_valid, abs=1e-6)
    assert told(score)["gap"] == pytest.approx(mean_valid - score.value, abs=1e-6)


def test_the_notes_are_plain_json(rows):
    score = Parzen()(*rows)
    assert json.loads(json.dumps(score.notes, allow_nan=False)) == score.notes
    details = told(score)
    assert (details["n_samples"], details["n_valid"], details["n_test"]) == (300, 50, 80)
    computed = [sigma for sigma, _ in details["curve"]]
    assert computed == Parzen().grid[: len(computed)]
    others = [f"{sigma:.4g}" for sigma in Parzen().grid[len(computed) :]]
    assert [*details["not_computed"]] == others
    assert max(mean for _, mean in details["curve"]) == details["valid"]


def test_one_test_row_has_no_spread(rows):
    samples, valid, test = rows
    assert Parzen()(samples, valid, test[:1]).stderr == 0


# --- calibration -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mnist():
    folder = Path(os.environ.get("GENBENCH_DATA", "absent"))
    if not (folder / "mnist").is_dir():
        pytest.skip("GENBENCH_DATA names no folder that holds mnist/")
    from genbench.datasets.mnist import MNIST

    return MNIST(folder).split(0)


@pytest.mark.data
@pytest.mark.parametrize(
    ("binary", "sigma", "value", "stderr"),
    [(False, 0.1668, 241.19, 2.13), (True, 0.2154, 112.76, 1.53)],
)
def test_training_images_as_samples_score_as_calibrated(mnist, binary, sigma, value, stderr):
    samples = mnist.train[:10_000]
    score = Parzen()((samples > 0.5).float() if binary else samples, mnist.valid[:1000], mnist.test)
    assert told(score)["sigma"] == pytest.approx(sigma, abs=1e-4)
    assert score.value == pytest.approx(value, abs=0.05)
    assert score.stderr == pytest.approx(stderr, abs=0.01)
