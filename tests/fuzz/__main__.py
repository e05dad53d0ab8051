"""`python -m tests.fuzz [READER ...] [--seconds S | --inputs N] [--seed K]`."""

from __future__ import annotations

import argparse
import sys

from . import hunting
from .readers import EVERY


def main() -> int:
    """Prints what became of the files of each reader; 1 where there is a finding."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("readers", nargs="*", metavar="READER", help=", ".join(EVERY))
    asked.add_argument("--seconds", type=float, default=float("inf"), help="of all readers")
    asked.add_argument("--inputs", type=int, default=sys.maxsize, help="of each reader")
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    if given.seconds == float("inf") and given.inputs == sys.maxsize:
        given.seconds = 10.0
    names, faults = given.readers or [*EVERY], 0
    for name in names:
        each = given.seconds / len(names), given.inputs, given.seed
        count = hunting.apart(hunting.hunted, name, *each)
        hunting.keep(count)
        print(f"{name}: {count.inputs:,} files, {count.taken:,} taken, {count.refused:,} refused")
        for about, _ in count.findings:
            print(f"  FOUND {about}")
        faults += len(count.findings)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
