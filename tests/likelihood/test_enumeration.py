"""Exact log Z and log p, against values of others and against the sum over all units."""

import hashlib

import pytest
import torch
from anchored import (
    anchors,
    binarised,
    case_a,
    case_b,
    every_row,
    loaded,
    pylearn2_rbm,
    rbm,
    small,
    toy_dbm,
)

from genbench.datasets.mnist import MNIST
from genbench.likelihood import enumeration
from genbench.likelihood.boltzmann import log_f
from genbench.likelihood.enumeration import least_units, log_partition, log_prob
from genbench.protocols import Boltzmann

KNOWN = [
    (case_a, 161.639028365524),
    (case_b, 39.002397843541),
    (pylearn2_rbm, 215.138405525317),
]


@pytest.mark.parametrize(("machine", "log_Z"), KNOWN)
def test_log_Z_is_the_known_one(machine, log_Z):
    assert log_partition(machine()) == pytest.approx(log_Z, abs=1e-9)


@pytest.mark.parametrize("over", ["even", "odd", "smaller"])
def test_the_toy_dbm_has_its_log_Z_by_both_orders(over):
    assert log_partition(toy_dbm(), over) == pytest.approx(9.917126301787, abs=1e-9)


def test_the_toy_dbm_has_its_log_p_of_the_empty_row():
    found = log_prob(toy_dbm(), torch.zeros(2, 5))
    assert found.tolist() == pytest.approx([-8.067954277441] * 2, abs=1e-9)


@pytest.mark.parametrize(
    ("machine", "digest"),
    [(case_a, "2cdfefe3a5f947df3224ff8acd9ade0a"), (case_b, "95366516517e947c13bbbbdda995f7c9")],
)
def test_the_formulas_of_the_cases_give_the_stated_weights(machine, digest):
    stored = machine().weights[0].contiguous().numpy().tobytes()
    assert hashlib.sha256(stored).hexdigest().startswith(digest)


@pytest.mark.parametrize("widths", [(4, 3), (3, 5), (3, 4, 2), (2, 3, 2, 3), (3, 2, 2, 1, 2)])
def test_both_orders_are_the_sum_over_all_units(widths):
    machine = small(widths, 0)
    units = every_row(sum(widths)).double().split(widths, dim=1)
    log_f = sum(h @ b for h, b in zip(units, machine.biases, strict=True))
    log_f = log_f + sum(
        ((h @ W) * above).sum(1)
        for h, W, above in zip(units, machine.weights, units[1:], strict=False)
    )
    expected = log_f.logsumexp(0).item()
    assert log_partition(machine, "even") == pytest.approx(expected, abs=1e-12)
    assert log_partition(machine, "odd") == pytest.approx(expected, abs=1e-12)
    zeros = (units[0] == 0).all(dim=1)
    found = log_prob(machine, torch.zeros(1, widths[0])).item()
    assert found == pytest.approx(log_f[zeros].logsumexp(0).item() - expected, abs=1e-12)


@pytest.mark.parametrize("widths", [(5, 3), (5, 6, 3), (4, 3, 2, 3)])
def test_probabilities_of_all_rows_sum_to_one(widths):
    assert log_prob(small(widths, 1), every_row(widths[0])).exp().sum().item() == pytest.approx(1)


def test_the_size_of_a_block_changes_nothing_beyond_rounding(monkeypatch):
    machine, rows = small((4, 5, 3), 2), every_row(4)
    whole = log_prob(machine, rows)
    monkeypatch.setattr(enumeration, "NUMBERS", 40)
    monkeypatch.setattr(enumeration, "ROWS", 7)
    torch.testing.assert_close(log_prob(machine, rows), whole, rtol=0, atol=1e-12)


def test_more_than_25_units_on_the_smaller_side_are_refused():
    wide = rbm(torch.zeros(30, 26), torch.zeros(30), torch.zeros(26))
    assert least_units(wide) == 26
    with pytest.raises(ValueError, match="at most 25 units on the smaller side, got 26"):
        log_partition(wide)


def test_weights_that_do_not_fit_their_layers_are_refused():
    with pytest.raises(ValueError, match=r"layers of \[3, 2\] units, got shapes \[\(2, 3\)\]"):
        log_partition(Boltzmann((torch.zeros(2, 3),), (torch.zeros(3), torch.zeros(2))))


# mean log p of MNIST's test images above 127: the first 1,000 and all; and of the binarised ones
MEANS = [
    (case_a, 161.639028365524, -227.9073276430, -233.4145190966, -232.84194092),
    (case_b, 39.002397843541, -272.3617424242, -279.8923599069, -279.06580856),
    (pylearn2_rbm, 215.138405525317, -167.5652093049, -168.8388544083, -172.56364049),
]


@pytest.mark.data
@pytest.mark.parametrize(("machine", "log_Z", "first", "every", "of_2008"), MEANS)
def test_the_mean_log_p_of_the_test_images_is_the_known_one(machine, log_Z, first, every, of_2008):
    images = (MNIST(anchors().parent).split(0).test * 255 > 127.5).float()
    found = log_prob(machine(), images, log_Z)
    assert found[:1000].mean().item() == pytest.approx(first, abs=1e-9)
    assert found.mean().item() == pytest.approx(every, abs=1e-9)
    assert log_prob(machine(), binarised(), log_Z).mean().item() == pytest.approx(of_2008, abs=1e-8)


@pytest.mark.data
def test_the_other_machine_of_15_units_has_its_known_values():
    machine = loaded(anchors() / "rbm15_taherkhani.safetensors")
    log_Z = log_partition(machine)
    assert log_Z == pytest.approx(216.061544066097, abs=1e-9)
    found = log_prob(machine, binarised(), log_Z).mean().item()
    assert found == pytest.approx(-172.91460375, abs=1e-8)


@pytest.mark.data
def test_the_machine_of_2008_has_its_known_mean_log_f():
    machine = loaded(anchors() / "rbm500_cd25_salakhutdinov.safetensors")
    assert log_f(machine, binarised()).mean().item() == pytest.approx(364.92593388, abs=1e-6)
