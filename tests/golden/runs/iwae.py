"""Runs of the importance weighted bound: of greys and bits, and what it refuses."""

from __future__ import annotations

from genbench.metrics.iwae import IWAE
from genbench.protocols import Score

from ..fingerprints import Given, refusal
from . import _likelihoods, _rows
from ._likelihoods import Model, cloud, greys


def numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    return [score.value, score.stderr, float(str(score.notes["stderr over draws"])), score.over]


def of_greys_and_bits() -> Given:
    bits = cloud(8, 2).round()
    scores = [
        IWAE(rows=4, draws=30)(Model(), greys(8, 1), greys(6, 2)),
        IWAE(rows=9, draws=30)(Model("bernoulli"), bits, bits),
        IWAE(rows=4, draws=30)(Model(variance=None), cloud(8, 1), cloud(6, 2)),
        IWAE(rows=4, draws=30, v=0.1)(Model(), cloud(8, 1), cloud(6, 2)),
    ]
    assert scores[1].per_example is not None
    single = scores[1].per_example
    return {"scores": [n for score in scores for n in numbers(score)], "single": single}


def what_tables_say_and_what_is_refused() -> Given:
    signature = [*IWAE.signature({}, 256).values(), *IWAE.signature({"v": 0.1}, 256).values()]
    calls = [
        lambda: IWAE(rows=1),
        lambda: IWAE(v=0.0)(Model(), cloud(8, 1), cloud(6, 2)),
        lambda: IWAE()(Model(), cloud(1, 1), cloud(6, 2)),
    ]
    return {"signature": signature, "errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-6
RUNS = (
    *(of_greys_and_bits, what_tables_say_and_what_is_refused),
    *(*_likelihoods.IMPORTANCE, *_rows.READ),
)
