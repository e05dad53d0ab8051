"""The annealing loop: its mean weight, its statistics, and that a stop changes nothing."""

import math

import pytest
import torch

from genbench.likelihood.annealing import (
    Annealing,
    anneal,
    effective,
    last,
    log_mean,
    piecewise,
)
from genbench.seeding import seeded

WIDE = 3.0  # x ~ N(0, 3²) is annealed to N(0, 1): log Z_1 / Z_0 = -log 3


def _precision(beta):
    return (1 - beta) / WIDE**2 + beta


def _log_ratio(x, before, beta):
    return -0.5 * (_precision(beta) - _precision(before)) * x["x"].double() ** 2


def _transition(x, beta):
    """Half of the way to a new draw: x <- x / 2 + √(3/4) ε / √precision."""
    noise = torch.randn_like(x["x"]) / math.sqrt(_precision(beta))
    return {"x": 0.5 * x["x"] + math.sqrt(0.75) * noise}


def STEP(x, before, beta):
    return _log_ratio(x, before, beta), _transition(x, beta)


BETAS = piecewise((0.2, 10), (1.0, 20))


def _drawn(n, deviation, name):
    with seeded("test_annealing", name):
        return {"x": deviation * torch.randn(n, dtype=torch.float64)}


def test_the_mean_weight_is_the_ratio_of_the_constants():
    value, stderr = log_mean(
        last(anneal(_drawn(4000, WIDE, "up"), STEP, BETAS, ("up", 0))).log_weights
    )
    assert abs(value + math.log(WIDE)) < 4 * stderr < 0.1


def test_falling_betas_give_the_inverse_ratio():
    start = _drawn(4000, 1.0, "down")
    value, stderr = log_mean(last(anneal(start, STEP, BETAS[::-1], ("down", 0))).log_weights)
    assert abs(value - math.log(WIDE)) < 4 * stderr < 0.1


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_what_goes_on_from_a_stored_annealing_gives_the_same_bytes(kept):
    start = _drawn(50, WIDE, "stop")
    whole = list(anneal(start, STEP, BETAS, ("stop", 0), block=8))
    stored = Annealing.of({k: v.clone() for k, v in whole[kept].state_dict().items()})
    torch.rand(3)  # the global stream is elsewhere by then
    resumed = last(anneal(stored, STEP, BETAS, ("stop", 0), block=8))
    assert (resumed.step, resumed.total) == (whole[-1].step, whole[-1].total) == (30, 30)
    assert torch.equal(resumed.log_weights, whole[-1].log_weights)
    assert torch.equal(resumed.state["x"], whole[-1].state["x"])


def test_other_seeds_give_other_weights_and_the_global_stream_is_left_alone():
    start = _drawn(5, WIDE, "seeds")
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    a, b = (last(anneal(start, STEP, BETAS, ("seeds", i))).log_weights for i in (0, 1))
    assert not torch.equal(a, b)
    assert torch.equal(torch.rand(1), expected)


def test_progress_is_told_block_by_block_and_the_start_is_not_written_to():
    start = _drawn(5, WIDE, "progress")
    before = start["x"].clone()
    steps = [at.step for at in anneal(start, STEP, BETAS, ("progress", 0), block=12)]
    assert steps == [12, 24, 30]
    assert torch.equal(start["x"], before)


def test_a_stored_annealing_of_another_schedule_is_refused():
    stored = next(anneal(_drawn(5, WIDE, "refused"), STEP, BETAS, ("refused", 0), block=10))
    with pytest.raises(ValueError, match="step 10 of 30"):
        next(anneal(stored, STEP, BETAS[::2], ("refused", 0), block=10))
    with pytest.raises(ValueError, match="a multiple of 8"):
        next(anneal(stored, STEP, BETAS, ("refused", 0), block=8))
    with pytest.raises(ValueError, match="at least 2 betas"):
        next(anneal(_drawn(5, WIDE, "refused"), STEP, (0.0,), ("refused", 0)))


def test_the_standard_error_is_what_means_of_weights_vary_by():
    with seeded("test_annealing", "stderr"):
        log_weights = 0.5 * torch.randn(400, 2000, dtype=torch.float64)
    values, stderrs = log_mean(log_weights)
    assert stderrs.mean().item() == pytest.approx(values.std().item(), rel=0.05)


def test_equal_weights_are_all_effective_and_one_that_outweighs_all_is_one():
    assert effective(torch.full((7, 2), -900.0))[0].item() == pytest.approx(7)
    assert effective(torch.tensor([0.0, -800.0, -800.0])).item() == pytest.approx(1)
    assert log_mean(torch.full((7,), -900.0))[0].item() == pytest.approx(-900.0)


def test_each_block_has_random_numbers_of_its_own():
    def step(x, before, beta):
        return torch.zeros(3, dtype=torch.float64), {"x": torch.rand_like(x["x"])}

    first, second = anneal({"x": torch.zeros(3)}, step, (0.0, 0.5, 1.0), ("blocks", 0), block=1)
    assert not torch.equal(first.state["x"], second.state["x"])
