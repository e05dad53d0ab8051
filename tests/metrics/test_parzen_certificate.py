"""The certificate passes what is right, and nothing else: each planted fault must fail it."""

import json
import math

import pytest
import torch
from test_parzen import assert_exact, images, mixture, seeded
from told import told

from genbench.metrics.parzen import (
    CertificateError,
    Parzen,
    blocks,
    certificate,
    dense,
    log_likelihood,
)
from genbench.metrics.parzen.certificate import certify, definition
from genbench.metrics.parzen.pruning import Outline

SIGMA = 0.15


@pytest.fixture(scope="module")
def problem():
    """Samples, rows, and the right values of the rows."""
    mu, x = images(500, 256, 1, 200), images(40, 256, 2, 200)
    return mu, x, definition(mu, x, SIGMA)


def certified(mu, x, ll, sigma=SIGMA, **how):
    return certify(mu, x, sigma, ll, torch.full((len(x),), len(mu)), **how)


@pytest.mark.parametrize("sigma", [1e-3, 0.1, 2.0])
def test_the_definition_is_the_torch_mixture(problem, sigma, monkeypatch):
    mu, x, _ = problem
    assert_exact(definition(mu, x, sigma), mixture(mu, x, sigma))
    monkeypatch.setattr(certificate, "NUMBERS", 7 * mu.shape[1])
    assert_exact(definition(mu, x, sigma), mixture(mu, x, sigma))


def test_right_values_pass_and_the_errors_are_told(problem):
    mu, x, ll = problem
    told = certified(mu, x, ll)
    assert told["worst"] == told["mean"] == 0
    assert told["tolerance"] == 1e-2
    assert 16 <= told["rows"] <= 40
    off = certified(mu, x, ll + 5e-4)
    assert off["worst"] == pytest.approx(5e-4, rel=1e-6)
    assert off["mean"] == pytest.approx(5e-4, rel=1e-6)


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 1.0])
@pytest.mark.parametrize("precision", ["auto", "float64"])
def test_the_estimators_own_values_pass(problem, sigma, precision):
    mu, x, _ = problem
    ll = log_likelihood(mu, x, sigma, precision=precision)
    certified(mu, x, ll, sigma, exact=precision == "float64")


def rounded_to_bfloat16(mu, x):
    faulty = mu.clone()
    faulty[100:300] = faulty[100:300].bfloat16().float()
    return definition(faulty, x, SIGMA)


def without_the_nearest(mu, x):
    exponents = -0.5 * torch.cdist(x.double(), mu.double()).square() / SIGMA**2
    kept = exponents.sort(dim=1).values[:, :-1].logsumexp(dim=1)
    return kept - exponents.logsumexp(dim=1) + definition(mu, x, SIGMA)


def one_wrong(value):
    def fault(mu, x):
        ll = definition(mu, x, SIGMA)
        ll[ll.argmin()] = value
        return ll

    return fault


FAULTS = {
    "a block of samples rounded to bfloat16": rounded_to_bfloat16,
    "each nearest window dropped": without_the_nearest,
    "rows in another order": lambda mu, x: definition(mu, x, SIGMA).roll(1),
    "rows backwards": lambda mu, x: definition(mu, x, SIGMA).flip(0),
    "sigma 1 % too wide": lambda mu, x: definition(mu, x, 1.01 * SIGMA),
    "sigma 1 % too narrow": lambda mu, x: definition(mu, x, 0.99 * SIGMA),
    "one sample counted too many": lambda mu, x: definition(mu, x, SIGMA) - math.log(501 / 500),
    "all a little off": lambda mu, x: definition(mu, x, SIGMA) + 1.1e-3,
    "all a little lower": lambda mu, x: definition(mu, x, SIGMA) - 1.1e-3,
    "the lowest row 0.011 nats off": lambda mu, x: one_wrong(
        definition(mu, x, SIGMA).min() - 0.011
    )(mu, x),
    "the lowest row -inf": one_wrong(-math.inf),
    "all nan": lambda mu, x: definition(mu, x, SIGMA) * math.nan,
    "all inf": lambda mu, x: definition(mu, x, SIGMA) + math.inf,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails(problem, fault):
    mu, x, _ = problem
    with pytest.raises(CertificateError, match="the certificate of a log-likelihood failed"):
        certified(mu, x, FAULTS[fault](mu, x))


def test_one_nan_among_many_rows_fails(problem):
    mu, x, _ = problem
    x = x.repeat(50, 1)
    ll = definition(mu, x, SIGMA)
    ll[777] = math.nan
    with pytest.raises(CertificateError):
        certified(mu, x, ll)


@pytest.mark.parametrize(("off", "passes"), [(0.9e-7, True), (1.2e-7, False)])
def test_values_beyond_a_hundred_thousand_nats_may_be_off_by_a_share(problem, off, passes):
    mu, x, _ = problem
    ll = definition(mu, x, 1e-3)
    if passes:
        assert certified(mu, x, ll * (1 + off), 1e-3)["tolerance"] > 1e-2
    else:
        with pytest.raises(CertificateError):
            certified(mu, x, ll * (1 + off), 1e-3)


@pytest.mark.parametrize("sigma", [1e-3, SIGMA])
def test_of_float64_a_hundred_millionth_of_a_nat_is_asked(problem, sigma):
    mu, x, _ = problem
    ll = definition(mu, x, sigma)
    allowed = 1e-8 + 1e-9 * ll.abs()
    told = certified(mu, x, ll + 0.9 * allowed, sigma, exact=True)
    assert told["tolerance"] in allowed.tolist()
    for wrong in (ll + 1.1 * allowed, ll - 1.1 * allowed):
        assert certified(mu, x, wrong, sigma)
        with pytest.raises(CertificateError):
            certified(mu, x, wrong, sigma, exact=True)


def test_the_error_names_the_worst_row_and_both_values(problem):
    mu, x, ll = problem
    wrong = ll.clone()
    wrong[int(ll.argmin())] -= 3
    with pytest.raises(CertificateError, match=rf"row {int(ll.argmin())} is .*precision=float64"):
        certified(mu, x, wrong)


# --- the rows that are looked at -------------------------------------------------------------


def test_the_lowest_the_most_looked_at_and_the_edges_of_blocks_are_chosen():
    n = 5000
    ll = torch.randn(n, generator=seeded(0), dtype=torch.float64)
    looked_at = torch.ones(n, dtype=torch.int64)
    ll[[5, 1030, 2999, 4444]] = torch.tensor([-50.0, -60.0, -70.0, -80.0]).double()
    looked_at[[7, 1234, 3333, 4567]] = torch.tensor([900, 800, 700, 600])
    rows = certificate._chosen(ll, looked_at).tolist()
    assert {5, 1030, 2999, 4444} < set(rows)
    assert {7, 1234, 3333, 4567} < set(rows)
    assert {0, 1023, 1024, 2047, 2048, 3071, 3072, 4095, 4096, 4999} < set(rows)
    assert rows == sorted(set(rows))
    assert len(rows) <= 32
    inside = [row for row in rows if row % 1024 not in (0, 1023)]
    assert len(inside) >= 8 + 4  # and random ones


@pytest.mark.parametrize("n", [1, 2, 31, 100_000])
def test_the_chosen_rows_exist_are_few_and_always_the_same(n):
    ll = torch.zeros(n, dtype=torch.float64)
    rows = certificate._chosen(ll, torch.zeros(n, dtype=torch.int64))
    assert torch.equal(rows, certificate._chosen(ll, torch.zeros(n, dtype=torch.int64)))
    assert 1 <= len(rows) <= 32
    assert rows.min() >= 0
    assert rows.max() < n


# --- through the metric ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return images(1200, 256, 1, 400), images(60, 256, 2, 400), images(80, 256, 3, 400)


def forced(monkeypatch) -> None:
    monkeypatch.setattr(Outline, "pays", lambda outline, *_: outline.columns > 0)


@pytest.mark.parametrize("precision", ["auto", "float64"])
def test_every_score_carries_its_certificate_in_plain_json(rows, precision, monkeypatch):
    forced(monkeypatch)
    found = told(Parzen(sigma=0.05, precision=precision)(*rows))["certificate"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == {"rows", "worst", "mean", "tolerance", "dropped", "how"}
    assert found["worst"] <= found["tolerance"]
    work = {"auto": "float32", "float64": "float64"}[precision]
    assert f"pruned, {work} differences" in found["how"]
    assert all(how.startswith("pruned") for how in found["how"])
    assert found["dropped"] == {"auto": 1e-4, "float64": 1e-10}[precision]


def test_scores_that_asked_for_float64_or_hold_it_are_held_to_it(rows, monkeypatch):
    right = dense._reduced
    monkeypatch.setattr(dense, "_reduced", lambda *a: tuple(part + 1e-4 for part in right(*a)))
    Parzen(sigma=1.0)(*rows)
    for metric, part in (
        (Parzen(sigma=1.0, precision="float64"), rows),
        (Parzen(sigma=1.0), [part.double() for part in rows]),
    ):
        with pytest.raises(CertificateError):
            metric(*part)


def test_wrong_differences_of_pruned_windows_fail_the_score(rows, monkeypatch):
    forced(monkeypatch)
    right = blocks._sq_dist
    monkeypatch.setattr(blocks, "_sq_dist", lambda *args: right(*args) * 1.001)
    with pytest.raises(CertificateError):
        Parzen(sigma=0.05)(*rows)


def test_a_bound_that_drops_the_nearest_windows_fails_the_score(rows, monkeypatch):
    forced(monkeypatch)
    right = Outline.least
    monkeypatch.setattr(Outline, "least", lambda *args: right(*args).abs() * 1.5)
    with pytest.raises(CertificateError):
        Parzen(sigma=0.05)(*rows)


def test_a_product_in_bfloat16_fails_the_score(rows, monkeypatch):
    right = dense._expanded
    coarse = lambda x, mu: right(x.bfloat16().float(), mu.bfloat16().float())  # noqa: E731
    monkeypatch.setattr(dense, "_expanded", coarse)
    with pytest.raises(CertificateError):
        Parzen(sigma=0.2)(*rows)


def test_wrong_distances_fail_the_score(rows, monkeypatch):
    right = dense._expanded
    monkeypatch.setattr(dense, "_expanded", lambda x, mu: right(x, mu) + 1e-2)
    with pytest.raises(CertificateError):
        Parzen(sigma=0.5)(*rows)


def test_sums_that_forget_a_block_of_samples_fail_the_score(rows, monkeypatch):
    right = blocks.Sums.add
    calls = []

    def forgetful(to, width, sums, squares):
        calls.append(width)
        if len(calls) % 2:
            right(to, width, sums, squares)

    monkeypatch.setattr(blocks.Sums, "add", forgetful)
    monkeypatch.setattr(blocks.Sizes, "within", staticmethod(lambda *_: blocks.Sizes(80, 600, 600)))
    with pytest.raises(CertificateError):
        Parzen(sigma=0.5)(*rows)
