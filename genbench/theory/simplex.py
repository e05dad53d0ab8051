"""Proposition 2 on finitely many states: p_g moves by the gradient of V, and meets p_data.

V(D, p_g) = Σ_i p_i log D_i + g_i log(1 - D_i) is linear in g, so C(g) = max_D V is convex in g, and
∂V/∂g_i at D* is a subgradient of C (here its gradient):

    ∂C/∂g_i = log(1 - D*_i) = log(g_i / (p_i + g_i)),    g <- Π(g - rate ∂C/∂g),

Π the nearest point of the simplex. The proof needs D* at each step, a step in the space of laws and
small rates; k steps of D, or a softmax for g, are outside it, and are shown beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from genbench.figures.panels import Line, Panel, Picture
from genbench.seeding import seeded
from genbench.theory import laws
from genbench.theory.claims import Number, Page
from genbench.theory.laws import Floats
from genbench.theory.recipes import recipe_of

P = np.array([0.35, 0.25, 0.15, 0.12, 0.08, 0.05])  # the data's law
START = np.array([0.02, 0.03, 0.05, 0.1, 0.3, 0.5])  # the generator's, at first


def nearest_law(y: Floats) -> Floats:
    """Π(y) = argmin over laws g of |g - y|: max(y - τ, 0), τ such that it sums to 1."""
    descending = np.sort(y)[::-1]
    taus = (np.cumsum(descending) - 1) / np.arange(1, len(y) + 1)
    tau = taus[np.flatnonzero(descending > taus)[-1]]
    return np.maximum(y - tau, 0.0)


def best_D(p: Floats, g: Floats) -> Floats:
    """D*_i = argmax_D p_i log D + g_i log(1 - D) = p_i / (p_i + g_i)."""
    return laws.best_D(np.log(p), np.log(np.maximum(g, 1e-300)))


def slope(D: Floats) -> Floats:
    """∂V/∂g_i = log(1 - D_i): G minimises V."""
    return np.log(np.maximum(1 - D, 1e-300))


def cost(g: Floats) -> float:
    """C(g) = -log 4 + 2 JSD(p || g)."""
    return laws.EQUILIBRIUM + 2 * laws.jsd(P, g)


@dataclass(frozen=True)
class Walk:
    """The laws that a player of G goes through."""

    name: str
    laws: Sequence[Floats]

    @property
    def costs(self) -> list[float]:
        """C of each law, above its least value."""
        return [cost(g) - laws.EQUILIBRIUM for g in self.laws]


def with_best_D(steps: int, rate: float) -> Walk:
    """Proposition 2 as it stands."""
    g, seen = START, [START]
    for _ in range(steps):
        g = nearest_law(g - rate * slope(best_D(P, g)))
        seen.append(g)
    return Walk("D* at each step", seen)


def with_k_steps(steps: int, rate: float, k: int, rate_D: float) -> Walk:
    """Algorithm 1: D_i = σ(a_i) ascends V k times, a <- a + rate_D (p σ(-a) - g σ(a)); then g."""
    g, a, seen = START, np.zeros_like(P), [START]
    for _ in range(steps):
        for _ in range(k):
            a = a + rate_D * (P * expit(-a) - g * expit(a))
        g = nearest_law(g - rate * slope(expit(a)))
        seen.append(g)
    return Walk(f"{k} step{'s' * (k > 1)} of D", seen)


def with_softmax(steps: int, rate: float) -> Walk:
    """g = softmax(θ) and D*: ∂C/∂θ_i = g_i (s_i - Σ_j g_j s_j), s the slope; not convex in θ."""
    theta, seen = np.log(START), [START]
    for _ in range(steps):
        g = softmax(theta)
        s = slope(best_D(P, g))
        theta = theta - rate * g * (s - g @ s)
        seen.append(softmax(theta))
    return Walk("D*, g a softmax", seen)


def argmax_on_grid(p: float, g: float, best: Callable[[Floats], np.intp] = np.argmax) -> float:
    """The D in (0, 1) at which p log D + g log(1 - D) is greatest, by trying 99,999 of them."""
    D = np.linspace(0, 1, 100_001)[1:-1]
    return float(D[best(p * np.log(D) + g * np.log1p(-D))])


def least_middle(pairs: int = 2000) -> float:
    """The least of ½ C(g) + ½ C(h) - C(½ (g + h)) over random laws: at least 0, C is convex."""
    grid = np.random.dirichlet(np.ones(len(P)), (pairs, 2))
    return min(cost(g) / 2 + cost(h) / 2 - cost((g + h) / 2) for g, h in grid)


def numbers(walks: Sequence[Walk]) -> list[Number]:
    first, last = walks[0], walks[0].laws[-1]
    rises = max(np.diff(first.costs))
    tried = np.array([argmax_on_grid(p, g) for p, g in zip(P, START, strict=True)])
    by_grid = float(np.abs(tried - best_D(P, START)).max())
    return [
        Number("|argmax_D V by trying - p / (p + q)|, largest over states", by_grid, 0.0, 1e-5),
        Number("|p_g - p_data|, largest, after all steps with D*", abs(last - P).max(), 0.0, 1e-3),
        Number("C(G) at the end with D*", cost(last), laws.EQUILIBRIUM, 1e-5),
        Number("largest rise of C(G) in one step with D*", max(rises, 0.0), 0.0, 1e-12),
        Number("how far C lies above its chords, at most", max(-least_middle(), 0.0), 0.0, 1e-12),
        *(Number(f"C(G) at the end: {w.name}", laws.EQUILIBRIUM + w.costs[-1]) for w in walks[1:]),
    ]


def simplex(preset: str, seed: int) -> Page:
    """Proposition 2 as it stands, and what is left of it without its conditions."""
    recipe = recipe_of("simplex", preset)
    steps, rate = recipe["steps"], recipe["rate"]
    walks = [
        with_best_D(steps, rate),
        *(with_k_steps(steps, rate, k, recipe["rate_D"]) for k in recipe["k"]),
        with_softmax(steps, rate),
    ]
    with seeded("theory", "simplex", seed):
        found = numbers(walks)
    return Page(
        "simplex",
        "Proposition 2 on a discrete world",
        [
            "With D* at each step and small steps in the space of laws, p_g goes to p_data: C(G) "
            "is convex and falls to -log 4.",
            "With k steps of D instead, G follows a D that lags behind: few steps make it swing.",
            "With a softmax for p_g the cost is no longer convex in the parameters; here it still "
            "arrives, more slowly where a state has little mass.",
        ],
        found,
        [_picture(walks)],
    )


def _picture(walks: Sequence[Walk]) -> Picture:
    steps = np.arange(1, len(walks[0].laws))
    floor = 1e-9
    costs = [Line(w.name, steps, np.maximum(w.costs[1:], floor), i) for i, w in enumerate(walks)]
    states, early = np.arange(len(P)) + 1, len(steps) // 50
    bars = [
        Line("p_data", states, P, "data", True),
        *(Line(w.name, states, w.laws[early], i, True) for i, w in enumerate(walks)),
    ]
    ends = "; ".join(f"{w.name}: {w.costs[-1]:.1e}" for w in walks)
    return Picture(
        "simplex",
        [
            Panel("C(G) above -log 4", "step of G", "2 JSD, nats", costs, log="xy"),
            Panel(f"The laws after {early} steps", "state", "mass", bars, y_span=(0, 0.6)),
        ],
        f"What is left of 2 JSD after {len(steps)} steps of G on {len(P)} states: {ends}.",
        [
            "left: how far C(G) lies above its least value, -log 4, by steps of G; 1e-9 and less "
            "stand at the floor",
            f"right: the mass of each state after {early} steps of G; p_data is dotted",
        ],
        size=(4.4, 3.2),
    )
