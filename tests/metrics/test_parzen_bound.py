"""The bound of pruning never falls below what it bounds: all of its exactness rests on that."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_parzen import images, seeded

from genbench.metrics.parzen import Windows, estimator, log_likelihood, pruning
from genbench.metrics.parzen.pruning import GROUP, Outline, Sketch
from genbench.precision import _is_exact, float32_products

CPU = torch.device("cpu")
COARSE = pytest.mark.parametrize("coarse", [torch.bfloat16, torch.float32], ids=str)
WORK = st.sampled_from([torch.float32, torch.float64])


@pytest.fixture(autouse=True)
def exact_products():
    if not _is_exact(torch.bfloat16, CPU):
        pytest.skip("products of bfloat16 are not exact enough here, and never chosen")


Sketched = tuple[Outline, Sketch, Sketch]


def sketched(mu: torch.Tensor, x: torch.Tensor, coarse: torch.dtype) -> Sketched:
    """The outline, and the sketches of `x` and of `mu`."""
    outline = Outline(mu, mu.dtype, coarse, CPU)
    with float32_products():
        return outline, outline.of_rows(x), outline.of_samples(mu)


def bounds(mu: torch.Tensor, x: torch.Tensor, coarse: torch.dtype):
    """The outline, the sketch of `x`, and the bound of each pair as it is compared: (n, m)."""
    return bounds_by(sketched(mu, x, coarse), len(mu))


def bounds_by(sketches: Sketched, m: int):
    outline, left, right = sketches
    assert left.is_finite
    assert right.is_finite
    with float32_products():
        return outline, left, (left.columns @ right.columns.T)[:, :m]


def sq_distances(mu: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (x.double()[:, None] - mu.double()).square().sum(dim=2)


def assert_kept(mu, x, outline: Outline, left: Sketch, bound: torch.Tensor) -> None:
    rows = Sketch(left.columns, left.sq_norm[:, None], True)
    assert (bound >= outline.least(rows, sq_distances(mu, x))).all()


def assert_bounded(mu: torch.Tensor, x: torch.Tensor, coarse: torch.dtype) -> None:
    """No pair is dropped by a limit that is its own true distance, nor is the bound too low."""
    assert_bounded_by(sketched(mu, x, coarse), mu, x, coarse)


def assert_bounded_by(
    sketches: Sketched, mu: torch.Tensor, x: torch.Tensor, coarse: torch.dtype
) -> None:
    outline, left, bound = bounds_by(sketches, len(mu))
    assert_kept(mu, x, outline, left, bound)
    scaled_x, scaled_mu = ((t.double() - outline.centre.double()) * outline.scale for t in (x, mu))
    truth = scaled_x @ scaled_mu.T - scaled_mu.square().sum(dim=1) / 2
    rounded = bound.double() + truth.abs() * torch.finfo(coarse).eps / 2  # of what is returned
    noise = 1e-12 * (scaled_x.square().sum(dim=1)[:, None] + scaled_mu.square().sum(dim=1))
    assert (rounded >= truth - noise).all()


KINDS = {
    "normal": lambda m, d, g: torch.randn(m, d, generator=g),
    "uniform": lambda m, d, g: torch.rand(m, d, generator=g),
    "flat": lambda m, d, g: torch.rand(m, 1, generator=g).repeat(1, d),
    "few directions": lambda m, d, g: torch.randn(m, 3, generator=g) @ torch.randn(3, d),
    "one pixel": lambda m, d, g: torch.eye(d)[3] * torch.randn(m, 1, generator=g),
    "lattice": lambda m, d, g: torch.randint(0, 2, (m, d), generator=g).float(),
    "mixed sizes": lambda m, d, g: (
        torch.randn(m, d, generator=g) * 10 ** torch.randn(m, 1, generator=g)
    ),
    "heavy tails": lambda m, d, g: torch.randn(m, d, generator=g) ** 9,
    "sparse": lambda m, d, g: (
        torch.rand(m, d, generator=g) * (torch.rand(m, d, generator=g) < 0.02)
    ),
    "far": lambda m, d, g: torch.rand(m, d, generator=g) + 1e3,
}


@st.composite
def clouds(draw, m: int, d: int) -> torch.Tensor:
    made = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    sign = draw(st.sampled_from([1.0, -1.0]))
    return sign * made(m, d, seeded(draw(st.integers(0, 2**31 - 1))))


@st.composite
def problems(draw):
    """Samples, and rows of their own kind, of another, or so near that all is cancellation."""
    d = draw(st.sampled_from([256, 257, 300, 512, 1024]))
    m, n = draw(st.sampled_from([1, 2, 5, 16, 17, 90])), draw(st.sampled_from([1, 3, 20]))
    mu = draw(clouds(m, d))
    x = draw(clouds(n, d))
    if draw(st.booleans()):
        x = mu[torch.arange(n) % m] * (1 + draw(st.sampled_from([0.0, 1e-6, 1e-3])) * x)
    scale = 10.0 ** draw(st.sampled_from([-30, -6, 0, 0, 0, 6, 12]))
    work = draw(WORK)
    return (mu * scale).to(work), (x * scale).to(work)


@COARSE
@settings(derandomize=True, max_examples=80, deadline=None)
@given(problem=problems())
def test_no_pair_is_dropped_by_a_limit_that_is_its_own_distance(coarse, problem):
    mu, x = problem
    outline, left, right = sketched(mu, x, coarse)
    assume(left.is_finite and right.is_finite)  # else no bound is taken: see the next test
    assert_bounded_by((outline, left, right), mu, x, coarse)


def test_rows_beyond_what_a_bound_can_hold_are_scored_without_one(monkeypatch):
    monkeypatch.setattr(Outline, "pays", lambda self, n, m: True)
    mu, x = -1e15 - torch.rand(1, 256), 1e15 + torch.rand(3, 256)
    outline = Outline(mu, torch.float32, torch.float32, CPU)  # one sample has no spread to scale by
    assert not outline.of_rows(x).is_finite
    monkeypatch.setattr(estimator, "add_few", lambda *_: pytest.fail("a bound was taken"))
    scored = Windows(mu).score(x, [1e15])
    exponent = -sq_distances(mu, x)[:, 0] / 2e30
    truth = exponent - 256 * math.log(1e15 * math.sqrt(2 * math.pi))
    assert torch.allclose(scored.log_likelihood[0], truth, rtol=1e-6)


@COARSE
@pytest.mark.parametrize("d", [784, 2304, 3072])
def test_images_of_every_size_are_bounded(d, coarse):
    assert_bounded(images(200, d, 1), images(40, d, 2), coarse)


@COARSE
@pytest.mark.parametrize("distance", [1e-6, 1e-3, 1.0, 1e3, 1e12])
def test_rows_far_from_all_samples_and_samples_far_from_the_rest_are_bounded(distance, coarse):
    mu, x = images(300, 256, 1), images(30, 256, 2)
    mu[3] *= distance
    x[4] += distance
    assert_bounded(mu, x, coarse)


@COARSE
def test_samples_that_chose_no_direction_are_bounded(coarse):
    """Only every third sample chooses; the others lie in directions that none of those has."""
    m, d = 3 * pruning.CHOOSING, 256
    mu = torch.zeros(m, d)
    mu[::3, : d // 4] = torch.randn(m // 3, d // 4, generator=seeded(1))
    mu[1::3, d // 4 :] = torch.randn(m // 3, 3 * d // 4, generator=seeded(2))
    assert_bounded(mu, mu[:50] * 1.01, coarse)


@COARSE
@pytest.mark.parametrize("at", [0.5, -0.5])
def test_a_product_that_loses_as_much_as_it_may_is_still_bounded(at, coarse, monkeypatch):
    """Directions and basis as wrong as float32 allows: rows of one sign along one direction."""
    d = 3072
    mu = torch.linspace(0.2, 0.9, 60)[:, None].repeat(1, d) + at
    assert_bounded(mu, torch.linspace(-0.9, 0.9, 33)[:, None].repeat(1, d), coarse)


@COARSE
def test_with_a_row_that_is_nearly_a_direction_the_bound_is_tight(coarse):
    """Slack only pays for rounding: a bound of all things would prune nothing."""
    basis = torch.linalg.qr(torch.randn(784, 40, generator=seeded(0)))[0]
    mu = torch.randn(400, 40, generator=seeded(1)) @ basis.T
    x = torch.randn(30, 40, generator=seeded(2)) @ basis.T
    outline, left, bound = bounds(mu, x, coarse)
    least = ((left.sq_norm[:, None] - sq_distances(mu, x) * outline.scale**2) / 2).double()
    size = left.sq_norm.double().sqrt()[:, None] * left.sq_norm.max().double().sqrt()
    slack = (bound.double() - least) / size
    assert slack.max() < {torch.bfloat16: 0.03, torch.float32: 5e-4}[coarse]


@COARSE
def test_a_basis_of_wrong_directions_only_loosens_the_bound(coarse, monkeypatch):
    """Exactness rests on an orthonormal basis, whichever it is."""

    def other(rows, k):
        return torch.linalg.qr(torch.randn(rows.shape[1], k, generator=seeded(9)))[0]

    monkeypatch.setattr(pruning, "_directions", other)
    assert_bounded(images(200, 256, 1), images(40, 256, 2), coarse)


def test_the_basis_is_orthonormal_whatever_the_rank_of_the_samples():
    for rows in (images(300, 256, 1), images(2, 256, 1), torch.zeros(5, 256), torch.eye(256)[:7]):
        basis = pruning._directions(rows, 59).double()
        torch.testing.assert_close(basis.T @ basis, torch.eye(59).double(), rtol=0, atol=1e-6)


def test_the_basis_holds_the_directions_in_which_the_samples_vary():
    basis = torch.linalg.qr(torch.randn(784, 30, generator=seeded(0)))[0]
    rows = torch.randn(400, 30, generator=seeded(1)) @ basis.T
    found = pruning._directions(rows, 59)
    torch.testing.assert_close(found @ (found.T @ rows.T), rows.T, rtol=0, atol=1e-5)


def test_outliers_leave_bound_or_honest_refusal():
    """Where squares overflow the sketch says so, and its block is not pruned."""
    mu = images(100, 256, 1)
    outline = Outline(mu, torch.float32, torch.float32, CPU)
    assert outline.of_samples(mu).is_finite
    assert not outline.of_samples(mu * 1e20).is_finite
    assert not outline.of_rows(mu[:3] * 1e25).is_finite


@pytest.mark.parametrize(
    ("far", "coarse"), [(1e18, torch.bfloat16), (3e19, torch.bfloat16), (3e20, torch.float32)]
)
def test_rows_a_million_billion_times_smaller_than_the_spread_are_bounded(far, coarse):
    """Two opposite outliers leave the centre in place, and all else a speck beside them."""
    mu, x = images(300, 256, 1), images(30, 256, 2)
    mu[0, 0], mu[1, 0] = far, -far
    assert_kept(mu, x, *bounds(mu, x, coarse))


# --- its columns -----------------------------------------------------------------------------


@pytest.fixture(params=["images", "flat", "few directions", "mixed sizes"])
def scaled(request):
    """Rows, their outline in float32, and in float64 what it sees: rows, (p, r), |row|²."""
    rows = images(1500, 256, 1) if request.param == "images" else None
    rows = KINDS[request.param](1500, 256, seeded(1)) if rows is None else rows
    outline = Outline(rows, torch.float32, torch.float32, CPU)
    seen = (rows.double() - outline.centre.double()) * outline.scale
    basis = torch.linalg.qr(outline.directions.double())[0]
    p = seen @ basis
    p *= torch.sign((p * (seen @ outline.directions.double())).sum(dim=0))
    r = (seen - (seen @ basis) @ basis.T).norm(dim=1)
    return rows, outline, torch.cat([p, r[:, None]], dim=1), seen.square().sum(dim=1)


def test_the_distance_from_the_span_is_never_too_short(scaled):
    rows, outline, pair, _ = scaled
    for sketch in (outline.of_rows(rows), outline.of_samples(rows)):
        assert (sketch.columns[: len(rows), -5].double() >= pair[:, -1]).all()


def test_the_lengths_and_the_errors_are_never_too_small(scaled):
    rows, outline, pair, sq_norm = scaled
    size = sq_norm.sqrt()
    left, right = outline.of_rows(rows).columns, outline.of_samples(rows).columns[: len(rows)]
    lost = (left[:, :-5].double() - pair[:, :-1]).norm(dim=1)
    assert (left[:, -3].double() >= size + lost).all()
    assert (right[:, -4].double() >= size).all()
    for error in (left[:, -4], right[:, -3]):
        assert (error.double() >= lost).all()
        assert (error.double() >= outline.doubt * size * (1 - 1e-6)).all()
        assert (error.double() >= (outline.doubt + outline.columns * 2**-24) * size * 0.999).all()


@COARSE
def test_the_halves_of_the_squares_are_never_too_great_a_loss(scaled, coarse):
    rows, _, _, sq_norm = scaled
    right = Outline(rows, torch.float32, coarse, CPU).of_samples(rows).columns[: len(rows)]
    half = right[:, -2].double() + right[:, -1].double()
    assert (half >= -sq_norm / 2).all()
    assert (half <= -sq_norm / 2 * (1 - 4e-4)).all()


@COARSE
def test_the_least_is_never_above_what_it_must_admit(scaled, coarse):
    rows, _, _, sq_norm = scaled
    outline = Outline(rows, torch.float32, coarse, CPU)
    left = outline.of_rows(rows)
    for limit in (0.0, 0.01, 1.0, 100.0, 1e4):
        distance = torch.full((len(rows),), limit, dtype=torch.float64)
        must = (sq_norm - distance * outline.scale**2) / 2
        assert (outline.least(left, distance) <= must.to(coarse)).all()
        rounded = distance * (1 - 2**-23)  # the square of a float32 difference may be so short
        assert (outline.least(left, rounded) <= must.to(coarse)).all()
        slack = must - must.abs() * 0.01 - 3e-4 * (sq_norm + distance * outline.scale**2)
        assert (outline.least(left, distance).double() >= slack).all()


def test_half_lengths_rounded_to_bfloat16_are_still_above(scaled):
    rows, of_float32, pair, sq_norm = scaled
    outline = Outline(rows, torch.float32, torch.bfloat16, CPU)
    outline.columns = of_float32.columns
    left, right = outline.of_rows(rows).columns, outline.of_samples(rows).columns[: len(rows)]
    assert (right[:, -4].double() >= sq_norm.sqrt()).all()
    lost = (left[:, :-4].double() - pair).norm(dim=1)
    for error in (left[:, -4], right[:, -3]):
        assert (error.double() >= (left[:, :-5].double() - pair[:, :-1]).norm(dim=1)).all()
    assert (left[:, -3].double() >= sq_norm.sqrt()).all()
    assert lost.isfinite().all()


# --- groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 15, 16, 17, 33, 160])
def test_padding_to_whole_groups_is_never_the_likeliest_nor_a_survivor(m):
    mu, x = images(m, 256, 1), images(9, 256, 2)
    outline = Outline(mu, torch.float32, torch.float32, CPU)
    bound = outline.of_rows(x).columns @ outline.of_samples(mu).columns.T
    assert bound.shape == (9, math.ceil(m / GROUP) * GROUP)
    assert (bound[:, m:] == -math.inf).all()
    groups = pruning.maxima(bound)
    assert (pruning.likeliest(bound, groups) < m).all()
    _, window = pruning.survivors(bound, groups, torch.full((9,), -1e30))
    assert window.bincount().tolist() == [9] * m


def test_the_maxima_are_those_of_every_sixteenth_window_and_the_likeliest_is_the_greatest():
    bound = torch.randn(7, 160, generator=seeded(0))
    groups = pruning.maxima(bound)
    assert torch.equal(groups, torch.stack([bound[:, g::10].amax(dim=1) for g in range(10)], 1))
    assert torch.equal(pruning.likeliest(bound, groups), bound.argmax(dim=1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_of_equal_bounds_the_likeliest_is_of_the_first_group_and_there_the_first(dtype):
    """So it is the same on every run, and as `argmax` takes it."""
    bound = torch.randint(0, 4, (200, 160), generator=seeded(0)).to(dtype)
    groups = pruning.maxima(bound)
    group = groups.argmax(dim=1)
    first = torch.stack([row[g::10].argmax() for row, g in zip(bound, group, strict=True)])
    assert torch.equal(pruning.likeliest(bound, groups), first * 10 + group)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(n=st.integers(1, 9), g=st.integers(1, 9), seed=st.integers(0, 2**31 - 1))
def test_the_survivors_are_all_pairs_that_reach_the_least_in_the_order_of_rows(n, g, seed):
    bound = torch.randint(0, 9, (n, g * GROUP), generator=seeded(seed)).float()
    least = torch.randint(0, 10, (n,), generator=seeded(seed + 1)).float()
    row, window = pruning.survivors(bound, pruning.maxima(bound), least)
    assert row.tolist() == sorted(row.tolist())
    found = torch.zeros_like(bound, dtype=torch.bool)
    found[row, window] = True
    assert len(row) == found.sum()
    assert torch.equal(found, bound >= least[:, None])


@pytest.mark.parametrize(
    ("d", "narrow", "wide"),
    [(1, 0, 0), (255, 0, 0), (256, 64, 40), (784, 224, 140), (3072, 256, 256)],
)
@COARSE
def test_only_rows_of_many_dimensions_are_sketched_and_in_few_columns(d, narrow, wide, coarse):
    columns = narrow if coarse is torch.bfloat16 else wide
    outline = Outline(torch.rand(20, d, generator=seeded(0)), torch.float32, coarse, CPU)
    assert outline.columns == columns
    assert outline.pays(10**5, 10**5) == (columns > 0)
    assert not outline.pays(1, 10**6)
    assert not outline.pays(10**6, 1)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 37.0, 1e12])
def test_scaling_data_and_widths_by_a_power_of_two_changes_only_the_constant(scale):
    scale = 2.0 ** round(math.log2(scale))
    mu, x = images(300, 256, 1, 200).double(), images(20, 256, 2, 200).double()
    shift = -256 * math.log(scale)
    ours = log_likelihood(mu * scale, x * scale, 0.1 * scale)
    torch.testing.assert_close(ours, log_likelihood(mu, x, 0.1) + shift, rtol=1e-9, atol=1e-8)
