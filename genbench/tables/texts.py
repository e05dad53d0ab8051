"""What `genbench table` prints: the tables of some results, or their robustness, in any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genbench.comparing import robustness
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError, json_text
from genbench.protocols import better
from genbench.records import names
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.tables import challenges, chosen, contents, formats, frames
from genbench.tables.cells import Cell
from genbench.tables.contents import ByProtocols
from genbench.tables.frames import Fits
from genbench.tables.signature import Signature
from genbench.tables.speed import Layout

FORMATS = ("md", "latex", "csv", "html", "json")
SHORT, FULL, NONE = NOTES = ("short", "full", "none")  # how much stands under a table


@dataclass(frozen=True)
class Options:
    """What is shown of a folder of results; of models, datasets and metrics, None is all.

    width: characters of a line that is shown; None: a table may be of `frames.WIDEST` columns.
    notes: one of NOTES; `quiet` is "none".
    """

    models: Sequence[str] | None = None
    datasets: Sequence[str] | None = None
    columns: Sequence[str] = ("ll",)
    robustness: bool = False
    challenges: bool = False
    quiet: bool = False
    metrics: Sequence[str] | None = None
    width: int | None = None
    notes: str = FULL

    @property
    def shown(self) -> str:
        """How much stands under a table."""
        return NONE if self.quiet else self.notes


def results_of(store: Store, options: Options) -> list[Result]:
    """The results that a table is rendered from; raises UsageError where there are none."""
    found = chosen.only(store, options.models, options.datasets, options.metrics)
    return found if options.robustness else [result for result in found if not result.protocol]


def rendered(results: Sequence[Result], form: str, store: Store, options: Options) -> str:
    """What is printed of some results in one of FORMATS, to the last line break."""
    show = _robustness if options.robustness else _challenges if options.challenges else _scores
    text = show(results, form, store, options)
    return f"{text}\n" if form in ("md", "latex") else text


def _scores(results: Sequence[Result], form: str, store: Store, options: Options) -> str:
    results = [result for result in chosen.ordered(results) if not result.protocol]
    layout = Layout(options.columns, contents.records_of(results, store))
    if form == "json":
        return formats.as_json(results, layout)
    found = contents.tables_of(results, layout.records)
    if form == "csv":
        every = [cell for _, cells in found for cell in cells]
        return formats.comma_separated(frames.numbers(every, layout))
    fits = _fitting(options.width, layout) if form == "md" else frames.are_few
    return "\n".join(
        _table(Block(_joined(title, name), own, cells), form, store, layout, options.shown)
        for title, cells in found
        for name, own in frames.blocks(cells, fits)
    )


@dataclass(frozen=True)
class Block:
    """Cells that stand side by side under a title, and the `whole` table that they are of."""

    title: str
    cells: Sequence[Cell]
    whole: Sequence[Cell]


def _joined(title: str, block: str) -> str:
    """The titles of a table and of a block in it; "mean samples" and "a" are of a's means."""
    return ", ".join(filter(None, [title, block]))


def _fitting(width: int | None, layout: Layout) -> Fits:
    """Whether cells stand side by side in so many characters; in few columns where None."""
    if width is None:
        return frames.are_few

    def fits(found: Sequence[Cell]) -> bool:
        text = formats.markdown(frames.frame(found, DEFAULTS.references, layout), [])
        return len(text.partition("\n")[0]) <= width

    return fits


def _table(block: Block, form: str, store: Store, layout: Layout, notes: str) -> str:
    title, cells = block.title, block.cells
    shown = frames.frame(cells, DEFAULTS.references, layout, block.whole)
    label = " ".join(filter(None, [cells[0].results[0].dataset, title]))
    signatures = contents.signatures(cells, layout.records)
    lines: list[str] = []
    if notes == FULL:
        lines = [note.text for note in contents.notes_of(cells, store, layout)]
        lines += [f"signature: {each.full}" for each in signatures.values()]
    elif notes == SHORT:
        lines = contents.brief_of(cells, store)
        lines += _one_line([each.short for each in signatures.values()])
    return _text(form, title, shown, lines, _caption(cells, signatures), label)


def _one_line(signatures: Sequence[str]) -> list[str]:
    """The first signature, and how many columns have another."""
    more = f" (and {len(signatures) - 1} more: `--notes full`)" if len(signatures) > 1 else ""
    return [f"signature: {each}{more}" for each in signatures[:1]]


def _caption(cells: Sequence[Cell], signatures: Mapping[str, Signature]) -> str:
    """What is in the table, and the short signature of each of its columns."""
    done = ((cell, r) for cell in cells for r in cell.results if r.status == "done")
    known = {cell.head: (cell, result) for cell, result in done if cell.head in signatures}
    by: dict[tuple[str, str], list[str]] = {}
    for cell, result in known.values():
        by.setdefault((names.judge(result), better(result.best)), []).append(cell.data)
    sentence = "; ".join(f"{name} on {', '.join(on)}, {how}" for (name, how), on in by.items())
    if not known:
        sentence = ", ".join({f"{names.judge(c.results[0])} on {c.data}": None for c in cells})
    return ". ".join([sentence, *(f"Signature: {one.short}" for one in signatures.values())])


def _text(
    form: str,
    title: str,
    shown: pd.DataFrame,
    lines: Sequence[str],
    caption: str = "",
    label: str = "",
) -> str:
    """One table with what stands above and below it."""
    if form == "md":
        above = f"{formats.escape_markdown(title)}:\n\n" if title else ""
        return above + formats.markdown(shown, lines)
    caption = ". ".join(filter(None, (title, caption)))
    if form == "html":
        return formats.html(shown, lines, caption)
    return formats.latex(shown, lines, caption, label)


# --- what models find hard ---


def _challenges(results: Sequence[Result], form: str, store: Store, options: Options) -> str:
    datasets = dict.fromkeys(result.dataset for result in results)
    every = {name: challenges.rows(results, name, store) for name in datasets}
    if form == "json":
        return json_text([challenges.as_json(own, name) for name, own in every.items()]) + "\n"
    if form == "csv":
        found = [challenges.numbers(own, name) for name, own in every.items()]
        return formats.comma_separated(pd.concat(found))
    return "\n".join(
        _text(
            form,
            f"{name}, what each model finds hard",
            challenges.frame(own),
            [] if options.shown == NONE else challenges.notes(own),
            label=f"{name}-challenges",
        )
        for name, own in every.items()
    )


# --- by other protocols ---


def _robustness(results: Sequence[Result], form: str, store: Store, options: Options) -> str:
    every = contents.robustness_of(results, store)
    if not every:
        raise UsageError(
            "no table of other protocols without a trained row by the installed code; "
            "`genbench run` makes some"
        )
    if form == "csv":
        return formats.comma_separated(_numbers(every))
    if form == "json":
        records = [_as_json(one, store) for one in every]
        return json_text(records) + "\n"
    return "\n".join(_robustness_table(one, form, store, options.shown) for one in every)


def _robustness_table(one: ByProtocols, form: str, store: Store, notes: str) -> str:
    named = f'signature of "{robustness.FIRST}"'
    signatures = [f"{named}: {each.full}" for each in contents.of_first(one.found, store)]
    lines = [] if notes == NONE else [*one.found.lines, *signatures]
    shown, label = robustness.frame(one.found), f"{one.dataset}-robustness"
    return _text(form, one.title, shown, lines, label=label)


def _numbers(every: Sequence[ByProtocols]) -> pd.DataFrame:
    """A row for each row of each table, every number unrounded."""
    return pd.DataFrame(
        [
            {"table": one.title, "model": name}
            | {column: values[name] for column, values in one.found.numbers.items()}
            for one in every
            for name in one.found.numbers[robustness.FIRST]
        ]
    )


def _as_json(one: ByProtocols, store: Store) -> dict[str, Any]:
    signatures = [each.full for each in contents.of_first(one.found, store)]
    return {"table": one.title, **robustness.as_json(one.found), "signatures": signatures}
