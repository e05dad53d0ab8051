"""Runs of one of the measures of copying: those of their file."""

from ._copying import RUNS, TOLERANCE

__all__ = ["RUNS", "TOLERANCE"]
