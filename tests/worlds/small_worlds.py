"""Mixtures so small that everything can be checked the long way round."""

from __future__ import annotations

import numpy as np

from genbench.worlds.mixture import Mixture
from genbench.worlds.truths import MixtureWorld


def mixture(
    k: int = 3, d: int = 5, q: int = 2, apart: float = 3.0, seed: int = 0, s2: float = 0.3
) -> Mixture:
    """k components in d dimensions of rank q, their means about `apart` from each other."""
    random = np.random.default_rng(seed)
    weights = random.uniform(1, 2, k)
    axes = np.linalg.qr(random.standard_normal((k, d, d)))[0][:, :, :q]
    return Mixture(
        weights / weights.sum(),
        apart * random.standard_normal((k, d)),
        axes,
        s2 * (1 + 3 * random.uniform(size=(k, q))),
        np.full(k, s2),
    )


def pictures(apart: float = 4.0) -> MixtureWorld:
    """Twenty components of ten classes, of 4 x 4 pixels; far apart unless told otherwise."""
    found = mixture(k=20, d=16, q=3, apart=apart, seed=1, s2=0.05)
    return MixtureWorld(f"small {apart}", found, np.repeat(np.arange(10), 2), 3, 4, memorised=500)


def covariances(m: Mixture) -> np.ndarray:
    """C_k, (K, d, d), written out."""
    spread = np.einsum("kdq,kq,keq->kde", m.axes, m.lam - m.s2[:, None], m.axes)
    return spread + m.s2[:, None, None] * np.eye(m.d)
