"""What stands in each table of some results: cells, notes, signatures; and by other protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genbench.comparing import robustness
from genbench.comparing.robustness import Robustness
from genbench.defaults import DEFAULTS
from genbench.records import audits, judgements, names
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.tables import biases, brief, cells, chosen, dependence, notes, signature
from genbench.tables.cells import Cell
from genbench.tables.centroids import on_centroids
from genbench.tables.notes import Note
from genbench.tables.signature import Protocol, Signature
from genbench.tables.speed import Layout, Records


def records_of(results: Sequence[Result], store: Store) -> Records:
    """By a result's key, the provenance of its stages."""
    return {result.key: store.records(result) for result in results}


def tables_of(
    results: Sequence[Result], records: Records | None = None
) -> list[tuple[str, list[Cell]]]:
    """The title and the cells of each table; with the records of its results, their verdicts."""

    def protocol(result: Result) -> Protocol:
        return signature.protocol(result, (records or {}).get(result.key, {}).get("score", {}))

    known = protocol if records is not None else None
    return [
        (title, cells.cells(group, chosen.is_current, known, chosen.older))
        for title, group in cells.tables(results)
    ]


def notes_of(found: Sequence[Cell], store: Store, layout: Layout) -> list[Note]:
    """The sentences under a table, but for its signatures."""
    centroids, audited = _on_metrics(found, store)
    further = [*centroids, *audited]
    return notes.of_table(found, DEFAULTS.references, further, layout, store.folder_of)


def brief_of(found: Sequence[Cell], store: Store, more: str = brief.FULL) -> list[str]:
    """The few of them without which the numbers would be misread; `more`: where the rest is."""
    centroids, audited = _on_metrics(found, store)
    alone = audited if len({cell.head for cell in found}) == 1 else []
    further = [*centroids, *alone, *dependence.notes(found)]
    further += biases.notes(found, DEFAULTS.references)
    return brief.lines(found, DEFAULTS.references, further, more)


def warnings_of(found: Sequence[Cell], store: Store) -> list[str]:
    """Why the numbers do not mean what readers take them for: by centroids, by counts."""
    centroids, _ = _on_metrics(found, store)
    return [*centroids, *biases.notes(found, DEFAULTS.references)]


def audit_of(result: Result, store: Store) -> str:
    """What the audit of a result's metric came to, where one is kept; of its usual settings."""
    if names.settings(result):
        return ""
    said = audits.verdict(store.places, result.dataset, result.metric, result.digest)
    return said.removeprefix("verdict: ")


def _on_metrics(found: Sequence[Cell], store: Store) -> tuple[list[str], list[str]]:
    """Whether columns measure what readers take them for: by centroids; by audits and worlds."""
    pair = DEFAULTS.centroids, DEFAULTS.training_images
    current = [result for cell in found if not cell.stale for result in cell.results]
    audited = [*_verdicts(current, store), *_grades(current, store)]
    return on_centroids(current, store.per_example, *pair), audited


def _verdicts(results: Sequence[Result], store: Store) -> list[str]:
    """What an audit said of the metric of each column, where one is kept; of its usual settings."""
    columns = {(r.dataset, r.metric, r.digest): None for r in results if not names.settings(r)}
    said = (audits.verdict(store.places, *column) for column in columns)
    return [text.replace("verdict: ", "audit: ", 1) for text in said if text]


def _grades(results: Sequence[Result], store: Store) -> list[str]:
    """How the metric of each column did on worlds of its kind of data, where one was judged."""
    lines = []
    for one in {(r.dataset, names.judge(r)): r for r in results if r.status == "done"}.values():
        worlds = DEFAULTS.judged_on.get(one.dataset, (one.dataset,))  # a world: its own grades
        run = one.run
        said = judgements.grades(store.places, worlds, run.metric, run.settings, run.parts)
        where = [f"on worlds with known truth ({world}): {text}" for world, text in said.items()]
        lines += [f"{names.judge(one)} {text}" for text in where]
    return lines


def signatures(found: Sequence[Cell], records: Records) -> dict[str, Signature]:
    """By the head of its column, what fixes the meaning of a table's numbers."""
    of: dict[str, Signature] = {}
    for head in dict.fromkeys(cell.head for cell in found):
        own = [r for cell in found if cell.head == head for r in cell.results if r.status == "done"]
        if own:
            of[head] = signature.of(own, records)
    return of


@dataclass(frozen=True)
class ByProtocols:
    """The robustness of one column, a dataset, metric and its settings, as it is called."""

    column: str
    dataset: str
    found: Robustness

    @property
    def title(self) -> str:
        return f"{self.column}, by other protocols"


def robustness_of(results: Sequence[Result], store: Store) -> list[ByProtocols]:
    """What other protocols say of each column and kind of samples with a trained row."""
    every = []
    for own in _alike(results):  # what no row was scored by has no column
        protocols = sorted({result.protocol for result in own if result.protocol})
        found = robustness.robustness(own, protocols, DEFAULTS.references, store.per_example)
        if found is not None:
            of = f" of {own[0].kind} samples" if own[0].kind else ""
            what = f"{names.judge(own[0])}{of} on {names.head(own[0])}"
            every.append(ByProtocols(what, own[0].dataset, found))
    return every


def _alike(results: Sequence[Result]) -> list[list[Result]]:
    """The current results of each column and kind of samples, in the order of a table."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in chosen.ordered(results):
        if result.status == "done" and chosen.is_current(result):
            of = (names.judge(result), result.kind, result.dataset, result.digest)
            groups.setdefault(of, []).append(result)
    return [*groups.values()]


def of_first(found: Robustness, store: Store) -> list[Signature]:
    """The signature of the column that the others are compared with; none of an empty one."""
    return [signature.of(found.first, records_of(found.first, store))] if found.first else []
