"""What can go wrong on a user's side; `exit_code` is what the command line returns for it.

And what a stranger's exception or name says, whatever it is made of, as any terminal can take it.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

_TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


class GenbenchError(Exception):
    """A run or a check failed."""

    exit_code = 1


class UsageError(GenbenchError):
    """The request itself is wrong: an unknown name, an ill-typed value."""

    exit_code = 2


class DataError(GenbenchError):
    """A data file is missing, damaged or not what it should be."""

    exit_code = 2


class ModelError(GenbenchError):
    """A model broke its contract: a loss or a sample that cannot be right."""


class StoreError(GenbenchError):
    """The results folder cannot be written."""


class AlteredError(StoreError):
    """A file of the results folder is not what was written."""

    exit_code = 3


class SupersededError(StoreError):
    """Another worker has taken over what this one was thought to be dead at."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: an interrupt as Ctrl-C is, so that whoever lets the one through lets the other."""

    exit_code = 143


def reason(error: BaseException) -> str:
    """The type of an exception and its text, as any file and terminal can take them."""
    name = type(error).__name__
    try:
        return plain(f"{name}: {error}")
    except KeyboardInterrupt:
        raise
    except BaseException as second:  # a stranger's __str__ may raise anything
        return f"{name}: its text cannot be shown, str() raises {type(second).__name__}"


def plain(text: str) -> str:
    r"""A text whose control characters, direction marks and lone surrogates are escaped.

    >>> print(plain("10 \N{GREEK SMALL LETTER MU}m, \ud800, \x1b[31m, \u202e"))
    10 μm, \ud800, \x1b[31m, \u202e
    """
    return text.translate({ord(c): c.encode("unicode_escape").decode() for c in _odd(text)})


def json_text(value: Any, sort_keys: bool = False) -> str:
    r"""A value as JSON, escaped where `plain` escapes; raises ValueError for NaN and infinity.

    >>> print(json_text("10 \N{GREEK SMALL LETTER MU}m, \x9b31m, \u202e"))
    "10 μm, \u009b31m, \u202e"
    """
    text = json.dumps(value, indent=2, sort_keys=sort_keys, allow_nan=False, ensure_ascii=False)
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in _odd(text)})


def _odd(text: str) -> set[str]:
    """The characters of a text that a terminal would obey, or that are none."""
    found = {c for c in text if unicodedata.category(c) in ("Cc", "Cs") or c in _TURNING}
    return found - {"\n", "\t"}
