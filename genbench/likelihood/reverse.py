"""RAISE: what an annealing run itself gives rows (Burda, Grosse & Salakhutdinov 2015).

The chain of annealed importance sampling, x_0 ~ p_0, x_t ~ T_t, is a model of its own: the rows at
its end have a density p_ann, near p where the steps are many. Run backwards from a row x = x_T by
the same reversible sweeps, it is an unbiased estimate of that:
    w = f_T(x) / Z_0 · Π_t f_{t-1}(x_{t-1}) / f_t(x_{t-1}),   x_{t-1} ~ T_t(· | x_t)
    E[w] = p_ann(x)
A deeper machine keeps its odd layers s, and x ~ p(x | s_T) is drawn at the end; s_T is then drawn
from mean field's q(s | x), and f_T(x, s_T) / q(s_T | x) stands for f_T(x).

log w is below log p_ann(x) in expectation. In the mean over draws of p, log p_ann is below log p
by the divergence KL(p || p_ann). So of rows like p's own the mean is a lower bound, the lower the
fewer the steps are; of a single row, or of rows far from p, it need not be. It is called
conservative.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbench.likelihood.annealing import State
from genbench.likelihood.enumeration import softplus
from genbench.likelihood.gibbs_path import Annealer, Path, bits, keeps_visible
from genbench.likelihood.mean_field import variational
from genbench.protocols import Boltzmann
from genbench.seeding import seeded


@torch.no_grad()
def log_annealed(
    machine: Boltzmann, along: Path, annealer: Annealer, x: Tensor, chains: int = 1
) -> Tensor:
    """log mean w of so many chains from each binary row x `(n, d)`: nats, float64 `(n,)`.

    along: the machine's path, see `gibbs_path.path`.
    """
    rows = x.repeat_interleave(chains, dim=0)
    with seeded("raise", annealer.seed, "top"):
        s, log_f = _top(machine, along, rows)

    def start() -> State:
        return along.gibbs({"s": s}, 1)  # T_T

    log_w = log_f - along.log_Z_0 + annealer.falling("raise", along, start)
    return log_w.view(len(x), chains).logsumexp(dim=1) - math.log(chains)


def _top(machine: Boltzmann, along: Path, x: Tensor) -> tuple[Tensor, Tensor]:
    """The state s_T of each row, and log f_T(x) or log f_T(x, s_T) / q(s_T | x)."""
    if keeps_visible(machine):
        return x.to(along.b), along.log_f(x)
    q = variational(machine, x)[1].clamp(1e-6, 1 - 1e-6)
    s = bits(q)
    log_q = (s * q.log() + (1 - s) * (-q).log1p()).sum(dim=1)
    logits = along.c[: x.shape[1]].double() + s @ along.W[:, : x.shape[1]].double()
    log_x = (x.double() * logits - softplus(logits)).sum(dim=1)
    return s.to(along.b), log_x + along.log_f(s) - log_q
