"""The same values on a GPU: pruned and not, from samples on either side, whatever is allowed."""

import numpy as np
import pytest
import torch
from test_parzen import PAPER_GRID, images

from genbench.metrics.parzen import Parzen, log_likelihood
from genbench.metrics.parzen.blocks import PRUNED
from genbench.metrics.parzen.certificate import definition
from genbench.metrics.parzen.estimator import Windows
from genbench.metrics.parzen.pruning import Outline

pytestmark = pytest.mark.cuda


@pytest.fixture(params=[False, True], ids=["dense", "pruned"])
def pruned(request, monkeypatch) -> bool:
    monkeypatch.setattr(Outline, "pays", lambda outline, *_: request.param and outline.columns > 0)
    return request.param


def apart(d: int = 784):
    return images(5000, d, 1, 2000), images(500, d, 2, 2000)


@pytest.mark.parametrize("d", [784, 2304, 3072])
def test_cuda_agrees_with_the_cpu_and_the_definition(d, pruned):
    mu, x = apart(d)
    scored = Windows(mu.cuda()).score(x.cuda(), PAPER_GRID)
    ours = scored.log_likelihood
    assert ours.is_cuda
    assert (PRUNED[torch.float32] in scored.how) == pruned
    exact = torch.stack([definition(mu.cuda(), x.cuda(), sigma) for sigma in PAPER_GRID])
    assert (ours - exact).abs().max() < 1e-2
    assert (ours - exact).mean(dim=1).abs().max() < 1e-3
    error = ours.cpu() - log_likelihood(mu, x, PAPER_GRID)
    assert error.abs().max() < 0.02
    assert error.mean(dim=1).abs().max() < 2e-3


def test_float64_on_cuda_is_exact(pruned):
    mu, x = (part.cuda() for part in apart())
    ours = log_likelihood(mu, x, [0.05, 0.5], precision="float64")
    exact = torch.stack([definition(mu, x, sigma) for sigma in (0.05, 0.5)])
    torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-8)


def test_memory_mapped_samples_score_rows_on_a_gpu(pruned, tmp_path):
    mu, x = apart()
    np.save(tmp_path / "samples.npy", mu.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "samples.npy", mmap_mode="r+"))
    ours = log_likelihood(mapped, x.cuda(), PAPER_GRID)
    assert torch.equal(ours, log_likelihood(mu.cuda(), x.cuda(), PAPER_GRID))


def test_the_metric_takes_samples_in_memory_and_rows_on_a_gpu(pruned):
    """Its certificate too reads samples from where they are."""
    mu, x = apart()
    here = Parzen()(mu, x[:200].cuda(), x[200:].cuda())
    there = Parzen()(mu.cuda(), x[:200].cuda(), x[200:].cuda())
    assert here.value == there.value
    assert here.per_example is not None
    assert not here.per_example.is_cuda


def test_all_gpus_together_keep_the_values_and_their_order(pruned):
    mu, x = apart()
    every = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    alone = log_likelihood(mu.cuda(), x.cuda(), PAPER_GRID)
    for devices in (every, [*every, *every]):
        ours = log_likelihood(mu.cuda(), x.cuda(), PAPER_GRID, devices=devices)
        torch.testing.assert_close(ours, alone, rtol=0, atol=1e-2)
    from_memory = log_likelihood(mu, x, PAPER_GRID, devices=every)
    assert not from_memory.is_cuda
    torch.testing.assert_close(from_memory, alone.cpu(), rtol=0, atol=1e-2)


def test_the_same_call_twice_is_the_same_to_the_byte(pruned):
    mu, x = (part.cuda() for part in apart())
    first = log_likelihood(mu, x, PAPER_GRID)
    assert torch.equal(log_likelihood(mu, x, PAPER_GRID), first)


def test_tf32_allowed_outside_changes_no_byte(pruned):
    mu, x = (part.cuda() for part in apart())
    first = log_likelihood(mu, x, PAPER_GRID)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = True
    try:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            assert torch.equal(log_likelihood(mu, x, PAPER_GRID), first)
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int64])
def test_every_type_scores_as_the_numbers_it_holds(pruned, dtype):
    mu, x = ((255 * part).to(dtype).cuda() for part in apart())
    error = log_likelihood(mu, x, 50.0) - definition(mu, x, 50.0)
    assert error.abs().max() < 1e-2


def test_where_memory_ends_smaller_blocks_give_the_same_values():
    mu, x = (part.cuda() for part in apart(3072))
    expected = log_likelihood(mu, x, 0.3)
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction((total - free + 24 * 2**20) / total)
    try:
        ours = log_likelihood(mu, x, 0.3)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-2)


def test_the_peak_of_memory_is_within_the_budget(pruned):
    mu, x = images(40_000, 784, 1).cuda(), images(4000, 784, 2).cuda()
    log_likelihood(mu[:10], x[:10], 0.3)  # what libraries keep for themselves
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    log_likelihood(mu, x, [0.1, 0.3, 1.0], memory=256 * 2**20)
    assert torch.cuda.max_memory_allocated() - before <= 256 * 2**20
