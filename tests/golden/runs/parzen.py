"""Runs of the Parzen metric: the paper's protocol, its variants, what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from genbench.metrics.parzen import Parzen
from genbench.protocols import BY_SAMPLES, Score

from ..fingerprints import Given, Numbers, refusal
from . import _estimator
from ._estimator import rows


def the_papers_protocol() -> Given:
    return _given(Parzen()(*rows()))


def refined() -> Given:
    """A scale, a threshold, few validation rows, and a width between the points of the grid."""
    metric = Parzen(sigma_search="refine", grid_size=4, scale=0.5, threshold=0.5, n_valid=7)
    samples, valid, test = rows()
    samples[0, 0] = 0.5
    return _given(metric(samples, valid, test))


def few_samples_and_many_validation_rows() -> Given:
    """No part of three samples is scored; rows beyond the thousandth choose nothing."""
    samples, valid, test = rows(d=2, m=3, n=1010)
    return _given(Parzen()(samples, valid, test[:5]))


def a_coarse_grid() -> Given:
    """Warned of, as is a best width at the edge of the grid."""
    coarse = Parzen(grid_start=0.05, grid_stop=10.0, grid_size=3)(*rows())
    edge = Parzen(grid_start=1.0, grid_stop=2.0, grid_size=2)(*rows())
    counts = [float(len(score.warnings)) for score in (coarse, edge)]
    return {"warnings": counts, **_given(edge)}


def a_fixed_width() -> Given:
    """In float64, without and with validation rows; a grid of one point, that none lies around."""
    samples, valid, test = rows()
    fixed = Parzen(sigma=0.3, precision="float64")
    alone = Parzen(grid_start=0.3, grid_stop=0.3, grid_size=1, sigma_search="refine")
    with_rows = fixed(samples, valid, test)
    scores = [fixed(samples, valid[:0], test), with_rows, alone(samples, valid, test)]
    return {"values": [score.value for score in scores], **_given(with_rows)}


def in_a_grid() -> Given:
    """Of more test rows than a pass serves: in this process, and of blocks that others compute."""
    given = rows()
    alone, spread = Parzen(), Parzen()
    for metric in (alone, spread):
        metric.at_once = 8, 16
    spread.spread = lambda blocks: [Parzen().part(block, *given) for block in blocks]
    return {**_given(spread(*given)), "alone": alone(*given).per_example}


def what_tables_say() -> Given:
    """The settings of other protocols, and how many parts signatures have."""
    signatures = [
        Parzen.signature({}, 256),
        Parzen.signature({"sigma": 0.2, "scale": 2.0, "threshold": 0.5}, None),
        Parzen.signature({"sigma_search": "refine", "grid_stop": 2.0}, 256),
    ]
    protocols = [
        Parzen.protocols(None, "mean"),
        Parzen.protocols(256, "mean"),
        Parzen.protocols(2, "binary"),
    ]
    settings = [v for one in protocols for chosen in one.values() for v in chosen.values()]
    return {"parts": [float(len(one)) for one in signatures], "settings": settings}


def refused_settings() -> Given:
    samples, valid, test = rows()
    calls: list[Callable[[], object]] = [
        partial(Parzen, grid_size=0),
        partial(Parzen, n_valid=0),
        partial(Parzen, sigma_search="random"),
        partial(Parzen, sigma=0.2, sigma_search="refine"),
        partial(Parzen, scale=0.0),
        partial(Parzen, threshold=math.nan),
        partial(Parzen, precision="float16"),
        partial(Parzen, memory=1),
        partial(Parzen(), samples, valid[:0], test),
    ]
    return {"errors": [refusal(call) for call in calls]}


def _given(score: Score) -> Given:
    """The numbers of a score, and those it was chosen by."""
    assert score.per_example is not None
    notes: Any = score.notes
    sigmas = notes["sigma by samples"].values()
    points = zip(score.curves[BY_SAMPLES], sigmas, strict=True)
    counts = [(m, sigma, value) for (m, value), sigma in points]
    numbers: Numbers = [score.value, notes["validation"]["mean"]]
    return {
        "values": numbers,
        "stderr": [score.stderr],
        "sigma": [notes["sigma"]],
        "gap": [notes["validation"]["gap"]],
        "per example": score.per_example,
        "by count": [number for part in counts for number in part],
    }


TOLERANCE = 1e-5
RUNS = (
    *(the_papers_protocol, refined, few_samples_and_many_validation_rows, a_coarse_grid),
    *(a_fixed_width, in_a_grid, what_tables_say, refused_settings, *_estimator.RUNS),
)
