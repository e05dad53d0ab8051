"""theory.toml: what each page trains, on what, for how long; shorter in a preset.

Of a page `name` the tables [name] and [name.preset] are read, later wins, and for the model's
constructor [model], [name.model] and [name.preset.model].
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from genbench.plugins.recipe import PAPER


@dataclass(frozen=True)
class Recipe:
    """settings: of the page itself. model: hyperparameters of the registered model it trains."""

    settings: Mapping[str, Any]
    model: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads((files("genbench.theory") / "theory.toml").read_text("utf-8"))


def presets() -> list[str]:
    """The full recipes, and what some page has besides: a table in its own, and not its model's.

    >>> presets()
    ['paper', 'smoke']
    """
    tables = _tables().values()
    own = {key for table in tables for key, value in table.items() if isinstance(value, dict)}
    return [PAPER, *sorted(own - {"model"})]


def recipe_of(name: str, preset: str) -> Recipe:
    """The recipe of a page; a preset that it does not have changes nothing.

    >>> recipe_of("figure1", "none such")["dataset"]
    'gaussian_1d'
    """
    tables = _tables()
    own = tables.get(name, {})
    short = own.get(preset, {})
    settings = {
        key: value for key, value in {**own, **short}.items() if not isinstance(value, dict)
    }
    shared = tables["model"] if "trains" in settings else {}
    model = {**shared, **own.get("model", {}), **short.get("model", {})}
    return Recipe(settings, model)
