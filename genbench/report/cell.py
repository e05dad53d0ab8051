"""How a table's cell was made: the command that makes it again, its runs, its settings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from genbench.plugins.code import Part
from genbench.records.run import Result
from genbench.report import page
from genbench.tables.cells import OVER, Cell
from genbench.tables.frames import noted
from genbench.tables.speed import Records, timed_on
from genbench.verifying import commands
from genbench.words import several


def record(cell: Cell, records: Records) -> page.Record:
    """One cell of a table: its command, its facts, its runs, its hyperparameters."""
    scores = [records.get(result.key, {}).get("score", {}) for result in cell.results]
    return page.Record(
        title=f"{cell.label} on {cell.head}: {cell.text}",
        command=commands.remaking(cell.results),
        facts=[(term, text) for term, text in _facts(cell, records).items() if text],
        runs=_runs(cell, records),
        blocks=[
            *_blocks(
                "Hyperparameters", [dict(result.run.hyperparameters) for result in cell.results]
            ),
            *_blocks(
                "Settings of the metric", [dict(result.run.settings) for result in cell.results]
            ),
            *_blocks("Recipe, as written", [dict(result.recipe) for result in cell.results]),
            *_blocks("Machine and versions", [_machine(score) for score in scores]),
        ],
    )


def _facts(cell: Cell, records: Records) -> dict[str, str]:
    """What all runs of a cell have in common, or each of what they have."""
    first, done = cell.results[0], [r for r in cell.results if r.status == "done"]
    scores = [records.get(result.key, {}).get("score", {}) for result in done]
    facts = {
        "score": f"{cell.text} {first.unit}, {OVER[cell.over]}" if cell.value is not None else "",
        "95 % interval": "{:.2f} to {:.2f}".format(*cell.interval) if cell.interval else "",
        "failed": "; ".join(dict.fromkeys(r.error for r in cell.results if r.error)),
        "code": "another code or recipe than the installed made this" if cell.stale else "",
        "dataset": f"{first.dataset}, sha256 {first.digest}",
        "samples": several(f"{r.scored:,} ({r.kind})" for r in done),
        "machine": "; ".join(dict.fromkeys(timed_on(score) for score in scores if score)),
        "commit": several(_commit(score) for score in scores if score.get("commit")),
    }
    return facts | {f"code, {role}": _identity(part) for role, part in first.run.parts.items()}


def _identity(part: Part) -> str:
    """Who registered a part, and its revision or the digest of its code."""
    which = f"revision {part.revision}" if part.revision is not None else f"sha256 {part.digest}"
    return f"{part.name} of {part.distribution}, {which}"


def _commit(score: Mapping[str, Any]) -> str:
    return score["commit"]["sha"] + (" with changes" if score["commit"]["dirty"] else "")


def _runs(cell: Cell, records: Records) -> page.Table:
    """A line for each run: its number, its epochs, its seconds, its key."""
    sets = any(result.sample_set for result in cell.results)
    names = [*noted(cell)]

    def row(result: Result) -> page.Row:
        name = [f"seed {result.seed}"]
        name += [f"fold {result.fold}"] if result.folds > 1 else []
        name += [f"sample set {result.sample_set}"] if sets else []
        values = [
            result.status if result.value is None else f"{result.value:.2f}",
            _number(result.stderr, ".2f"),
            *(_noted(result.notes.get(name)) for name in names),
            _number(result.training.epochs or None, "d"),
            *(_number(seconds, ".3g") for seconds in _seconds(records.get(result.key, {}))),
            result.key,
        ]
        *numbers, key = values
        return page.Row(", ".join(name), [*map(page.cell, numbers), page.Cell(key)])

    numbers = ("value", "standard error", *names, "epochs", "training, s", "sampling, s")
    return page.Table(
        f"Runs of {cell.label} on {cell.head}",
        "run",
        [*map(page.Column, numbers), page.Column("scoring, s"), page.Column("key", words=True)],
        [page.Group([row(result) for result in cell.results])],
    )


def _seconds(stages: Mapping[str, Any]) -> list[float | None]:
    """Of training, sampling and scoring."""
    return [
        stages.get(name, {}).get("seconds", {}).get(name) for name in ("fit", "sample", "score")
    ]


def _number(value: Any, form: str) -> str:
    """A number, or a dash where there is none."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return format(value, form) if known else "–"


def _noted(value: Any) -> str:
    """What a metric noted, or a dash."""
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _machine(score: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record says where it was made."""
    names = ("system", "python", "packages", "cpu", "cpu_capability", "gpus", "device", "threads")
    return {name: score[name] for name in (*names, "precision", "registered_by") if name in score}


def _blocks(title: str, values: Sequence[Any]) -> list[tuple[str, str]]:
    """Each different value once, as JSON."""
    texts = [json.dumps(v, indent=2, sort_keys=True, ensure_ascii=False) for v in values if v]
    each = list(dict.fromkeys(texts))
    if len(each) < 2:
        return [(title, text) for text in each]
    return [(f"{title}, {i} of {len(each)}", text) for i, text in enumerate(each, 1)]
