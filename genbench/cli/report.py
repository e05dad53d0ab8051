"""`genbench report`: a folder of results as one HTML file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli.options import (
    DataDir,
    OnlyDatasets,
    OnlyModels,
    Quiet,
    ResultsDir,
    app,
    data_folder,
    option,
)
from genbench.defaults import DEFAULTS
from genbench.errors import StoreError
from genbench.report.cell import record, several
from genbench.tables.chosen import (
    notes_of,
    of_first,
    only,
    ordered,
    records_of,
    robustness_of,
    signatures,
    tables_of,
)

if TYPE_CHECKING:
    from genbench.auditing.scores import Audit
    from genbench.comparing.robustness import Robustness
    from genbench.records.run import Result
    from genbench.records.store import Store
    from genbench.report import page
    from genbench.tables.cells import Cell
    from genbench.tables.speed import Asked

FIGURES = {  # kind of figure -> its title
    "values": "Scores with intervals",
    "speed": "Scores and sampling speed",
    "sigma": "Scores by sigma",
    "count": "Scores by the number of samples",
    "epochs": "Scores by epochs",
    "samples": "Samples",
    "interpolation": "Interpolations in z",
}
PICTURES = ("samples", "interpolation")  # of pixels, so PNG; all others are drawings, so SVG


@app.command(
    epilog="Examples:  genbench report  |  genbench report -m gan,dbn -d mnist --out mnist.html"
)
def report(
    out: Annotated[Path, option("An .html file, written anew.", "OUT", "--out", "-o")] = Path(
        "report.html"
    ),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    no_figures: Annotated[
        bool, option("Tables only, which is faster.", "NO_FIGURES", "--no-figures")
    ] = False,
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
    quiet: Quiet = False,
) -> None:
    """Write all results of a folder as one HTML file that loads nothing.

    Tables, their signatures, other protocols, audits and figures; and of each number, how it was
    made and the command that makes it again.
    """
    from genbench import __version__
    from genbench.records import files
    from genbench.records.store import Store
    from genbench.report import page
    from genbench.tables import speed

    store = Store(results_dir)
    results = ordered(only(store, models, dataset))
    asked = speed.Asked(records=records_of(results, store))
    found = tables_of(results, asked.records)
    sections, absent = _sections(results, store, results_dir)
    figures = []
    if no_figures:
        absent.append(page.Absent("figures", "genbench report"))
    else:
        for made in _figures(found, store, data_dir):
            if isinstance(made, page.Figure):
                figures.append(made)
                if not quiet:
                    typer.echo(f"drawn: {made.title}", err=True)
            else:
                absent.append(made)
    text = page.render(
        page.Report(
            title=_title(results),
            version=__version__,
            compared=_compared(results),
            tables=[_scores(title, cells, store, asked) for title, cells in found],
            sections=sections,
            figures=figures,
            records=[record(cell, asked.records) for _, cells in found for cell in cells],
            absent=absent,
        )
    )
    files.write_bytes(out, text.encode())
    typer.echo(str(out))


# --- what is compared ---


def _title(results: Sequence[Result]) -> str:
    """The trained models and the datasets: "gan and dbn on mnist"."""
    models = dict.fromkeys(r.model for r in results if r.model not in DEFAULTS.references)
    named = _listed([*models] or [*dict.fromkeys(r.model for r in results)], "models")
    return f"{named} on {_listed([*dict.fromkeys(r.dataset for r in results)], 'datasets')}"


def _listed(names: Sequence[str], what: str) -> str:
    """A few names, or how many there are.

    >>> _listed(["gan", "dbn", "kmeans"], "models")
    'gan, dbn and kmeans'
    """
    if len(names) > 6:
        return f"{len(names)} {what}"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _compared(results: Sequence[Result]) -> list[tuple[str, str]]:
    """The facts at the top of the page."""
    own = [result for result in results if not result.protocol]
    failed = sum(result.status == "failed" for result in own)
    metrics = {
        f"{r.metric}, in {r.unit}, {'higher' if r.higher_is_better else 'lower'} is better": None
        for r in own
        if r.status == "done"
    }
    data = dict.fromkeys((r.dataset, r.caveat, r.digest) for r in own)
    facts = {
        "metric": "; ".join(metrics),
        "datasets": "; ".join(
            f"{name}, {caveat or 'canonical'} (sha256 {digest[:12]}…)"
            for name, caveat, digest in data
        ),
        "presets": several(r.preset for r in own),
        "seeds": several(r.seed for r in own),
        "samples": several(f"{r.samples:,}" for r in own),
        "runs": f"{len(own) - failed} done" + (f", {failed} failed" if failed else ""),
    }
    return [(term, text) for term, text in facts.items() if text]


# --- tables ---


def _scores(title: str, cells: Sequence[Cell], store: Store, asked: Asked) -> page.Table:
    """A table of scores: of each dataset our value, the published one and what may be said."""
    from genbench.report import page

    metric = cells[0].results[0].metric
    columns = [
        (head, *part)
        for head in dict.fromkeys(cell.head for cell in cells)
        for part in _parts([cell for cell in cells if cell.head == head])
    ]
    split = any(name != _OURS for _, name, _ in columns)
    said = notes_of(cells, store, asked)
    above = [line for line in said if line.startswith((f"{metric} in ", "bold: "))]
    apart = {*above, *(line for line in said if line.startswith("signature: "))}
    return page.Table(
        title=f"Scores by {title or metric}",
        first="model",
        columns=[
            page.Column(name, head, words=name == _VERDICT) if split else page.Column(head)
            for head, name, _ in columns
        ],
        groups=_groups(cells, columns),
        caption=" ".join(map(_sentence, above)),
        signatures=[
            page.Signature(head, each.short, each.full)
            for head, each in signatures(cells, asked.records).items()
        ],
        notes=[line for line in said if line not in apart],
    )


def _groups(
    cells: Sequence[Cell], columns: Sequence[tuple[str, str, Callable[[Cell], str]]]
) -> list[page.Group]:
    """The trained rows, then those of untrained models; what is missing is a dash."""
    from genbench.report import page
    from genbench.tables.cells import best
    from genbench.words import MISSING

    references = DEFAULTS.references
    marked = best(cells, references)
    places = {(cell.label, cell.head): cell for cell in cells}

    def row(label: str) -> page.Row:
        found = []
        for head, name, text in columns:
            cell, ours = places.get((label, head)), name == _OURS
            shown = text(cell) if cell else MISSING if ours else ""
            found.append(page.cell(shown, best=ours and (label, head) in marked))
        return page.Row(label, found)

    untrained = {cell.label for cell in cells if cell.results[0].model in references}
    labels = dict.fromkeys(cell.label for cell in cells)
    groups = [
        page.Group([row(label) for label in labels if label not in untrained]),
        page.Group(
            [row(label) for label in labels if label in untrained],
            "Reference rows, untrained: no floor, no ceiling",
        ),
    ]
    return [group for group in groups if group.rows]


_OURS, _PUBLISHED, _VERDICT = "this suite", "published", "verdict"


def _parts(cells: Sequence[Cell]) -> list[tuple[str, Callable[[Cell], str]]]:
    """The columns of one dataset and what each shows of a cell."""
    parts: list[tuple[str, Callable[[Cell], str]]] = [(_OURS, lambda cell: cell.text)]
    if any(cell.published for cell in cells):
        parts.append((_PUBLISHED, lambda cell: cell.published.text if cell.published else ""))
    if any(cell.verdict for cell in cells):
        parts.append((_VERDICT, lambda cell: cell.verdict))
    return parts


# --- other protocols, audits ---


def _sections(
    results: Sequence[Result], store: Store, results_dir: Path
) -> tuple[list[page.Section], list[page.Absent]]:
    """What was found out about the order and the metric; and what was not looked at."""
    from genbench.auditing import kept
    from genbench.report import page

    absent = []
    sections = [_robustness(title, one, store) for title, one in robustness_of(results, store)]
    if not sections:
        absent.append(page.Absent("other protocols", "genbench score --protocols"))
    digests = {result.dataset: result.digest for result in results}
    for dataset, digest in digests.items():
        command = shlex.join(["genbench", "audit", "--dataset", dataset])
        try:
            found = kept.stored(results_dir, dataset)
        except StoreError as error:
            absent.append(page.Absent(f"audit of the metric on {dataset}", command, str(error)))
            continue
        if found is None:
            absent.append(page.Absent(f"audit of the metric on {dataset}", command))
        else:
            sections.append(_audit(found, digest))
    return sections, absent


def _robustness(title: str, found: Robustness, store: Store) -> page.Section:
    """Protocols down and models across, since there are more protocols."""
    from genbench.comparing import robustness
    from genbench.report import page
    from genbench.words import MISSING

    names = [n for n in found.numbers[robustness.FIRST] if n not in found.untrained]
    names = [*found.order, *(n for n in names if n not in found.order)]

    def shown(value: float | None, decimals: int) -> page.Cell:
        return page.cell(MISSING if value is None else f"{value:.{decimals}f}")

    def row(column: str) -> page.Row:
        values = [shown(found.numbers[column][n], 1) for n in [*names, *found.untrained]]
        first = column == robustness.FIRST
        tau = page.cell("") if first else shown(found.tau[column], 2)
        return page.Row(column, [*values[: len(names)], tau, *values[len(names) :]])

    trained, rest = "trained", "reference rows, untrained"
    columns = [
        *(page.Column(name, trained) for name in names),
        page.Column(robustness.TAU, trained),
        *(page.Column(name, rest) for name in found.untrained),
    ]
    own = page.Table(
        "Scores by protocol",
        "protocol",
        columns,
        [page.Group([row(column) for column in found.numbers])],
        f"{robustness.TAU} compares the order of the trained rows with that of the first line: "
        "1 is the same order, -1 the reverse.",
        signatures=[
            page.Signature(robustness.FIRST, each.short, each.full)
            for each in of_first(found, store)
        ],
        notes=found.lines[1:],
    )
    return page.Section(title, [_sentence(line) for line in found.lines[:1]], [own])


def _audit(found: Audit, digest: str) -> page.Section:
    """The verdict as a whole first, then what it follows from."""
    from genbench.auditing import findings
    from genbench.report import page

    shown = findings.frame(found)
    first, *others = map(str, shown.columns)
    rows = [
        page.Row(str(values[0]), [page.cell(str(value)) for value in values[1:]])
        for values in shown.itertuples(index=False)
    ]
    own = page.Table(
        f"What {found.metric} says of real data and of copies",
        first,
        [page.Column(name) for name in others],
        [page.Group(rows)],
        notes=findings.notes(found),
    )
    other = "" if found.digest == digest else "This audit is of other bytes than the results above."
    verdict = [_sentence(line) for line in reversed(found.verdict[-1:])]
    title = f"Audit of {found.metric} on {found.dataset}"
    return page.Section(title, [*verdict, *filter(None, [other]), *found.verdict[:-1]], [own])


def _sentence(text: str) -> str:
    """With a capital and a full stop, unless it begins with a name.

    >>> _sentence("the order a > b holds in 3 of 4 protocols")
    'The order a > b holds in 3 of 4 protocols.'
    """
    plain = text.startswith(("the ", "verdict: ", "one ", "bold: "))
    return (text[0].upper() + text[1:] if plain else text) + ("" if text.endswith(".") else ".")


# --- figures ---


def _figures(
    found: Sequence[tuple[str, list[Cell]]], store: Store, data_dir: Path | None
) -> Iterator[page.Figure | page.Absent]:
    """Each figure as a file, made one by one, or why there is none."""
    from genbench import figures
    from genbench.plugins import registry
    from genbench.report import page

    @cache
    def data(name: str) -> Any:
        return registry.load("dataset", name)(data_folder(data_dir))

    for one in figures.available(found, store, DEFAULTS.references, data):
        kind, _, of = one.name.partition("-")
        title = ": ".join(filter(None, [FIGURES.get(kind, kind), of.replace("-", " ")]))
        if isinstance(one, figures.Absent):
            yield page.Absent(title, reason=one.reason)
        elif kind in PICTURES:
            content = figures.as_png(one.figure)
            yield page.Figure(title, "png", content, one.alt, one.caption)
        else:
            content = figures.as_svg(one.figure).encode()
            yield page.Figure(title, "svg", content, one.alt, one.caption)
