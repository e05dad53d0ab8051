"""Ladders: generators of rows at a known distance from a world, family by family of defects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from genbench.worlds.divergences import Divergence

TRUTH = "truth"  # the family of the first rung


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


def ladder(world: Any, draw_seed: int | None = None) -> tuple[Rung, ...]:
    """The truth, then every family, each from its weakest defect to its strongest.

    world: a dataset that is a world, such as `registry.load("dataset", name)(data_dir)`.
    draw_seed: redraws the strengths, so that no metric can be made for the fixed ones.
    """
    raise NotImplementedError
