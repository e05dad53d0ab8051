"""A claim of a contract: it holds, or there is an error that says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from genbench.errors import GenbenchError


class CheckError(GenbenchError):
    """A contract that is not kept."""


def require(holds: bool, claim: str, reason: str) -> str:
    """The claim, where it holds; raises CheckError with the reason where it does not."""
    if not holds:
        raise CheckError(f"{claim}: no, {reason}")
    return claim


@contextmanager
def works(claim: str) -> Iterator[None]:
    """Takes whatever a stranger's part raises for the reason why a claim does not hold."""
    try:
        yield
    except GenbenchError:
        raise
    except Exception as error:
        raise CheckError(f"{claim}: no, {type(error).__name__}: {error}") from error


def is_json(value: Any) -> bool:
    """Whether a value can be written as JSON, NaN and infinity aside."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
