"""Stored samples, scored by other protocols of a metric: which can be, and why others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from genbench.records.names import label
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running.plan import again, by_protocols


def rescoring(
    results: Sequence[Result], store: Store, data_dir: Path
) -> tuple[list[Run], list[str]]:
    """The runs that score the first samples of each training by every other protocol.

    And a sentence for each result that is left out, each once.
    """
    found = [r for r in results if r.status == "done" and not r.protocol and r.sample_set == 0]
    known = again(found, data_dir)
    reasons = {result.key: _why_not(result, known, store) for result in found}
    able = [known[result.key] for result in found if not reasons[result.key]]
    runs = [run for base in able for run in by_protocols(base)]
    return runs, list(dict.fromkeys(filter(None, reasons.values())))


def _why_not(result: Result, known: Mapping[str, Run], store: Store) -> str:
    """Why the samples of a result cannot be scored by other protocols; empty if they can."""
    name = f"{label(result)} on {result.dataset}, seed {result.seed}"
    if result.key not in known:
        return f"{name}: made by another code, recipe or data"
    if not store.keeps_samples(known[result.key]):
        return f"{name}: its samples were not kept"
    if result.run.source:
        return f"{name}: a file's samples are scored by `genbench score FILE`"
    own = [key for key in result.overrides if key.startswith(f"{result.metric}.")]
    return f"{name}: scored by a protocol of the user's own" if own else ""
