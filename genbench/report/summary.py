"""The page in short: which row leads by which metric, and how far each metric is to be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence

from genbench.defaults import DEFAULTS
from genbench.protocols import better, goodness
from genbench.records import judgements, names
from genbench.records.store import Store
from genbench.report import page
from genbench.tables import contents
from genbench.tables.cells import Cell
from genbench.words import MISSING

MOST = 4  # warnings that stand in the summary; the notes have all
_COLUMNS = ("better is", "best, trained", DEFAULTS.real, "where the truth is known", "audit")


def section(found: Sequence[tuple[str, list[Cell]]], store: Store) -> page.Section | None:
    """A sentence for each dataset, the gravest warnings, and a line for each metric."""
    cells = [cell for _, own in found for cell in own if cell.value is not None]
    columns: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        columns.setdefault((cell.data, names.judge(cell.results[0])), []).append(cell)
    if not columns:
        return None
    warnings = [line for _, own in found for line in contents.warnings_of(own, store)]
    said = [page.sentence(line) for line in dict.fromkeys(warnings[:MOST])]
    told = [*_leaders(columns), *_beside_real(cells), *said]
    return page.Section("In short", told, [_metrics(columns, store)])


def _metrics(columns: dict[tuple[str, str], list[Cell]], store: Store) -> page.Table:
    """A line for each metric on each dataset."""
    datasets = dict.fromkeys(data for data, _ in columns)
    several = len(datasets) > 1
    groups = [
        page.Group(
            [_row(by, own, store) for (on, by), own in columns.items() if on == data],
            data if several else "",
        )
        for data in datasets
    ]
    words = [page.Column(name, words=name != DEFAULTS.real) for name in _COLUMNS]
    return page.Table(
        "Each metric at a glance",
        "metric",
        words,
        groups,
        f"The best value is the best number, whether or not a test tells it from the next; "
        f"{DEFAULTS.real}: real data that nobody trained on. Where the truth is known: the rank "
        "that a metric gives to samples of the true distribution among worse ones, and how far "
        "its order of these agrees with the true one (1: the same, -1: the reverse). Audit: what "
        "it says of real data and of spoilt copies of them.",
    )


def _row(by: str, cells: Sequence[Cell], store: Store) -> page.Row:
    leader, first = _leader(cells), cells[0].results[0]
    real = [cell.text for cell in cells if cell.results[0].model == DEFAULTS.real]
    texts = [
        better(first.best) + (f" ({first.unit})" if first.unit else ""),
        f"{leader.label}: {leader.text}" if leader else MISSING,
        real[0] if real else MISSING,
        _grade(cells[0], store) or "not judged",
        contents.audit_of(first, store) or "none",
    ]
    return page.Row(by, [page.cell(text) for text in texts])


def _grade(cell: Cell, store: Store) -> str:
    """What the first world of the data's kind that judged the metric says of it."""
    result = cell.results[0]
    worlds = DEFAULTS.judged_on.get(result.dataset, (result.dataset,))
    asked = (result.metric, result.run.settings, result.run.parts)
    said = judgements.grades(store.places, worlds, *asked, words="short")
    return next((f"{text} ({world})" for world, text in said.items()), "")


def _leader(cells: Sequence[Cell]) -> Cell | None:
    """The trained, current row with the best value, none where nobody can tell."""
    real = next((c.value for c in cells if c.results[0].model == DEFAULTS.real), None)
    rows = [c for c in cells if c.results[0].model not in DEFAULTS.references and not c.stale]
    goods = [(goodness(c.results[0].best, c.value or 0.0, real), c) for c in rows]
    known = [(good, c) for good, c in goods if not math.isnan(good)]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _leaders(columns: dict[tuple[str, str], list[Cell]]) -> list[str]:
    """ "On mnist, of 5 trained rows, gan has the best value by frechet, recall; dbn by parzen."""
    sentences = []
    for data in dict.fromkeys(on for on, _ in columns):
        leads: dict[str, list[str]] = {}
        own = {by: cells for (on, by), cells in columns.items() if on == data}
        for by, cells in own.items():
            leader = _leader(cells)
            if leader is not None:
                leads.setdefault(leader.label, []).append(by)
        trained = {
            cell.label
            for cells in own.values()
            for cell in cells
            if cell.results[0].model not in DEFAULTS.references
        }
        first, *others = [f"{label}{{}} by {', '.join(by)}" for label, by in leads.items()] or [""]
        if first and len(trained) > 1:
            said = "; ".join([first.format(" has the best value"), *(o.format("") for o in others)])
            sentences.append(f"On {data}, of {len(trained)} trained rows, {said}.")
    return sentences


def _beside_real(cells: Sequence[Cell]) -> list[str]:
    """How to read every number, where there is the row to read it beside."""
    known = {cell.results[0].model for cell in cells}
    text = f"Read every value beside {DEFAULTS.real}, real data that nobody trained on."
    return [text] if DEFAULTS.real in known else []
