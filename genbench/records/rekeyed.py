"""Which key a result had before it was given a new one: `rekeyed.json` in a folder of results.

{"keys": {"<old>": "<new>"}, "files": {"<old path>": {"sha256": "<old>", "now": "<new path>"}}}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from genbench.errors import AlteredError
from genbench.records import files
from genbench.records.lock import check_inside

NAME = "rekeyed.json"
_KEYS, _PLACES = TypeAdapter(dict[str, str]), TypeAdapter(dict[str, dict[str, str]])


def read(results_dir: Path) -> dict[str, Any]:
    """What was given new keys in a folder; empty if nothing was."""
    path = results_dir / NAME
    if not path.exists():
        return {"keys": {}, "files": {}}
    found = files.read_json(path)
    try:
        keys = _KEYS.validate_python(found["keys"], strict=True)
        places = _PLACES.validate_python(found["files"], strict=True)
        for name in [*places, *(place["now"] for place in places.values())]:
            check_inside(path, name)
    except (ValidationError, KeyError) as error:
        raise AlteredError(f"{path} does not say which keys became which") from error
    return {"keys": keys, "files": places}


def now(results_dir: Path, target: str) -> list[str]:
    """The keys that older keys with this beginning became."""
    keys = read(results_dir)["keys"]
    return [new for old, new in keys.items() if old.startswith(target)]
