"""What a judgement is asked for: a world, its rungs, the metrics, and which sets of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from inspect import getattr_static
from pathlib import Path
from typing import Any

import numpy as np

from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.plugins.code import FEATURES, Part, identify
from genbench.protocols import needs
from genbench.records.files import sha256_of_json
from genbench.records.run import Data, Run
from genbench.running.data import Sources
from genbench.running.needs import SAMPLES, Pair, unmet
from genbench.samples import featured
from genbench.worlds.bag import iso_kl
from genbench.worlds.enumerated import EnumeratedWorld
from genbench.worlds.judging.measured import SETS, spreading
from genbench.worlds.judging.truths import Truths, of_rungs
from genbench.worlds.ladder import Rung, ladder
from genbench.worlds.truths import MixtureWorld

REVISION = 1  # raised when the rows or the values of a judgement would change
FOLD = 0
REPEATS = "nearly every row of this world is also one of its training rows, so none shows copying"
APART = 10  # truth sets in no rung, for metrics whose best value is that of real rows


@dataclass(frozen=True)
class Judge:
    """A metric that is judged: its settings, whose code it is, by role; what features read."""

    metric: str
    settings: Mapping[str, Any]
    parts: Mapping[str, Part]
    computed_with: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        parts = {role: asdict(part) for role, part in self.parts.items()}
        return {"metric": self.metric, "settings": dict(self.settings), "parts": parts}


@dataclass(frozen=True)
class Judgement:
    """A question: these metrics, on this world, by sets of `samples` rows.

    seeds: the numbers of the sets that every rung has. draw: the seed of the strengths. train: how
    many of the world's training rows a metric is shown, None: all.
    """

    world: str
    samples: int
    seeds: tuple[int, ...]
    draw: int | None = None
    train: int | None = None


@dataclass(frozen=True)
class KeptRows:
    """The `part`-th set, from 0, of the rows that a trained model drew, put in a random order.

    key: of all its rows. run, folder: by which a store finds them.
    """

    key: str
    part: int
    run: Run = field(compare=False)
    folder: Path = field(compare=False)


@dataclass(frozen=True)
class Unit:
    """One set of rows: the `number`-th of a rung, of the truth apart from its rung, or of a model.

    kept: the rows, where a trained model drew them; then `rung` says nothing.
    """

    rung: int
    number: int
    apart: bool = False
    kept: KeptRows | None = None

    @property
    def name(self) -> str:
        if self.kept is not None:
            return f"model-{self.kept.key[:16]}.{self.number}"
        return f"{'apart' if self.apart else f'{self.rung:03d}'}.{self.number}"


def lacking(dataset: Any) -> str:
    """What a dataset, or its class, needs to be a world; "" where it is one. Computes nothing."""
    if getattr_static(dataset, "density", None) is None:
        return "its density is not known"
    has_ladder = any(getattr_static(dataset, name, None) for name in ("ladder", "world"))
    return "" if has_ladder else "no ladder is known"


def rungs(world: Any, draw: int | None) -> tuple[Rung, ...]:
    """The ladder of a dataset; a stranger's world has one of its own, `ladder(draw)`.

    Sets of one KL follow it, where there are such. Raises UsageError where it is no world.
    """
    own = getattr(world, "ladder", None)
    if own is not None:
        return tuple(own(draw))
    kind = getattr(world, "world", None)
    if not isinstance(kind, MixtureWorld | EnumeratedWorld):
        raise UsageError(f"no ladder is known for {type(world).__name__}: it is no world")
    return ladder(world, draw) + (iso_kl(world) if isinstance(kind, MixtureWorld) else ())


def units(truths: Truths, seeds: Sequence[int], apart: bool) -> list[Unit]:
    """All sets: of `seeds`, SETS of the truth and three rungs; `apart`: and truth sets in no rung.

    Set by set, since the sets of one number are compared with the same test rows.
    """
    further = [n for n in range(SETS + len(seeds)) if n not in seeds][: max(0, SETS - len(seeds))]
    made = [Unit(r, n) for n in seeds for r in range(len(truths.names))]
    made += [Unit(r, n) for n in further for r in measured_rungs(truths)]
    return made + [Unit(0, n, True) for n in range(APART if apart else 0)]


def measured_rungs(truths: Truths) -> list[int]:
    """The truth and the rungs whose deviation is measured."""
    return [0, *spreading(truths.kl.tolist(), truths.copies.tolist())]


def judges(
    names: Sequence[str], data: Data, sources: Sources
) -> tuple[list[Judge], dict[str, str]]:
    """The metrics that rows of a world can be judged by; and of the others, why not."""
    found, left_out = [], {}
    for name in names:
        settings = featured.settings_of(name, {}, data.name, sources.dataset(data.name))
        lack = _lack(name, settings, data, sources)
        if lack:
            left_out[name] = lack
            continue
        features = settings.get(FEATURES)
        of = {"metric": ("metric", name), **({FEATURES: (FEATURES, features)} if features else {})}
        parts = {role: identify(*part) for role, part in of.items()}
        found.append(Judge(name, settings, parts, sources.computed_with(settings, data.name)))
    return found, left_out


def _lack(name: str, settings: Mapping[str, Any], data: Data, sources: Sources) -> str:
    """Why not; where rows repeat, whatever takes training rows would read ties alone."""
    takes = needs(registry.load("metric", name))
    if not takes.get("samples"):
        return "it scores trained models, and a rung is none"
    if takes.get("train") and getattr(sources.dataset(data.name), "repeats", False):
        return REPEATS
    return unmet(Pair(name, settings, data), sources).replace(SAMPLES, "a rung")


def key(judgement: Judgement, data: Data, judge: Judge, rows: Sequence[Any]) -> str:
    """sha256 of all that the values of a metric on a rung depend on, but the number of the set.

    rows: what tells those of a rung, or of a trained model, from others.
    """
    return sha256_of_json(
        {
            "judgement": REVISION,
            "data": [data.name, data.digest, data.train, data.valid, data.levels],
            "rows": [judgement.samples, judgement.train],
            "draw": judgement.draw,
            "rung": [*rows],
            "judge": judge.as_json(),
            "reads": dict(judge.computed_with),
        }
    )


def of_rung(rung: Mapping[str, Any]) -> list[Any]:
    """What a key says of a rung, by its record."""
    return [rung["name"], rung["family"], _rounded(rung["strength"]), rung["copies"]]


def of_kept(kept: KeptRows) -> list[Any]:
    """What a key says of rows that a model drew."""
    return ["model", kept.key, kept.part]


def _rounded(value: float) -> float:
    """To nine digits: a strength that is solved for may differ beyond them between machines."""
    return float(f"{value:.9g}")


def check(world: str, ladder: Sequence[Rung]) -> Truths:
    """The truths of a ladder; raises UsageError for one that cannot be judged on."""
    found = of_rungs(ladder)
    if len(found.names) < 2 or not found.members or np.any(found.values[:, 0] != 0):
        raise UsageError(f"the ladder of {world} needs the truth first, and a rung beside it")
    if len(set(found.names)) < len(found.names):
        raise UsageError(f"two rungs of {world} have one name")
    return found
