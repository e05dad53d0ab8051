"""What a result is called: its row in a table, its column."""

from __future__ import annotations

from genbench.records.files import sha256_of_json
from genbench.records.run import Result


def label(result: Result, stale: bool = False) -> str:
    """A row's name: the model, and whatever of its run is not the default."""
    marks = [result.preset] if result.preset != "paper" else []
    marks += [f"{key}={value}" for key, value in sorted(result.overrides.items())]
    marks += [f"{result.samples} samples"] if result.samples != 10_000 else []
    marks += [f"version {_version(result)}"] if stale else []
    return f"{result.model} [{', '.join(marks)}]" if marks else result.model


def _version(result: Result) -> str:
    """A short name for the code and the recipe that made a result."""
    return sha256_of_json([dict(result.code), dict(result.recipe)])[:8]


def head(result: Result) -> str:
    """A column's head: the dataset, and what must be said of its data."""
    return f"{result.dataset} ({result.caveat})" if result.caveat else result.dataset
