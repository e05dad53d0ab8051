"""What a store keeps of a result: the log of its training, its samples, its trained model.

Found from the result alone, also where other code or recipes are installed by now. A result whose
records are not there has none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.errors import AlteredError, UsageError
from genbench.plugins import registry
from genbench.records import files
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.seeding import seeded


def events(store: Store, result: Result) -> list[dict[str, Any]]:
    """What the training of a result logged, oldest first."""
    folder = _folder(store, result, "fit")
    return files.read_lines(folder / "events.jsonl") if folder else []


def samples(store: Store, result: Result) -> tuple[np.ndarray, dict[str, Any]] | None:
    """A result's samples (m, d), as they are kept, and what was noted of them, or None."""
    folder = _folder(store, result, "sample")
    if folder is None or not (folder / "samples.npz").exists():
        return None
    arrays, about = files.read_arrays(folder / "samples.npz")
    return arrays["samples"], _note(folder / "samples.npz", about, folder)


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
    folder = _folder(store, result, "fit")
    if folder is None or not (folder / "weights.safetensors").exists():
        raise UsageError(f"the store keeps no weights of {result.model} on {result.dataset}")
    arrays, about = files.read_tensors(folder / "weights.safetensors")
    _note(folder / "weights.safetensors", about, folder)
    hyperparameters = store.records(result)["score"].get("hyperparameters", {})
    cls = registry.load("model", result.model)
    try:
        with seeded(result.model, result.dataset, result.seed, "build"):
            found = cls(shape, **hyperparameters)
        found.load_state_dict({k: torch.from_numpy(np.array(a)) for k, a in arrays.items()})
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"the installed {result.model} cannot take the weights of {result.model} on "
            f"{result.dataset}, which other code made: {type(error).__name__}: {error}"
        ) from error
    return found


def _folder(store: Store, result: Result, stage: str) -> Path | None:
    """The folder of a result's training ("fit") or samples ("sample")."""
    keys = store.records(result).get("score", {}).get("keys", {})
    if stage not in keys:
        return None
    depth = {"fit": "*/*", "sample": "*/*/*"}[stage]
    return next(store.runs.glob(f"{depth}/*-{keys[stage][:12]}"), None)


def _note(path: Path, about: Any, folder: Path) -> Any:
    """What was noted in a file, once it is sure that it belongs into its folder."""
    if not isinstance(about, dict) or not folder.name.endswith(f"-{str(about.get('key'))[:12]}"):
        raise AlteredError(f"{path} is not of this run: its key is not that of its folder")
    return about["note"]
