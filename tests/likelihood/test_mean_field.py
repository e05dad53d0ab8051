"""Mean field: each step raises the bound, which is below the enumerated log f."""

from itertools import islice

import pytest
import torch
from anchored import every_row, small, toy_dbm

from genbench.likelihood.enumeration import log_unnormalised
from genbench.likelihood.mean_field import iterated, variational

MACHINES = [toy_dbm(), small((5, 4, 3), 3), small((4, 3, 2, 3), 4)]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_bound_is_below_the_enumerated_log_f(machine):
    rows = every_row(len(machine.biases[0]))
    gap = log_unnormalised(machine, rows) - variational(machine, rows)[0]
    assert gap.min() >= -1e-10
    assert gap.max() < 5


@pytest.mark.parametrize("machine", MACHINES)
def test_every_step_raises_the_bound(machine):
    rows = every_row(len(machine.biases[0])).double()
    values = torch.stack([bound for bound, _ in islice(iterated(machine, rows), 40)])
    assert (values.diff(dim=0) >= -1e-12).all()


def test_the_bound_of_an_rbm_is_its_log_f():
    machine = small((5, 3), 5)
    rows = every_row(5)
    expected = log_unnormalised(machine, rows)
    torch.testing.assert_close(variational(machine, rows)[0], expected, rtol=0, atol=1e-12)


def test_the_bound_is_the_formula_at_its_means():
    machine = small((4, 3, 2), 6)
    x = every_row(4).double()
    _, mu = variational(machine, x)
    nu = (machine.biases[2] + mu @ machine.weights[1]).sigmoid()
    expected = x @ machine.biases[0] + mu @ machine.biases[1] + nu @ machine.biases[2]
    expected = expected + ((x @ machine.weights[0]) * mu).sum(1)
    expected = expected + ((mu @ machine.weights[1]) * nu).sum(1)
    for p in (mu, nu):
        expected = expected - (torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p)).sum(1)
    torch.testing.assert_close(variational(machine, x)[0], expected, rtol=0, atol=1e-10)
