# pyright: strict
"""The evidence lower bound of log p(x), by a model's own recognition network q(t|x); nats.

    ELBO = E log p(x|t) - KL(q(t|x) || N(0, I)) <= log p(x),   t ~ q(t|x)
It is below log p(x) by KL(q(t|x) || p(t|x)): a poor q makes a good model look bad. Rows of 256
greys are scored as (k + u) / 256, binary ones as log masses.

Source: Kingma & Welling 2014.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from genbench.metrics import _importance
from genbench.protocols import Score


class ELBO:
    """The mean evidence lower bound of test rows.

    Args:
        rows: how many test rows, evenly spaced; all, where there are fewer.
        draws: of q for each row.
        v: the variance of x given its code; None for the model's own, or .025 where it has none.
    """

    revision = 1
    unit = "nats"
    best = "high"
    requires: tuple[str, ...] = ("posterior", "code", "decode")

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> ELBO.signature({}, 256)
        {'n': '50', 'k': '1000', 'v': 'own'}
        """
        elbo = ELBO(**settings)
        v = "own" if elbo.v is None else f"{elbo.v:g}"
        return {"n": str(elbo.rows), "k": str(elbo.draws), "v": v}

    def __init__(self, rows: int = 50, draws: int = 1000, v: float | None = None) -> None:
        _importance.checked(rows, draws)
        self.rows = rows
        self.draws = draws
        self.v = v

    def __call__(self, model: Any, test: Tensor, valid: Tensor) -> Score:
        """test and valid (n, d). Raises ValueError where the model has no log p of such rows."""
        bounds, rows, notes = _importance.bounds(model, test, valid, self.rows, self.draws, self.v)
        return _importance.scored(bounds.elbo, bounds.elbo_stderr, rows, notes)
