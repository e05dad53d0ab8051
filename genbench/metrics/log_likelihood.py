# pyright: strict
"""The exact mean log-likelihood of test rows, where a model has one.

Conventions, in nats:
    log mass      of rows of zeros and ones; of greys by a model that is told their levels
    log density   of rows of continuous values; of 256 greys that of (k + u) / 256, u drawn once
The two never share a column: `of` names the one that is asked for, or leaves it to the data.
    value = mean_i log p(x_i);   stderr = std / √n, over n test rows, the model as it is
A Boltzmann machine gives its log p by a sum over the states of its smaller side, up to 25 units.

What cannot be had is refused with the reason: a larger machine, whose log p `ais` bounds, and a
model whose log p is of the other kind.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.likelihood import enumeration
from genbench.likelihood.dequantised import are_greys, dequantised
from genbench.likelihood.observations import is_binary
from genbench.protocols import Score, Unmet

MASS, DENSITY = "mass", "density"
ROWS = 1000  # of a block that a model is given


class LogLikelihood:
    """The mean of the model's own log p of the test rows.

    Args:
        of: "mass" or "density"; empty for "mass" of binary rows and "density" of others.
    """

    revision = 1
    unit = "nats"
    best = "high"
    requires: tuple[str, ...] = ("log_prob or boltzmann",)

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> LogLikelihood.signature({}, 2), LogLikelihood.signature({}, 256)
        ({'of': 'mass'}, {'of': 'density', 'rows': 'dequantised'})
        """
        of = settings.get("of") or (MASS if levels == 2 else DENSITY)
        greys = of == DENSITY and levels not in (None, 2)
        return {"of": of, "rows": "dequantised"} if greys else {"of": of}

    def __init__(self, of: str = "") -> None:
        if of not in ("", MASS, DENSITY):
            raise ValueError(f"of must be {MASS!r}, {DENSITY!r} or empty, got {of!r}")
        self.of = of

    def __call__(self, model: Any, test: Tensor) -> Score:
        """test (n, d); raises Unmet, with the reason, where the model has no such log p of them."""
        of = self.of or (MASS if is_binary(test) else DENSITY)
        is_machine = hasattr(model, "boltzmann")
        log_p = (_of_machine if is_machine else _own)(model, test, of).double().cpu()
        stderr = log_p.std().item() / math.sqrt(len(log_p)) if len(log_p) > 1 else None
        greys = of == DENSITY and are_greys(test)
        notes = {"of": of, "rows": "dequantised: (k + u) / 256" if greys else "as given"}
        return Score(log_p.mean().item(), stderr, log_p, notes=notes)


def _of_machine(model: Any, test: Tensor, of: str) -> Tensor:
    """By enumeration; raises Unmet for rows that are not binary and for machines too large."""
    machine = model.boltzmann()
    units = enumeration.least_units(machine)
    if of != MASS or not is_binary(test):
        raise Unmet(
            "a machine of binary units gives a log mass, of zeros and ones only, and a log "
            f"{of} of {'such' if is_binary(test) else 'other'} rows is scored: use binary data"
        )
    if units > enumeration.MOST:
        raise Unmet(
            f"its smaller side has {units:,} units, and a sum over states takes at most "
            f"{enumeration.MOST}: annealing (ais) can estimate it"
        )
    return enumeration.log_prob(machine, test)


def _own(model: Any, test: Tensor, of: str) -> Tensor:
    """By the model's `log_prob`; raises Unmet where that is of the other kind."""
    kind = _kind(model)
    if kind != of:
        raise Unmet(f"its log_prob is a log {kind}, and of these rows a log {of} is scored")
    rows = dequantised(test, "test") if of == DENSITY else test
    with torch.no_grad():
        return torch.cat([model.log_prob(block) for block in torch.split(rows, ROWS)])


def _kind(model: Any) -> str:
    """What a model's log_prob is, see `protocols.GenerativeModel`."""
    told = "levels" in inspect.signature(model.__class__).parameters
    return MASS if told or getattr(model, "samples", "") == "binary" else DENSITY
