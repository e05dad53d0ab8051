"""A ladder of one-dimensional Gaussians, whose divergences are known, and metrics planted on it."""

from __future__ import annotations

import numpy as np
import torch
from scipy import integrate, stats

from genbench.worlds.divergences import Divergence
from genbench.worlds.judging.measured import Values
from genbench.worlds.judging.truths import Truths, of_rungs
from genbench.worlds.ladder import Rung


def gaussian(name: str, family: str, strength: float, mean: float, sd: float) -> Rung:
    """N(mean, sd²) as a rung below the truth N(0, 1)."""
    p, q = stats.norm(0, 1), stats.norm(mean, sd)

    def over(f) -> Divergence:
        return Divergence(float(integrate.quad(f, -12, 12, limit=400, points=[0, mean])[0]))

    def jsd(x: float) -> float:
        a, b = p.pdf(x), q.pdf(x)
        m = (a + b) / 2
        return sum(w / 2 * np.log(w / m) for w in (a, b) if w > 0)

    return Rung(
        name=name,
        family=family,
        strength=strength,
        kl=Divergence(float(np.log(sd) + (1 + mean**2) / (2 * sd**2) - 0.5)),
        reverse_kl=Divergence(float(-np.log(sd) + (sd**2 + mean**2) / 2 - 0.5)),
        jsd=over(jsd),
        tv=over(lambda x: abs(p.pdf(x) - q.pdf(x)) / 2),
        draw=lambda n, random: torch.from_numpy(random.normal(mean, sd, (n, 1))).float(),
        copies=family == "copies",
    )


def ladder() -> tuple[Rung, ...]:
    """The truth, four families of five rungs with the same five KLs, and three copies."""
    shifts = [0.1, 0.2, 0.4, 0.8, 1.2]
    rungs = [gaussian("truth", "truth", 0.0, 0.0, 1.0)]
    for sign, family in ((1, "right"), (-1, "left")):
        rungs += [gaussian(f"{family}_{s}", family, s, sign * s, 1.0) for s in shifts]
    for low, high, family in ((1e-3, 1.0, "narrow"), (1.0, 60.0, "wide")):
        for s in shifts:
            sd = _of_kl(s * s / 2, low, high)
            rungs.append(gaussian(f"{family}_{s}", family, s, 0.0, sd))
    rungs += [gaussian(f"copies_{s}", "copies", s, s, 0.5) for s in (0.5, 1.0, 2.0)]
    return tuple(rungs)


def _of_kl(kl: float, low: float, high: float) -> float:
    """The sd in (low, high) at which KL(N(0, 1) || N(0, sd²)) is kl, by bisection."""
    for _ in range(200):
        middle = (low + high) / 2
        above = np.log(middle) + 1 / (2 * middle**2) - 0.5 > kl
        low, high = (middle, high) if above == (middle < 1) else (low, middle)
    return low


TRUTHS: Truths = of_rungs(ladder())


def values(
    mean: np.ndarray,
    sd: float | np.ndarray,
    random: np.random.Generator,
    *,
    best="low",
    sets: int = 1,
    measured=(0, 3, 8, 13),
    many: int = 20,
) -> Values:
    """Normal values of each rung: `sets` of each, `many` of those that are measured."""
    sds = np.broadcast_to(sd, mean.shape)
    counts = [many if r in measured else sets for r in range(len(mean))]
    drawn = [m + s * random.standard_normal(k) for m, s, k in zip(mean, sds, counts, strict=True)]
    return Values("planted", best, "unit", tuple(drawn), random.standard_normal(0))
