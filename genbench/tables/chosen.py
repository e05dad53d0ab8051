"""What several commands do with a folder of results: choose, order, tabulate, print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genbench.cli.options import split
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.records.names import label

if TYPE_CHECKING:
    import pandas as pd

    from genbench.comparing.robustness import Robustness
    from genbench.records.run import Result
    from genbench.records.store import Store
    from genbench.tables.cells import Cell
    from genbench.tables.signature import Signature
    from genbench.tables.speed import Asked, Records


def is_current(result: Result) -> bool:
    """Whether the installed code and recipe are those that made a result."""
    from genbench.records.standing import standing

    return not standing(result.run).stale


def ordered(results: Sequence[Result]) -> list[Result]:
    """The default models first, then by name, so that a table does not depend on the command."""
    usual = DEFAULTS.models

    def place(result: Result) -> tuple[Any, ...]:
        rank = usual.index(result.model) if result.model in usual else len(usual)
        return result.dataset, rank, result.model, label(result), result.seed, result.fold

    return sorted(results, key=place)


def tables_of(
    results: Sequence[Result], records: Records | None = None
) -> list[tuple[str, list[Cell]]]:
    """The title and the cells of each table; with the records of its results, their verdicts."""
    from genbench.tables import cells, signature

    def fields(result: Result) -> dict[str, str]:
        return signature.fields(result, (records or {}).get(result.key, {}).get("score", {}))

    known = fields if records is not None else None
    return [
        (title, cells.cells(group, is_current, known, _older))
        for title, group in cells.tables(results)
    ]


def _older(result: Result) -> Sequence[str]:
    from genbench.records.standing import standing

    return standing(result.run).older


def edited_since(results: Sequence[Result], store: Store) -> str:
    """A sentence on the parts whose code is not the recorded one, at the same revision, or none.

    It stands beside a table and not in it, so that a table's bytes do not hang on a comment.
    """
    from genbench.records.standing import edited

    every = [name for r in results for name in edited(r.run, store.records(r))]
    names = ", ".join(sorted(set(every)))
    said = (
        "was edited after these results were made, and keeps its revision: golden numbers hold it"
    )
    return f"the code of {names} {said}; `genbench run --rerun` makes them again" if names else ""


def records_of(results: Sequence[Result], store: Store) -> Records:
    """By a result's key, the provenance of its stages."""
    return {result.key: store.records(result) for result in results}


def signatures(cells: Sequence[Cell], records: Records) -> dict[str, Signature]:
    """By the head of its column, what fixes the meaning of a table's numbers."""
    from genbench.tables import signature

    found = {}
    for head in dict.fromkeys(cell.head for cell in cells):
        own = [r for cell in cells if cell.head == head for r in cell.results if r.status == "done"]
        if own:
            found[head] = signature.of(own, records)
    return found


def rendered(
    results: Sequence[Result], form: str, columns: Sequence[str], store: Store, quiet: bool
) -> str:
    """What `genbench table` prints of results."""
    from genbench.tables import formats, frames, speed

    results = [result for result in ordered(results) if not result.protocol]
    asked = speed.Asked(columns, records_of(results, store))
    if form == "json":
        return formats.as_json(results, asked)
    found = tables_of(results, asked.records)
    if form == "csv":
        every = [cell for _, cells in found for cell in cells]
        return formats.comma_separated(frames.numbers(every, asked))
    references = DEFAULTS.references
    texts = []
    for title, cells in found:
        lines = [] if quiet else notes_of(cells, store, asked)
        said = signatures(cells, asked.records)
        shown = frames.frame(cells, references, asked)
        texts.append(_text(form, title, shown, lines, "" if quiet else _caption(cells, said)))
    return "\n".join(texts)


def notes_of(cells: Sequence[Cell], store: Store, asked: Asked) -> list[str]:
    """The sentences under a table, its whole signatures last."""
    from genbench.tables import notes

    pair = DEFAULTS.centroids, DEFAULTS.training_images
    current = [r for cell in cells if not cell.stale for r in cell.results]
    of_pair = notes.on_centroids(current, store.per_example, *pair)
    said = [f"signature: {each.full}" for each in signatures(cells, asked.records).values()]
    return [*notes.under_table(cells, DEFAULTS.references, of_pair, asked), *said]


def _caption(cells: Sequence[Cell], said: Mapping[str, Signature]) -> str:
    """What is in the table, and the short signature of each of its columns."""
    first = cells[0].results[0]
    better = "higher" if first.higher_is_better else "lower"
    sentence = f"{first.metric} on {', '.join(said)}, {better} is better"
    return ". ".join([sentence, *(f"Signature: {one.short}" for one in said.values())])


def _text(
    form: str, title: str, shown: pd.DataFrame, lines: Sequence[str], caption: str = ""
) -> str:
    """One table with what stands above and below it."""
    from genbench.tables import formats

    if form == "md":
        above = f"{formats.escape_markdown(title)}:\n\n" if title else ""
        return above + formats.markdown(shown, lines)
    caption = ". ".join(filter(None, (title, caption)))
    if form == "html":
        return formats.html(shown, lines, caption)
    return formats.latex(shown, lines, caption, label=str(shown.columns[1]).split(" ")[0])


def robustness_of(results: Sequence[Result], store: Store) -> list[tuple[str, Robustness]]:
    """The title and the robustness of each dataset, metric and kind of samples."""
    from genbench.comparing import robustness
    from genbench.records import names

    found = []
    current = [r for r in ordered(results) if r.status == "done" and is_current(r)]
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in current:
        of = (result.metric, result.kind, result.dataset, result.digest)
        groups.setdefault(of, []).append(result)
    for (metric, kind, *_), own in groups.items():  # what no row was scored by has no column
        references = DEFAULTS.references
        protocols = sorted({result.protocol for result in own if result.protocol})
        one = robustness.robustness(own, protocols, references, store.per_example)
        if one is not None:
            title = f"{metric} of {kind} samples on {names.head(own[0])}, by other protocols"
            found.append((title, one))
    return found


def rendered_robustness(results: Sequence[Result], form: str, store: Store, quiet: bool) -> str:
    """What `genbench table --robustness` prints of results."""
    import pandas as pd

    from genbench.comparing import robustness
    from genbench.tables import formats

    found = robustness_of(results, store)
    if not found:
        raise UsageError(
            "no table of other protocols without a trained row by the installed code; "
            "`genbench run` makes some"
        )

    def lines(one: Robustness) -> list[str]:
        named = f'signature of "{robustness.FIRST}"'
        return [*one.lines, *(f"{named}: {each.full}" for each in of_first(one, store))]

    if form == "csv":
        numbers = [
            {"table": title, "model": name}
            | {column: one.numbers[column][name] for column in one.numbers}
            for title, one in found
            for name in one.numbers[robustness.FIRST]
        ]
        return formats.comma_separated(pd.DataFrame(numbers))
    if form == "json":
        every = [
            {
                "table": title,
                **robustness.as_json(one),
                "signatures": [s.full for s in of_first(one, store)],
            }
            for title, one in found
        ]
        return json.dumps(every, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    return "\n".join(
        _text(form, title, robustness.frame(one), [] if quiet else lines(one))
        for title, one in found
    )


def of_first(found: Robustness, store: Store) -> list[Signature]:
    """The signature of the column that the others are compared with; none of an empty one."""
    from genbench.tables import signature

    return [signature.of(found.first, records_of(found.first, store))] if found.first else []


def only(store: Store, models: str | None, datasets: str | None) -> list[Result]:
    """The results of a folder, of some models and datasets only; raises UsageError if none."""
    from genbench.plugins import registry

    results = list(store)
    asked = (("--models", models, "model"), ("--dataset", datasets, "dataset"))
    for option, wanted, field in asked:
        if wanted is not None:
            known = {getattr(result, field) for result in results}
            names = [name.replace("-", "_") for name in split(wanted, option)]
            for name in names:
                if name not in known:
                    raise UsageError(
                        f"no result of {field} {name!r}; {registry.nearest(name, known)}"
                    )
            results = [result for result in results if getattr(result, field) in names]
    if not results:
        raise UsageError(f"no results in {store.runs}; `genbench run` makes some")
    return results
