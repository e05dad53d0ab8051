"""Dirac-GAN (Mescheder, Geiger and Nowozin 2018): the smallest game that need not converge.

Data are the point 0, the generator is the point θ, D(x) = σ(ψ x). So V = -log 2 - sp(ψ θ), and

    θ <- θ - h ∂V/∂θ = θ + h σ(ψθ) ψ        G descends
    ψ <- ψ + h ∂V/∂ψ = ψ - h σ(ψθ) θ        D ascends

Near (0, 0), where σ = ½, a step is a matrix. Its eigenvalues λ say what becomes of a small start:

    simultaneous        λ = 1 ± i h/2, |λ|² = 1 + h²/4 > 1        spirals out
    alternating         |λ| = 1                                   circles
    noise of variance s² on data and fakes, or a penalty ½ γ ψ²: -h c ψ in ψ's step, c = s²/2 or γ
                        |λ| = √(1 - h c + h²/4) < 1, if complex   spirals in
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from genbench.figures.panels import Line, Panel, Picture
from genbench.theory.claims import Number, Page
from genbench.theory.laws import Floats
from genbench.theory.recipes import recipe_of

Step = Callable[[Floats], Floats]  # (θ, ψ) -> (θ, ψ)
_E, _WEIGHT = np.polynomial.hermite_e.hermegauss(40)
_WEIGHT = _WEIGHT / _WEIGHT.sum()


def slopes(theta: float, psi: float, noise: float, penalty: float) -> tuple[float, float]:
    """∂V/∂θ and ∂V/∂ψ, where V = E[log σ(ψ s e)] + E[log σ(-ψ (θ + s e))] - ½ γ ψ²."""
    real, fake = noise * _E, theta + noise * _E
    d_fake = -expit(psi * fake)  # ∂ log σ(-a) / ∂a
    to_theta = _WEIGHT @ (d_fake * psi)
    to_psi = _WEIGHT @ (expit(-psi * real) * real + d_fake * fake) - penalty * psi
    return float(to_theta), float(to_psi)


def simultaneous(h: float, noise: float = 0.0, penalty: float = 0.0) -> Step:
    """Both players move by the slopes at the same place."""

    def step(at: Floats) -> Floats:
        to_theta, to_psi = slopes(at[0], at[1], noise, penalty)
        return np.array([at[0] - h * to_theta, at[1] + h * to_psi])

    return step


def alternating(h: float) -> Step:
    """D moves; then G, against the D that moved."""

    def step(at: Floats) -> Floats:
        psi = at[1] + h * slopes(at[0], at[1], 0.0, 0.0)[1]
        return np.array([at[0] - h * slopes(at[0], psi, 0.0, 0.0)[0], psi])

    return step


def eigenvalues(step: Step) -> Any:
    """Of the matrix ∂step/∂(θ, ψ) at (0, 0), by central differences."""
    e = 1e-5
    columns = [(step(e * unit) - step(-e * unit)) / (2 * e) for unit in np.eye(2)]
    return np.linalg.eigvals(np.stack(columns, axis=1))


def modulus(h: float, damping: float) -> float:
    """|λ| of a simultaneous step, -h c ψ in ψ's: √(1 - h c + h²/4), or the greater root if real."""
    inside = damping**2 - 1
    if inside < 0:
        return math.sqrt(1 - h * damping + h**2 / 4)
    return max(abs(1 + h / 2 * (-damping + sign * math.sqrt(inside))) for sign in (-1, 1))


def path(step: Step, steps: int, start: tuple[float, float] = (1.0, 0.0)) -> Floats:
    """(steps + 1, 2): where a game goes through."""
    seen = [np.array(start)]
    for _ in range(steps):
        seen.append(step(seen[-1]))
    return np.stack(seen)


def games(h: float, noise: float, penalty: float) -> dict[str, tuple[Step, float]]:
    """Each kind of step, and the greatest |λ| that the formula says."""
    return {
        "simultaneous": (simultaneous(h), modulus(h, 0.0)),
        "alternating": (alternating(h), 1.0),
        "instance noise": (simultaneous(h, noise=noise), modulus(h, noise**2 / 2)),
        "gradient penalty": (simultaneous(h, penalty=penalty), modulus(h, penalty)),
    }


def numbers(found: Mapping[str, tuple[Step, float]], paths: Mapping[str, Floats]) -> list[Number]:
    claims = []
    for name, (step, formula) in found.items():
        greatest = float(abs(eigenvalues(step)).max())
        claims.append(Number(f"greatest |λ|: {name}", greatest, formula, 1e-5))
    ends = {name: float(np.hypot(*seen[-1])) for name, seen in paths.items()}
    away = {
        "simultaneous": ends["simultaneous"] > 1.2,
        "alternating": 0.8 < ends["alternating"] < 1.25,
    }
    away |= {name: ends[name] < 0.1 for name in ("instance noise", "gradient penalty")}
    words = {"simultaneous": "moved away", "alternating": "stayed at about 1"}
    for name, right in away.items():
        did = words.get(name, "came within .1")
        claims.append(
            Number(f"{name} {did}, distance {ends[name]:.3g}: 1 is yes", float(right), 1.0)
        )
    return claims


def dirac(preset: str, seed: int) -> Page:
    """A game whose equilibrium is right and is not reached."""
    recipe = recipe_of("dirac", preset)
    found = games(recipe["rate"], recipe["noise"], recipe["penalty"])
    paths = {name: path(step, recipe["steps"]) for name, (step, _) in found.items()}
    return Page(
        "dirac",
        "Dirac-GAN: why training need not converge",
        [
            "The equilibrium is (0, 0), and simultaneous steps spiral away from it at every rate.",
            "Alternating steps circle around it; they neither come nearer nor go away for good.",
            "Noise on data and fakes, or a penalty on D's slope, makes D forget, and both arrive.",
        ],
        numbers(found, paths),
        [_picture(found, paths)],
    )


def _picture(found: Mapping[str, tuple[Step, float]], paths: Mapping[str, Floats]) -> Picture:
    panels = []
    circle = np.linspace(0, 2 * math.pi, 200)
    unit = Line("", np.cos(circle), np.sin(circle), "data")
    for i, (name, seen) in enumerate(paths.items()):
        both = Line("", seen[:, 0], seen[:, 1], i)
        panels.append(
            Panel(
                name, "θ (G)", "ψ (D)", [both], square=True, x_span=(-2.2, 2.2), y_span=(-2.2, 2.2)
            )
        )
    values = [
        Line(name, λ.real, λ.imag, i, True)
        for i, (name, (step, _)) in enumerate(found.items())
        for λ in [np.sort_complex(eigenvalues(step))]
    ]
    panels.append(
        Panel(
            "Eigenvalues, unit circle",
            "Re λ",
            "Im λ",
            [unit, *values],
            x_span=(0.78, 1.03),
            y_span=(-0.13, 0.13),
        )
    )
    ends = ", ".join(
        f"{name} ends {np.hypot(*seen[-1]):.2g} from it" for name, seen in paths.items()
    )
    return Picture(
        "dirac",
        panels,
        f"Four paths of (θ, ψ) from (1, 0); the equilibrium is (0, 0): {ends}. The last panel "
        "shows each one's eigenvalues: outside, on, and twice inside the unit circle.",
        [
            "the first four: the players' numbers, step by step",
            "the last: eigenvalues of a step at the equilibrium; dotted, the unit circle: outside "
            "it a game moves away, inside it comes nearer",
        ],
        across=3,
        size=(3.1, 3.0),
    )
