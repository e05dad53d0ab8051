"""A call stays within its budget, and takes smaller blocks where the memory ends before that."""

import pytest
import torch
from test_parzen import Inline, Largest, images, in_blocks_of

from genbench.metrics.parzen import Parzen, dense, estimator, log_likelihood, pruning
from genbench.metrics.parzen.blocks import PRUNED, Sizes
from genbench.metrics.parzen.estimator import LEAST_MEMORY, MEMORY, Windows
from genbench.metrics.parzen.pruning import GROUP, Outline

WIDTHS = [0.05, 0.3]
CPU_IS_FULL = "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you"


@pytest.fixture
def forced(monkeypatch):
    monkeypatch.setattr(Outline, "pays", lambda outline, *_: outline.columns > 0)


@pytest.fixture
def apart():
    return images(600, 256, 1, 300), images(60, 256, 2, 300)


def full(of: int, right, error: Exception, seen: list[int]):
    """A function that finds no memory for products of more than so many elements."""

    def fake(first, *others):
        size = first.numel() if others == () else len(first) * len(others[0])
        seen.append(size)
        if size > of:
            raise error
        return right(first, *others)

    return fake


ERRORS = pytest.mark.parametrize(
    "error", [RuntimeError(CPU_IS_FULL), torch.OutOfMemoryError("CUDA out of memory.")], ids=repr
)


@ERRORS
def test_where_memory_ends_in_a_product_smaller_blocks_give_the_same_values(
    apart, error, monkeypatch
):
    mu, x = apart
    expected = log_likelihood(mu, x, WIDTHS)
    seen: list[int] = []
    monkeypatch.setattr(dense, "_expanded", full(500, dense._expanded, error, seen))
    in_blocks_of(Sizes(64, 1024, 256), monkeypatch)
    ours = log_likelihood(mu, x, WIDTHS)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-2)
    assert max(seen) > 500
    assert seen[-1] <= 500


@ERRORS
def test_where_memory_ends_in_a_bound_smaller_blocks_give_the_same_values(
    apart, error, forced, monkeypatch
):
    mu, x = apart
    expected = Windows(mu).score(x, [0.05])
    seen: list[int] = []
    monkeypatch.setattr(pruning, "maxima", full(2000, pruning.maxima, error, seen))
    in_blocks_of(Sizes(64, 1024, 256), monkeypatch)
    windows = Windows(mu)
    ours = windows.score(x, [0.05])
    torch.testing.assert_close(ours.log_likelihood, expected.log_likelihood, rtol=0, atol=1e-2)
    assert PRUNED[torch.float32] in ours.how
    assert sum(length for _, _, length in windows._kept) == len(mu)  # none of the larger blocks
    assert max(seen) > 2000
    assert seen[-1] <= 2000


def test_what_was_summed_before_memory_ended_is_not_summed_twice(apart, monkeypatch):
    mu, x = apart
    expected = log_likelihood(mu, x, WIDTHS, precision="float64")
    right, calls = dense._expanded, []

    def fails_once(*args):
        calls.append(args)
        if len(calls) == 5:
            raise RuntimeError(CPU_IS_FULL)
        return right(*args)

    monkeypatch.setattr(dense, "_expanded", fails_once)
    in_blocks_of(Sizes(16, 128, 128), monkeypatch)
    ours = log_likelihood(mu, x, WIDTHS, precision="float64")
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-8)


def test_when_nothing_is_left_to_halve_the_error_comes_out(apart, monkeypatch):
    seen: list[int] = []
    fake = full(0, dense._expanded, RuntimeError(CPU_IS_FULL), seen)
    monkeypatch.setattr(dense, "_expanded", fake)
    in_blocks_of(Sizes(16, 256, 256), monkeypatch)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        log_likelihood(*apart, 0.3)
    assert seen == [16 * 256, 8 * 128, 4 * 64, 2 * 32, 1 * 16]


def test_any_other_error_comes_out_at_once(apart, monkeypatch):
    seen: list[int] = []
    fake = full(0, dense._expanded, RuntimeError("mat1 and mat2 differ"), seen)
    monkeypatch.setattr(dense, "_expanded", fake)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        log_likelihood(*apart, 0.3)
    assert len(seen) == 1


@pytest.mark.parametrize("memory", [0, -1, LEAST_MEMORY - 1])
def test_less_memory_than_the_least_is_refused(apart, memory):
    for call in (
        lambda: log_likelihood(*apart, 0.3, memory=memory),
        lambda: Parzen(memory=memory),
    ):
        with pytest.raises(ValueError, match=f"memory must be at least {LEAST_MEMORY}.*{memory}"):
            call()


@pytest.mark.parametrize("precision", ["float32", "tf32", "", None])
def test_an_unknown_precision_is_refused(apart, precision):
    with pytest.raises(ValueError, match="precision must be 'auto' or 'float64'"):
        log_likelihood(*apart, 0.3, precision=precision)


@pytest.mark.parametrize("memory", [LEAST_MEMORY // 2, MEMORY // 2, MEMORY])
@pytest.mark.parametrize("d", [1, 784, 3072, 49152])
@pytest.mark.parametrize("copied", [False, True])
def test_the_sizes_of_blocks_are_the_greatest_halves_within_the_memory(copied, d, memory):
    sizes = Sizes.within(memory, d, copied)
    assert sizes.bytes(d, copied) <= memory
    twice = Sizes(*(2 * n for n in vars(sizes).values()))
    assert sizes == Sizes() or twice.bytes(d, copied) > memory


def test_the_bytes_of_a_block_count_its_bound_its_sketch_and_its_product():
    assert Sizes(1024, 16384, 1).bytes(1, False) >= 4 * 1024 * 16384
    assert Sizes(1, 16384, 1).bytes(1, False) >= 4 * 16384 * pruning.MOST_COLUMNS
    every = 8 * (1024 * 3072 + 2048 * 3072 + 1024 * 2048)
    assert Sizes(1024, 1, 2048).bytes(3072, False) >= every
    few = Sizes(1, 16384, 1)
    assert few.bytes(3072, True) >= few.bytes(3072, False) + 8 * 16384 * 3072


def test_halves_of_sizes_keep_whole_groups_and_at_least_one_row():
    sizes = Sizes()
    while sizes.rows > 1:
        halved = sizes.halved()
        assert halved.rows == sizes.rows // 2
        assert halved.samples % GROUP == 0
        assert min(vars(halved).values()) >= 1
        sizes = halved
    assert Sizes.within(1, 10**9).rows == 1


@pytest.mark.parametrize("precision", ["auto", "float64"])
@pytest.mark.parametrize(("m", "n", "d"), [(40_000, 600, 256), (20_000, 1100, 8), (900, 90, 12288)])
def test_no_tensor_is_larger_than_the_budget(m, n, d, precision, monkeypatch):
    monkeypatch.setattr(estimator, "ThreadPoolExecutor", Inline)
    mu, x = torch.rand(m, d), torch.rand(n, d)
    with Largest() as largest:
        log_likelihood(mu, x, 1.0, memory=LEAST_MEMORY, precision=precision)
    assert 2**20 <= largest.nbytes <= LEAST_MEMORY


def test_no_tensor_is_larger_than_the_budget_however_many_dimensions():
    mu, x = torch.rand(600, 2**15), torch.rand(2, 2**15)
    with Largest() as largest:
        log_likelihood(mu, x, 1.0, memory=LEAST_MEMORY, precision="float64")
    assert largest.nbytes <= LEAST_MEMORY


def test_sketches_are_kept_as_far_as_they_fit_and_values_are_those_without(forced, monkeypatch):
    in_blocks_of(Sizes(16, 160, 160), monkeypatch)
    mu, x = images(640, 256, 1), images(20, 256, 2)
    made = []
    right = Outline.of_samples
    monkeypatch.setattr(Outline, "of_samples", lambda *given: made.append(1) or right(*given))
    lls = []
    for room, kept in ((4, 4), (2.5, 2), (0.5, 0)):  # of the sketches of four blocks
        windows = Windows(mu)
        windows.memory = room * windows_of_one(windows, x) / estimator.KEPT
        made.clear()
        lls.append([windows.score(x, [0.1]).log_likelihood for _ in range(2)])
        assert len(windows._kept) == kept
        assert len(made) == 4 + (4 - kept)
    assert all(torch.equal(ll, lls[0][0]) for pair in lls for ll in pair)


def windows_of_one(windows: Windows, x: torch.Tensor) -> int:
    """Bytes of the sketch of a block of samples."""
    alike = Windows(windows.samples)
    alike.score(x, [0.1])
    return next(iter(alike._kept.values())).bytes
