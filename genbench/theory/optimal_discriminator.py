"""Proposition 1: for a fixed G the best D is p / (p + q), and then V = -log 4 + 2 JSD.

G is fixed at G(z) = σ z + μ, so that q = N(μ, σ²); D trains alone, by the same `fit`, until it can
do no better. What it then says is held against p / (p + q), by quadrature over the line:

    V(D) against C(G),   (C(G) + log 4) / 2 against JSD,   L_D against log 2 - JSD,
    ∫ ½ (p + q) |D - D*|.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genbench.figures.panels import Line, Panel, Picture
from genbench.theory import laws, training
from genbench.theory.claims import Number, Page
from genbench.theory.laws import Floats, Normal
from genbench.theory.recipes import Recipe, recipe_of

EXACT, NEAR = 1e-5, 0.01


@dataclass(frozen=True)
class Pair:
    """Data p, generator q, and JSD and C(G) as numerical integration gave them, to 6 digits."""

    p: Normal
    q: Normal
    jsd: float
    cost: float

    @property
    def name(self) -> str:
        return f"{self.p}, {self.q}"


UNIT, FIGURE_1 = Normal(0, 1), Normal(4, 1.25)
PAIRS = (
    Pair(UNIT, Normal(0, 1), 0.0, -1.386294),
    Pair(UNIT, Normal(0.5, 1), 0.030311, -1.325672),
    Pair(UNIT, Normal(1, 1), 0.111421, -1.163451),
    Pair(UNIT, Normal(2, 1), 0.336831, -0.712633),
    Pair(UNIT, Normal(4, 1), 0.632720, -0.120854),
    Pair(UNIT, Normal(0, 2), 0.092733, -1.200828),
    Pair(UNIT, Normal(0, 0.5), 0.092733, -1.200828),
    Pair(Normal(4, 0.5), UNIT, 0.681872, -0.022551),
    Pair(FIGURE_1, UNIT, 0.595179, -0.195936),
    Pair(FIGURE_1, Normal(4, 1), 0.011953, -1.362388),
)


@dataclass(frozen=True)
class Trained:
    """A D that trained alone against a pair: its logits on points x of the line."""

    pair: Pair
    x: Floats
    weights: Floats
    a: Floats

    @property
    def logs(self) -> tuple[Floats, Floats]:
        return self.pair.p.log_density(self.x), self.pair.q.log_density(self.x)

    @property
    def value(self) -> float:
        """V(D), by quadrature: no draw of D's training is in it."""
        return laws.value(*self.logs, self.a, self.weights)

    @property
    def gap(self) -> float:
        """∫ ½ (p + q) |D - D*|."""
        log_p, log_q = self.logs
        both = (np.exp(log_p) + np.exp(log_q)) / 2
        off = np.abs(1 / (1 + np.exp(-self.a)) - laws.best_D(log_p, log_q))
        return float(np.sum(self.weights * both * off))


def by_quadrature(pair: Pair) -> list[Number]:
    """The table's numbers, and both sides of C(G) = -log 4 + 2 JSD."""
    x, weights = laws.line(pair.p, pair.q)
    log_p, log_q = pair.p.log_density(x), pair.q.log_density(x)
    jsd = laws.jsd_of_densities(log_p, log_q, weights)
    cost = laws.cost(log_p, log_q, weights)
    loss = laws.loss_of_D(log_p, log_q, log_p - log_q, weights)
    return [
        Number(f"JSD of {pair.name}", jsd, pair.jsd, EXACT),
        Number(f"C(G) of {pair.name}", cost, pair.cost, EXACT),
        Number(f"-log 4 + 2 JSD of {pair.name}", laws.EQUILIBRIUM + 2 * jsd, pair.cost, EXACT),
        Number(f"L_D of D* on {pair.name}: log 2 - JSD", loss, math.log(2) - pair.jsd, EXACT),
        Number(f"∫ p of {pair.name}", float(np.sum(weights * np.exp(log_p))), 1.0, EXACT),
    ]


def fixed_at(model: Any, law: Normal) -> dict[str, torch.Tensor]:
    """The state of a model whose G is z -> σ z + μ; only of one whose G is affine."""
    given = training.state(model)
    weight, bias = (name for name in given if name.startswith("G."))
    given[weight].fill_(law.std)
    given[bias].fill_(law.mean)
    return given


def train(pair: Pair, recipe: Recipe, seed: int) -> Trained:
    """D alone, G fixed."""
    stream = ("theory", "optimal discriminator", pair.name, seed)
    normal = training.drawn(lambda n: torch.randn(n, 1), recipe["rows"], *stream)
    rows = pair.p.mean + pair.p.std * normal
    model = training.built(recipe, 1, stream)
    critic = training.retrained(recipe, fixed_at(model, pair.q), rows, (*stream, "D"))
    x, weights = laws.line(pair.p, pair.q, points=8001)
    a = critic.logit(torch.from_numpy(x).float()[:, None]).numpy()
    return Trained(pair, x, weights, a)


def of_training(one: Trained, near: float | None) -> list[Number]:
    """V, JSD and D of a trained D; near: how near they should be, None: nothing is claimed."""
    name, within = one.pair.name, near or 0.0

    def aim(value: float) -> float | None:
        return None if near is None else value

    return [
        Number(f"V of the trained D on {name}", one.value, aim(one.pair.cost), within),
        Number(
            f"JSD by the trained D on {name}",
            (one.value - laws.EQUILIBRIUM) / 2,
            aim(one.pair.jsd),
            within,
        ),
        Number(f"mean |D - D*| on {name}", one.gap, aim(0.0), within),
    ]


def optimal_discriminator(preset: str, seed: int) -> Page:
    """D trains to its optimum for each pair of laws, and meets p / (p + q)."""
    recipe = recipe_of("optimal_discriminator", preset)
    pairs = PAIRS[: recipe["pairs"]]
    found = [train(pair, recipe, seed) for pair in pairs]
    near = NEAR if recipe["judged"] else None
    return Page(
        "optimal_discriminator",
        "Proposition 1: the best D is p / (p + q)",
        [
            "D* is the argmax of V over D, the argmin of L_D = -V / 2.",
            "V at D* measures how far G is from the data: -log 4 + 2 JSD.",
            "A trained D reaches it from below; D and D* differ where nobody draws a row.",
        ],
        [
            *(number for pair in PAIRS for number in by_quadrature(pair)),
            *(number for one in found for number in of_training(one, near)),
        ],
        [_picture(found)],
    )


def _picture(found: Sequence[Trained]) -> Picture:
    panels = []
    for one in found:
        log_p, log_q = one.logs
        low = min(law.mean - 3.5 * law.std for law in (one.pair.p, one.pair.q))
        high = max(law.mean + 3.5 * law.std for law in (one.pair.p, one.pair.q))
        shown = (one.x >= low) & (one.x <= high)
        x = one.x[shown]
        lines = [
            Line("p", x, np.exp(log_p[shown]), "data"),
            Line("q", x, np.exp(log_q[shown]), "generator"),
            Line("D, trained", x, 1 / (1 + np.exp(-one.a[shown])), "critic"),
            Line("D* = p / (p + q)", x, laws.best_D(log_p, log_q)[shown], "optimum"),
        ]
        panels.append(Panel(one.pair.name, "x", "", lines, y_span=(0, 1.02)))
    worst = max(one.gap for one in found)
    off = max(abs(one.value - one.pair.cost) for one in found)
    return Picture(
        "optimal_discriminator",
        panels,
        f"{len(found)} pairs of normal laws p and q; in each D, trained alone, lies on "
        f"p / (p + q) where there are rows. The largest mean distance is {worst:.4f}, of V from "
        f"C(G) {off:.4f}.",
        [
            "p, the data, dotted; q, the generator, solid; D dashed; D* dash-dotted and thin",
            "where neither law has mass nobody tells D what to say",
        ],
        across=3,
        size=(3.1, 2.2),
    )
