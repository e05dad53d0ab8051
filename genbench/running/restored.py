"""The trained model of a stored result, and which models can show more than samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.plugins.settings import told
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.seeding import seeded


def can_interpolate(name: str) -> bool:
    """Whether a model is registered and has the optional member `interpolate`."""
    try:
        cls = registry.load("model", name)
    except UsageError:  # it is no longer there, or cannot be imported
        return False
    return callable(getattr(cls, "interpolate", None))


def able() -> list[str]:
    """The registered models whose latent space can be walked through; imports all models."""
    return [name for name in registry.names("model") if can_interpolate(name)]


def model(store: Store, result: Result, shape: tuple[int, ...]) -> Any:
    """The trained model of a result, for images of `shape`, on the CPU.

    Raises UsageError where its weights are not kept, or the installed code cannot take them.
    """
    kept = store.weights(result.run)
    if kept is None:
        raise UsageError(f"the store keeps no weights of {result.model} on {result.dataset}")
    cls = registry.load("model", result.model)
    try:
        with seeded(result.model, result.dataset, result.seed, "build"):
            of_data = told(cls, result.run.data.levels)
            found = cls(shape, **result.run.hyperparameters, **of_data)
        found.load_state_dict({k: torch.from_numpy(np.array(a)) for k, a in kept[0].items()})
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"the installed {result.model} cannot take the weights of {result.model} on "
            f"{result.dataset}, which other code made: {type(error).__name__}: {error}"
        ) from error
    return found
