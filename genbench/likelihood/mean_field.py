"""The variational bound of a Boltzmann machine's rows, by mean field (Salakhutdinov & Hinton 2009).

With q(h | x) independent units of means μ, and H their entropy,
    log f(x) >= L(μ) = E_q[log f(x, h)] + H(q)
             = b_0'x + Σ_l b_l'μ_l + x'W_0 μ_1 + Σ_l μ_l'W_l μ_{l+1} + H(μ)
L is greatest over the odd layers at μ = σ(c + W'μ_even), and over the even ones likewise, so that
each step raises it. For an RBM the first step is exact and L(μ) = log f(x).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genbench.likelihood.enumeration import given, sides, softplus
from genbench.protocols import Boltzmann

STEPS = 1000  # at most
TOLERANCE = 1e-6  # of a mean, between two steps
ROWS = 500


@torch.no_grad()
def variational(machine: Boltzmann, x: Tensor) -> tuple[Tensor, Tensor]:
    """L in nats, float64 `(n,)`, of binary rows x `(n, d)`, and the means of the odd layers.

    The means, float64 `(n, units)`, are those of the layers 1, 3, .. side by side.
    """
    found = [_converged(machine, rows) for rows in x.double().split(ROWS)]
    bounds, means = zip(*found, strict=True)
    return torch.cat(bounds), torch.cat(means)


def _converged(machine: Boltzmann, x: Tensor) -> tuple[Tensor, Tensor]:
    steps = iterated(machine, x)
    found = next(steps)
    for after in steps:
        moved = float((after[1] - found[1]).abs().max())
        found = after
        if moved <= TOLERANCE:
            break
    return found


def iterated(machine: Boltzmann, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """L `(n,)` and the means of the odd layers, step by step, at most STEPS of them.

    Starts at even layers of 1/2, and moves the odd layers, which meet x, then the even ones. With
    the odd ones at μ the best even ones are summed out in closed form,
        L(μ) = b_0'x + b'μ + Σ_j softplus(c_j + (W'μ)_j) + H(μ)
    """
    above = sides(given(machine, x))
    W, b, c = above.W, above.b, above.c  # layer 1 is the first of the layers above x
    even = torch.full((len(x), W.shape[1]), 0.5, dtype=x.dtype, device=x.device)
    for _ in range(STEPS):
        logits = b + even @ W.T
        odd = logits.sigmoid()
        entropy = (softplus(logits) - logits * odd).sum(dim=1)
        inputs = c + odd @ W
        visible = x @ machine.biases[0].double()
        yield visible + (b * odd).sum(dim=1) + softplus(inputs).sum(dim=1) + entropy, odd
        even = inputs.sigmoid()
