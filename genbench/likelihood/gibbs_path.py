"""A path of densities to a Boltzmann machine, along which Gibbs sweeps move.

Units of even layers meet units of odd ones only. With s the side that is kept and the other one
summed out, the path from independent units of biases b_0 and c_0 is
    log f_β(s) = ((1-β) b_0 + β b)'s + Σ_j softplus((1-β) c_0j + β (c_j + (W's)_j))
    log Z_0 = Σ softplus(b_0) + Σ softplus(c_0)
(Salakhutdinov & Murray 2008). An RBM keeps its visible units; a deeper machine its odd layers, so
that pixels and the second hidden layer are summed out (Salakhutdinov & Hinton 2009). One sweep
draws the other side given s, then s; as a step from s to s it is reversible.

States are of the path's own type, float32 for speed; log weights are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from genbench.likelihood.annealing import Annealing, State, anneal, last, piecewise
from genbench.likelihood.enumeration import sides, softplus
from genbench.precision import float32_products
from genbench.protocols import Boltzmann
from genbench.seeding import seeded

SCHEDULE = piecewise((0.5, 500), (0.9, 4000), (1.0, 10_000))  # Salakhutdinov & Murray 2008
Watch = Callable[[str, Annealing], None]


@dataclass(frozen=True)
class Path:
    """From independent units to a machine.

    W `(kept, summed)`; b, b_0 `(kept,)`; c, c_0 `(summed,)`.
    """

    W: Tensor
    b: Tensor
    c: Tensor
    b_0: Tensor
    c_0: Tensor

    @property
    def log_Z_0(self) -> float:
        return float(softplus(self.b_0.double()).sum() + softplus(self.c_0.double()).sum())

    def draw(self, n: int) -> State:
        """n states of independent units, from torch's global generator."""
        return {"s": bits(self.b_0.sigmoid().expand(n, -1))}

    def step(self, state: State, before: float, beta: float) -> tuple[Tensor, State]:
        """The log ratio of f at two β, and one Gibbs sweep at the second; both share W's."""
        s, shift = state["s"], self.b - self.b_0
        a = torch.addmm(self.c - self.c_0, s, self.W)
        low, high = self.c_0 + before * a, self.c_0 + beta * a
        ratio = _softplus(high).sub_(_softplus(low)).sum(dim=1, dtype=torch.float64)
        ratio += (beta - before) * (s @ shift).double()
        t = bits(high.sigmoid_())
        s = bits(torch.addmm(self.b_0 + beta * shift, t, self.W.T, alpha=beta).sigmoid_())
        return ratio, {"s": s}

    def gibbs(self, state: State, steps: int) -> State:
        """The state after so many sweeps at β = 1."""
        for _ in range(steps):
            state = self.step(state, 1.0, 1.0)[1]
        return state

    def log_f(self, s: Tensor) -> Tensor:
        """log f_1 of states `(n, kept)`, float64 `(n,)`."""
        s = s.double()
        inner = softplus(self.c.double() + s @ self.W.double()).sum(dim=1)
        return s @ self.b.double() + inner


def _softplus(x: Tensor) -> Tensor:
    """In float32 what torch leaves out above 20, exp(-20), is below rounding."""
    return functional.softplus(x) if x.dtype == torch.float32 else softplus(x)


def bits(p: Tensor) -> Tensor:
    """Independent units, 1 with probability `p`, else 0."""
    return torch.rand_like(p).lt_(p)


def keeps_visible(machine: Boltzmann) -> bool:
    """Whether the path is of the visible units: of an RBM, not of a deeper machine."""
    return len(machine.biases) == 2


def path(machine: Boltzmann, biases: Tensor, dtype: torch.dtype = torch.float32) -> Path:
    """The path of a machine from visible biases `(d,)`; hidden units begin at bias 0."""
    both = sides(machine, dtype)
    even_0, odd_0 = torch.zeros_like(both.b), torch.zeros_like(both.c)
    even_0[: len(biases)] = biases.to(even_0)
    if keeps_visible(machine):
        return Path(both.W, both.b, both.c, even_0, odd_0)
    return Path(both.W.T.contiguous(), both.c, both.b, odd_0, even_0)


@dataclass(frozen=True)
class Annealer:
    """How a path is annealed: by which betas, by how many chains, from which random numbers.

    burn_in: Gibbs sweeps at β = 1 before the detector's runs backwards. watch: is told how far
    each stage is. stored: by stage, an `Annealing` of the same settings, where it goes on.
    """

    betas: Sequence[float] = SCHEDULE
    chains: int = 100
    seed: int = 0
    burn_in: int = 1000
    watch: Watch | None = None
    stored: Mapping[str, Annealing] = field(default_factory=dict[str, Annealing])

    def rising(self, stage: str, along: Path, start: Callable[[], State]) -> Tensor:
        """log w `(n,)` from β = 0 to 1; `start` draws the first state."""
        return self._weights(stage, along, start, self.betas)

    def falling(self, stage: str, along: Path, start: Callable[[], State]) -> Tensor:
        """log w `(n,)` from β = 1 to 0."""
        return self._weights(stage, along, start, self.betas[::-1])

    def _weights(
        self, stage: str, along: Path, start: Callable[[], State], betas: Sequence[float]
    ) -> Tensor:
        at = self.stored.get(stage)
        if at is None or at.step < at.total:
            with float32_products():
                at = last(self._watched(stage, along, at or self._begun(stage, start), betas))
        return at.log_weights

    def _begun(self, stage: str, start: Callable[[], State]) -> State:
        with torch.no_grad(), seeded(stage, self.seed, "start"):
            return start()

    def _watched(
        self, stage: str, along: Path, start: State | Annealing, betas: Sequence[float]
    ) -> Iterator[Annealing]:
        for at in anneal(start, along.step, betas, (stage, self.seed)):
            if self.watch is not None:
                self.watch(stage, at)
            yield at
