"""The kept lines: what the runs of each part gave at each of its revisions; only ever appended.

A line is {"part", "revision", "tolerance", "numbers"}, numbers by run and by what they are. Runs
that are written later for the same revision get a line of their own. A run whose numbers turn out
to hang on the processor is withdrawn by a line {"part", "revision", "withdrawn": {run: why}}; what
stands for it needs a name of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genbench.records.git import git

from .fingerprints import RAISED, Numbers
from .parts import GoldenPart

FILE = Path(__file__).parent / "numbers.jsonl"
Found = dict[str, dict[str, Numbers]]  # by run, then by what they are
ROUNDING = 1e-12  # what sums that come to nothing differ by between processors


def lines() -> list[dict[str, Any]]:
    """All kept lines, in their order."""
    return [json.loads(line) for line in FILE.read_text().splitlines()]


def of(part: GoldenPart) -> list[dict[str, Any]]:
    """The lines of a part at its current revision, without the runs that were withdrawn."""
    wanted = part.name, part.revision
    found = [line for line in lines() if (line["part"], line["revision"]) == wanted]
    gone = {run for line in found for run in line.get("withdrawn", ())}
    return [
        line | {"numbers": {run: now for run, now in line["numbers"].items() if run not in gone}}
        for line in found
        if "numbers" in line
    ]


def missing(part: GoldenPart, numbers: Found) -> Found:
    """The runs of which nothing is kept at the part's current revision."""
    held = _held(part)
    return {run: given for run, given in numbers.items() if run not in held}


def append(part: GoldenPart, numbers: Found) -> None:
    """Keeps numbers under the part's current revision."""
    line = {
        "part": part.name,
        "revision": part.revision,
        "tolerance": part.tolerance,
        "numbers": numbers,
    }
    with FILE.open("a") as file:
        file.write(json.dumps(line) + "\n")


def fault(part: GoldenPart, numbers: Found) -> str:
    """What is wrong with the numbers that the runs of a part gave, and the way out; or nothing."""
    if wrong := contradiction(part, numbers):
        return wrong
    if new := missing(part, numbers):
        which = f"at revision {part.revision} ({', '.join(sorted(new))})"
        return f"no numbers are kept of {part.name} {which}: append a line by {part.command}"
    return ""


def contradiction(part: GoldenPart, numbers: Found) -> str:
    """What is wrong where no appended line can put it right; or nothing."""
    name = part.name
    if part.revision is None:
        return f"{name} has no revision: give it one, {part.where}, then run {part.command}"
    if moves := list(_moves(part, numbers)):
        return f"the numbers of {name} moved ({'; '.join(moves)}): if that is meant, {part.way_out}"
    if gone := _held(part) - numbers.keys():
        return f"kept runs of {name} are gone ({', '.join(sorted(gone))}): put them back"
    return ""


def _held(part: GoldenPart) -> set[str]:
    return {run for line in of(part) for run in line["numbers"]}


def _moves(part: GoldenPart, numbers: Found) -> Iterator[str]:
    """The runs that gave an error, and how the numbers of the others differ from the kept ones."""
    whole = {run: now for run, now in numbers.items() if RAISED not in now}
    yield from (f"{run} raised {numbers[run][RAISED][0]}" for run in numbers.keys() - whole.keys())
    for line in of(part):
        for run, was in line["numbers"].items():
            changed = differences(was, whole.get(run) or was, line["tolerance"])
            yield from (f"{run}, {change}" for change in changed)


def differences(was: dict[str, Numbers], now: dict[str, Numbers], tolerance: float) -> list[str]:
    """Each list of numbers that moved by more than `tolerance` times its greatest, and rounding."""
    return [
        f"{what}: was {was.get(what)}, is {now.get(what)}"
        for what in dict.fromkeys((*was, *now))
        if not _near(was.get(what), now.get(what), tolerance)
    ]


def _near(was: Numbers | None, now: Numbers | None, tolerance: float) -> bool:
    if was is None or now is None or len(was) != len(now):
        return False
    numbers = [abs(v) for v in was if not isinstance(v, str)]
    allowed = tolerance * max(numbers, default=0.0) + ROUNDING
    return all(
        a == b if isinstance(a, str) or isinstance(b, str) else abs(a - b) <= allowed
        for a, b in zip(was, now, strict=True)
    )


def committed() -> list[str] | None:
    """Every line that the file held in a commit behind this one; None without a whole history.

    So lines that two branches appended may be merged in any order.
    """
    folder = FILE.parent
    if git(folder, "rev-parse", "--is-shallow-repository") != b"false\n":
        return None
    commits = git(folder, "rev-list", "--full-history", "HEAD", "--", FILE.name) or b""
    blobs = [f"{commit}:./{FILE.name}" for commit in commits.decode().split()]
    versions = [git(folder, "cat-file", "blob", blob) or b"" for blob in blobs]
    return list(dict.fromkeys(line for v in versions for line in v.decode().splitlines()))
