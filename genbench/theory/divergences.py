"""BCE, cross entropy, KL, JSD and maximum likelihood on discrete laws: who equals whom.

H(p, q) = H(p) + KL(p || q)
mean -log q(x_i) over data = H(p̂, q), so maximum likelihood = least KL(p̂ || q)
BCE of D over labelled rows, half of them data = L_D = -V / 2
least BCE, by D* = log 2 - JSD;   C(G) = -log 4 + 2 JSD
JSD = H(m) - ½ H(p) - ½ H(q) = I(label; x),   m = ½ (p + q);   0 <= JSD <= log 2
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from genbench.figures.panels import Line, Panel, Picture
from genbench.seeding import seeded
from genbench.theory import laws
from genbench.theory.claims import Number, Page
from genbench.theory.laws import Floats, Normal
from genbench.theory.recipes import recipe_of

TIGHT = 1e-12
STATES = 6


def bce(labels: Floats, D: Floats) -> float:
    """Binary cross entropy of rows: mean of -y log D - (1 - y) log(1 - D)."""
    return float(-np.mean(labels * np.log(D) + (1 - labels) * np.log1p(-D)))


def _laws() -> tuple[Floats, Floats]:
    """Two random laws whose masses are multiples of 1/1000, so that rows can have them exactly."""
    p, q = (np.random.multinomial(1000 - STATES, np.ones(STATES) / STATES) + 1 for _ in range(2))
    tilt = np.random.permutation(q * np.arange(1, STATES + 1))
    q = np.maximum((1000 * tilt) // tilt.sum(), 1)
    q[0] += 1000 - q.sum()
    return p / 1000, q / 1000


def _rows(law: Floats) -> Floats:
    """1,000 rows, the states themselves, that have this law."""
    return np.repeat(np.arange(len(law)), np.round(1000 * law).astype(int))


def numbers() -> list[Number]:
    """Each identity as a difference that should be 0."""
    p, q = _laws()
    real, fake = _rows(p), _rows(q)
    D = laws.best_D(np.log(p), np.log(q))
    other = np.linspace(0.2, 0.8, STATES)  # any D will do
    labels = np.concatenate([np.ones(len(real)), np.zeros(len(fake))])
    at = np.concatenate([real, fake])
    V = float(p @ np.log(other) + q @ np.log1p(-other))
    C = float(p @ np.log(D) + q @ np.log1p(-D))
    m = (p + q) / 2
    likelihood = float(-np.mean(np.log(q[real])))
    information = laws.entropy(m) - (laws.entropy(p) + laws.entropy(q)) / 2
    apart = laws.jsd(np.array([1.0, 0.0]), np.array([0.0, 1.0]))

    def zero(what: str, difference: float) -> Number:
        return Number(what, difference, 0.0, TIGHT)

    return [
        zero(
            "H(p, q) - H(p) - KL(p || q)",
            laws.cross_entropy(p, q) - laws.entropy(p) - laws.kl(p, q),
        ),
        zero("mean -log q over the data - H(p, q)", likelihood - laws.cross_entropy(p, q)),
        zero("BCE over rows + V / 2, of any D", bce(labels, other[at]) + V / 2),
        zero("BCE of D* - (log 2 - JSD)", bce(labels, D[at]) - (math.log(2) - laws.jsd(p, q))),
        zero("C(G) - (-log 4 + 2 JSD)", C - (laws.EQUILIBRIUM + 2 * laws.jsd(p, q))),
        zero("JSD - (H(m) - ½ H(p) - ½ H(q))", laws.jsd(p, q) - information),
        zero("JSD(p || q) - JSD(q || p)", laws.jsd(p, q) - laws.jsd(q, p)),
        Number("KL(p || q) - KL(q || p), which is not 0", laws.kl(p, q) - laws.kl(q, p)),
        Number("JSD(p || p)", laws.jsd(p, p), 0.0, TIGHT),
        Number("JSD of laws that share no state: log 2", apart, math.log(2), TIGHT),
        zero("V at D = ½, p = q: -log 4", 2 * math.log(0.5) - laws.EQUILIBRIUM),
        Number("-log 4", laws.EQUILIBRIUM, -1.386294, 1e-6),
    ]


def divergences(preset: str, seed: int) -> Page:
    """The formulas that a reader of a blog should have read."""
    recipe = recipe_of("divergences", preset)
    gaps = np.linspace(0, recipe["gap"], recipe["points"])
    with seeded("theory", "divergences", seed):
        found = numbers()
    return Page(
        "divergences",
        "Which loss is which divergence",
        [
            "BCE is half of -V, so its least value is log 2 - JSD and not 0.",
            "Maximum likelihood is least KL(p || q), the cross entropy less what no model changes.",
            "JSD never exceeds log 2; once laws are apart it is flat, and KL still grows.",
            "V at p = q is -log 4 = -1.386; -log 2 is what one of its two terms is.",
        ],
        found,
        [_picture(gaps)],
    )


def along(gaps: Floats) -> dict[str, list[float]]:
    """KL both ways and JSD of N(0, 1) and N(gap, 1.5²)."""
    found: dict[str, list[float]] = {"KL(p || q)": [], "KL(q || p)": [], "JSD": []}
    for gap in gaps:
        p, q = Normal(0, 1), Normal(float(gap), 1.5)
        x, weights = laws.line(p, q)
        lp, lq = p.log_density(x), q.log_density(x)
        found["KL(p || q)"].append(float(np.sum(weights * np.exp(lp) * (lp - lq))))
        found["KL(q || p)"].append(float(np.sum(weights * np.exp(lq) * (lq - lp))))
        found["JSD"].append(laws.jsd_of_densities(lp, lq, weights))
    return found


def _picture(gaps: Sequence[float]) -> Picture:
    found = along(np.asarray(gaps))
    lines = [Line(name, gaps, values, i) for i, (name, values) in enumerate(found.items())]
    cost = [laws.EQUILIBRIUM + 2 * jsd for jsd in found["JSD"]]
    levels = [(0.0, "0"), (laws.EQUILIBRIUM, "-log 4")]
    last = {name: values[-1] for name, values in found.items()}
    words = ", ".join(f"{name} {value:.3g}" for name, value in last.items())
    return Picture(
        "divergences",
        [
            Panel(
                "Divergences",
                "gap between the means",
                "nats",
                lines,
                [],
                [(math.log(2), "log 2")],
                y_span=(0, 4),
            ),
            Panel(
                "What G descends",
                "gap between the means",
                "C(G), nats",
                [Line("C(G)", gaps, cost, "optimum")],
                [],
                levels,
                y_span=(-1.5, 0.15),
            ),
        ],
        f"KL both ways, JSD and C(G) as N(gap, 1.5²) leaves N(0, 1); at a gap of {gaps[-1]:g}: "
        f"{words}. JSD stays below log 2 = 0.693, C(G) below 0.",
        [
            "p = N(0, 1), q = N(gap, 1.5²); left, the divergences, JSD below log 2",
            "right, C(G) = -log 4 + 2 JSD: between -log 4 and 0, flat where the laws are apart",
        ],
        size=(4.2, 3.0),
    )
