"""Claims: who of several workers may write a training, where no lock and no clock can be trusted.

A claim is an empty file with a number, made by O_EXCL, so that no two workers have the same one:

    runs/mnist/gan/seed-0-<fit>/.claim-3

Whoever begins takes the next number, and writes only while none is higher than its own: it looks
right before a file takes its place, and before it removes any. So a worker that was thought dead,
and was not, overwrites nothing once another has begun, but for the instant between look and
replace.
"""

from __future__ import annotations

import os
from pathlib import Path

from genbench.errors import SupersededError
from genbench.records import files

_CLAIM = ".claim-"


def latest(folder: Path) -> int:
    """The highest number that was taken; 0 where there is none."""
    return max(_numbers(folder), default=0)


def take(folder: Path) -> int:
    """The next number, ours alone. The highest file always stays, so that none is given twice."""
    number = latest(folder) + 1
    while not files.create(folder / f"{_CLAIM}{number}") or latest(folder) > number:
        number = max(number, latest(folder)) + 1
    for lower in _numbers(folder):
        if lower < number:
            files.remove(folder / f"{_CLAIM}{lower}")
    return number


def check(folder: Path, own: int) -> None:
    """Raises SupersededError where there is another claim than our own, the highest till now.

    own: 0 for a process that has made none, since nobody had where it began.
    """
    if own:
        _ask_anew(folder)
    if latest(folder) != own:
        raise SupersededError(
            f"{folder} was taken over by another worker, which thought this one dead; "
            "nothing of it was overwritten"
        )


def _ask_anew(folder: Path) -> None:
    """Makes and removes a file: a network's folder, else shown as it was, is read again then."""
    probe = folder / f".look-{os.getpid()}"
    files.create(probe)
    files.remove(probe)


def _numbers(folder: Path) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    numbers = [name.removeprefix(_CLAIM) for name in names if name.startswith(_CLAIM)]
    return [int(number) for number in numbers if number.isdecimal()]
