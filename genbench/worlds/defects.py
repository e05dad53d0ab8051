"""Generators with one defect each, made of a mixture p: what stands on the rungs of a ladder.

    mu, C -> what the defect makes of them, component by component, unless it says otherwise.
Every function takes the ground, which is what it may use of the world, and the strength.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from genbench.worlds.fitting import of_moments, refitted
from genbench.worlds.mixture import Blend, Generator, Mixture, copies, moments, single
from genbench.worlds.streams import stream
from genbench.worlds.truths import MixtureWorld

COPIED = 0.01  # standard deviation of what calls itself a copy
_REFIT = 2  # the stream of rows that others are fitted to
_REFIT_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class Ground:
    """What defects are made of.

    dropped: classes in the order in which they are dropped. turned: in quarters, where shifts go.
    """

    world: MixtureWorld
    dropped: tuple[int, ...]
    turned: int = 0

    @property
    def p(self) -> Mixture:
        return self.world.mixture

    @cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (d,) and covariance (d, d) of p."""
        return moments(self.p)

    @cached_property
    def noise(self) -> Mixture:
        """One round Gaussian about p's mean grey, with its total variance."""
        mean, covariance = self.moments
        grey = np.full(self.p.d, mean.mean())
        return single(grey, float(np.trace(covariance)) / self.p.d)

    @cached_property
    def memorised(self) -> np.ndarray:
        """The first training rows, as they were drawn."""
        return self.world.first("train", self.world.memorised)

    @cached_property
    def copier(self) -> Mixture:
        """What copies the memorised rows, all but exactly."""
        return copies(self.memorised, COPIED**2)

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that refits may see, and their components."""
        random = stream(_REFIT)
        one, other = (self.p.sample(_REFIT_ROWS, random) for _ in range(2))
        return np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])


def truth(ground: Ground, strength: float) -> Generator:
    """p itself."""
    return ground.p


def drop(ground: Ground, strength: float) -> Generator:
    """Without so many classes."""
    gone = np.isin(ground.world.classes, ground.dropped[: int(strength)])
    weights = np.where(gone, 0.0, ground.p.weights)
    return replace(ground.p, weights=weights / weights.sum())


def reweight(ground: Ground, strength: float) -> Generator:
    """Class c is strength^c times too rare, all of them then scaled to one."""
    weights = ground.p.weights * float(strength) ** -ground.world.classes.astype(float)
    return replace(ground.p, weights=weights / weights.sum())


def scale(ground: Ground, strength: float) -> Generator:
    """C -> strength² C."""
    p, a = ground.p, strength**2
    return replace(p, lam=a * p.lam, s2=a * p.s2)


def signal(ground: Ground, strength: float) -> Generator:
    """lam - s2 -> strength² (lam - s2): the noise stays."""
    p = ground.p
    s2 = p.s2[:, None]
    return replace(p, lam=s2 + strength**2 * (p.lam - s2))


def noise(ground: Ground, strength: float) -> Generator:
    """s -> strength s: the signal, lam - s2, stays."""
    p = ground.p
    more = (strength**2 - 1) * p.s2
    return replace(p, lam=p.lam + more[:, None], s2=p.s2 + more)


def contrast(ground: Ground, strength: float) -> Generator:
    """mu -> strength mu, C -> strength² C."""
    p = ground.p
    return replace(scale(ground, strength), means=strength * p.means)


def brightness(ground: Ground, strength: float) -> Generator:
    """mu -> mu + strength."""
    return replace(ground.p, means=ground.p.means + strength)


def blur(ground: Ground, strength: float) -> Generator:
    """The signal is so much of it blurred by 1-2-1 over 4 each way; the noise is not."""
    p, side = ground.p, ground.world.side
    line = np.eye(side) / 2 + (np.eye(side, k=1) + np.eye(side, k=-1)) / 4
    matrix = (1 - strength) * np.eye(p.d) + strength * np.kron(line, line)
    w = p.axes * np.sqrt(p.lam - p.s2[:, None])[:, None, :]
    axes, deviations, _ = np.linalg.svd(matrix @ w, full_matrices=False)
    return replace(p, means=p.means @ matrix.T, axes=axes, lam=deviations**2 + p.s2[:, None])


def shift(ground: Ground, strength: float) -> Generator:
    """Pictures move by so many pixels, to the right unless turned; what leaves comes in again."""
    p, side = ground.p, ground.world.side
    axis, way = ((1, 1), (0, 1), (1, -1), (0, -1))[ground.turned]
    grid = np.arange(p.d).reshape(side, side)
    moved = np.roll(grid, way * int(strength), axis=axis).reshape(-1)
    return replace(p, means=p.means[:, moved], axes=p.axes[:, moved])


def junk(ground: Ground, strength: float) -> Generator:
    """So much of it is grey noise with the total variance of p."""
    return Blend(((1 - strength, ground.p), (strength, ground.noise)))


def prototypes(ground: Ground, strength: float) -> Generator:
    """So many means, each of equally many neighbouring components, with p's noise and no signal."""
    means, weights, _ = _merged(ground, int(strength))
    s2 = np.full(len(means), float(ground.p.weights @ ground.p.s2))
    none = np.zeros((len(means), ground.p.d, 0))
    return Mixture(weights, means, none, none[:, 0], s2)


def merge(ground: Ground, strength: float) -> Generator:
    """So many components, each with the moments of its share of p, cut to p's rank."""
    means, weights, groups = _merged(ground, int(strength))
    covariances = (moments(ground.p.only(group))[1] for group in groups)
    return of_moments(means, covariances, weights, ground.world.rank)


def gaussian(ground: Ground, strength: float) -> Generator:
    """One Gaussian with the mean and the whole covariance of p."""
    mean, covariance = ground.moments
    values, vectors = np.linalg.eigh(covariance)
    one = np.ones(1)
    return Mixture(one, mean[None], vectors[None, :, 1:], values[None, 1:], values[:1])


def refit(ground: Ground, strength: float) -> Generator:
    """Fitted to so many rows of p, whose components are told."""
    rows, k = (part[: int(strength)] for part in ground.rows)
    groups = [rows[k == one] for one in range(len(ground.p.weights))]
    shares = np.array([len(group) for group in groups]) / len(rows)
    return refitted(groups, shares, ground.world.rank)


def memorise(ground: Ground, strength: float) -> Generator:
    """The memorised training rows, each with noise of this standard deviation."""
    return copies(ground.memorised, strength**2)


def copied_share(ground: Ground, strength: float) -> Generator:
    """So much of it is copies of training rows."""
    return Blend(((1 - strength, ground.p), (strength, ground.copier)))


def _merged(ground: Ground, n: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Means (n, d), weights (n,) and numbers of n groups of components that follow each other."""
    p = ground.p
    groups = np.array_split(np.arange(len(p.weights)), n)
    weights = np.array([p.weights[group].sum() for group in groups])
    means = [p.weights[g] @ p.means[g] / w for g, w in zip(groups, weights, strict=True)]
    return np.stack(means), weights, groups
