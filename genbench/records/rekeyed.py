"""Which key a result had before it was given a new one: `rekeyed.json` in a folder of results.

{"keys": {"<old>": "<new>"}, "files": {"<old path>": {"sha256": "<old>", "now": "<new path>"}}}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genbench.errors import AlteredError
from genbench.records import files

NAME = "rekeyed.json"


def read(results_dir: Path) -> dict[str, Any]:
    """What was given new keys in a folder; empty if nothing was."""
    path = results_dir / NAME
    if not path.exists():
        return {"keys": {}, "files": {}}
    found = files.read_json(path)
    if not all(isinstance(found.get(name), dict) for name in ("keys", "files")):
        raise AlteredError(f"{path} does not say which keys became which")
    return found


def now(results_dir: Path, target: str) -> list[str]:
    """The keys that older keys with this beginning became."""
    keys = read(results_dir)["keys"]
    return [new for old, new in keys.items() if old.startswith(target)]
