"""log(1 - D) against log D: the slopes of G's losses, and how long each takes from a bad start.

By the logit a of a fake, D = σ(a), G descends

    minimax           log(1 - D):      ∂/∂a = -D          (0 where D is sure of the fake)
    non-saturating    -log D:          ∂/∂a = -(1 - D)    (1 there)
    blend             half of each:    ∂/∂a = -½

A generator x = θ + z, z from N(0, 1), against data N(0, 1) has D* with a*(x) = θ²/2 - θ x, and
dθ/dt = -E[∂loss/∂a · ∂a*/∂x] = θ E[∂loss/∂a]. With D* the non-saturating slope is that of
KL(q || p) - 2 JSD(p || q) (Arjovsky and Bottou 2017), the minimax slope that of 2 JSD.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import expit

from genbench.figures.panels import Line, Panel, Picture
from genbench.theory import laws
from genbench.theory.claims import Number, Page
from genbench.theory.laws import Floats, Normal
from genbench.theory.recipes import recipe_of

Slope = Callable[[Floats], Floats]
NEAR = 0.1  # |θ| of an arrival


def minimax(a: Floats) -> Floats:
    """∂/∂a log(1 - σ(a)) = -σ(a) = -D."""
    return -expit(a)


def non_saturating(a: Floats) -> Floats:
    """∂/∂a -log σ(a) = -(1 - σ(a)) = -(1 - D)."""
    return -expit(-a)


def blend(a: Floats) -> Floats:
    """Half of each."""
    return (minimax(a) + non_saturating(a)) / 2


SLOPES: Mapping[str, Slope] = {
    "log(1 - D)": minimax,
    "-log D": non_saturating,
    "blend": blend,
}
_Z, _WEIGHT = np.polynomial.hermite_e.hermegauss(200)
_WEIGHT = _WEIGHT / _WEIGHT.sum()


def pull(theta: float, slope: Slope) -> float:
    """∂/∂θ E[loss] with D* held: E[∂loss/∂a ∂a*/∂x] = -θ E[slope(a*(θ + z))]."""
    a = theta**2 / 2 - theta * (theta + _Z)
    return float(-theta * (_WEIGHT @ slope(a)))


def walk(start: float, slope: Slope, rate: float, most: int) -> list[float]:
    """θ at each step of gradient descent with D* at each, until it is near 0."""
    seen = [start]
    while abs(seen[-1]) > NEAR and len(seen) <= most:
        seen.append(seen[-1] - rate * pull(seen[-1], slope))
    return seen


def pull_of_divergences(theta: float, of: Callable[[Normal, Normal], float]) -> float:
    """∂/∂θ of a divergence of N(0, 1) and N(θ, 1), by a central difference."""
    h, p = 1e-4, Normal(0, 1)
    return (of(p, Normal(theta + h, 1)) - of(p, Normal(theta - h, 1))) / (2 * h)


def twice_jsd(p: Normal, q: Normal) -> float:
    x, weights = laws.line(p, q)
    return 2 * laws.jsd_of_densities(p.log_density(x), q.log_density(x), weights)


def reverse_kl_less_jsd(p: Normal, q: Normal) -> float:
    """KL(q || p) - 2 JSD(p || q), KL(N(θ, 1) || N(0, 1)) = θ²/2."""
    return (q.mean - p.mean) ** 2 / 2 - twice_jsd(p, q)


def numbers(walks: Mapping[str, list[float]], start: float) -> list[Number]:
    a = np.array([math.log(0.01 / 0.99)])  # D(G(z)) = .01
    near = 1.5
    steps = {name: len(seen) - 1 for name, seen in walks.items()}
    aims = {"log(1 - D)": 0.01, "-log D": 0.99, "blend": 0.5}
    strength = [
        Number(f"|slope of {name}| at D(G(z)) = .01", -float(slope(a)[0]), aims[name], 1e-9)
        for name, slope in SLOPES.items()
    ]
    by_kl = pull_of_divergences(near, reverse_kl_less_jsd)
    by_jsd = pull_of_divergences(near, twice_jsd)
    slow, quick = steps["log(1 - D)"], steps["-log D"]
    return [
        *strength,
        Number(
            "pull of -log D at θ = 1.5, less that of KL(q || p) - 2 JSD",
            pull(near, non_saturating) - by_kl,
            0.0,
            1e-5,
        ),
        Number(
            "pull of log(1 - D) at θ = 1.5, less that of 2 JSD",
            pull(near, minimax) - by_jsd,
            0.0,
            1e-5,
        ),
        *(Number(f"steps of {name} from θ = {start:g}", n) for name, n in steps.items()),
        Number("-log D arrives in fewer steps than log(1 - D): 1 is yes", float(quick < slow), 1.0),
    ]


def saturation(preset: str, seed: int) -> Page:
    """Why G maximises log D early on."""
    recipe = recipe_of("saturation", preset)
    start = recipe["start"]
    walks = {n: walk(start, s, recipe["rate"], recipe["most"]) for n, s in SLOPES.items()}
    return Page(
        "saturation",
        "Why G maximises log D",
        [
            "Where D is sure of a fake, log(1 - D) is flat in the logit and -log D is steepest.",
            "Both losses pull G to the same place; only how soon differs.",
            "With D* the pull of -log D is not that of JSD but of KL(p_g || p_data) - 2 JSD.",
        ],
        numbers(walks, start),
        [_picture(walks, start, recipe["most"])],
    )


def _picture(walks: Mapping[str, list[float]], start: float, most: int) -> Picture:
    a = np.linspace(-8, 8, 200)
    slopes = [Line(n, expit(a), -s(a), i) for i, (n, s) in enumerate(SLOPES.items())]
    paths = [
        Line(name, np.arange(len(seen)) + 1, seen, i)
        for i, (name, seen) in enumerate(walks.items())
    ]
    ends = ", ".join(
        f"{name} {'is not there after' if len(seen) > most else 'in'} {len(seen) - 1:,} steps"
        for name, seen in walks.items()
    )
    return Picture(
        "saturation",
        [
            Panel("How hard a fake is pulled", "D(G(z))", "|∂ loss of G / ∂ logit|", slopes),
            Panel(
                "From a bad start",
                "step",
                "θ, the distance",
                paths,
                [],
                [(NEAR, "arrived")],
                log="x",
            ),
        ],
        f"Left: at D(G(z)) = 0 the slope of log(1 - D) is 0, of -log D 1, of the blend a half. "
        f"Right: from θ = {start:g} to within {NEAR:g}: {ends}.",
        [
            "left: the slope of G's loss in the logit of a fake, by what D says of it",
            "right: data N(0, 1), generator θ + z, D* at each step; the distance θ by steps of G",
        ],
        size=(4.0, 3.0),
    )
