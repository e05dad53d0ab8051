# pyright: strict
"""The importance weighted bound of log p(x), by k draws of a model's own q(t|x); nats.

    IWAE_k = E log (1/k) sum of p(t) p(x|t) / q(t|x) <= log p(x),   t ~ q(t|x), k times
It rises with k towards log p(x), slowly where q misses what explains a row: there few draws carry
the sum, and the effective number of draws is near 1. Rows of 256 greys are scored as (k + u) / 256,
binary ones as log masses.

Source: Burda, Grosse, Salakhutdinov 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from genbench.metrics import _importance
from genbench.protocols import Score

FEW = 10  # effective draws, below which a row's bound hangs on few of them


class IWAE:
    """The mean importance weighted bound of test rows.

    Args:
        rows: how many test rows, evenly spaced; all, where there are fewer.
        draws: of q for each row, k.
        v: the variance of x given its code; None for the model's own, or .025 where it has none.
    """

    revision = 1
    unit = "nats"
    best = "high"
    requires: tuple[str, ...] = ("posterior", "code", "decode")

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> IWAE.signature({"draws": 100}, 256)
        {'n': '50', 'k': '100', 'v': 'own'}
        """
        iwae = IWAE(**settings)
        v = "own" if iwae.v is None else f"{iwae.v:g}"
        return {"n": str(iwae.rows), "k": str(iwae.draws), "v": v}

    def __init__(self, rows: int = 50, draws: int = 5000, v: float | None = None) -> None:
        _importance.checked(rows, draws)
        self.rows = rows
        self.draws = draws
        self.v = v

    def __call__(self, model: Any, test: Tensor, valid: Tensor) -> Score:
        """test and valid (n, d). Raises ValueError where the model has no log p of such rows."""
        bounds, rows, notes = _importance.bounds(model, test, valid, self.rows, self.draws, self.v)
        few = int((bounds.effective < FEW).sum())
        counted = {
            "least": bounds.effective.min().item(),
            "median": bounds.effective.median().item(),
        }
        more = {**notes, "elbo": bounds.elbo.mean().item(), "effective draws": counted}
        warning = (
            f"of {few} of {len(rows.test)} rows fewer than {FEW} of {self.draws:,} draws count: "
            "their bound is loose, and its error is not to be trusted (see ais)"
        )
        warnings = [warning] if few else []
        return _importance.scored(bounds.iwae, bounds.iwae_stderr, rows, more, warnings)
