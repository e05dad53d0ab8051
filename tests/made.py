"""Results made by hand for tests of what is done with them: flat fields in, and a key of choice."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from genbench.plugins.code import Part
from genbench.records.run import Data, Result, Run

_OF_DATA = {"dataset": "name", "fold": "fold", "folds": "folds", "digest": "digest"}
_OF_DATA |= {"caveat": "caveat", "train": "train", "valid": "valid", "test": "test"}
_OF_DATA |= {"levels": "levels"}
_OF_RUN = {field.name for field in dataclasses.fields(Run)} - {"data", "parts", "sampling"}
DATA = Data("mnist", 0, 1, "a" * 64, "b" * 64, "c" * 64, "d" * 64, "", 256)
PARTS = {role: Part("genbench", role, revision=1) for role in ("model", "metric")}
STAGES = {"training": 1, "drawing": 1, "scoring": 1}
RUN = Run("gan", DATA, 0, "paper", "parzen", 10_000, {}, {}, PARTS, STAGES)


@dataclass(frozen=True)
class Made(Result):
    """A result that may be given a key."""

    given: str = ""

    @property
    def key(self) -> str:
        return self.given or self.run.score_key


def made(**fields: Any) -> Made:
    """A result with these fields of its own, its run and its data."""
    return altered(Made(RUN, "done"), **fields)


def altered(result: Any, **fields: Any) -> Any:
    """A result with some fields of its own, its run or its data changed."""
    if not isinstance(result, Made):
        return dataclasses.replace(result, **fields)
    run = result.run
    data = {_OF_DATA[name]: fields.pop(name) for name in list(fields) if name in _OF_DATA}
    asked = {name: fields.pop(name) for name in list(fields) if name in _OF_RUN}
    if "code" in fields:
        code = fields.pop("code")
        asked["parts"] = {role: Part("genbench", role, digest=sha) for role, sha in code.items()}
    if "key" in fields:
        fields["given"] = fields.pop("key")
    run = dataclasses.replace(run, data=dataclasses.replace(run.data, **data), **asked)
    return dataclasses.replace(result, run=run, **fields)
