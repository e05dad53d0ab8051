"""`genbench cite`: what a paper quotes and cites for the tables of a folder of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import OnlyDatasets, OnlyModels, ResultsDir, form
from genbench.cli.showing import echo
from genbench.defaults import DEFAULTS

if TYPE_CHECKING:
    from genbench.records.run import Result

Form = Annotated[str, form("bibtex or text.")]


@app.command(
    epilog="Examples:  genbench cite  |  genbench cite -d mnist > references.bib  |  "
    "genbench cite -m gan -d tfd --format text"
)
def cite(
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    form: Form = "bibtex",
    results_dir: ResultsDir = None,
) -> None:
    """Print each table's signature, and the references of what stands in it."""
    from genbench.plugins import citations
    from genbench.tables import signature

    parsing.one_of(citations.FORMATS, form, "format")
    store = parsing.store(results_dir)
    asked = {
        "model": parsing.registered("model", models, "--models"),
        "dataset": parsing.registered("dataset", dataset, "--dataset"),
    }
    found = [result for result in store if not result.protocol and _wanted(result, asked)]
    records = {result.key: store.records(result) for result in found}
    signatures = [signature.of(group, records) for group in signature.groups(found)]
    metrics = [*dict.fromkeys(result.metric for result in found)] or DEFAULTS.metrics
    measured = [*(("metric", m) for m in metrics), *_features(found)]
    references = citations.entries([*_cited(asked, found), *measured], form)
    if not found:
        where = f"no results in {store.runs}, so no table has a signature"
        echo(f"{where}: references only", err=True)
    mark = "% " if form == "bibtex" else ""
    for line in signatures:
        echo(f"{mark}signature: {line.full}")
    if signatures:
        echo()
    echo(("\n\n" if form == "bibtex" else "\n").join(references))


def _wanted(result: Result, asked: dict[str, list[str]]) -> bool:
    return all(not names or getattr(result, kind) in names for kind, names in asked.items())


def _cited(asked: dict[str, list[str]], found: Sequence[Result]) -> list[tuple[str, str]]:
    """What was named, and what stands in the tables, as far as it is still registered."""
    from genbench.plugins import registry

    return [
        (kind, name)
        for kind, names in asked.items()
        for name in dict.fromkeys([*names, *(getattr(result, kind) for result in found)])
        if name in registry.names(kind)
    ]


def _features(found: Sequence[Result]) -> list[tuple[str, str]]:
    """In which features rows were looked at, as far as those are still registered."""
    from genbench.plugins import registry
    from genbench.plugins.code import FEATURES

    names = dict.fromkeys(result.run.settings.get(FEATURES) for result in found)
    return [(FEATURES, name) for name in names if name in registry.names(FEATURES)]
