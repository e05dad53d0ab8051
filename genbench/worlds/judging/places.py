"""Where trained models stand beside a ladder, by KL and by each metric; as numbers.

    place = number of innocent rungs r with g_r > g
g the goodness (see `measured`) of the mean of a metric's values of a model's sets, g_r of a rung's;
by KL, g = -KL(p || q). Innocent rungs copy no training row; the truth is one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genbench.records.store import Store
from genbench.running.data import Sources
from genbench.worlds.judging.asked import FOLD, Unit
from genbench.worlds.judging.making import Plan, Record, plain
from genbench.worlds.judging.measured import Values, measured
from genbench.worlds.judging.trained import KL, Beside, Trained, kl, sets
from genbench.worlds.judging.truths import Truths


@dataclass(frozen=True)
class Place:
    """better: innocent rungs that come before. beside: the innocent rung of the nearest value."""

    better: int
    beside: str
    beside_kl: float


@dataclass(frozen=True)
class Placed:
    """A model: its sets, its KL if known, its place by it and by each metric; values by set.

    refused: metrics that gave no value of a set, and why.
    """

    model: Trained
    sets: int
    kl: KL | None
    by_kl: Place | None
    by: Mapping[str, Place]
    values: Mapping[str, Sequence[float]]
    refused: Mapping[str, str]


@dataclass(frozen=True)
class Places:
    """The models of a question beside the ladder of a world.

    found: what was there of them. shown: how many of the world's `train` rows a metric is shown.
    """

    found: Beside
    models: Sequence[Placed]
    shown: int
    train: int


def units(beside: Beside, plan: Plan) -> dict[str, list[Unit]]:
    """The sets of each model, by its name: of the numbers that the truth has sets of, in order."""
    numbers = [unit.number for unit in plan.units if unit.rung == 0 and not unit.apart]
    samples = plan.scorer.work.judgement.samples
    return {one.name: sets(one, samples, numbers) for one in beside.models}


def placed(beside: Beside, plan: Plan, record: Record, store: Store, sources: Sources) -> Places:
    """Every model that has sets, which are all scored; in the order that was asked for."""
    world, of = plan.scorer.data.name, units(beside, plan)
    split, shown = sources.split(world, FOLD), plan.scorer.work.judgement.train
    log_p = sources.dataset(world).density.log_prob(split.test).double().cpu().numpy()
    models = [
        _placed(one, of[one.name], kl(one, store, log_p), plan, record)
        for one in beside.models
        if of[one.name]
    ]
    train = len(split.train)
    return Places(beside, models, train if shown is None else min(shown, train), train)


def _placed(
    one: Trained, own: Sequence[Unit], known: KL | None, plan: Plan, record: Record
) -> Placed:
    truths, by, values, refused = plan.scorer.truths, {}, {}, {}
    for metric, judge in record.judges.items():
        of = [plan.scorer.value(judge, unit) for unit in own]
        reasons = [value for value in of if isinstance(value, str)]
        if reasons:
            refused[metric] = reasons[0]
            continue
        values[metric] = of
        by[metric] = of_metric(np.array(of, float), record.values[metric], truths)
    by_kl = None if known is None else _place(-known.value, -truths.kl, truths)
    return Placed(one, len(own), known, by_kl, by, values, refused)


def of_metric(values: np.ndarray, of_rungs: Values, truths: Truths) -> Place:
    """The place of what has these values (sets,) among the innocent rungs."""
    found = measured(of_rungs)
    return _place(float(found.good(values.mean(keepdims=True))[0]), found.goodness, truths)


def _place(g: float, of_rungs: np.ndarray, truths: Truths) -> Place:
    """g among the rungs' (R,); of several rungs of the nearest value the one of median KL."""
    innocent = np.flatnonzero(~truths.copies)
    apart = np.abs(of_rungs[innocent] - g)
    nearest = innocent[apart == apart.min()]
    middle = nearest[np.argsort(truths.kl[nearest], kind="stable")[(len(nearest) - 1) // 2]]
    better = int((of_rungs[innocent] > g).sum())
    return Place(better, truths.names[middle], float(truths.kl[middle]))


def as_json(one: Placed) -> dict[str, Any]:
    """A model as plain data; what is infinite, or not known, is null."""
    result = one.model.result
    about = {"name": one.model.name, "model": result.model, "preset": result.preset}
    about |= {"seed": result.seed, "samples": result.scored, "sets": one.sets}
    return plain(
        {
            **about,
            "sample_key": result.run.sample_key,
            "kl": one.kl and vars(one.kl),
            "place_by_kl": one.by_kl and vars(one.by_kl),
            "places": {metric: vars(place) for metric, place in one.by.items()},
            "values": {metric: [*values] for metric, values in one.values.items()},
            "refused": dict(one.refused),
        }
    )
