"""What can go wrong on a user's side; `exit_code` is what the command line returns for it.

And what a stranger's exception says, whatever it is made of.
"""

from __future__ import annotations

import unicodedata


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
    r"""A text with its control characters and lone surrogates escaped.

    >>> print(plain("10 \N{GREEK SMALL LETTER MU}m, \ud800, \x1b[31m"))
    10 μm, \ud800, \x1b[31m
    """
    odd = {c for c in text if unicodedata.category(c) in ("Cc", "Cs")} - {"\n", "\t"}
    return text.translate({ord(c): c.encode("unicode_escape").decode() for c in odd})
