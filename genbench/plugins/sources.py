"""Where each value of a resolved recipe comes from: the table of the file, and what is noted there.

The comments of a recipe are the sources of its values, so they are read beside the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import tomlkit

from genbench.plugins import recipe, registry
from genbench.plugins.code import source
from genbench.plugins.settings import defaults


@dataclass(frozen=True)
class Sourced:
    """One value of a recipe.

    where: the table that gave it, such as "[mnist.quick]"; "class" for a default of the
        constructor's; "--set" for what the user set.
    comment: what the file notes beside the value, or else beside the head of its table.
    """

    name: str
    value: Any
    where: str
    comment: str = ""


def sourced(
    model: str, dataset: str, preset: str, overrides: Mapping[str, Any] = {}
) -> list[Sourced]:
    """The checked recipe of a model on a dataset, each value with its source.

    In the order of the file, the class's own defaults last. Raises UsageError as `resolve` does.
    """
    resolved = recipe.resolve(model, dataset, preset, overrides)
    found = {one.name: one for one in _written(model, dataset, preset)}
    found |= {name: Sourced(name, value, "--set") for name, value in overrides.items()}
    given = resolved.written
    rest = defaults(registry.load("model", model))
    named = [replace(one, value=given[name]) for name, one in found.items() if name in given]
    return [*named, *(Sourced(n, v, "class") for n, v in rest.items() if n not in given)]


def _written(model: str, dataset: str, preset: str) -> Iterator[Sourced]:
    """The values of the file, table by table as the recipe reads them; later ones win."""
    path = source(registry.find("model", model).module).with_suffix(".toml")
    if not path.is_file():
        return
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for names in recipe.order(dataset, preset):
        table: Any = document
        for name in names:
            table = table.get(name, {})
        head = _comment(table)
        for name, value in table.items():
            if not isinstance(value, dict):
                yield Sourced(name, value, f"[{'.'.join(names)}]", _comment(value) or head)


def _comment(item: Any) -> str:
    """What stands behind a value or a table's head, after the `#`."""
    trivia = getattr(item, "trivia", None)
    return trivia.comment.lstrip("# ").strip() if trivia else ""
