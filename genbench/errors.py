"""What can go wrong on a user's side; `exit_code` is what the command line returns for it."""


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
