"""Laws that the Parzen log-likelihood must obey, whatever the data: no oracle needed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genbench.metrics.parzen import log_likelihood
from genbench.metrics.parzen.blocks import Sizes

law = settings(derandomize=True, max_examples=30, deadline=None)
seeds = st.integers(0, 2**31 - 1)
widths = st.floats(0.05, 3.0)


def rows(n: int, d: int) -> st.SearchStrategy[torch.Tensor]:
    bounded = st.floats(-3.0, 3.0, allow_subnormal=False)
    return arrays("float64", (n, d), elements=bounded).map(torch.from_numpy)


@st.composite
def problems(draw) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Samples, rows and a width: `(m, d)`, `(n, d)`, sigma."""
    m, n, d = draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    return draw(rows(m, d)), draw(rows(n, d)), draw(widths)


def permutation(n: int, seed: int) -> torch.Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def close(left: torch.Tensor, right: torch.Tensor) -> None:
    torch.testing.assert_close(left, right, rtol=1e-9, atol=3e-8)


@law
@given(problems(), seeds)
def test_permuting_the_rows_permutes_the_values(problem, seed):
    mu, x, sigma = problem
    order = permutation(len(x), seed)
    close(log_likelihood(mu, x[order], sigma), log_likelihood(mu, x, sigma)[order])


@law
@given(problems(), seeds)
def test_permuting_the_samples_changes_nothing(problem, seed):
    mu, x, sigma = problem
    close(
        log_likelihood(mu[permutation(len(mu), seed)], x, sigma),
        log_likelihood(mu, x, sigma),
    )


@law
@given(problems(), seeds)
def test_permuting_the_dimensions_of_both_changes_nothing(problem, seed):
    mu, x, sigma = problem
    order = permutation(x.shape[1], seed)
    close(log_likelihood(mu[:, order], x[:, order], sigma), log_likelihood(mu, x, sigma))


@law
@given(problems(), st.floats(-100.0, 100.0))
def test_translating_both_changes_nothing(problem, shift):
    mu, x, sigma = problem
    close(log_likelihood(mu + shift, x + shift, sigma), log_likelihood(mu, x, sigma))


@law
@given(problems(), seeds)
def test_rotating_both_changes_nothing(problem, seed):
    mu, x, sigma = problem
    d = x.shape[1]
    draw = torch.randn(d, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    rotation = torch.linalg.qr(draw).Q
    close(log_likelihood(mu @ rotation, x @ rotation, sigma), log_likelihood(mu, x, sigma))


@law
@given(problems(), st.integers(1, 5))
def test_each_appended_zero_dimension_costs_one_log_width(problem, k):
    mu, x, sigma = problem
    wider_mu, wider_x = (torch.nn.functional.pad(part, (0, k)) for part in (mu, x))
    cost = k * math.log(sigma * math.sqrt(2 * math.pi))
    close(log_likelihood(wider_mu, wider_x, sigma), log_likelihood(mu, x, sigma) - cost)


@law
@given(problems(), st.floats(0.01, 100.0))
def test_scaling_everything_by_a_shifts_by_minus_d_log_a(problem, a):
    mu, x, sigma = problem
    shift = -x.shape[1] * math.log(a)
    close(log_likelihood(a * mu, a * x, a * sigma), log_likelihood(mu, x, sigma) + shift)


@law
@given(problems(), st.integers(2, 4))
def test_repeating_every_sample_changes_nothing(problem, times):
    mu, x, sigma = problem
    close(log_likelihood(mu.repeat(times, 1), x, sigma), log_likelihood(mu, x, sigma))


@law
@given(problems(), st.data())
def test_a_union_of_samples_is_the_log_of_the_weighted_mean(problem, data):
    mu, x, sigma = problem
    other = data.draw(rows(data.draw(st.integers(1, 9)), x.shape[1]))
    weighted = torch.logaddexp(
        log_likelihood(mu, x, sigma) + math.log(len(mu)),
        log_likelihood(other, x, sigma) + math.log(len(other)),
    ) - math.log(len(mu) + len(other))
    close(log_likelihood(torch.cat([mu, other]), x, sigma), weighted)


@law
@given(problems())
def test_one_sample_is_a_gaussian(problem):
    mu, x, sigma = problem
    gaussian = torch.distributions.Normal(mu[0], sigma).log_prob(x).sum(dim=1)
    close(log_likelihood(mu[:1], x, sigma), gaussian)


@law
@given(problems())
def test_adding_a_sample_on_a_row_never_lowers_its_value(problem):
    mu, x, sigma = problem
    richer = log_likelihood(torch.cat([mu, x[:1]]), x[:1], sigma)
    assert richer >= log_likelihood(mu, x[:1], sigma) - 1e-8


@law
@given(problems(), st.lists(widths, min_size=1, max_size=4))
def test_widths_scored_together_are_the_widths_scored_alone(problem, sigmas):
    mu, x, _ = problem
    alone = torch.stack([log_likelihood(mu, x, sigma) for sigma in sigmas])
    close(log_likelihood(mu, x, sigmas), alone)


@law
@given(problems())
def test_a_window_far_wider_than_the_data_forgets_them(problem):
    mu, x, _ = problem
    flat = -x.shape[1] * math.log(1e6 * math.sqrt(2 * math.pi))
    close(log_likelihood(mu, x, 1e6), torch.full((len(x),), flat, dtype=torch.float64))


@law
@given(problems(), st.integers(1, 10), st.integers(1, 10), st.integers(1, 10))
def test_the_block_sizes_change_nothing(problem, queries, samples, dense):
    mu, x, sigma = problem
    whole = log_likelihood(mu, x, sigma)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Sizes, "within", staticmethod(lambda *_: Sizes(queries, samples, dense)))
        close(log_likelihood(mu, x, sigma), whole)


@settings(law, max_examples=5)
@given(seeds)
def test_the_number_of_threads_changes_nothing(seed):
    draw = torch.Generator().manual_seed(seed)
    mu, x = torch.rand(300, 784, generator=draw), torch.rand(100, 784, generator=draw)
    before = torch.get_num_threads()
    values = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            values.append(log_likelihood(mu, x, 0.3))
    finally:
        torch.set_num_threads(before)
    for value in values[1:]:
        torch.testing.assert_close(value, values[0], rtol=0, atol=1e-2)
