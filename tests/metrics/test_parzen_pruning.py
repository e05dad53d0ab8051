"""Pruned log-likelihoods: within what the package states of the truth, for all sorts of data."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_parzen import PAPER_GRID, images, in_blocks_of, seeded

from genbench.metrics.parzen import blocks, estimator, log_likelihood
from genbench.metrics.parzen.blocks import DROPPED, PRUNED, Sizes
from genbench.metrics.parzen.estimator import Windows
from genbench.metrics.parzen.pruning import Outline
from genbench.precision import _is_exact

WIDTHS = [1e-3, 0.01, 0.03, *PAPER_GRID, 3.0, 10.0]
Pair = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(params=[torch.bfloat16, torch.float32], ids=str)
def forced(request, monkeypatch) -> torch.dtype:
    """Pruning is tried on the smallest problem, with one coarse type."""
    if not _is_exact(request.param, torch.device("cpu")):
        pytest.skip("such products are not exact enough here, and never chosen")
    monkeypatch.setattr(estimator, "coarse_dtype", lambda _: request.param)
    monkeypatch.setattr(Outline, "pays", lambda outline, *_: outline.columns > 0)
    return request.param


def truth(mu: torch.Tensor, x: torch.Tensor, sigmas: list[float]) -> torch.Tensor:
    """The definition in float64, from direct differences: (s, n)."""
    d = x.shape[1]
    sq_dist = torch.stack([(mu.double() - row).square().sum(dim=1) for row in x.double()])
    sums = torch.stack([(-sq_dist / (2 * sigma**2)).logsumexp(dim=1) for sigma in sigmas])
    norm = [d * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas]
    return sums - math.log(len(mu)) - torch.tensor(norm, dtype=torch.float64)[:, None]


def assert_near(ours: torch.Tensor, exact: torch.Tensor) -> None:
    """What `auto` states: 1e-2 nats a row, 1e-3 in the mean, or 1e-7 of the value."""
    error = (ours - exact).abs()
    assert (error <= (1e-7 * exact.abs()).clamp_min(1e-2)).all()
    mean = (ours - exact).mean(dim=1).abs()
    assert (mean <= (1e-7 * exact.abs().mean(dim=1)).clamp_min(1e-3)).all()


def assert_exact(ours: torch.Tensor, exact: torch.Tensor) -> None:
    torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-8)


def apart(m: int = 600, n: int = 60, d: int = 256) -> Pair:
    """Images of so many kinds that few windows matter to a row."""
    return images(m, d, 1, 300), images(n, d, 2, 300)


# --- exactness -------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [256, 784, 2304, 3072])
def test_every_width_of_the_papers_grid_is_exact_enough_pruned_or_not(forced, d):
    mu, x = apart(d=d)
    grid = [*PAPER_GRID, 10.0]
    windows, exact = Windows(mu), truth(mu, x, grid)
    together = windows.score(x, grid)
    alone = [windows.score(x, [sigma]) for sigma in grid]
    assert_near(together.log_likelihood, exact)
    assert_near(torch.cat([scored.log_likelihood for scored in alone]), exact)
    assert alone[0].how[0] in PRUNED.values()
    assert alone[-1].how == ("float32 product",)


@pytest.mark.parametrize("d", [256, 784, 3072])
def test_in_float64_every_width_is_exact_pruned_or_not(forced, d):
    mu, x = apart(m=400, n=30, d=d)
    exact = truth(mu, x, WIDTHS)
    asked = Windows(mu, "float64").score(x, WIDTHS)
    for scored in (
        asked,
        Windows(mu.double()).score(x, WIDTHS),
        Windows(mu).score(x.double(), WIDTHS),
    ):
        assert_exact(scored.log_likelihood, exact)
        assert PRUNED[torch.float64] in scored.how
        assert scored.in_float64


def with_sample(value: float) -> Callable[[], Pair]:
    def case() -> Pair:
        mu, x = apart(300, 24)
        mu[7] = value
        return mu, x

    return case


def with_row(value: float) -> Pair:
    mu, x = apart(300, 24)
    x[5] = value
    return mu, x


def flat() -> Pair:
    """Images of one grey each."""
    levels = torch.linspace(0, 1, 300)[:, None].repeat(1, 256)
    return levels, levels[::13] + 0.001


def clusters() -> Pair:
    mu, x = apart(300, 24)
    mu[::2] += 100
    x[::2] += 100
    return mu, x


def low_rank(scale: float, rank: int) -> Pair:
    basis = scale * torch.randn(rank, 256, generator=seeded(0))
    draw = [torch.randn(n, rank, generator=seeded(n)) for n in (300, 24)]
    return draw[0] @ basis, draw[1] @ basis


def orthogonal() -> Pair:
    """Rows lie where no sample varies."""
    mu, x = torch.zeros(300, 256), torch.zeros(24, 256)
    mu[:, :20] = torch.randn(300, 20, generator=seeded(1))
    x[:, 20:] = 0.1 * torch.randn(24, 236, generator=seeded(2))
    return mu, x


def one_pixel() -> Pair:
    mu, x = torch.zeros(300, 256), torch.zeros(24, 256)
    mu[:, 77], x[:, 77] = torch.arange(300) / 256, torch.linspace(-1, 2, 24).half().float()
    return mu, x


def tied() -> Pair:
    """Every window is equally far from the first row, and nearly so from the others."""
    return torch.eye(256), 1e-3 * torch.arange(24.0)[:, None] * torch.rand(24, 256)


CASES: dict[str, Callable[[], Pair]] = {
    "images": lambda: apart(300, 24),
    "few kinds": lambda: (images(300, 256, 1), images(24, 256, 2)),
    "rows on samples": lambda: (apart(300)[0], apart(300)[0][::11]),
    "duplicates": lambda: (apart(100)[0].repeat(3, 1), apart(100)[1][:6].repeat(4, 1)),
    "samples all equal": lambda: (apart()[0][:1].repeat(300, 1), apart(300, 24)[1]),
    "all on one point": lambda: (torch.full((300, 256), 0.1), torch.full((24, 256), 0.1)),
    "flat": flat,
    "a sample at 1e6": with_sample(1e6),
    "a sample at 1e19": with_sample(1e19),
    "a sample at 1e30": with_sample(1e30),
    "a row at 1e6": lambda: with_row(1e6),
    "a row at 1e12": lambda: with_row(1e12),
    "one sample": lambda: apart(1, 24),
    "one row": lambda: apart(300, 1),
    "one of each": lambda: apart(1, 1),
    "17 samples": lambda: apart(17, 24),
    "d = 304": lambda: apart(299, 24, 304),
    "moved by 1000": lambda: (apart(300, 24)[0] + 1e3, apart(300, 24)[1] + 1e3),
    "two far clusters": clusters,
    "noise": lambda: (torch.rand(300, 256), torch.rand(24, 256)),
    "ties": tied,
    "lattice": lambda: tuple(torch.randint(0, 2, (n, 256)).float() for n in (300, 24)),
    "few directions": lambda: low_rank(0.05, 5),
    "more directions than columns": lambda: low_rank(0.02, 100),
    "orthogonal": orthogonal,
    "one pixel": one_pixel,
    "not contiguous": lambda: (
        apart(600, 24, 512)[0][::2, ::2],
        apart(300, 48, 512)[1].T[::2].T[::2],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_awkward_data_are_exact_enough_at_every_width(forced, name):
    torch.manual_seed(0)
    mu, x = CASES[name]()
    assert_near(log_likelihood(mu, x, WIDTHS), truth(mu, x, WIDTHS))
    alone = torch.stack([log_likelihood(mu, x, sigma) for sigma in WIDTHS[::4]])
    assert_near(alone, truth(mu, x, WIDTHS[::4]))


@pytest.mark.parametrize("name", CASES)
def test_awkward_data_are_exact_in_float64(forced, name):
    torch.manual_seed(0)
    mu, x = CASES[name]()
    assert_exact(log_likelihood(mu, x, WIDTHS, precision="float64"), truth(mu, x, WIDTHS))


@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e-15, 1e15, 1e30])
def test_data_of_any_scale_are_exact_enough(forced, scale):
    mu, x = (scale * part for part in apart(300, 24))
    widths = [scale * sigma for sigma in WIDTHS]
    assert_near(log_likelihood(mu, x, widths), truth(mu, x, widths))
    assert_exact(log_likelihood(mu, x, widths, precision="float64"), truth(mu, x, widths))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int64])
def test_every_type_scores_as_the_numbers_it_holds(forced, dtype):
    mu, x = ((255 * part).to(dtype) for part in apart())
    widths = [255 * sigma for sigma in WIDTHS]
    scored = Windows(mu).score(x, widths)
    assert_near(scored.log_likelihood, truth(mu, x, widths))
    assert scored.in_float64 == (dtype == torch.int64)
    assert set(PRUNED.values()) & set(scored.how)


def test_samples_and_rows_of_different_types_score_as_their_numbers(forced):
    mu, x = apart()
    mu, x = (255 * mu).to(torch.uint8), (255 * x).half()
    assert_near(log_likelihood(mu, x, [20.0, 60.0]), truth(mu, x, [20.0, 60.0]))


@pytest.mark.parametrize("scale", [1e37, 1e38])
def test_the_greatest_of_float32_are_exact_enough(scale):
    mu, x = (scale * part for part in apart(300, 24))
    assert_near(log_likelihood(mu, x, [0.2 * scale]), truth(mu, x, [0.2 * scale]))


def test_rows_that_one_pixel_sets_apart_are_exact_enough(monkeypatch):
    monkeypatch.setattr(estimator, "coarse_dtype", lambda _: torch.float32)
    monkeypatch.setattr(Outline, "pays", lambda *_: True)
    mu, x = torch.zeros(300, 256), torch.zeros(24, 256)
    mu[:, 77], x[:, 77] = torch.rand(300, generator=seeded(1)), torch.linspace(-1, 2, 24)
    assert_near(log_likelihood(mu, x, [1e-3]), truth(mu, x, [1e-3]))


def test_two_opposite_outliers_leave_the_other_rows_right(monkeypatch):
    """The centre stays, and all else is a speck beside the spread."""
    monkeypatch.setattr(estimator, "coarse_dtype", lambda _: torch.bfloat16)
    monkeypatch.setattr(Outline, "pays", lambda *_: True)
    mu, x = apart(600, 24)
    mu[0, 0], mu[1, 0] = 1e18, -1e18
    assert_near(log_likelihood(mu, x, [0.05]), truth(mu, x, [0.05]))


@pytest.mark.parametrize("sigma", [0.1, 0.146, 0.2, 0.5])
@pytest.mark.parametrize("d", [784, 3072])
@pytest.mark.parametrize("greys", [(126, 197), (14, 155), (84, 221)])
def test_equal_terms_which_all_round_one_way_are_exact_enough(greys, d, sigma):
    """Flat images of two greys: nothing is random in their sums."""
    mu = torch.tensor(greys)[:, None].repeat(8, d) / 255
    assert_near(log_likelihood(mu, mu[:2], [sigma]), truth(mu, mu[:2], [sigma]))


# --- what is dropped -------------------------------------------------------------------------


def at_exponents(exponents: torch.Tensor, sigma: float) -> Pair:
    """A row, and windows of those exponents; in few directions, so that the bound is near."""
    basis = torch.linalg.qr(torch.randn(256, 12, generator=seeded(0), dtype=torch.float64))[0]
    at = torch.randn(len(exponents), 12, generator=seeded(1), dtype=torch.float64) @ basis.T
    radius = sigma * (2 * exponents.double()).sqrt()
    return at / at.norm(dim=1, keepdim=True) * radius[:, None], torch.zeros(1, 256).double()


@pytest.mark.parametrize("tolerance", [0.5, 0.01, 1e-4])
@pytest.mark.parametrize("m", [64, 3000])
@pytest.mark.parametrize("sigma", [0.1, 7.0])
def test_pruning_only_lowers_a_value_and_by_no_more_than_its_tolerance(
    forced, monkeypatch, m, tolerance, sigma
):
    """In float64, where rounding is nothing beside it; windows on both sides of the limit."""
    monkeypatch.setitem(DROPPED, torch.float64, tolerance)
    monkeypatch.setattr(blocks, "FEW", 2.0)
    limit = math.log(m / tolerance)
    near, far = torch.zeros(1), torch.linspace(0.02 * limit, 1.6 * limit, m - 1)
    beyond = torch.full((m - 1,), 1.2 * limit)
    for exponents in (torch.cat([near, far]), torch.cat([near, beyond])):
        mu, x = at_exponents(exponents, sigma)
        scored = Windows(mu).score(x, [sigma])
        lost = (truth(mu, x, [sigma]) - scored.log_likelihood).item()
        assert -1e-9 <= lost <= tolerance
        assert scored.how == (PRUNED[torch.float64],)
        assert scored.dropped == tolerance
        if forced == torch.float32:  # bfloat16 keeps some more
            assert scored.looked_at.item() <= 1 + (exponents <= 1.1 * limit).sum()
        else:
            assert scored.looked_at.item() < m


@pytest.mark.parametrize("block", [16, 100, 5000])
def test_the_tolerance_is_that_of_all_blocks_together(forced, monkeypatch, block):
    monkeypatch.setitem(DROPPED, torch.float64, 0.1)
    monkeypatch.setattr(blocks, "FEW", 2.0)
    in_blocks_of(Sizes(1, block, block), monkeypatch)
    limit = math.log(1000 / 0.1)
    exponents = torch.cat([torch.zeros(1), torch.linspace(0.5, 1.5, 999) * limit])
    for order in (slice(None), torch.arange(999, -1, -1)):
        mu, x = at_exponents(exponents[order], 0.3)
        lost = (truth(mu, x, [0.3]) - log_likelihood(mu, x, [0.3])).item()
        assert -1e-9 <= lost <= 0.1


def test_the_nearest_window_counts_wherever_it_lies(forced):
    """Each row lies on one sample; at a sharp width nothing else is left."""
    mu = apart(160)[0]
    peak = -math.log(160) - 256 * math.log(0.01 * math.sqrt(2 * math.pi))
    assert log_likelihood(mu, mu, 0.01).tolist() == pytest.approx([peak] * 160, abs=1e-2)


# --- when it happens -------------------------------------------------------------------------


def test_sharp_widths_are_pruned_to_few_windows_and_wide_ones_are_not(forced):
    mu, x = apart()
    sharp, wide = (Windows(mu).score(x, [sigma]) for sigma in (0.05, 3.0))
    assert sharp.how == (PRUNED[torch.float32],)
    assert (sharp.looked_at >= 1).all()
    assert sharp.looked_at.double().mean() <= blocks.FEW * len(mu)
    assert sharp.dropped == DROPPED[torch.float32] == 1e-4
    assert wide.how == ("float32 product",)
    assert (wide.looked_at == len(mu)).all()
    assert wide.dropped == 0


def test_of_widths_scored_together_only_the_sharp_are_pruned(forced):
    mu, x = apart()
    assert Windows(mu).score(x, [3.0, 0.05]).how == ("float32 product", PRUNED[torch.float32])


def test_too_many_near_ties_are_all_looked_at(forced):
    """Thousands of windows nearly as far as the nearest one."""
    mu = torch.nn.functional.normalize(torch.randn(2000, 256, generator=seeded(0)))
    scored = Windows(mu).score(torch.zeros(3, 256), [0.3])
    assert (scored.looked_at == 2000).all()
    assert scored.how == ("float32 product",)
    assert_near(scored.log_likelihood, truth(mu, torch.zeros(3, 256), [0.3]))


def test_groups_that_pass_while_their_members_do_not_are_no_reason_to_give_up(forced):
    """One window of each group matters: the groups are few, the pairs fewer."""
    mu, x = apart(4000, 10)
    scored = Windows(mu).score(x, [0.02])
    assert scored.how == (PRUNED[torch.float32],)
    assert scored.looked_at.max() < 40


def test_few_groups_all_of_whose_members_matter_are_too_many_pairs(forced):
    """A group is every hundredth of 1600 windows: five of a hundred groups, and 80 windows."""
    mu = 10 + torch.randn(1600, 256, generator=seeded(0))
    for group in range(5):
        mu[group::100] = 1e-3 * torch.randn(16, 256, generator=seeded(group))
    x = 1e-3 * torch.randn(20, 256, generator=seeded(9))
    scored = Windows(mu).score(x, [0.1])
    assert (scored.looked_at == 1600).all()
    assert_near(scored.log_likelihood, truth(mu, x, [0.1]))


def test_small_problems_and_few_dimensions_are_not_pruned():
    mu, x = apart(40, 10)
    assert Windows(mu).score(x, [0.05]).how != (PRUNED[torch.float32],)
    narrow = torch.rand(3000, 200, generator=seeded(0))
    assert Windows(narrow).score(narrow, [0.05]).how != (PRUNED[torch.float32],)


def test_large_problems_are_pruned_without_being_told():
    mu, x = apart(3000, 1000)
    assert Windows(mu).score(x, [0.05]).how == (PRUNED[torch.float32],)


def test_an_outlier_keeps_its_own_block_from_being_pruned_and_no_other(forced, monkeypatch):
    in_blocks_of(Sizes(16, 100, 100), monkeypatch)
    mu, x = apart(3000, 40)
    mu[1999] = 1e25  # chose nothing: only every third sample does
    x[39] = 1e25
    scored = Windows(mu).score(x, [0.05])
    assert_near(scored.log_likelihood, truth(mu, x, [0.05]))
    assert PRUNED[torch.float32] in scored.how
    assert "float64 differences" in scored.how


# --- what values do not depend on ------------------------------------------------------------

TOGETHER = [0.05, 0.1, 0.2, 1.0]


def test_the_order_of_samples_and_rows_changes_nothing(forced):
    mu, x = apart()
    mixed, order = (torch.randperm(len(part), generator=seeded(3)) for part in (mu, x))
    ours = log_likelihood(mu[mixed], x[order], TOGETHER)
    exact = log_likelihood(mu, x, TOGETHER)[:, order]
    torch.testing.assert_close(ours, exact, rtol=0, atol=1e-2)


@pytest.mark.parametrize("sizes", [(6, 48, 16), (7, 160, 33), (60, 50, 50), (13, 1000, 100)])
def test_the_sizes_of_blocks_change_nothing(forced, sizes, monkeypatch):
    mu, x = apart()
    whole = Windows(mu, "float64").score(x, TOGETHER)
    in_blocks_of(Sizes(*sizes), monkeypatch)
    ours = Windows(mu, "float64").score(x, TOGETHER)
    assert PRUNED[torch.float64] in ours.how
    assert_exact(ours.log_likelihood, whole.log_likelihood)
    torch.testing.assert_close(ours.effective, whole.effective, rtol=1e-8, atol=0)
    assert_near(log_likelihood(mu, x, TOGETHER), whole.log_likelihood)


@pytest.mark.parametrize("at_once", [1, 7, 59])
def test_rows_served_in_several_passes_keep_their_values_and_order(forced, at_once, monkeypatch):
    mu, x = apart()
    whole = Windows(mu, "float64").score(x, [0.1])
    monkeypatch.setattr(estimator, "AT_ONCE", at_once)
    ours = Windows(mu, "float64").score(x, [0.1])
    assert_exact(ours.log_likelihood, whole.log_likelihood)
    assert torch.equal(ours.looked_at, whole.looked_at)


@pytest.mark.parametrize("devices", [("cpu",), ("cpu", "cpu", "cpu"), ["cpu"] * 61])
def test_rows_shared_between_devices_keep_their_values_and_order(forced, devices):
    mu, x = apart()
    whole, ours = Windows(mu), Windows(mu, devices=devices)
    expected, scored = whole.score(x, TOGETHER), ours.score(x, TOGETHER)
    assert_near(scored.log_likelihood, expected.log_likelihood)
    for sigma in TOGETHER[:2]:
        torch.testing.assert_close(
            ours.score(x, [sigma]).looked_at, whole.score(x, [sigma]).looked_at, rtol=0, atol=1
        )
    shared = log_likelihood(mu, x, TOGETHER, devices=devices, precision="float64")
    assert_exact(shared, truth(mu, x, TOGETHER))


def test_the_number_of_threads_changes_nothing(forced):
    mu, x = apart(300, 20)
    before, values = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            values.append(log_likelihood(mu, x, TOGETHER))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(values[0], values[1], rtol=0, atol=1e-2)


def test_the_same_call_twice_is_the_same_to_the_byte(forced):
    mu, x = apart()
    windows = Windows(mu)
    first = log_likelihood(mu, x, TOGETHER)
    assert torch.equal(log_likelihood(mu, x, TOGETHER), first)
    for _ in range(2):  # the second time from kept sketches
        assert torch.equal(windows.score(x, TOGETHER).log_likelihood, first)


def test_samples_kept_between_calls_belong_to_no_other_rows(forced):
    mu, x = apart()
    windows = Windows(mu)
    for rows, sigma in ((x, 0.1), (x[:7] + 0.01, 0.05), (x.double(), 0.1), (x, 0.3)):
        scored = windows.score(rows, [sigma])
        near = assert_exact if rows.dtype == torch.float64 else assert_near
        near(scored.log_likelihood, truth(mu, rows, [sigma]))
        assert scored.in_float64 == (rows.dtype == torch.float64)


def test_memory_mapped_samples_score_as_those_in_memory(forced, tmp_path):
    mu, x = apart()
    np.save(tmp_path / "samples.npy", mu.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "samples.npy", mmap_mode="r+"))
    assert torch.equal(log_likelihood(mapped, x, TOGETHER), log_likelihood(mu, x, TOGETHER))


def test_inputs_are_left_alone(forced):
    mu, x = apart()
    before = mu.clone(), x.clone()
    log_likelihood(mu.requires_grad_(), x, TOGETHER)
    assert torch.equal(mu, before[0])
    assert torch.equal(x, before[1])
