"""Every figure that some results allow, and of the others the reason why they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from genbench.errors import UsageError
from genbench.figures import intervals, pictures, sheets, trainings
from genbench.figures.curves import curves
from genbench.figures.pictures import Found, Sources
from genbench.figures.speeds import speed
from genbench.figures.style import Absent, Drawn
from genbench.records.run import Result
from genbench.records.store import Store

NAMES = ("values", "speed", "curves", "epochs", "samples", "interpolation")


def available(
    found: Found, store: Store, references: Sequence[str], sources: Sources | None = None
) -> Iterator[Drawn | Absent]:
    """Every figure, or why there is none.

    Args:
        found: titles and cells of the tables. references: names of untrained models.
        sources: gives datasets and models; without it there are no pictures.
    """
    for name in NAMES:
        try:
            yield from named(name, found, store, references, sources)
        except UsageError as error:
            yield Absent(name, str(error))


def named(
    name: str,
    found: Found,
    store: Store,
    references: Sequence[str],
    sources: Sources | None = None,
    count: int = sheets.COUNT,
) -> Iterator[Drawn | Absent]:
    """One kind of figure: a single one, or one for each row or dataset.

    Raises UsageError if the results allow none.
    """
    results = [result for _, cells in found for cell in cells for result in cell.results]
    if name == "values":
        yield intervals.values(found, references)
    elif name == "speed":
        records = {result.key: store.records(result) for result in results}
        yield speed(found, references, records)
    elif name == "curves":
        yield curves(found, references)
    elif name == "epochs":
        yield trainings.epochs(found, references, _logs(results, store))
    elif name == "samples":
        yield from pictures.sheets_of(found, store, sources, count)
    else:
        yield from pictures.interpolations(found, sources)


def _logs(results: Sequence[Result], store: Store) -> dict[str, list[dict[str, Any]]]:
    """The log of each training, once, by the keys of the results that hang on it."""
    logs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    found = {}
    for result in results:
        log = store.events(result.run)
        same = logs.setdefault((result.dataset, result.model, result.seed, repr(log)), log)
        found[result.key] = same
    return found
