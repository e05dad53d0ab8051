"""What every metric must keep: by made-up rows, and a stand-in for the model where it takes one."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genbench.plugins import registry
from genbench.plugins.settings import constructor, defaults
from genbench.protocols import NEEDS, Labels, Score, Split, abilities, alternatives, goodness, needs
from genbench.samples import judging
from genbench.seeding import seeded
from genbench.testing.claims import is_json, require, works
from genbench.testing.rows import SHAPES, kinds, pictures
from genbench.testing.standin import Projections, StandIn

SIZES = (80, 60, 40, 30)  # of samples, train, valid and test


NOISE = "noise"  # of the kinds of samples in `orders`, what any measure of likeness ranks low


def check_metric(metric: str | type) -> list[str]:
    """The claims of `protocols.Metric`; raises CheckError with the first that does not hold.

    Where a metric takes labels, a model, a density or features, it is given made-up ones.
    """
    cls = registry.load("metric", metric) if isinstance(metric, str) else metric
    return list(_claims(cls))


def _claims(cls: Any) -> Iterator[str]:
    missing = constructor(cls).keys() - defaults(cls).keys()
    yield require(not missing, "every setting has a default", f"{sorted(missing)} have none")
    settings = defaults(cls)
    yield require(is_json(settings), "its settings are JSON-able", f"{settings}")
    unit, aim = getattr(cls, "unit", None), getattr(cls, "best", None)
    yield require(isinstance(unit, str), "unit is a word", f"got {unit!r}")
    number = isinstance(aim, int | float) and not isinstance(aim, bool) and math.isfinite(aim)
    known = number or aim in ("high", "low", "real")
    yield require(known, "says what is best: high, low, real or a number", f"best = {aim!r}")
    takes = needs(cls)
    unknown = sorted(takes.keys() - {*NEEDS})
    reason = f"it takes {', '.join(unknown)}; there is {', '.join(NEEDS)}"
    yield require(not unknown, "takes by name what a metric is given", reason)
    can, required = abilities(StandIn), getattr(cls, "requires", ())
    wanted = sorted(entry for entry in required if not can & {*alternatives(entry)})
    claim = "what it requires of a model are abilities"
    yield require(not wanted, claim, f"{', '.join(wanted)}: no ability is called so")
    with works("gives a score"):
        yield from _score_claims(cls(), takes, aim)


def _score_claims(metric: Any, takes: Mapping[str, bool], aim: Any) -> Iterator[str]:
    given = made_up()
    score = _scored(metric, given)
    yield require(not _changed(metric, given), "it leaves its input alone", "it changed its input")
    again = _scored(metric, given)
    yield require(again.value == score.value, "the same input gives the same value", "it differs")
    draws = _scored(metric, given, "another seed").value != score.value
    if "test" in takes and not draws:
        yield from _order_claims(metric, given, score)
    if score.per_example is not None and "test" in takes:
        fits = score.per_example.dtype == torch.float64
        claim = "per_example is float64, a value for each test row"
        yield require(fits, claim, f"got {score.per_example.dtype}")
    compares = "samples" in takes and takes.keys() & {"test", "density"} and aim != "real"
    if compares and NOISE in getattr(type(metric), "orders", (NOISE,)):
        worse = _scored(metric, replace(given, samples=pictures(SHAPES[0], SIZES[0], 3)))
        falls = goodness(aim, worse.value) < goodness(aim, score.value)
        reason = f"{worse.value} and {score.value}, and best is {aim}"
        yield require(falls, "samples of other data score worse", reason)


def made_up() -> judging.Given:
    """All that a metric may be given: pictures of two classes, and stand-ins."""
    shape, sizes = SHAPES[0], SIZES
    rows, labels = pictures(shape, sum(sizes), 0), kinds(shape, sum(sizes), 0)[1]
    samples, train, valid, test = rows.split(sizes)
    asked, *of_parts = labels.split(sizes)
    stand_in = StandIn(train, of_parts[0])
    return judging.Given(
        Split(train, valid, test, *of_parts),
        samples=samples,
        sample_labels=asked,
        labels=Labels(*of_parts),
        model=stand_in,
        density=stand_in,
        features=Projections(),
    )


def _scored(metric: Any, given: judging.Given, seed: str = "a seed") -> Score:
    with seeded("score", seed):
        return judging.scored(metric, replace(given, model=copy.deepcopy(given.model)))


def _changed(metric: Any, given: judging.Given) -> bool:
    """Whether a metric changes what it is given, were that not a copy."""
    own = copy.deepcopy(given)
    known = {**vars(own), **{name: getattr(own.split, name) for name in ("train", "valid", "test")}}
    takes = needs(type(metric))
    with seeded("score", "a seed"):
        metric(**{name: known[name] for name in takes})
    tensors = zip(_tensors(own), _tensors(given), strict=True)
    return not all(torch.equal(one, other) for one, other in tensors)


def _tensors(given: judging.Given) -> list[Tensor]:
    labels, split = given.labels, given.split
    rows = [given.samples, given.sample_labels, split.train, split.valid, split.test]
    rows += [] if labels is None else [labels.train, labels.valid, labels.test]
    return [part for part in rows if part is not None] + list(given.model.state_dict().values())


def _order_claims(metric: Any, given: judging.Given, score: Score) -> Iterator[str]:
    order = torch.arange(SIZES[-1]).flip(0)
    split, labels = given.split, given.labels
    assert labels is not None
    assert split.test_labels is not None
    turned_split = replace(split, test=split.test[order], test_labels=split.test_labels[order])
    turned_labels = replace(labels, test=labels.test[order])
    turned = _scored(metric, replace(given, split=turned_split, labels=turned_labels))
    close = math.isclose(turned.value, score.value, rel_tol=1e-6, abs_tol=1e-6)
    yield require(close, "the order of the test rows does not matter", f"{turned.value}")
    if score.per_example is not None:
        follows = turned.per_example is not None and torch.allclose(
            turned.per_example, score.per_example[order], rtol=1e-6, atol=1e-6
        )
        yield require(follows, "per_example keeps the order of the test rows", "it does not")
