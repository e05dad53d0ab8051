"""Thirteen known changes of good samples: each metric moves the way its definition says, the
further the more.
"""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from genbench.metrics.frechet import Frechet
from genbench.metrics.kernel_distance import KernelDistance
from genbench.metrics.modes import Modes
from genbench.metrics.prdc import Coverage, Density, Precision, Recall

N, KINDS, SIDE = 900, 6, 8
METRICS = {
    "fid": Frechet,
    "kid": KernelDistance,
    "precision": Precision,
    "recall": Recall,
    "density": Density,
    "coverage": Coverage,
    "modes": Modes,
}


def uniform(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(images: Tensor, times: float = 1) -> Tensor:
    """Images (n, side, side), each pixel moved towards the mean of its four neighbours."""
    for _ in range(round(times)):
        around = sum(torch.roll(images, step, axis) for step in (1, -1) for axis in (1, 2))
        images = images / 2 + around / 8
    return images


TEMPLATES = smooth(uniform(KINDS, SIDE, SIDE, seed=99) * 2, 2)
STROKES = smooth(uniform(4, SIDE, SIDE, seed=98) - 0.5, 2)


def pictures(seed: int, kinds: Tensor | None = None) -> Tensor:
    """Rows (N, side²) of a kind each: its template, and four strokes more or less strong."""
    kinds = torch.arange(N) % KINDS if kinds is None else kinds
    strength = 2 * uniform(N, 4, seed=seed) - 1
    images = TEMPLATES[kinds] + torch.einsum("ns,shw->nhw", strength, STROKES)
    grain = 0.04 * (uniform(N, SIDE, SIDE, seed=seed + 1000) - 0.5)
    return (images + grain).flatten(1)


class Pixels:
    """Rows as they are; the class is that of the nearest template."""

    def __call__(self, rows: Tensor) -> Tensor:
        return rows

    def classify(self, rows: Tensor) -> Tensor:
        return -torch.cdist(rows, TEMPLATES.flatten(1))


GOOD, TEST = pictures(0), pictures(1)
CHOSEN = uniform(N, 1, seed=5)  # rows with a number below a share are changed
MEAN = GOOD.mean(dim=0)


def images(change: Callable[[Tensor], Tensor]) -> Tensor:
    return change(GOOD.view(N, SIDE, SIDE)).flatten(1)


def tilted(a: float) -> Tensor:
    """Kinds with weights (1 - a)^kind, each as often as near to that as N rows allow."""
    weights = (1 - a) ** torch.arange(KINDS)
    edges = (weights / weights.sum()).cumsum(0)
    return torch.bucketize((torch.arange(N) + 0.5) / N, edges).clamp(max=KINDS - 1)


def mixed(a: float) -> Tensor:
    """Upper halves of some rows above lower halves of others."""
    other = torch.cat([GOOD.roll(1, 0)[:, : SIDE * SIDE // 2], GOOD[:, SIDE * SIDE // 2 :]], dim=1)
    return torch.where(a > CHOSEN, other, GOOD)


# what is done, how far, and which way each metric goes
CHANGES: dict[str, tuple[Callable[[float], Tensor], tuple[float, ...], dict[str, int]]] = {
    "dropped kinds": (
        lambda a: pictures(0, torch.arange(N) % (KINDS - int(a))),
        (0, 2, 4, 5),
        {"fid": 1, "kid": 1, "recall": -1, "coverage": -1, "modes": 1},
    ),
    "kinds of unlike shares": (
        lambda a: pictures(0, tilted(a)),
        (0, 0.3, 0.5, 0.7),
        {"fid": 1, "kid": 1, "coverage": -1, "modes": 1},
    ),
    "blur": (
        lambda a: images(lambda x: smooth(x, a)),
        (0, 1, 2, 4),
        {"fid": 1, "kid": 1, "coverage": -1},
    ),
    "noise": (
        lambda a: GOOD + a * (uniform(N, SIDE**2, seed=3) - 0.5),
        (0, 0.08, 0.13, 0.2),
        {"fid": 1, "precision": -1, "density": -1, "coverage": -1},
    ),
    "a shift of pixels": (
        lambda a: images(lambda x: (1 - a) * x + a * torch.roll(x, 1, 2)),
        (0, 0.2, 0.5, 1),
        {"fid": 1, "kid": 1, "precision": -1, "density": -1, "coverage": -1},
    ),
    "contrast": (
        lambda a: (1 - a) * GOOD,
        (0, 0.02, 0.04, 0.08),
        {"fid": 1, "kid": 1, "recall": -1, "precision": -1},
    ),
    "brightness": (
        lambda a: GOOD + a,
        (0, 0.05, 0.1, 0.2),
        {"fid": 1, "kid": 1, "precision": -1, "coverage": -1, "recall": -1},
    ),
    "junk among them": (
        lambda a: torch.where(a > CHOSEN, 2 * uniform(N, SIDE**2, seed=4), GOOD),
        (0, 0.1, 0.3, 0.6),
        {"fid": 1, "kid": 1, "precision": -1, "density": -1},
    ),
    "a row repeated": (
        lambda a: torch.where(a > CHOSEN, GOOD[:1], GOOD),
        (0, 0.3, 0.6, 0.9),
        {"fid": 1, "kid": 1, "coverage": -1, "modes": 1},
    ),
    "typical rows alone": (
        lambda a: (1 - a) * GOOD + a * TEMPLATES.flatten(1)[torch.arange(N) % KINDS],
        (0, 0.05, 0.1, 0.2),
        {"fid": 1, "kid": 1, "recall": -1, "density": 1},
    ),
    "rows too far from the mean": (
        lambda a: MEAN + (1 + a) * (GOOD - MEAN),
        (0, 0.1, 0.2, 0.4),
        {"fid": 1, "precision": -1, "density": -1},
    ),
    "halves of different rows": (
        mixed,
        (0, 0.2, 0.5, 1),
        {"fid": 1, "precision": -1, "density": -1},
    ),
    "pixels in another order": (
        lambda a: torch.where(
            a > CHOSEN,
            GOOD[:, torch.randperm(SIDE**2, generator=torch.Generator().manual_seed(6))],
            GOOD,
        ),
        (0, 0.2, 0.5, 1),
        {"fid": 1, "kid": 1, "precision": -1, "density": -1},
    ),
}


@pytest.mark.parametrize(
    ("change", "metric"),
    [(change, metric) for change, (_, _, ways) in CHANGES.items() for metric in ways],
)
def test_the_metric_moves_the_further_the_more(change: str, metric: str) -> None:
    make, severities, ways = CHANGES[change]
    values = [METRICS[metric]()(make(a), TEST, Pixels()).value for a in severities]
    assert all(ways[metric] * (b - a) > 0 for a, b in pairwise(values)), values


@pytest.mark.parametrize("metric", METRICS)
def test_other_draws_of_the_same_rows_are_no_change(metric: str) -> None:
    one, other = (METRICS[metric]()(pictures(s), TEST, Pixels()).value for s in (0, 2))
    bad = METRICS[metric]()(0.3 * pictures(0, torch.zeros(N).long()), TEST, Pixels()).value
    assert abs(one - other) < 0.1 * abs(one - bad)
