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
from genbench.tables import (
    brief,
    challenge_frames,
    challenges,
    chosen,
    contents,
    formats,
    frames,
    latex,
)
from genbench.tables.cells import Cell
from genbench.tables.contents import ByProtocols
from genbench.tables.frames import Fits
from genbench.tables.speed import Layout

FORMATS = ("md", "latex", "csv", "html", "json")
SHORT, FULL, NONE = NOTES = ("short", "full", "none")  # how much stands under a table


@dataclass(frozen=True)
class Options:
    """What is shown of a folder of results; of models, datasets and metrics, None is all.

    width: characters of a line that is shown; None: a table may be of `frames.WIDEST` columns.
    notes: one of NOTES; `quiet` is "none". verdicts: whether they stand beside published values.
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
    verdicts: bool = True

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
    fits = _fitting(form, options, layout)
    return "\n".join(
        _table(Block(title, name, own, cells), form, store, layout, options)
        for title, cells in found
        for name, own in frames.blocks(cells, fits)
    )


@dataclass(frozen=True)
class Block:
    """Cells that stand side by side, their part of a table, its title, and the `whole` of it."""

    title: str
    part: str
    cells: Sequence[Cell]
    whole: Sequence[Cell]


def _joined(title: str, block: str) -> str:
    """The titles of a table and of a block in it; "mean samples" and "a" are of a's means."""
    return ", ".join(filter(None, [title, block]))


def _fitting(form: str, options: Options, layout: Layout) -> Fits:
    """Whether cells may stand side by side: on a screen, on a page, else in a few columns."""

    def on_screen(found: Sequence[Cell]) -> bool:
        shown = frames.frame(found, DEFAULTS.references, layout, verdicts=options.verdicts)
        return len(formats.markdown(shown, []).partition("\n")[0]) <= (options.width or 0)

    def on_page(found: Sequence[Cell]) -> bool:
        shown = frames.frame(found, DEFAULTS.references, layout, verdicts=options.verdicts)
        return latex.fits(shown)

    if form == "latex":
        return on_page
    return on_screen if form == "md" and options.width is not None else frames.are_few


def _table(block: Block, form: str, store: Store, layout: Layout, options: Options) -> str:
    cells, titled = block.cells, form == "latex"
    title = _joined(block.title, block.part)
    shown = frames.frame(cells, DEFAULTS.references, layout, block.whole, options.verdicts)
    label = " ".join(filter(None, [cells[0].results[0].dataset, title]))
    signatures = contents.signatures(cells, layout.records)
    lines: list[str] = []
    if options.shown == FULL:
        lines = [note.text for note in contents.notes_of(cells, store, layout)]
        lines += [f"signature: {each.full}" for each in signatures.values()]
    elif options.shown == SHORT:
        lines = contents.brief_of(cells, store, brief.NOTHING if titled else brief.FULL)
        lines += [] if titled else _one_line([s.short for s in signatures.values()])
    short = [each.short for each in signatures.values()]
    above = block.title if titled else title  # a paper's caption names the metrics itself
    return _text(form, Texts(above, lines, _caption(cells, titled), short, label), shown)


def _one_line(signatures: Sequence[str]) -> list[str]:
    """The first signature, and how many columns have another."""
    more = f" (and {len(signatures) - 1} more: `--notes full`)" if len(signatures) > 1 else ""
    return [f"signature: {each}{more}" for each in signatures[:1]]


def _caption(cells: Sequence[Cell], titled: bool) -> str:
    """What is in the table: "parzen on mnist, higher is better"; with the names of a paper."""
    by: dict[tuple[str, str], dict[str, None]] = {}
    for cell in cells:
        done = [result for result in cell.results if result.status == "done"]
        usual = cell.data, names.judge(cell.results[0])
        data, judge = frames.column_title(cell) if titled else usual
        how = better(done[0].best) if done else ""
        by.setdefault((judge, how), {})[data] = None
    known = {judge: on for (judge, how), on in by.items() if how}
    kept = {key: on for key, on in by.items() if key[1] or key[0] not in known}
    return _joined_captions(kept)


def _joined_captions(by: Mapping[tuple[str, str], Mapping[str, None]]) -> str:
    """Metrics of one direction and the same data together.

    >>> on = {"mnist": None}
    >>> _joined_captions({("a", "higher is better"): on, ("b", "higher is better"): on})
    'a, b on mnist, higher is better'
    """
    together: dict[tuple[str, str], list[str]] = {}
    for (judge, how), on in by.items():
        together.setdefault((", ".join(on), how), []).append(judge)
    return "; ".join(
        ", ".join(filter(None, [f"{', '.join(judges)} on {on}", how]))
        for (on, how), judges in together.items()
    )


@dataclass(frozen=True)
class Texts:
    """What stands above and below a table."""

    title: str
    lines: Sequence[str]
    caption: str = ""
    signatures: Sequence[str] = ()
    label: str = ""


def _text(form: str, texts: Texts, shown: pd.DataFrame) -> str:
    """One table with what stands above and below it."""
    if form == "md":
        above = f"{formats.escape_markdown(texts.title)}:\n\n" if texts.title else ""
        return above + formats.markdown(shown, texts.lines)
    caption = ". ".join(filter(None, (texts.title, texts.caption)))
    if form == "latex":
        return latex.latex(shown, texts.lines, caption, texts.label, texts.signatures)
    signatures = (f"Signature: {each}" for each in texts.signatures)
    return formats.html(shown, texts.lines, ". ".join([caption, *signatures]))


# --- what models find hard ---


def _challenges(results: Sequence[Result], form: str, store: Store, options: Options) -> str:
    datasets = dict.fromkeys(result.dataset for result in results)
    every = {name: challenges.rows(results, name, store) for name in datasets}
    if form == "json":
        return (
            json_text([challenge_frames.as_json(own, name) for name, own in every.items()]) + "\n"
        )
    if form == "csv":
        found = [challenge_frames.numbers(own, name) for name, own in every.items()]
        return formats.comma_separated(pd.concat(found))
    return "\n".join(
        _text(form, _of_challenges(name, own, options), challenge_frames.frame(own))
        for name, own in every.items()
    )


def _of_challenges(name: str, own: Sequence[challenges.Row], options: Options) -> Texts:
    lines = [] if options.shown == NONE else challenge_frames.notes(own)
    return Texts(f"{name}, what each model finds hard", lines, label=f"{name}-challenges")


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
    return _text(form, Texts(one.title, lines, label=label), shown)


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
