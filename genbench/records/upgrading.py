"""Answers that were stored when a metric's details and what the runner saw were one table.

Now they are fields of their own. No number changes, and no key: keys are of questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genbench.records import files
from genbench.records.observed import drawn

OLD = "details"  # the table of that time
_OF_THE_RUNNER = ("training", "model", "sampling", "tuned", "mixing", "distinct", "warnings")


def is_old(answer: Mapping[str, Any]) -> bool:
    """Whether an answer has the one table."""
    return OLD in answer


def upgraded(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with fields of their own; the metric's details are its notes."""
    details = answer[OLD]
    notes = {name: value for name, value in details.items() if name not in _OF_THE_RUNNER}
    best = "high" if answer.get("higher_is_better", True) else "low"
    kept = {k: v for k, v in answer.items() if k not in (OLD, "higher_is_better", "sha256")}
    now = {"best": best, "notes": notes}
    now |= {"warnings": details.get("warnings", []), "distinct": details.get("distinct", 0)}
    return {**kept, **now, **_observed(answer, details)}


def _observed(answer: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    """What the runner saw, as it is kept now."""
    if "training" not in details:
        return {}
    old = {"kind": answer["kind"], "training": details["training"], "notes": details["model"]}
    seen = asdict(drawn(old | {name: details.get(name) for name in ("tuned", "mixing")}))
    plain = {name: seen[name] for name in ("training", "tuned", "mixing")}
    return {**plain, "sampling": details["sampling"], "model_notes": seen["notes"]}


def upgrade(runs: Path) -> int:
    """Rewrites every answer below a folder that has the one table; returns how many.

    A kill between two of them leaves each whole, and the next call goes on.
    """
    count = 0
    for path in sorted([*runs.rglob("result.json"), *runs.rglob("failed.json")]):
        answer = files.read_json(path)
        if is_old(answer) and path.with_name("run.json").exists():
            files.write_json(path, upgraded(answer))
            count += 1
    return count
