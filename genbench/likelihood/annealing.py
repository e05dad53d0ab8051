# pyright: strict
"""Annealed importance sampling along any path of densities (Neal 2001).

f_0, .., f_T are densities up to their constants Z_t, at β_0, .., β_T; p_0 can be drawn from and Z_0
is known; the transition T_t leaves p_t as it is:
    log w = Σ_t log f_t(x_{t-1}) - log f_{t-1}(x_{t-1}),   x_0 ~ p_0,   x_t ~ T_t(· | x_{t-1})
    E[w] = Z_T / Z_0
So log mean w is at most log Z_T / Z_0 in expectation. From draws of p_T down to β_0, with falling
betas, the same sum has E[w] = Z_0 / Z_T.

Chains, and whatever is annealed beside them, are rows of one state. Random numbers come from
streams that are named by `seed` and the block of steps, so that none need be kept: what goes on
from a stored `Annealing` gives the bytes that it would have given without the stop.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from genbench.seeding import seeded

BLOCK = 250  # steps between two that can be stored
State: TypeAlias = Mapping[str, Tensor]
Step: TypeAlias = Callable[[State, float, float], tuple[Tensor, State]]
"""(x, β_{t-1}, β_t) -> log f_t(x) - log f_{t-1}(x), (n,), and the state that T_t leads to."""


@dataclass(frozen=True)
class Annealing:
    """Where the chains are after `step` of `total` steps.

    state: tensors by name, whatever the step takes and gives, step sizes of a sampler among them.
    log_weights: float64 (n,), log w so far, in nats.
    """

    step: int
    total: int
    state: State
    log_weights: Tensor

    def state_dict(self) -> dict[str, Tensor]:
        """All of it as flat tensors, for a file."""
        at = {"step": torch.tensor(self.step), "total": torch.tensor(self.total)}
        return at | {"log_weights": self.log_weights} | {f"x.{k}": v for k, v in self.state.items()}

    @staticmethod
    def of(tensors: Mapping[str, Tensor]) -> Annealing:
        """What `state_dict` was taken of."""
        state = {name[2:]: tensor for name, tensor in tensors.items() if name.startswith("x.")}
        step, total = int(tensors["step"]), int(tensors["total"])
        return Annealing(step, total, state, tensors["log_weights"])


def anneal(
    start: State | Annealing,
    step: Step,
    betas: Sequence[float],
    seed: Sequence[str | int],
    block: int = BLOCK,
) -> Iterator[Annealing]:
    """Anneals, and yields where it is after each `block` steps and at the end.

    start: draws x_0 of p_0, or a stored `Annealing` of the same betas, seed and block.
    seed: names the random numbers, such as ("ais", 0).

    Raises ValueError for fewer than two betas, and where a stored one is not of so many steps, or
    not at the end of a block.
    """
    total = len(betas) - 1
    at = start if isinstance(start, Annealing) else _begun(start, total)
    if total < 1:
        raise ValueError(f"annealing takes at least 2 betas, got {len(betas)}")
    if at.total != total or (at.step % block and at.step < total):
        raise ValueError(
            f"a stored annealing must be of {total} steps and at a multiple of {block}, "
            f"got step {at.step} of {at.total}: begin anew, or give its own betas and block"
        )
    while at.step < total:
        until = min(at.step + block, total)
        state, log_weights = at.state, at.log_weights.clone()
        with torch.no_grad(), seeded(*seed, at.step // block):
            for t in range(at.step, until):
                increment, state = step(state, betas[t], betas[t + 1])
                log_weights += increment
        at = Annealing(until, total, state, log_weights)
        yield at


def _begun(state: State, total: int) -> Annealing:
    first = next(iter(state.values()))
    weights = torch.zeros(len(first), dtype=torch.float64, device=first.device)
    return Annealing(0, total, state, weights)


def last(annealings: Iterable[Annealing]) -> Annealing:
    """The end of an annealing; raises ValueError where there is none."""
    ends = deque(annealings, maxlen=1)
    if not ends:
        raise ValueError("nothing is left to anneal: use the stored annealing itself")
    return ends[0]


def piecewise(*pieces: tuple[float, int]) -> tuple[float, ...]:
    """Betas from 0: for each piece (up to β, in so many equal steps).

    >>> piecewise((0.5, 2), (1.0, 1))
    (0.0, 0.25, 0.5, 1.0)
    """
    betas = [0.0]
    for until, steps in pieces:
        low = betas[-1]
        betas += [low + (until - low) * i / steps for i in range(1, steps)] + [until]
    return tuple(betas)


def log_mean(log_weights: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    """log mean w over `dim` and its standard error, sd(w) / (√n mean w); NaN for one weight.

    >>> log_mean(torch.tensor([1.0, 3.0]).log())
    (tensor(0.6931, dtype=torch.float64), tensor(0.5000, dtype=torch.float64))
    """
    n, log_weights = log_weights.shape[dim], log_weights.double()
    mean = log_weights.logsumexp(dim) - math.log(n)
    relative = (log_weights - mean.unsqueeze(dim)).exp()
    squares = (relative - 1).square().sum(dim)
    return mean, (squares / (n - 1)).sqrt() / math.sqrt(n) if n > 1 else mean * math.nan


def effective(log_weights: Tensor, dim: int = 0) -> Tensor:
    """The effective sample size over `dim`, (Σw)² / Σw², from 1 to n.

    >>> effective(torch.tensor([1.0, 3.0]).log())
    tensor(1.6000, dtype=torch.float64)
    """
    log_weights = log_weights.double()
    return (2 * log_weights.logsumexp(dim) - (2 * log_weights).logsumexp(dim)).exp()
