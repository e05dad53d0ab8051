"""Runs of what metrics share: which rows they read, their errors, and their neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.metrics import _distances, _rows

from ..fingerprints import Given, refusal


def cloud(n: int, seed: int, d: int = 3) -> Tensor:
    """Rows (n, d) of one Gaussian."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def same(rows: Tensor) -> Tensor:
    """The features that rows themselves are."""
    return rows


def what_metrics_read() -> Given:
    rows = cloud(30, 1)
    flat = torch.ones(5, 2)
    calls = [
        lambda: _rows.featured(same, rows.log()),
        lambda: _rows.featured(lambda given: given[0], rows),
        lambda: _rows.check_counts(5, sample=4),
        lambda: _rows.check_count(4, 5, "samples", "a histogram"),
        lambda: _rows.check_varied(flat, "rows"),
    ]
    return {
        "rows": _rows.spaced(_rows.featured(same, rows, 20), 7),
        "all": _rows.spaced(rows, 30),
        "first": _rows.first(same, rows, "rows"),
        "none": [float(len(_rows.featured(same, rows[:0])))],
        "errors": [refusal(call) for call in calls],
        "words": [
            *_rows.flatness(some=flat, others=rows),
            *_rows.signed({"features": "f"}).values(),
        ],
        "numbers": [
            _rows.jackknifed(rows[:, 0]),
            _rows.two_sided(1.3),
            _rows.below(1.3),
            *_rows.blocks_of(5, 2, rows.device).tolist(),
        ],
    }


def neighbours() -> Given:
    """Of real numbers, integers, near ties that need float64, and equal rows."""
    x, y = cloud(40, 1), cloud(30, 2)
    near = torch.full((60, 400), 0.7, dtype=torch.float64)
    near[:, 0] += 1e-9 * torch.arange(60).flip(0)
    ties = torch.cat([near, torch.full_like(near, -0.8)])
    lattice = x.mul(2).round()
    return {
        "real": _distances.nearest(x, y, 3, block=100)[0],
        "integers": _distances.nearest(lattice, lattice, 3, excluding_self=True)[0],
        "ties": _distances.nearest(torch.zeros(1, 400).double(), ties, 2)[1].double(),
        "ties of one set": _distances.nearest(ties, ties, 2, excluding_self=True)[0],
        "all": _distances.nearest(x, y, 30)[0],
        "by blocks": torch.cat([part for _, part in _distances.sq_distances(x, y, block=100)]),
    }


def balls() -> Given:
    x, y = cloud(40, 1), cloud(30, 2)
    given = {}
    for name, points, centres in (("real", x, y), ("lattice", (2 * x).round(), (2 * y).round())):
        radius = _distances.sq_radii(centres, 2)
        for closed in (False, True):
            counts = _distances.within(points, centres, radius, closed=closed)
            given[f"{name}, {closed}"] = torch.cat(counts)
    return given


def rows_that_are_refused() -> Given:
    x, y = cloud(4, 1), cloud(5, 2)
    calls = [
        lambda: _distances.nearest(x, y, 6),
        lambda: _distances.nearest(x, y, 1, excluding_self=True),
        lambda: _distances.nearest(x, y[:, :2], 1),
        lambda: _distances.nearest(x, y.log(), 1),
    ]
    return {"errors": [refusal(call) for call in calls]}


READ = (what_metrics_read,)
NEAR = (neighbours, balls, rows_that_are_refused)
