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
    results = [result for result in store if not result.protocol]
    asked = {
        "model": _names("model", parsing.only(models, "--models"), results),
        "dataset": _names("dataset", parsing.only(dataset, "--dataset"), results),
    }
    found = [result for result in results if _wanted(result, asked)]
    records = {result.key: store.records(result) for result in found}
    signatures = [signature.of(group, records) for group in signature.groups(found)]
    metrics = [*dict.fromkeys(result.metric for result in found)] or DEFAULTS.metrics
    measured = [*(("metric", m) for m in metrics), *_features(found)]
    cited, unregistered = _cited(asked, found)
    references = citations.entries([*cited, *measured], form)
    if not found:
        where = f"no results in {store.runs}, so no table has a signature"
        echo(f"{where}: references only", err=True)
    mark = "% " if form == "bibtex" else ""
    for line in signatures:
        echo(f"{mark}signature: {line.full}")
    if signatures:
        echo()
    references += [
        f"{mark}{k} {name} (not registered) names no reference" for k, name in unregistered
    ]
    echo(("\n\n" if form == "bibtex" else "\n").join(references))


def _names(kind: str, typed: Sequence[str] | None, results: Sequence[Result]) -> list[str]:
    """The names of stored rows or registered ones; raises UsageError for what is neither."""
    from genbench.plugins import registry

    stored = {getattr(result, kind) for result in results}
    plain = [name.replace("-", "_") for name in typed or []]
    return [name if name in stored else registry.find(kind, name).name for name in plain]


def _wanted(result: Result, asked: dict[str, list[str]]) -> bool:
    return all(not names or getattr(result, kind) in names for kind, names in asked.items())


def _cited(
    asked: dict[str, list[str]], found: Sequence[Result]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What was named and what stands in the tables: that which is registered, and the rest."""
    from genbench.plugins import registry

    every = [
        (kind, name)
        for kind, names in asked.items()
        for name in dict.fromkeys([*names, *(getattr(result, kind) for result in found)])
    ]
    registered = [(kind, name) for kind, name in every if name in registry.names(kind)]
    return registered, [one for one in every if one not in registered]


def _features(found: Sequence[Result]) -> list[tuple[str, str]]:
    """In which features rows were looked at, as far as those are still registered."""
    from genbench.plugins import registry
    from genbench.plugins.code import FEATURES

    names = dict.fromkeys(result.run.settings.get(FEATURES) for result in found)
    return [(FEATURES, name) for name in names if name in registry.names(FEATURES)]
