"""Exact likelihoods of small Boltzmann machines, by a sum over the states of one side.

In a layered machine units of even layers meet units of odd layers only. With s the units of one
side and t those of the other,
    log f(s, t) = b's + c't + s'Wt
    log Z = log Σ_s exp(b's) Π_j (1 + exp(c_j + (W's)_j))
takes 2^|s| terms. With the visible units x fixed, the layers above are such a machine too, whose
first layer has the biases b_1 + W_0'x:
    log p(x) = b_0'x + log Z(x) - log Z
All in float64; states come in blocks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from genbench.protocols import Boltzmann

MOST = 25  # units of the side that is summed over
NUMBERS = 2**20  # float64 of a block
ROWS = 256


@dataclass(frozen=True)
class Sides:
    """log f(s, t) = b's + c't + s'Wt: s of even layers, t of odd ones, or after `swapped` not.

    W (|s|, |t|); b (|s|,) and c (|t|,), or a row of them for each of n machines, `(n, ...)`.
    """

    W: Tensor
    b: Tensor
    c: Tensor

    @property
    def swapped(self) -> Sides:
        return Sides(self.W.T, self.c, self.b)

    @property
    def smaller(self) -> Sides:
        """With the side of fewer units first."""
        return self if self.W.shape[0] <= self.W.shape[1] else self.swapped


def sides(machine: Boltzmann, dtype: torch.dtype = torch.float64) -> Sides:
    """The even and the odd layers of a machine; the odd side may have no unit.

    Biases may be rows `(n, units)` of several machines with the same weights.

    Raises ValueError where the shapes of weights and biases do not fit.
    """
    weights, biases = machine.weights, [bias.to(dtype) for bias in machine.biases]
    widths = [bias.shape[-1] for bias in biases]
    shapes = [tuple(W.shape) for W in weights]
    if shapes != [*pairwise(widths)]:
        raise ValueError(f"weights must be between layers of {widths} units, got shapes {shapes}")
    places = [sum(widths[layer % 2 : layer : 2]) for layer in range(len(widths))]
    W = biases[0].new_zeros(sum(widths[::2]), sum(widths[1::2]))
    for lower, between in enumerate(weights):
        even, odd = (lower, lower + 1) if lower % 2 == 0 else (lower + 1, lower)
        rows = slice(places[even], places[even] + widths[even])
        columns = slice(places[odd], places[odd] + widths[odd])
        W[rows, columns] = between.to(dtype) if lower % 2 == 0 else between.T.to(dtype)
    return Sides(W, _joined(biases[::2], W), _joined(biases[1::2], W))


def _joined(biases: list[Tensor], like: Tensor) -> Tensor:
    """The biases of one side, as rows where any of them are."""
    if not biases:
        return like.new_zeros(0)
    n = max((len(bias) for bias in biases if bias.ndim == 2), default=0)
    return torch.cat([b.expand(n, -1) if n else b for b in biases], dim=-1)


def least_units(machine: Boltzmann) -> int:
    """How many units the smaller side has."""
    widths = [bias.shape[-1] for bias in machine.biases]
    return min(sum(widths[::2]), sum(widths[1::2]))


@torch.no_grad()
def log_partition(machine: Boltzmann, over: Literal["smaller", "even", "odd"] = "smaller") -> float:
    """log Z in nats, summed over the states of one side; raises ValueError above 25 units of it."""
    both = sides(machine)
    one = {"smaller": both.smaller, "even": both, "odd": both.swapped}[over]
    return float(_log_sum(one))


@torch.no_grad()
def log_prob(machine: Boltzmann, x: Tensor, log_Z: float | None = None) -> Tensor:
    """log p(x), nats, float64 `(n,)`, of binary rows x `(n, d)`.

    log_Z: where it is known; else it is summed, which raises ValueError as `log_partition`.
    """
    return log_unnormalised(machine, x) - (log_partition(machine) if log_Z is None else log_Z)


@torch.no_grad()
def log_unnormalised(machine: Boltzmann, x: Tensor) -> Tensor:
    """b_0'x + log Z(x), the log of f(x) with all other units summed out, float64 `(n,)`.

    Raises ValueError where the layers above have more than 25 units on either side; an RBM, which
    has one such layer, takes no sum.
    """
    x = x.double()
    parts = [_log_sum(sides(given(machine, rows)).smaller) for rows in x.split(ROWS)]
    return x @ machine.biases[0].double() + torch.cat(parts)


def given(machine: Boltzmann, x: Tensor) -> Boltzmann:
    """The layers above the visible one, as a machine for each row x `(n, d)`."""
    lowest = machine.biases[1].double() + x.double() @ machine.weights[0].double()
    return Boltzmann(machine.weights[1:], (lowest, *machine.biases[2:]))


def _log_sum(one: Sides) -> Tensor:
    """log Σ_s exp(b's) Π_j (1 + exp(c_j + (W's)_j)): of each machine, or the only one."""
    units, others = one.W.shape
    if units > MOST:
        raise ValueError(
            f"a sum over states takes at most {MOST} units on the smaller side, got {units}: "
            "use annealed importance sampling"
        )
    b, c = torch.atleast_2d(one.b), torch.atleast_2d(one.c)
    total = b.new_full((max(len(b), len(c)),), -torch.inf)
    for s in _states(units, NUMBERS // max(len(c) * others, len(b), 1), one.W):
        terms = b @ s.T + softplus(c[:, None] + s @ one.W).sum(dim=2)
        total = torch.logaddexp(total, terms.logsumexp(dim=1))
    return total if max(one.b.ndim, one.c.ndim) == 2 else total[0]


def _states(units: int, size: int, like: Tensor) -> Iterator[Tensor]:
    """All 2^units rows of zeros and ones, in blocks of `size`."""
    place = torch.arange(units, device=like.device)
    for begin in range(0, 2**units, max(size, 1)):
        number = torch.arange(begin, min(begin + max(size, 1), 2**units), device=like.device)
        yield (number[:, None] >> place & 1).to(like)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), exact to rounding: torch's own is off by 2e-9 above 20."""
    return functional.softplus(x, threshold=50)
