"""Sets of rungs that are not families: the mixed bag, and generators at one distance.

The mixed bag is 21 generators of many kinds, in a fixed order. Those of an iso-KL set have one
KL(p || q), each by another defect: a metric that measured KL would give them one value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from scipy.optimize import bisect

from genbench.worlds import defects
from genbench.worlds.defects import Ground
from genbench.worlds.divergences import closed
from genbench.worlds.ladder import DROPPED, POINTS, Plan, Rung, on_rungs
from genbench.worlds.mixture import Generator
from genbench.worlds.truths import MixtureWorld

ISO = (1.0, 5.0, 25.0)  # nats
_STREAM = 4  # of the rows of the bag's generators
Defect = Callable[[Ground, float], Generator]

_BAG: tuple[tuple[str, str, float, Defect, bool], ...] = (
    ("truth", "truth", 0.0, defects.truth, False),
    ("drop_1_class", "drop", 1.0, defects.drop, False),
    ("drop_5_classes", "drop", 5.0, defects.drop, False),
    ("reweight", "reweight", 2.0, defects.reweight, False),
    ("inflate_1.05", "inflate", 1.05, defects.scale, False),
    ("shrink_0.95", "shrink", 0.95, defects.scale, False),
    ("truncate_0.7", "truncate", 0.7, defects.signal, False),
    ("prototypes", "prototypes", 0.0, defects.signal, False),
    ("noise_x1.25", "noise_up", 1.25, defects.noise, False),
    ("noise_x0.5", "noise_down", 0.5, defects.noise, False),
    ("contrast_0.9", "contrast", 0.9, defects.contrast, False),
    ("blur", "blur", 1.0, defects.blur, False),
    ("translate_1px", "shift", 1.0, defects.shift, False),
    ("gaussian", "gaussian", 1.0, defects.gaussian, False),
    ("memorise_h=s", "memorise", math.nan, defects.memorise, True),
    ("memorise_h=.01", "memorise", 0.01, defects.memorise, True),
    ("half_noise", "junk", 0.5, defects.junk, False),
    ("noise_10%", "junk", 0.1, defects.junk, False),
    ("class_ppca", "merge", 10.0, defects.merge, False),
    ("refit_5k", "refit", 5_000.0, defects.refit, False),
    ("refit_20k", "refit", 20_000.0, defects.refit, False),
)
_FIVE = (9, 8, 7, 6, 5)  # what is dropped together

# the defects whose KL has a closed form, and the strengths among which one is looked for
_ALONE: tuple[tuple[str, Defect, tuple[float, float]], ...] = (
    ("inflate", defects.scale, (1.0, 3.0)),
    ("shrink", defects.scale, (1.0, 0.1)),
    ("truncate", defects.signal, (1.0, 0.0)),
    ("overdo", defects.signal, (1.0, 10.0)),
    ("noise_up", defects.noise, (1.0, 3.0)),
    ("noise_down", defects.noise, (1.0, 0.1)),
    ("contrast", defects.contrast, (1.0, 0.1)),
    ("brightness", defects.brightness, (0.0, 1.0)),
)


def mixed_bag(world: Any, points: tuple[int, int] = POINTS) -> tuple[Rung, ...]:
    """The 21 generators of a mixture of pictures, the truth first; the ladder's own arguments."""
    world = getattr(world, "world", world)
    return tuple(on_rungs(world, planned_bag(world), points))


def planned_bag(world: MixtureWorld) -> list[Plan]:
    """Those generators before they are measured."""
    ground, five = Ground(world, DROPPED), Ground(world, _FIVE)
    s = float(world.mixture.s2.mean()) ** 0.5
    plans = []
    for i, (name, family, strength, defect, copies) in enumerate(_BAG):
        strength = s if math.isnan(strength) else strength
        of = five if (family, strength) == ("drop", 5.0) else ground
        made = partial(defect, of, strength)
        plans.append(Plan(name, family, strength, made, copies, (_STREAM, i)))
    return plans


def iso_kl(
    world: Any, nats: tuple[float, ...] = ISO, points: tuple[int, int] = POINTS
) -> tuple[Rung, ...]:
    """For each of the distances the generators at it; their family is such as "iso 5 nats".

    Junk is there too: so much of it that -log(1 - share) is the distance.
    """
    world = getattr(world, "world", world)
    ground = Ground(world, DROPPED)
    plans = []
    for far in nats:
        found = [(name, made, _at(ground, made, ends, far)) for name, made, ends in _ALONE]
        found.append(("junk", defects.junk, -math.expm1(-far)))
        plans += [
            Plan(f"{name} at {far:g} nats", f"iso {far:g} nats", at, partial(made, ground, at))
            for name, made, at in found
            if at is not None and at != 1.0
        ]
    return tuple(on_rungs(world, plans, points))


def _at(ground: Ground, made: Defect, ends: tuple[float, float], far: float) -> float | None:
    """The strength between the ends where KL(p || q) is so far; None where it is not."""
    p = ground.p
    if closed(p, made(ground, ends[1])) < far:
        return None
    return bisect(lambda t: closed(p, made(ground, t)) - far, *ends, xtol=1e-13)  # pyright: ignore
