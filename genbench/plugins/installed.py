"""The sources of all that is registered, as they are installed, for whoever asks if one moved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from genbench.plugins import imports, registry


def sources() -> dict[str, str]:
    """sha256, in hex, of each file of the packages that register parts, by its place in them.

    Recipes, tables of values and weights that lie beside the code are among them; nothing is
    imported.
    """
    return dict(_sources())


def sha256(path: Path) -> str:
    """sha256, in hex, of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sources() -> Iterator[tuple[str, str]]:
    for top in sorted(registry.tops()):
        if imports.spec(top) is None or not imports.has_file(top):
            continue
        home = imports.source(top)
        own = home.parent.rglob("*") if home.name == "__init__.py" else home.parent.glob(f"{top}.*")
        for path in sorted(own):
            if path.is_file() and path.suffix not in (".pyc", ".pyo"):
                yield f"{top}: {path.relative_to(home.parent).as_posix()}", sha256(path)
