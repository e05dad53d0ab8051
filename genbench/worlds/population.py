"""What metrics would say of a generator with all its rows: population values, without sampling.

They split a metric's failure into a wrong target and a poor estimate.
"""

from __future__ import annotations

import numpy as np

from genbench.worlds.mixture import Blend, Generator, Mixture, log_probs, moments


def frechet(p: Generator, q: Generator) -> float:
    """|m - m'|² + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2), of means and covariances of p and q."""
    (m, c), (other_m, other_c) = moments(p), moments(q)
    root = _root(c)
    inner = np.linalg.eigvalsh(root @ other_c @ root)
    cross = np.sqrt(np.maximum(inner, 0)).sum()
    return float(np.square(m - other_m).sum() + np.trace(c) + np.trace(other_c) - 2 * cross)


def _root(c: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(c)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def parzen(x: np.ndarray, q: Generator, sigma: float) -> np.ndarray:
    """log E_q N(x; y, sigma² I), (n,), of rows x (n, d): Parzen's score by infinite samples y."""
    wide = Blend(tuple((share, part.widened(sigma**2)) for share, part in q.parts))
    return log_probs(x, [wide])[0]


def mmd(p: Generator, q: Generator, width: float) -> float:
    """E k(x, x') + E k(y, y') - 2 E k(x, y), with k = exp(-|x - y|² / (2 width²))."""
    return _kernel(p, p, width) + _kernel(q, q, width) - 2 * _kernel(p, q, width)


def _kernel(a: Generator, b: Generator, width: float) -> float:
    return sum(
        share * other * _of_mixtures(one, two, width)
        for share, one in a.parts
        for other, two in b.parts
    )


def _of_mixtures(a: Mixture, b: Mixture, width: float) -> float:
    """sum_ij pi_i pi'_j |A|^-1/2 width^d exp(-D'A^-1 D / 2), A = C_i + C'_j + width² I.

    With t = s2_i + s2_j + width² and U = [W_i, W_j], W W' = C - s2 I, so A = t I + U U':
        |A| = t^d |I + U'U/t|      D'A^-1 D = (|D|² - (U'D)'(t I + U'U)^-1 (U'D)) / t
    """
    wide, others = _signal(a), _signal(b)
    total = 0.0
    for i in range(len(a.weights)):
        t = a.s2[i] + b.s2 + width**2
        u = np.concatenate([np.broadcast_to(wide[i], (len(b.s2), *wide[i].shape)), others], axis=2)
        inner = u.transpose(0, 2, 1) @ u + t[:, None, None] * np.eye(u.shape[2])
        apart = a.means[i] - b.means
        along = np.einsum("kdr,kd->kr", u, apart)
        solved = np.linalg.solve(inner, along[..., None])[..., 0]
        quadratic = (np.square(apart).sum(axis=1) - (along * solved).sum(axis=1)) / t
        d, r = a.d, u.shape[2]
        log_ratio = (d - r) * np.log(t) + np.linalg.slogdet(inner)[1] - 2 * d * np.log(width)
        total += a.weights[i] * float(b.weights @ np.exp(-(log_ratio + quadratic) / 2))
    return total


def _signal(m: Mixture) -> np.ndarray:
    """W, (K, d, q)."""
    return m.axes * np.sqrt(np.maximum(m.lam - m.s2[:, None], 0))[:, None, :]
