"""The exact log-likelihood: whose it is, of what, and that masses and densities are told apart."""

import math

import pytest
import torch
from anchored import drawn, every_row, small, toy_dbm

from genbench.likelihood.dequantised import dequantised
from genbench.likelihood.enumeration import log_partition, log_prob
from genbench.metrics.log_likelihood import LogLikelihood
from genbench.protocols import Unmet


class Machine:
    samples = "mean"

    def __init__(self, machine):
        self.machine = machine

    def boltzmann(self):
        return self.machine


class Normal:
    """N(0.5, 1) in each pixel."""

    samples = "mean"

    def log_prob(self, x):
        return (-(x - 0.5).square() / 2 - math.log(2 * math.pi) / 2).sum(dim=1)


class Bits(Normal):
    """Fair coins."""

    samples = "binary"

    def log_prob(self, x):
        return torch.full((len(x),), -math.log(2) * x.shape[1])


class Levels(Bits):
    """Uniform over the levels that it is told."""

    samples = "mean"

    def __init__(self, shape=(), levels: int = 256):
        self.levels = levels

    def log_prob(self, x):
        return torch.full((len(x),), -math.log(self.levels) * x.shape[1])


BINARY = torch.tensor([[0.0, 1, 1], [1, 0, 1], [0, 0, 0]])
GREYS = torch.tensor([[0, 17, 255], [128, 3, 90]]) / 255


@pytest.mark.parametrize("machine", [small((5, 4), 0), toy_dbm()])
def test_a_machine_is_scored_by_enumeration(machine):
    rows = drawn(machine, 30, 0)
    score = LogLikelihood()(Machine(machine), rows)
    expected = log_prob(machine, rows, log_partition(machine))
    assert score.value == pytest.approx(expected.mean().item(), abs=1e-12)
    assert score.stderr == pytest.approx(expected.std().item() / 30**0.5)
    assert torch.equal(score.per_example, expected)
    assert (score.bound, score.notes["of"]) == ("", "mass")


def test_the_masses_of_all_rows_sum_to_one():
    score = LogLikelihood()(Machine(small((4, 3), 1)), every_row(4))
    assert score.per_example.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_a_machine_above_25_units_is_unmet_with_the_reason():
    with pytest.raises(Unmet, match=r"26 units, and a sum over states takes at most 25: annealing"):
        LogLikelihood()(Machine(small((30, 26), 0)), torch.zeros(2, 30))


def test_a_machine_has_no_log_p_of_greys():
    with pytest.raises(Unmet, match="use binary data"):
        LogLikelihood()(Machine(small((3, 2), 0)), GREYS)
    with pytest.raises(Unmet, match="log density of such rows is scored"):
        LogLikelihood(of="density")(Machine(small((3, 2), 0)), BINARY)


def test_greys_are_scored_as_the_density_of_dequantised_rows():
    score = LogLikelihood()(Normal(), GREYS)
    expected = Normal().log_prob(dequantised(GREYS, "test")).double()
    assert torch.equal(score.per_example, expected)
    assert score.notes == {"of": "density", "rows": "dequantised: (k + u) / 256"}


def test_continuous_rows_are_scored_as_they_are():
    rows = torch.tensor([[0.123, 3.0], [-1.0, 0.2]])
    assert LogLikelihood()(Normal(), rows).value == Normal().log_prob(rows).double().mean().item()


def test_binary_rows_are_scored_as_masses():
    assert LogLikelihood()(Bits(), BINARY).value == pytest.approx(-3 * math.log(2), rel=1e-6)


@pytest.mark.parametrize(
    ("model", "rows", "kind"),
    [(Normal(), BINARY, "density"), (Bits(), GREYS, "mass"), (Levels(), GREYS, "mass")],
)
def test_masses_and_densities_never_share_a_column(model, rows, kind):
    with pytest.raises(Unmet, match=f"its log_prob is a log {kind}"):
        LogLikelihood()(model, rows)


def test_a_mass_of_greys_has_a_column_of_its_own():
    score = LogLikelihood(of="mass")(Levels(), GREYS)
    assert score.value == pytest.approx(-3 * math.log(256), rel=1e-6)
    assert LogLikelihood.signature({"of": "mass"}, 256) == {"of": "mass"}


def test_of_takes_two_words():
    with pytest.raises(ValueError, match="of must be 'mass', 'density' or empty, got 'nats'"):
        LogLikelihood(of="nats")


def test_greys_in_another_order_are_the_same_rows_in_that_order():
    order = torch.tensor([1, 0])
    assert torch.equal(dequantised(GREYS[order], "test"), dequantised(GREYS, "test")[order])
