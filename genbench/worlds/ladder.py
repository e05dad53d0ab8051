"""Ladders: generators of rows at a known distance from a world, family by family of defects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.worlds import kept
from genbench.worlds.defects import Ground
from genbench.worlds.divergences import (
    Divergence,
    Divergences,
    exact,
    measured,
    stratified,
)
from genbench.worlds.enumerated import EnumeratedWorld, drawn
from genbench.worlds.families import Family, of_mixture
from genbench.worlds.mixture import Generator
from genbench.worlds.state_defects import StateGround, of_states
from genbench.worlds.streams import stream
from genbench.worlds.truths import CHUNK, MixtureWorld

MEASURED = 3  # raised whenever divergences change
# Rows of the truth and of each rung that divergences are measured on. Standard errors are 3 % of
# KL(p || q) at most and .008 of JSD and TV, and 26 % of KL(q || p) for copies of a share of .01;
# what lies within them is tied to a judgement. It takes one CPU minute for the small world of
# digits, and two where there are 80 components.
POINTS = (4_000, 2_000)
DROPPED = (1, 9, 8, 7, 6, 5, 4, 3, 2)  # classes in the order in which they are dropped
_TRUTH, _RUNG = 3, 5  # the streams of those rows

Told = Callable[[str], None]  # hears the family that is measured next


@dataclass(frozen=True)
class Rung:
    """A generator of rows, and how far it is from the truth.

    family: the kind of its only defect; strength: how strong, in the family's own unit.
    kl: KL(p || q), reverse_kl: KL(q || p), jsd, tv: p the truth, q the rung; nats but for tv.
    copies: whether it repeats training rows.
    draw(n, random) -> (n, d): independent rows, float32, from a numpy generator.
    """

    name: str
    family: str
    strength: float
    kl: Divergence
    reverse_kl: Divergence
    jsd: Divergence
    tv: Divergence
    draw: Callable[[int, np.random.Generator], Tensor]
    copies: bool = False


class Draw:
    """Draws a generator's rows in the world's units; the generator is made when first needed."""

    def __init__(self, world: MixtureWorld, made: Callable[[], Generator]) -> None:
        self.world = world
        self._made = made

    @cached_property
    def generator(self) -> Generator:
        """What is drawn from: log_prob(x), sample(n, random), before rows are squashed."""
        return self._made()

    def __call__(self, n: int, random: np.random.Generator) -> Tensor:
        """Independent rows float32 (n, d)."""
        rows = np.empty((n, self.generator.parts[0][1].d), np.float32)
        for start in range(0, n, CHUNK):
            x = self.generator.sample(min(CHUNK, n - start), random)[0]
            rows[start : start + len(x)] = self.world.shown(x)
        return torch.from_numpy(rows)


def ladder(
    world: Any,
    draw_seed: int | None = None,
    points: tuple[int, int] = POINTS,
    told: Told | None = None,
) -> tuple[Rung, ...]:
    """The truth, then every family, each from its weakest defect to its strongest.

    world: a dataset that is a world, such as `registry.load("dataset", name)(data_dir)`, or what
        it has as `world`.
    draw_seed: redraws the strengths, the classes that are dropped and the way that shifts go, so
        that no metric can be made for the fixed ones.
    points: rows of the truth and of each rung for what has no closed form. What was measured is
        kept in the user's cache, family by family.
    told: hears the name of each family that is measured next.
    """
    world = getattr(world, "world", world)
    if isinstance(world, EnumeratedWorld):
        states = StateGround(world, _dropped(draw_seed, len(world.counts)))
        return tuple(
            _state_rung(family, strength, family.made(states, strength), world.p)
            for family in of_states()
            for strength in family.strengths(draw_seed)
        )
    rungs: list[Rung] = []
    ground = _ground(world, draw_seed)
    for family in of_mixture(ground):
        if told:
            told(family.name)
        plans = [
            Plan(_name(family, s), family.name, s, partial(family.made, ground, s), family.copies)
            for s in family.strengths(draw_seed)
        ]
        rungs += on_rungs(world, plans, points, [ground.dropped, ground.turned])
    return tuple(rungs)


@dataclass(frozen=True, eq=False)
class Plan:
    """A rung of a mixture before it is measured. stream: of the rows that it is measured on."""

    name: str
    family: str
    strength: float
    made: Callable[[], Generator]
    copies: bool = False
    stream: tuple[int, ...] = ()


def on_rungs(
    world: MixtureWorld, plans: Sequence[Plan], points: tuple[int, int], also: Any = None
) -> list[Rung]:
    """The rungs of a plan, measured, or as they were measured before.

    also: JSON-able, what the generators hang on beside their names and strengths.
    """
    draws = [Draw(world, plan.made) for plan in plans]
    named = [[plan.name, plan.family, plan.strength, *plan.stream] for plan in plans]
    key = {"ladder": MEASURED, "world": world.key, "rungs": named, "points": [*points]}
    table = kept.arrays({**key, "also": also}, partial(_table, world, plans, draws, points))
    return [
        _rung(plan, _read(row), draw)
        for plan, row, draw in zip(plans, table["divergences"], draws, strict=True)
    ]


def _table(
    world: MixtureWorld, plans: Sequence[Plan], draws: Sequence[Draw], points: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Divergences as float64 (rungs, 4, 2): value and standard error, NaN where exact."""
    of_p = stratified(world.mixture, points[0], stream(_TRUTH))
    randoms = [stream(*(plan.stream or (_RUNG, plan.name))) for plan in plans]
    generators = [draw.generator for draw in draws]
    found = measured(world.mixture, generators, of_p, randoms, points[1])
    return {"divergences": np.array([astuple(each) for each in found], dtype=np.float64)}


def _read(row: np.ndarray) -> Divergences:
    """A row (4, 2) of that table."""
    return Divergences(*(Divergence(v, None if math.isnan(e) else e) for v, e in row.tolist()))


def _rung(plan: Plan, far: Divergences, draw: Draw) -> Rung:
    four = (far.kl, far.reverse_kl, far.jsd, far.tv)
    return Rung(plan.name, plan.family, plan.strength, *four, draw, plan.copies)


def _state_rung(
    family: Family[StateGround, np.ndarray], strength: float, law: np.ndarray, p: np.ndarray
) -> Rung:
    far, name = exact(p, law), _name(family, strength)
    four = (far.kl, far.reverse_kl, far.jsd, far.tv)
    return Rung(name, family.name, strength, *four, StateDraw(law), family.copies)


class StateDraw:
    """Draws the pictures of a law over all states, (65536,)."""

    def __init__(self, law: np.ndarray) -> None:
        self.law = law

    def __call__(self, n: int, random: np.random.Generator) -> Tensor:
        """Independent rows float32 (n, 16)."""
        return torch.from_numpy(drawn(self.law, n, random))


def _ground(world: MixtureWorld, seed: int | None) -> Ground:
    turned = 0 if seed is None else int(stream("turned", seed).integers(4))
    return Ground(world, _dropped(seed, len(set(world.classes.tolist()))), turned)


def _dropped(seed: int | None, classes: int) -> tuple[int, ...]:
    """All classes but one, in the order in which they are dropped."""
    if seed is None:
        return tuple(c for c in DROPPED if c < classes)
    return tuple(stream("dropped", seed).permutation(classes)[:-1].tolist())


def _name(family: Family[Any, Any], strength: float) -> str:
    """Such as shrink_0.95; the truth, and a family of one, has the family's name."""
    return family.name if len(family.grid) == 1 else f"{family.name}_{strength:.4g}"
