"""Which presets there are: read from the recipes of all registered models, none of them loaded.

Whether a preset is legal is a question about what is registered, never about which models a command
names.
"""

from __future__ import annotations

from collections.abc import Iterable

from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.plugins import recipe, registry


def names() -> set[str]:
    """Every preset that some registered model's recipe names, and those of every model."""
    return {*DEFAULTS.presets}.union(*(recipe.presets(model) for model in _readable()))


def serves(preset: str, dataset: str) -> bool:
    """Whether a preset may be asked of every model, or some recipe has it for a dataset.

    A recipe may name one that changes nothing, where the full recipe serves its purpose.
    """
    return preset in DEFAULTS.presets or any(
        preset in recipe.read(model).get(dataset, {}) or recipe.changes(model, dataset, preset)
        for model in _readable()
    )


def known(models: Iterable[str], dataset: str) -> list[str]:
    """The presets that change something for one of these models on a dataset, and `paper`."""
    found = {
        preset
        for model in models
        for preset in recipe.presets(model)
        if preset == recipe.PAPER or recipe.changes(model, dataset, preset)
    }
    return sorted(found)


def _readable() -> list[str]:
    """The registered models whose recipe can be read; the others have no say."""
    found = []
    for model in registry.names("model"):
        try:
            recipe.read(model)
        except UsageError:  # registered twice, gone, or no TOML
            continue
        found.append(model)
    return found
