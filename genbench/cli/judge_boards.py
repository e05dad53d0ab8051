"""The boards of `genbench judge`, and the tables of trained models beside them, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from genbench.defaults import DEFAULTS
from genbench.errors import json_text

if TYPE_CHECKING:
    import pandas as pd

    from genbench.records.run import Result
    from genbench.worlds.judging.board import Board
    from genbench.worlds.judging.making import Record
    from genbench.worlds.judging.places import Places


@dataclass(frozen=True)
class Judged:
    """A judgement, and the trained models that stand beside it; None where none were asked for."""

    record: Record
    places: Places | None


def text(judged: Sequence[Judged], form: str, quiet: bool) -> str:
    """The boards in one of the formats of tables, each with its models."""
    if form == "json":
        return _json(judged)
    if form == "csv":
        return _csv(judged)
    texts = [one for each in judged for one in _tables(each, form, quiet)]
    texts += compared([one.record.board for one in judged], form, quiet)
    return "\n".join(texts)


def shown(one: Board, form: str, quiet: bool) -> str:
    """A board as a table in one of the formats of tables but json."""
    from genbench.tables import formats
    from genbench.worlds.judging import board

    if form == "csv":
        return formats.comma_separated(board.numbers(one))
    return _table(board.frame(one), [] if quiet else board.notes(one), one.title, one.world, form)


def compared(boards: Sequence[Board], form: str, quiet: bool) -> list[str]:
    """Tables of several boards beside each other: md, html or latex."""
    from genbench.worlds.judging import sweeps

    return [
        _table(one.frame, [] if quiet else [one.note], one.title, one.name, form)
        for one in sweeps.tables(boards)
    ]


def _json(judged: Sequence[Judged]) -> str:
    from genbench.worlds.judging import making, places

    every = []
    for one in judged:
        found = making.as_json(one.record)
        if one.places is not None:
            found["models"] = [places.as_json(each) for each in one.places.models]
        every.append(found)
    return json_text(every) + "\n"


def _csv(judged: Sequence[Judged]) -> str:
    """Lines of metrics; and of models, whose columns stand at the end, one for each metric."""
    import pandas as pd

    from genbench.tables import formats
    from genbench.worlds.judging import beside, board

    lines = [board.numbers(one.record.board) for one in judged]
    models = [beside.numbers(one.record.board, one.places) for one in judged if one.places]
    if not models:
        return formats.comma_separated(pd.concat(lines))
    shown = pd.concat([each.astype(object) for each in [*lines, *models]])
    blank = shown.where(shown.notna(), "")  # beside NaN a whole number would be written as 1.0
    return formats.comma_separated(blank)


def _tables(one: Judged, form: str, quiet: bool) -> Iterator[str]:
    from genbench.worlds.judging import beside

    of = one.record.board
    yield shown(of, form, quiet)
    if one.places is None:
        return
    notes = beside.notes(of, one.places, drawing)
    table, name = beside.frame(of, one.places), f"{of.world} models {of.samples}"
    yield _table(table, [] if quiet else notes, beside.title(of), name, form)


def drawing(result: Result) -> str:
    """The command that draws the samples of a result: again, or for the first time."""
    from genbench.verifying.commands import remaking

    if result.run.draws:
        return f"{remaking([result])} --rerun"
    run = replace(result.run, metric=DEFAULTS.metrics[0])  # one that takes samples
    return remaking([replace(result, run=run)])


def _table(shown: pd.DataFrame, lines: Sequence[str], title: str, name: str, form: str) -> str:
    from genbench.tables import formats, latex

    if form == "md":
        return f"{formats.escape_markdown(title)}:\n\n{formats.markdown(shown, lines)}"
    if form == "html":
        return formats.html(shown, lines, title)
    return latex.latex(shown, lines, title, f"judgement {name}")
