"""How a table's cell was made: the command that makes it again, its runs, its settings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from genbench.plugins.code import Part
from genbench.protocols import better
from genbench.records.run import Result
from genbench.report import page
from genbench.tables.cells import OVER, Cell
from genbench.tables.frames import noted
from genbench.tables.speed import Records, timed_on
from genbench.verifying import commands
from genbench.words import MISSING, several

_COLUMNS, _SHORT = 6, 40  # columns of a metric's notes, and letters of what stands in one


def record(cell: Cell, records: Records) -> page.Record:
    """One cell of a table: its command, its facts, its runs, and the rest as texts to unfold."""
    scores = [records.get(result.key, {}).get("score", {}) for result in cell.results]
    return page.Record(
        title=_title(cell),
        command=commands.remaking(cell.results),
        facts=[(term, text) for term, text in _facts(cell, records).items() if text],
        runs=_runs(cell, records),
        blocks=[
            block
            for title, values in {**_said(cell), **_asked(cell)}.items()
            for block in _blocks(title, values)
        ]
        + _blocks("Machine and versions", [_machine(score) for score in scores]),
    )


def _title(cell: Cell) -> str:
    """Which number it is, and by which metric, since a page may hold several."""
    head = cell.head if cell.head != cell.data else f"{cell.head}, {cell.results[0].metric}"
    return f"{cell.label} on {head}: {cell.text}"


def _said(cell: Cell) -> dict[str, list[Any]]:
    """What metric and model said, and what the runner observed."""
    done = [result for result in cell.results if result.status == "done"]
    return {
        "Notes of the metric": [dict(r.notes) for r in done],
        "Curves of the metric": [_listed(r.curves) for r in done],
        "Notes of the model": [dict(r.model_notes) for r in done],
        "Training": [asdict(r.training) for r in done if r.training.epochs],
        "Sampling": [dict(r.sampling) for r in done],
        "Tuned": [asdict(r.tuned) for r in done if r.tuned],
        "Mixing of the samples": [_known(asdict(r.mixing)) for r in done if r.mixing],
    }


def _listed(curves: Mapping[str, Any]) -> str:
    """Each curve on a line of its own."""
    each = sorted(curves.items())
    return "\n".join(f"{name}: {json.dumps([*map(list, points)])}" for name, points in each)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _asked(cell: Cell) -> dict[str, list[Any]]:
    """How it was asked for."""
    return {
        "Hyperparameters": [dict(result.run.hyperparameters) for result in cell.results],
        "Settings of the metric": [dict(result.run.settings) for result in cell.results],
        "Recipe, as written": [dict(result.recipe) for result in cell.results],
    }


def _facts(cell: Cell, records: Records) -> dict[str, str]:
    """What all runs of a cell have in common, or each of what they have."""
    first, done = cell.results[0], [r for r in cell.results if r.status == "done"]
    scores = [records.get(result.key, {}).get("score", {}) for result in done]
    value = " ".join(filter(None, [cell.text, first.unit]))
    facts = {
        "score": f"{value}, {OVER[cell.over]}" if cell.value is not None else "",
        "metric": f"{first.metric}, {better(first.best)}" if done else first.metric,
        "95 % interval": "{:.4g} to {:.4g}".format(*cell.interval) if cell.interval else "",
        "failed": _errors(cell, "failed"),
        "unmet": _errors(cell, "unmet"),
        "warnings": "; ".join(dict.fromkeys(text for r in done for text in r.warnings)),
        "code": "another code or recipe than the installed made this" if cell.stale else "",
        "dataset": f"{first.dataset}, sha256 {first.digest}",
        "samples": several(f"{r.scored:,} ({r.kind})" for r in done if r.run.draws),
        "training": _training(done),
        "tuned": several(f"{r.tuned.name} {_noted(r.tuned.value)}" for r in done if r.tuned),
        "machine": "; ".join(dict.fromkeys(timed_on(score) for score in scores if score)),
        "commit": several(_commit(score) for score in scores if score.get("commit")),
    }
    return facts | {f"code, {role}": _identity(part) for role, part in first.run.parts.items()}


def _errors(cell: Cell, status: str) -> str:
    return "; ".join(dict.fromkeys(r.error or status for r in cell.results if r.status == status))


def _training(done: Sequence[Result]) -> str:
    """ "epoch 240 of 250 made, on 50,000 rows"."""
    trained = [r.training for r in done if r.training.epochs]
    rows = [f", on {t.rows:,} rows" if t.rows else "" for t in trained]
    said = [f"epoch {t.epoch} of {t.epochs} made{of}" for t, of in zip(trained, rows, strict=True)]
    cut = "; cut by the time budget" if any(r.cut for r in done) else ""
    return f"{'; '.join(dict.fromkeys(said))}{cut}" if said else ""


def _identity(part: Part) -> str:
    """Who registered a part, and its revision or the digest of its code."""
    which = f"revision {part.revision}" if part.revision is not None else f"sha256 {part.digest}"
    return f"{part.name} of {part.distribution}, {which}"


def _commit(score: Mapping[str, Any]) -> str:
    return score["commit"]["sha"] + (" with changes" if score["commit"]["dirty"] else "")


def _runs(cell: Cell, records: Records) -> page.Table:
    """A line for each run: its number, its epochs, its seconds, its key."""
    sets = any(result.sample_set for result in cell.results)
    short = (name for name, said in noted(cell).items() if len(said) <= _SHORT)
    names = [*islice(short, _COLUMNS)]  # what else it notes stands below

    def row(result: Result) -> page.Row:
        name = [f"seed {result.seed}"]
        name += [f"fold {result.fold}"] if result.folds > 1 else []
        name += [f"sample set {result.sample_set}"] if sets else []
        values = [
            *_value(result),
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


def _value(result: Result) -> tuple[str, str]:
    """The score and its standard error, in as many decimals as that needs; a dash for none."""
    if result.value is None:
        return result.status, MISSING
    small = abs(result.value) < 10 or (result.stderr is not None and 0 < result.stderr < 0.1)
    form = ".4g" if small else ".2f"
    sign = f"{result.bound} " if result.bound else ""
    return f"{sign}{result.value:{form}}", _number(result.stderr, ".2g" if small else ".2f")


def _seconds(stages: Mapping[str, Any]) -> list[float | None]:
    """Of training, sampling and scoring."""
    return [
        stages.get(name, {}).get("seconds", {}).get(name) for name in ("fit", "sample", "score")
    ]


def _number(value: Any, form: str) -> str:
    """A number, or a dash where there is none."""
    known = isinstance(value, int | float) and math.isfinite(value)
    return format(value, form) if known else MISSING


def _noted(value: Any) -> str:
    """What is noted in one number or word, or a dash."""
    known = isinstance(value, int | float | str)
    return (f"{value:.4g}" if isinstance(value, float) else str(value)) if known else MISSING


def _machine(score: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record says where it was made."""
    names = ("system", "python", "packages", "cpu", "cpu_capability", "gpus", "device", "threads")
    return {
        name: score[name]
        for name in (*names, "precision", "registered_by", "commits")
        if name in score
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _blocks(title: str, values: Sequence[Any]) -> list[tuple[str, str]]:
    """Each different value once; what is no text yet as JSON."""
    texts = [v if isinstance(v, str) else _json(v) for v in values if v]
    each = list(dict.fromkeys(texts))
    if len(each) < 2:
        return [(title, text) for text in each]
    return [(f"{title}, {i} of {len(each)}", text) for i, text in enumerate(each, 1)]
