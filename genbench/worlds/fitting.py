"""Fits a mixture of low-rank Gaussians to labelled pictures, without a seed.

Components: of each class, in order, a tree of halves: the rows of a node go to its left child
where (x - mean)'v <= 0, v the first eigenvector of the node's covariance (ddof 0), its entry of
largest modulus positive; leaves from left to right. Each leaf is a PPCA of rank q:
    pi_k = n_k / n      lam_k = max(greatest q eigenvalues of the leaf's covariance, s2)
    s2   = sum_k pi_k (trace_k - sum of those) / (d - q), common to all
The sign of an eigenvector is numpy's: the density does not depend on it, drawn rows do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from genbench.worlds.mixture import Mixture


def fitted(rows: np.ndarray, labels: np.ndarray, depth: int, q: int) -> tuple[Mixture, np.ndarray]:
    """The mixture, and the class of each component (K,); rows (n, d) float64, labels (n,)."""
    classes = np.unique(labels)
    groups = [(c, leaf) for c in classes for leaf in _leaves(rows[labels == c], depth)]
    leaves = [leaf for _, leaf in groups]
    weights = np.array([len(leaf) for leaf in leaves]) / len(rows)
    means = np.stack([leaf.mean(axis=0) for leaf in leaves])
    mixture = of_moments(means, (_covariance(leaf) for leaf in leaves), weights, q)
    return mixture, np.array([c for c, _ in groups])


def refitted(groups: Sequence[np.ndarray], weights: np.ndarray, q: int) -> Mixture:
    """A component of rank q for each group of rows (n_k, d), of few rows each.

    As of their covariance, whose eigenvectors are those of the rows' Gram matrix; an axis without
    variance is left 0, since it has that of the noise.
    """
    means = np.stack([group.mean(axis=0) for group in groups])
    found = [_eigen(group - mean, q) for group, mean in zip(groups, means, strict=True)]
    traces = [np.square(g - mean).sum() / len(g) for g, mean in zip(groups, means, strict=True)]
    return _with_noise(weights, means, found, traces, q)


def of_moments(
    means: np.ndarray, covariances: Iterable[np.ndarray], weights: np.ndarray, q: int
) -> Mixture:
    """A component of rank q for each mean (K, d) and covariance (d, d)."""
    found, traces = [], []
    for covariance in covariances:
        values, vectors = np.linalg.eigh(covariance)
        found.append((values[::-1][:q], vectors[:, ::-1][:, :q]))
        traces.append(float(np.trace(covariance)))
    return _with_noise(weights, means, found, traces, q)


def _with_noise(
    weights: np.ndarray,
    means: np.ndarray,
    found: Sequence[tuple[np.ndarray, np.ndarray]],
    traces: Sequence[float],
    q: int,
) -> Mixture:
    """Of the greatest q eigenvalues and their vectors, and the traces, of all covariances."""
    top = np.stack([values for values, _ in found])
    s2 = float(weights @ (np.array(traces) - top.sum(axis=1)) / (means.shape[1] - q))
    lam, axes = np.maximum(top, s2), np.stack([vectors for _, vectors in found])
    return Mixture(weights, means, axes, lam, np.full(len(weights), s2))


def _eigen(centred: np.ndarray, q: int) -> tuple[np.ndarray, np.ndarray]:
    """Greatest q eigenvalues (q,) and eigenvectors (d, q) of centred'centred / n."""
    n, d = centred.shape
    if n >= d:
        squares, u = np.linalg.eigh(centred.T @ centred / n)
        return squares[::-1][:q], u[:, ::-1][:, :q]
    values, axes = np.zeros(q), np.zeros((d, q))
    squares, u = np.linalg.eigh(centred @ centred.T)
    squares, u = squares[::-1][:q], u[:, ::-1][:, :q]
    some = squares > squares[0] * 1e-12
    values[: some.sum()] = squares[some] / n
    axes[:, : some.sum()] = centred.T @ u[:, some] / np.sqrt(squares[some])
    return values, axes


def _covariance(rows: np.ndarray) -> np.ndarray:
    """(d, d), ddof 0."""
    centred = rows - rows.mean(axis=0)
    return centred.T @ centred / len(rows)


def _leaves(rows: np.ndarray, depth: int) -> list[np.ndarray]:
    if depth == 0:
        return [rows]
    _, vectors = np.linalg.eigh(_covariance(rows))
    v = vectors[:, -1]
    v = v * np.sign(v[np.abs(v).argmax()])
    right = (rows - rows.mean(axis=0)) @ v > 0
    return [*_leaves(rows[~right], depth - 1), *_leaves(rows[right], depth - 1)]
