"""Annealed log Z of machines whose constant is known; the detector; a stop that changes nothing."""

import pytest
import torch
from anchored import (
    anchors,
    binarised,
    case_a,
    case_b,
    drawn,
    every_row,
    loaded,
    pylearn2_rbm,
    small,
    toy_dbm,
)

from genbench.datasets.mnist import MNIST
from genbench.likelihood.annealing import Annealing, piecewise
from genbench.likelihood.boltzmann import (
    base_biases,
    bounds,
    detected,
    log_f,
    log_Z,
)
from genbench.likelihood.enumeration import log_partition, log_unnormalised, sides
from genbench.likelihood.gibbs_path import SCHEDULE, Annealer, path
from genbench.seeding import seeded

FEW = piecewise((1.0, 3))
THOUSAND = piecewise((0.5, 100), (0.9, 400), (1.0, 500))
SHORT = piecewise((0.5, 30), (0.9, 120), (1.0, 150))


def own_rates(machine):
    """The path from a machine's own visible biases."""
    return path(machine, machine.biases[0])


def marginal_rates(machine):
    """The path from p(x_i = 1) of an enumerated machine, as base rates of its data."""
    both = sides(machine)
    units = len(both.c)
    h = ((torch.arange(2**units)[:, None] >> torch.arange(units)) & 1).double()
    total, mean = torch.tensor(-torch.inf).double(), torch.zeros_like(both.b)
    for some in h.split(4096):
        logits = both.b + some @ both.W.T
        log_p = some @ both.c + torch.nn.functional.softplus(logits).sum(1)
        after = torch.logaddexp(total, log_p.logsumexp(0))
        mean = mean * (total - after).exp() + (log_p - after).exp() @ logits.sigmoid()
        total = after
    rates = (mean + 0.025) / 1.05
    return path(machine, rates.logit())


def test_the_schedule_is_that_of_salakhutdinov_and_murray():
    assert len(SCHEDULE) == 14_501
    assert (SCHEDULE[500], SCHEDULE[4500], SCHEDULE[-1]) == (0.5, 0.9, 1.0)


def test_base_rates_are_smoothed_as_in_2008():
    train = torch.zeros(60_000, 2)
    train[:30_000, 1] = 1
    found = base_biases(train).sigmoid().double()
    assert found.tolist() == pytest.approx([3000 / 63000, 33000 / 63000], abs=1e-7)


@pytest.mark.parametrize("machine", [small((5, 3), 0), small((4, 3, 3), 0), small((3, 2, 2, 3), 0)])
def test_a_step_weighs_by_the_ratio_of_two_densities(machine):
    along = path(machine, torch.linspace(-1, 1, len(machine.biases[0])), torch.float64)
    s = every_row(len(along.b)).double()

    def log_density(beta):
        h = every_row(len(along.c)).double()
        bias_s = (1 - beta) * along.b_0 + beta * along.b
        bias_h = (1 - beta) * along.c_0 + beta * along.c
        joint = (s @ bias_s)[:, None] + h @ bias_h + beta * s @ along.W @ h.T
        return joint.logsumexp(dim=1)

    ratio, _ = along.step({"s": s}, 0.2, 0.7)
    expected = log_density(0.7) - log_density(0.2)
    torch.testing.assert_close(ratio, expected, rtol=0, atol=1e-12)
    assert log_density(0.0).logsumexp(0).item() == pytest.approx(along.log_Z_0, abs=1e-12)
    assert log_density(1.0).logsumexp(0).item() == pytest.approx(log_partition(machine), abs=1e-12)
    torch.testing.assert_close(along.log_f(s), log_density(1.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("machine", [small((3, 3), 0, 0.8), small((3, 3, 2), 0, 0.8)])
def test_a_sweep_leaves_its_density_unchanged(machine):
    along = path(machine, torch.zeros(3))
    rows = every_row(3)
    p = (along.log_f(rows) - log_partition(machine)).exp()
    n = 40_000
    with seeded("sweep"):
        s = rows[torch.multinomial(p, n, replacement=True)]
        after = along.step({"s": s}, 0.5, 1.0)[1]["s"]
    found = torch.bincount((after @ torch.tensor([1.0, 2, 4])).long(), minlength=8) / n
    assert ((found - p).abs() < 4 * (p * (1 - p) / n).sqrt() + 1e-9).all()


@pytest.mark.parametrize("machine", [small((6, 4), 1, 1.0), toy_dbm(), small((4, 3, 4, 3), 1, 1.0)])
def test_annealing_finds_the_enumerated_log_Z(machine):
    along = path(machine, torch.zeros(len(machine.biases[0])))
    found = log_Z(along, Annealer(piecewise((1.0, 200)), chains=500))
    assert abs(found.value - log_partition(machine)) < 4 * found.stderr < 0.2


def test_case_a_is_found_by_1000_temperatures():
    found = log_Z(own_rates(case_a()), Annealer(THOUSAND))
    assert abs(found.value - 161.639028365524) < 3 * found.stderr < 1


def test_pylearn2s_machine_is_found_from_the_rates_of_its_pixels():
    found = log_Z(marginal_rates(pylearn2_rbm()), Annealer(THOUSAND))
    assert abs(found.value - 215.138405525317) < 3 * found.stderr < 1.5


@pytest.mark.parametrize("shift", [0.0, 0.02, -0.02])
def test_the_detector_refuses_a_mode_that_no_chain_entered(shift):
    along, annealer = own_rates(case_b(shift)), Annealer(SHORT, chains=40, burn_in=50)
    forward = log_Z(along, annealer)
    assert forward.stderr < 0.1
    found = detected(forward, along, annealer, torch.zeros(1, 784))
    assert found.reverse["on"] > forward.value + 1
    assert "missed a mode" in found.refused


def test_the_runs_from_the_base_agree_with_the_wrong_value():
    along, annealer = own_rates(case_b()), Annealer(SHORT, chains=40, burn_in=50)
    found = detected(log_Z(along, annealer), along, annealer, torch.zeros(1, 784))
    assert found.value == pytest.approx(38.09, abs=0.1)
    assert found.reverse["base"] == pytest.approx(38.09, abs=0.1)


def test_the_detector_does_not_refuse_a_machine_that_mixes():
    machine = small((6, 4), 2, 0.7)
    along, annealer = path(machine, torch.zeros(6)), Annealer(piecewise((1.0, 100)), burn_in=50)
    found = detected(log_Z(along, annealer), along, annealer, every_row(6))
    assert found.refused == ""
    exact = log_partition(machine)
    assert all(abs(value - exact) < 0.3 for value in found.reverse.values())


def test_a_stopped_run_gives_the_same_bounds():
    machine = small((6, 4), 3)
    rows, biases = drawn(machine, 5, 0), torch.zeros(6)
    seen = []
    annealer = Annealer(piecewise((1.0, 600)), chains=8, burn_in=5)
    watched = Annealer(annealer.betas, 8, burn_in=5, watch=lambda *one: seen.append(one))
    whole = bounds(machine, rows, biases, watched)
    stages = [(stage, at.step) for stage, at in seen]
    assert stages == [(s, n) for s in ("forward", "reverse", "raise") for n in (250, 500, 600)]
    for stop in range(len(seen)):
        stored = {stage: Annealing.of(at.state_dict()) for stage, at in seen[: stop + 1]}
        resumed = bounds(machine, rows, biases, Annealer(annealer.betas, 8, 0, 5, None, stored))
        assert torch.equal(resumed.upper, whole.upper)
        assert torch.equal(resumed.lower, whole.lower)
        assert (resumed.log_z, resumed.notes) == (whole.log_z, whole.notes)


def test_rows_of_greys_are_refused():
    with pytest.raises(ValueError, match=r"zeros and ones only, got 0\.25"):
        bounds(small((3, 2), 0), torch.full((1, 3), 0.25), torch.zeros(3))


# --- signs ---

SIGNED = [small((6, 4), 5, 2.0), small((5, 7), 6, 2.0), toy_dbm()]


@pytest.mark.parametrize("machine", SIGNED)
def test_bounds_by_few_temperatures_are_on_their_sides_over_50_seeds(machine):
    d, exact = len(machine.biases[0]), log_partition(machine)
    rows = drawn(machine, 40, 0)
    log_p = (log_unnormalised(machine, rows) - exact).mean().item()
    found = [
        bounds(machine, rows, torch.zeros(d), Annealer(FEW, chains=8, seed=seed, burn_in=5))
        for seed in range(50)
    ]
    log_zs = torch.tensor([one.log_z for one in found])
    assert log_zs.mean() < exact - 2 * log_zs.std() / 50**0.5
    lower = torch.stack([one.lower.mean() for one in found])
    assert lower.mean() < log_p - 2 * lower.std() / 50**0.5
    if len(machine.biases) == 2:
        assert {one.sign for one in found} == {"<="}
        upper = torch.stack([one.upper.mean() for one in found])
        assert upper.mean() > log_p + 2 * upper.std() / 50**0.5
    else:
        assert {one.sign for one in found} == {"~"}


@pytest.mark.parametrize("machine", [small((6, 4), 7, 1.0), toy_dbm()])
def test_with_many_temperatures_the_lower_bound_is_near(machine):
    rows = drawn(machine, 50, 1)
    annealer = Annealer(piecewise((1.0, 300)), chains=8, burn_in=5)
    found = bounds(machine, rows, torch.zeros(len(machine.biases[0])), annealer, raise_chains=20)
    log_p = log_unnormalised(machine, rows) - log_partition(machine)
    assert (found.lower.mean() - log_p.mean()).abs() < 0.15


# --- others' machines, by the paper's schedule ---


@pytest.mark.slow
def test_case_a_by_1000_temperatures_over_20_seeds():
    exact = 161.639028365524
    found = [log_Z(own_rates(case_a()), Annealer(THOUSAND, seed=seed)) for seed in range(20)]
    pooled = torch.tensor([one.value for one in found]).logsumexp(0) - torch.tensor(20).log()
    assert torch.tensor([one.stderr for one in found]).median() <= 0.25
    assert abs(pooled - exact) <= 0.15
    assert sum(abs(one.value - exact) <= 3 * one.stderr for one in found) >= 18


@pytest.mark.slow
@pytest.mark.parametrize("which", ["itself", "permuted", "up", "down"])
def test_the_detector_refuses_case_b_in_20_of_20_seeds(which):
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0)).tolist()
    shift = {"up": 0.02, "down": -0.02}.get(which, 0.0)
    along = own_rates(case_b(shift, order if which == "permuted" else None))
    for seed in range(20):
        annealer = Annealer(THOUSAND, chains=40, seed=seed, burn_in=200)
        assert detected(log_Z(along, annealer), along, annealer, torch.zeros(1, 784)).refused


def by_the_papers_schedule(machine, along=None):
    """log Z and the detector, from base rates of all 60,000 training images."""
    split = MNIST(anchors().parent).split(0)
    along = along or path(machine, base_biases(torch.cat([split.train, split.valid])))
    annealer = Annealer()
    return detected(log_Z(along, annealer), along, annealer, binarised())


@pytest.mark.slow
@pytest.mark.data
def test_the_detector_does_not_refuse_case_a_at_14500_temperatures():
    found = by_the_papers_schedule(case_a(), own_rates(case_a()))
    assert (found.refused, found.value) == ("", pytest.approx(161.639028365524, abs=0.3))


@pytest.mark.slow
@pytest.mark.data
def test_pylearn2s_machine_is_found_by_the_papers_schedule():
    found = by_the_papers_schedule(pylearn2_rbm())
    assert (found.refused, found.value) == ("", pytest.approx(215.138405525317, abs=0.3))


@pytest.mark.slow
@pytest.mark.data
def test_the_other_machine_of_15_units_is_found_by_the_papers_schedule():
    found = by_the_papers_schedule(loaded(anchors() / "rbm15_taherkhani.safetensors"))
    assert (found.refused, found.value) == ("", pytest.approx(216.061544066097, abs=0.3))


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(3600)
def test_the_machine_of_2008_has_its_published_log_Z_and_log_likelihood():
    machine = loaded(anchors() / "rbm500_cd25_salakhutdinov.safetensors")
    found = by_the_papers_schedule(machine)
    assert found.refused == ""
    assert found.value == pytest.approx(451.28, abs=0.4)
    mean = log_f(machine, binarised()).mean().item()
    assert mean - found.value == pytest.approx(-86.34, abs=0.4)
