# pyright: strict
"""Annealed importance sampling of a decoder's log p(x), by chains that move by HMC.

From prior to posterior, K + 1 densities, weights in float64:
    π_k(t) ∝ N(t; 0, I) p(x|t)^β_k,   β_k = (σ(s_k) - σ(-4)) / (σ(4) - σ(-4)),   s_k from -4 to 4
    forward   t_0 ~ π_0;      log w += (β_k - β_(k-1)) log p(x|t),  then HMC at β_k;  k = 1 .. K
              E w = p(x): log mean w is at most log p(x), in expectation
    reverse   t_K ~ p(t|x);   log w += (β_(k-1) - β_k) log p(x|t),  then HMC at β_(k-1);  K .. 1
              E w = 1 / p(x): -log mean w is at least log p(x), in expectation
Both hold if the steps of HMC do not depend on what these chains did. So a pilot run, from the prior
too, adapts the step of each row, and the runs that count take the pilot's at each β.

Sources: Neal 2001 (annealed importance sampling); Wu et al. 2017 (decoders, the schedule); Grosse,
Ghahramani, Adams 2015 (both directions).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.likelihood import hmc
from genbench.likelihood.annealing import Annealing, State, Step, anneal
from genbench.likelihood.hmc import Point
from genbench.likelihood.observations import OfRows
from genbench.seeding import seeded

RADIUS = 4.0  # of the sigmoid schedule
BLOCK = 25  # transitions between two that can be stored: seconds, of a large decoder


def schedule(T: int) -> list[float]:
    """β_0 = 0 to β_(T-1) = 1 of T distributions; raises ValueError for fewer than 2.

    >>> [round(beta, 4) for beta in schedule(5)]
    [0.0, 0.105, 0.5, 0.895, 1.0]
    """
    if T < 2:
        raise ValueError(f"annealing takes at least 2 distributions, got {T}")
    places = [1 / (1 + math.exp(RADIUS * (1 - 2 * k / (T - 1)))) for k in range(T)]
    first, final = places[0], places[-1]
    return [(place - first) / (final - first) for place in places]


@dataclass(frozen=True)
class Steps:
    """Steps of HMC for n rows by β: `betas` rising, (K,), and `sizes` (K, n) or (K, 1), float64."""

    betas: Tensor
    sizes: Tensor

    def at(self, beta: float) -> Tensor:
        """ε of each row, (n,): between the neighbours of β, by logarithms."""
        high = int(torch.searchsorted(self.betas, beta).clamp(1, len(self.betas) - 1))
        low = high - 1
        span = (self.betas[high] - self.betas[low]).item()
        share = min(max((beta - self.betas[low].item()) / span, 0.0), 1.0)
        return torch.lerp(self.sizes[low].log(), self.sizes[high].log(), share).exp()

    def of_any_row(self) -> Steps:
        """For other rows of the same kind, (K, 1): the geometric mean over these."""
        return Steps(self.betas, self.sizes.log().mean(dim=1, keepdim=True).exp())


def pilot(
    of_rows: OfRows, T: int, chains: int, seed: int, stored: Annealing | None = None
) -> Iterator[Annealing]:
    """A run that adapts ε, of each row by the mean acceptance of its chains; see `steps_of`.

    stored: where one of the same arguments was; it goes on there.
    """

    def step(x: State, before: float, beta: float) -> tuple[Tensor, State]:
        chosen = x["step"]
        point, chance = hmc.transition(_point(x), chosen, beta, of_rows)
        mean = chance.view(chains, -1).mean(dim=0).repeat(chains)
        used = torch.cat([x["used"], chosen.view(chains, -1)[:1]])
        return (beta - before) * x["value"], {
            **_state(point, x["moved"] + chance),
            "step": hmc.adapted(chosen, mean),
            "used": used,
        }

    stream = ("decoder", seed, "pilot", T)
    start = stored or _unadapted(_from_prior(of_rows, chains, stream), len(of_rows.x))
    yield from anneal(start, step, schedule(T), stream, BLOCK)


def _unadapted(begun: State, n: int) -> State:
    """The longest steps, which suit the prior, and none that were used."""
    first = torch.full_like(begun["value"], hmc.MOST)
    return {**begun, "step": first, "used": first.new_empty(0, n)}


def steps_of(ended: Annealing) -> Steps:
    """The steps that a pilot run of T distributions took."""
    sizes = ended.state["used"]
    betas = torch.tensor(schedule(ended.total + 1)[1:], dtype=torch.float64)
    return Steps(betas, sizes)


def forward(
    of_rows: OfRows, T: int, chains: int, seed: int, steps: Steps, stored: Annealing | None = None
) -> Iterator[Annealing]:
    """The run from the prior, over T distributions; log weights are chain by chain, (m n,)."""
    stream = ("decoder", seed, "forward", T)
    start = stored or _from_prior(of_rows, chains, stream)
    yield from anneal(start, _by(of_rows, steps, chains), schedule(T), stream, BLOCK)


def reverse(
    of_rows: OfRows, T: int, chains: int, seed: int, steps: Steps, truth: Tensor
) -> Iterator[Annealing]:
    """The run from draws t of p(t|x), (n, c), back to the prior."""
    stream = ("decoder", seed, "reverse", T)
    start = _begun(truth.repeat(chains, 1), of_rows)
    betas = schedule(T)[::-1]
    yield from anneal(start, _by(of_rows, steps, chains), betas, stream, BLOCK)


def _by(of_rows: OfRows, steps: Steps, chains: int) -> Step:
    """The weight of a change of β, then HMC with the pilot's steps."""

    n = len(of_rows.x)

    def step(x: State, before: float, beta: float) -> tuple[Tensor, State]:
        sizes = steps.at(beta).expand(n).repeat(chains)
        point, chance = hmc.transition(_point(x), sizes, beta, of_rows)
        return (beta - before) * x["value"], _state(point, x["moved"] + chance)

    return step


def _from_prior(of_rows: OfRows, chains: int, stream: tuple[str | int, ...]) -> dict[str, Tensor]:
    with seeded(*stream, "start"):
        t = of_rows.x.new_empty(chains * len(of_rows.x), of_rows.decoder.width).normal_()
    return _begun(t, of_rows)


def _begun(t: Tensor, of_rows: OfRows) -> dict[str, Tensor]:
    point = hmc.at(t, of_rows)
    return _state(point, torch.zeros_like(point.value))


def _state(point: Point, moved: Tensor) -> dict[str, Tensor]:
    """moved: the sum over transitions of each chain's chance to move."""
    return {"t": point.t, "value": point.value, "slope": point.slope, "moved": moved}


def _point(x: State) -> Point:
    return Point(x["t"], x["value"], x["slope"])


def acceptance(ended: Annealing) -> float:
    """The mean chance to move."""
    return ended.state["moved"].mean().item() / max(ended.step, 1)


def lower(log_w: Tensor) -> Tensor:
    """log mean w of each row, (n,), of log w (m, n): at most log p(x), in expectation."""
    return log_w.logsumexp(dim=0) - math.log(len(log_w))


def stderr_of_chains(log_w: Tensor) -> float | None:
    """The error of the mean over rows of log mean w, the rows fixed, by leaving out each chain.

    None for a single chain, of which none is known.
    """
    m, n = log_w.shape
    if m == 1:
        return None
    without = torch.stack([lower(torch.cat([log_w[:i], log_w[i + 1 :]])) for i in range(m)])
    squares = (without - without.mean(dim=0)).square().sum()
    return math.sqrt((m - 1) / m * squares.item()) / n
