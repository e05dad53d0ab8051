"""What became of runs, in lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genbench.cli.showing import say

if TYPE_CHECKING:
    from rich.console import Console

    from genbench.records.run import Result, Run
    from genbench.records.store import Store


def print_outcomes(
    done: Sequence[Run], store: Store, console: Console, quiet: bool, verbose: bool
) -> None:
    """A line for each training that was worked on, or each score where what became of them differs.

    Of a quiet command, for failed ones only.
    """
    lines: Counter[str] = Counter()
    for run in done:
        result = store.result(run)
        if result is None:
            name = f"{run.model} on {run.data.name}, fold {run.data.fold}, seed {run.seed}"
            say(console, f"{name}: no result yet: a worker that was thought lost has it in hand")
            continue
        if quiet and result.status == "done":
            continue
        lines[_at_length(result, store) if verbose else _outcome(result)] += 1
    for line, count in lines.items():
        say(console, f"{line} ({count} scores)" if count > 1 else line)


def is_complete(results: Sequence[Result], runs: Sequence[Run]) -> bool:
    """Whether all runs have results, none of them failed."""
    return len(results) == len(runs) and all(result.status != "failed" for result in results)


def _outcome(result: Result, spent: str = "") -> str:
    from genbench.records.names import judge, label, settings

    run = result.run
    name = f"{label(result)} on {run.data.name}, fold {run.data.fold}, seed {run.seed}"
    name += f", {judge(result)}" if settings(result) else ""
    name += f", sample set {run.sample_set}" if run.sample_set else ""
    name += f", {run.protocol}" if run.protocol else ""
    why = f": {result.error}" if result.status != "done" else ""
    return f"{name}: {result.status}{spent}{why}"


def _at_length(result: Result, store: Store) -> str:
    """With the seconds of its stages, where it failed, and what else is to be said of it."""
    from genbench.running.driving import remarks
    from genbench.words import duration

    record = store.provenance(result.run, "score")
    known = {stage: s for stage, s in record.get("seconds", {}).items() if s is not None}
    spent = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in known.items())
    where = record.get("traceback", []) if result.status == "failed" else []
    lines = [_outcome(result, f" ({spent})"), *where, *remarks(result.run, store)]
    return "\n    ".join(lines)
