"""`python -m tests.golden NAME ...`: checks the numbers of parts, and keeps those of new revisions.

Run it from the project's folder; without a name it looks at all parts. A kept line never changes.
"""

from __future__ import annotations

import sys

from . import kept
from .fingerprints import numbers_of
from .parts import GoldenPart, parts


def main(names: list[str]) -> int:
    """1 where numbers moved or a name is unknown, else 0."""
    known = {part.stem: part for part in parts()}
    if unknown := [name for name in names if name not in known]:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return 1
    faults = [checked(known[name]) for name in names or known]
    return int(any(faults))


def checked(part: GoldenPart) -> str:
    """Appends what is missing and prints what was done, or what is wrong and returns it."""
    numbers = numbers_of(part.runs)
    if wrong := kept.contradiction(part, numbers):
        print(wrong)
        return wrong
    if new := kept.missing(part, numbers):
        kept.append(part, new)
    done = f"{len(new)} runs appended, {len(numbers) - len(new)} hold"
    print(f"{part.name}, revision {part.revision}: {done}")
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
