"""A folder of results -> all that its page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from genbench.defaults import DEFAULTS
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.report import cell, judged, page, scores, sections, summary, theories
from genbench.tables import contents, frames
from genbench.tables.speed import Layout
from genbench.words import several


def report(
    results: Sequence[Result],
    store: Store,
    folders: Sequence[Path],
    figures: Sequence[page.Figure | page.Absent],
    version: str,
    strips: Sequence[page.Strips] = (),
) -> page.Report:
    """The page of some results, and of what is kept beside them; figures and strips as drawn.

    folders: of results, in which audits and judgements are kept.
    """
    layout = Layout(records=contents.records_of(results, store))
    found = contents.tables_of(results, layout.records)
    looked_at, not_looked_at = sections.sections(results, store, folders)
    judgements, not_judged = judged.found(results, folders)
    return page.Report(
        title=_title(results),
        version=version,
        compared=_compared(results),
        summary=summary.section(found, store),
        strips=strips,
        tables=[
            scores.table(title, block, store, layout)
            for title, cells in found
            for _, block in frames.blocks(cells, scores.fits)
        ],
        sections=[*looked_at, *map(judged.section, judgements), *theories.sections(folders)],
        figures=[
            *(one for one in figures if isinstance(one, page.Figure)),
            *judged.figures(judgements),
            *theories.figures(folders),
        ],
        records=[cell.record(one, layout.records) for _, cells in found for one in cells],
        absent=[
            *(*not_looked_at, *not_judged),
            *(one for one in figures if isinstance(one, page.Absent)),
        ],
    )


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
    ended = Counter(result.status for result in own)
    data = dict.fromkeys((r.dataset, r.caveat, r.digest) for r in own)
    facts = {
        "datasets": "; ".join(
            f"{name}, {caveat or 'canonical'} (sha256 {digest[:12]}…)"
            for name, caveat, digest in data
        ),
        "presets": several(r.preset for r in own),
        "seeds": several(r.seed for r in own),
        "samples": several(f"{r.samples:,}" for r in own if r.run.draws),
        "runs": ", ".join(f"{ended[s]} {s}" for s in ("done", "failed", "unmet") if ended[s]),
    }
    return [(term, text) for term, text in facts.items() if text]
