"""Boltzmann machines whose exact values are known, by formula or by others' weights."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genbench.likelihood.enumeration import log_partition, log_prob
from genbench.protocols import Boltzmann
from genbench.seeding import seeded

FIXTURES = Path(__file__).parents[1] / "fixtures" / "likelihood"


def rbm(W, b, c):
    return Boltzmann((torch.as_tensor(W),), (torch.as_tensor(b), torch.as_tensor(c)))


def case_a():
    """log Z 161.639028365524."""
    i, j = np.arange(784)[:, None], np.arange(16)[None]
    row, column = np.divmod(np.arange(784), 28)
    sq_dist = (row - 13.5) ** 2 + (column - 13.5) ** 2
    b = np.maximum(np.rint(1024 * (0.5 - sq_dist / 40)) / 1024, -6.0)
    return rbm(np.rint(1024 * np.sin((i + 1.0) * (j + 1.0))) / 1024, b, np.full(16, -19.25))


def case_b(shift=0.0, order=None):
    """log Z 39.002397843541: all hidden units are off with p .4026, all on with .5845."""
    row, column = np.divmod(np.arange(784), 28)
    j = np.arange(16) if order is None else np.asarray(order)
    sq_dist = (row[:, None] - (3.5 + 7 * (j // 4))) ** 2
    sq_dist = sq_dist + (column[:, None] - (3.5 + 7 * (j % 4))) ** 2
    W = np.rint(2048 * np.exp(-sq_dist / 32)) / 1024
    return rbm(W, np.full(784, -3.0), np.full(16, -43.625 + shift))


def pylearn2_rbm():
    """log Z 215.138405525317."""
    return loaded(FIXTURES / "rbm15_pylearn2.safetensors")


def toy_dbm():
    """log Z 9.917126301787, log p(0) -8.067954277441."""
    p = load_file(FIXTURES / "dbm_5_6_7_pylearn2.safetensors")
    return Boltzmann((p["W1"], p["W2"]), (p["b0"], p["b1"], p["b2"]))


def loaded(file):
    p = load_file(file)
    return rbm(p["W"], p["b"], p["c"])


def anchors():
    """The folder of external weights; skips without it."""
    folder = Path(os.environ.get("GENBENCH_DATA", "absent"), "anchors").resolve()
    if not folder.is_dir():
        pytest.skip("GENBENCH_DATA names no folder that holds anchors/")
    return folder


def binarised():
    """The binarised test images of 2008, (10000, 784)."""
    packed = np.load(anchors() / "binarized_test_packbits.npy")
    return torch.from_numpy(np.unpackbits(packed, axis=1)[:, :784].copy()).float()


def small(widths, seed, scale=1.5):
    """A machine of so many units a layer, with normal weights and biases."""
    with seeded("small machine", seed):
        weights = [scale * torch.randn(n, m).double() for n, m in pairwise(widths)]
        return Boltzmann(tuple(weights), tuple(torch.randn(n).double() for n in widths))


def every_row(d):
    return ((torch.arange(2**d)[:, None] >> torch.arange(d)) & 1).float()


def drawn(machine, n, seed):
    """n exact draws of a machine of few visible units."""
    rows = every_row(len(machine.biases[0]))
    p = log_prob(machine, rows, log_partition(machine)).exp()
    with seeded("drawn", seed):
        return rows[torch.multinomial(p, n, replacement=True)]
