# pyright: strict
"""What `elbo` and `iwae` share: draws of a model's recognition network, and notes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from genbench.likelihood import importance
from genbench.likelihood.importance import Importance, Proposal
from genbench.likelihood.observations import COMMON, decoder_of
from genbench.metrics import _scored
from genbench.metrics._scored import Rows
from genbench.protocols import JSON, Score


def bounds(
    model: Any, test: Tensor, valid: Tensor, n: int, draws: int, v: float | None
) -> tuple[Importance, Rows, dict[str, JSON]]:
    """Both bounds of n test rows, and the notes that both metrics make."""
    decoder = decoder_of(model, test)
    rows = _scored.rows_of(test, valid, n)
    own = _scored.variance_of(model, decoder, v)
    used = COMMON if own is None else own
    proposal = Proposal(*model.posterior(rows.test))
    both = importance.bounds(decoder, rows.test, proposal, draws, used)
    notes: dict[str, JSON] = {
        "observation": decoder.kind,
        **({"v": used} if decoder.has_variance else {}),
        "rows": {"scored": len(rows.test), "test": rows.all_test, "treated": rows.treated},
    }
    return both, rows, notes


def scored(
    values: Tensor,
    errors: Tensor,
    rows: Rows,
    more: Mapping[str, JSON],
    warnings: Sequence[str] = (),
) -> Score:
    """The mean of a lower bound, its error over rows; that over draws is a note."""
    over_draws = errors.square().sum().sqrt().item() / len(errors)
    return Score(
        values.mean().item(),
        values.std().item() / len(values) ** 0.5,
        _scored.single(values, rows),
        warnings=warnings,
        notes={"stderr over draws": over_draws, **more},
        over=_scored.over(rows),
        bound=">=",
    )


def checked(rows: int, draws: int) -> None:
    """Raises ValueError where the settings of a metric cannot be."""
    if rows < 2 or draws < 2:
        raise ValueError(f"rows and draws must be at least 2, got {rows} and {draws}")
