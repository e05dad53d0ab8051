"""The formulas of the paper's section 4, on the line by quadrature and on finitely many states.

V(D, G) = E_p[log D(x)] + E_q[log(1 - D(x))], p the data's law and q the generator's;
D*(x) = argmax_D V = p(x) / (p(x) + q(x)),   C(G) = V(D*, G) = -log 4 + 2 JSD(p || q).

Laws are log densities or log masses on points; `weights` are what an integral or a sum over the
points weighs each with. All logarithms are natural, all divergences in nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, xlogy

EQUILIBRIUM = -math.log(4)  # V at p = q, where D* = ½: log ½ + log ½ = -1.386
Floats = np.ndarray


@dataclass(frozen=True)
class Normal:
    """N(mean, std²)."""

    mean: float
    std: float

    def log_density(self, x: Floats) -> Floats:
        return log_normal(x, self.mean, self.std)

    def __str__(self) -> str:
        return f"N({self.mean:g}, {self.std:g}²)"


def log_normal(x: Floats, mean: float, std: float) -> Floats:
    """log N(x; μ, σ²) = -(x - μ)² / 2σ² - ½ log(2π σ²): the σ of the prefactor is squared too."""
    return -((x - mean) ** 2) / (2 * std**2) - 0.5 * math.log(2 * math.pi * std**2)


def line(*laws: Normal, reach: float = 12.0, points: int = 40_001) -> tuple[Floats, Floats]:
    """Points that span all laws to `reach` deviations, and the weights of the trapezium rule.

    Of smooth functions that vanish at both ends it is exact to about the rounding.
    """
    low = min(law.mean - reach * law.std for law in laws)
    high = max(law.mean + reach * law.std for law in laws)
    x = np.linspace(low, high, points)
    return x, np.full(points, x[1] - x[0])


# --- the game ---


def best_D(log_p: Floats, log_q: Floats) -> Floats:
    """D* = argmax_D V = p / (p + q) = σ(log p - log q)."""
    return expit(log_p - log_q)


def value(log_p: Floats, log_q: Floats, a: Floats, weights: Floats) -> float:
    """V = ∫ p log D + q log(1 - D), where D = σ(a): log D = -sp(-a), log(1 - D) = -sp(a)."""
    softplus = np.logaddexp(0, a), np.logaddexp(0, -a)
    return float(-np.sum(weights * (np.exp(log_p) * softplus[1] + np.exp(log_q) * softplus[0])))


def cost(log_p: Floats, log_q: Floats, weights: Floats) -> float:
    """C(G) = max_D V, which is V at the logit of D*: a* = log p - log q."""
    return value(log_p, log_q, log_p - log_q, weights)


def loss_of_D(log_p: Floats, log_q: Floats, a: Floats, weights: Floats) -> float:
    """L_D = -V / 2, half the sum of two cross entropies, as the released code minimises it."""
    return -value(log_p, log_q, a, weights) / 2


# --- divergences ---


def entropy(p: Floats) -> float:
    """H(p) = -Σ p log p."""
    return float(-np.sum(xlogy(p, p)))


def cross_entropy(p: Floats, q: Floats) -> float:
    """H(p, q) = -Σ p log q."""
    return float(-np.sum(xlogy(p, q)))


def kl(p: Floats, q: Floats) -> float:
    """KL(p || q) = Σ p log(p / q), the expectation under the first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sum(np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0)))


def jsd(p: Floats, q: Floats) -> float:
    """JSD(p || q) = ½ KL(p || m) + ½ KL(q || m), m = ½ (p + q); in [0, log 2]."""
    m = (p + q) / 2
    return kl(p, m) / 2 + kl(q, m) / 2


def jsd_of_densities(log_p: Floats, log_q: Floats, weights: Floats) -> float:
    """JSD of two densities on the line: ½ ∫ p log(p / m) + ½ ∫ q log(q / m)."""
    log_m = np.logaddexp(log_p, log_q) - math.log(2)
    parts = np.exp(log_p) * (log_p - log_m) + np.exp(log_q) * (log_q - log_m)
    return float(np.sum(weights * parts) / 2)
