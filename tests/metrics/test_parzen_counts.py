"""Scores by every 4th and every 2nd sample come from the pass over all, and are those of each."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_parzen import images, in_blocks_of, seeded

from genbench.metrics.parzen import Parzen, Windows, estimator
from genbench.metrics.parzen.blocks import PRUNED, Sizes
from genbench.metrics.parzen.counts import Asked, Parts
from genbench.metrics.parzen.pruning import Outline

OWN = [[0.1, 0.3], [0.05], [0.1, 1.0]]  # widths of each count


@pytest.fixture(params=[False, True], ids=["dense", "pruned"])
def maybe_pruned(request, monkeypatch) -> bool:
    monkeypatch.setattr(Outline, "pays", lambda outline, *_: request.param and outline.columns > 0)
    return request.param


@pytest.fixture
def apart():
    return images(603, 256, 1, 300), images(40, 256, 2, 300)


def truth(mu: torch.Tensor, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The definition in float64, from direct differences: (n,)."""
    sq_dist = (x.double()[:, None] - mu.double()).square().sum(dim=2)
    norm = math.log(len(mu)) + x.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))
    return (-sq_dist / (2 * sigma**2)).logsumexp(dim=1) - norm


def assert_by_count(mu, x, scored, rtol: float, atol: float) -> None:
    for part, widths, one in zip((mu[::4], mu[::2], mu), OWN, scored, strict=True):
        exact = torch.stack([truth(part, x, sigma) for sigma in widths])
        torch.testing.assert_close(one.log_likelihood, exact, rtol=rtol, atol=atol)


# --- the parts -------------------------------------------------------------------------------


@settings(derandomize=True, max_examples=40, deadline=None)
@given(m=st.integers(1, 70), size=st.integers(1, 40))
def test_the_first_parts_are_every_fourth_every_second_and_all_samples(m, size):
    samples = torch.arange(m)[:, None]
    parts = Parts.of(samples, (4, 2))
    strides = [stride for stride in (4, 2, 1) if stride == 1 or m >= 2 * stride]
    assert parts.counts == [len(samples[::stride]) for stride in strides]
    seen, ended = [], []
    for which, before, block, ends in parts.blocks(size):
        assert (before, which) == (len(seen), len(ended))
        assert len(block) <= size
        seen += block.flatten().tolist()
        if ends:
            ended.append(sorted(seen))
    assert ended == [samples[::stride].flatten().tolist() for stride in strides]


def test_without_strides_there_is_one_part_in_the_order_of_the_samples():
    samples = torch.arange(9)[:, None]
    assert [block.tolist() for *_, block, _ in Parts.of(samples, ()).blocks(20)] == [
        samples.tolist()
    ]


def test_widths_are_added_to_until_the_last_count_that_asks_for_them():
    asked = Asked.of([[3.0, 1.0], [2.0], [1.0, 4.0]])
    assert asked.sigmas == [1.0, 4.0, 2.0, 3.0]
    assert asked.needed == [4, 3, 2]
    assert asked.own == [[3, 0], [2], [0, 1]]
    assert Asked.of([[], [], [5.0]]) == Asked([5.0], [1, 1, 1], [[], [], [0]])
    assert Asked.of([[5.0], [], []]) == Asked([5.0], [1, 0, 0], [[0], [], []])


# --- their scores ----------------------------------------------------------------------------


def test_each_count_scores_by_the_definition_under_its_own_widths(apart, maybe_pruned):
    mu, x = apart
    scored = Windows(mu, "float64", strides=(4, 2)).score_by_count(x, OWN)
    assert_by_count(mu, x, scored, 1e-9, 1e-8)
    assert all((PRUNED[torch.float64] in one.how) == maybe_pruned for one in scored)
    assert_by_count(mu, x, Windows(mu, strides=(4, 2)).score_by_count(x, OWN), 0, 1e-2)


@pytest.mark.parametrize("sizes", [(7, 48, 16), (40, 1000, 100), (13, 160, 33)])
def test_the_sizes_of_blocks_and_passes_change_no_count(apart, maybe_pruned, sizes, monkeypatch):
    mu, x = apart
    in_blocks_of(Sizes(*sizes), monkeypatch)
    monkeypatch.setattr(estimator, "AT_ONCE", 17)
    scored = Windows(mu, "float64", strides=(4, 2)).score_by_count(x, OWN)
    assert_by_count(mu, x, scored, 1e-9, 1e-8)


def test_devices_share_the_rows_of_every_count(apart, maybe_pruned):
    mu, x = apart
    windows = Windows(mu, "float64", devices=["cpu"] * 3, strides=(4, 2))
    assert_by_count(mu, x, windows.score_by_count(x, OWN), 1e-9, 1e-8)


def test_what_was_summed_before_memory_ended_is_in_no_count_twice(apart, monkeypatch):
    mu, x = apart
    right, calls = estimator.add_all, []

    def fails_once(*args):
        calls.append(args)
        if len(calls) == 9:
            raise RuntimeError("can't allocate memory")
        right(*args)

    monkeypatch.setattr(estimator, "add_all", fails_once)
    in_blocks_of(Sizes(16, 128, 128), monkeypatch)
    windows = Windows(mu, "float64", strides=(4, 2))
    assert_by_count(mu, x, windows.score_by_count(x, OWN), 1e-9, 1e-8)
    assert len(calls) > 9


def test_each_count_looked_at_no_more_than_its_samples(apart, maybe_pruned):
    mu, x = apart
    scored = Windows(mu, strides=(4, 2)).score_by_count(x, [[0.05]] * 3)
    assert len(scored) == 3
    for count, one in zip((151, 302, 603), scored, strict=True):
        assert (one.looked_at <= count).all() if maybe_pruned else (one.looked_at == count).all()


# --- the value by all samples ----------------------------------------------------------------

KINDS = {
    "images": lambda: (images(4000, 784, 1, 500), images(300, 784, 2, 500)),
    "noise": lambda: tuple(torch.rand(n, 300, generator=seeded(n)) for n in (4001, 301)),
    "few dimensions": lambda: tuple(torch.randn(n, 20, generator=seeded(n)) for n in (5003, 300)),
    "kinds": lambda: (images(3000, 256, 1), images(300, 256, 2)),
}


@pytest.mark.parametrize("sigma", [0.05, 0.2154, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_the_value_by_all_samples_moves_by_less_than_a_millionth_of_a_nat(kind, sigma):
    """Beside the value of a pass in the order of the samples, which the metric took before."""
    samples, x = KINDS[kind]()
    value = Parzen(sigma=sigma)(samples, x, x).value
    alone = Windows(samples).score(x, [sigma]).log_likelihood.mean().item()
    assert abs(value - alone) < 1e-6 * max(1, abs(alone) / 1000)
