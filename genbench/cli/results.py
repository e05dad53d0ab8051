"""What several commands do with a folder of results: choose, order, tabulate, print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from genbench.cli.options import DEFAULTS, split
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.run import Result
    from genbench.store import Store
    from genbench.table import Cell


def is_current(result: Result) -> bool:
    """Whether the installed code and recipe are those that made a result."""
    from genbench import recipe
    from genbench.registry import code_of

    chosen = {k: v for k, v in result.overrides.items() if "." not in k and k != "minutes"}
    try:
        said = recipe.written(result.model, result.dataset, result.preset, chosen)
        code = code_of(result.model, result.metric, recipe.judges(said))
        return (said, code) == (result.recipe, result.code)
    except UsageError:  # it is no longer registered, or cannot be found
        return False


def ordered(results: Sequence[Result]) -> list[Result]:
    """The default models first, then by name, so that a table does not depend on the command."""
    usual = DEFAULTS["models"]

    def place(result: Result) -> tuple[Any, ...]:
        rank = usual.index(result.model) if result.model in usual else len(usual)
        return result.dataset, rank, result.model, result.seed, result.fold

    return sorted(results, key=place)


def tables_of(results: Sequence[Result]) -> list[tuple[str, list[Cell]]]:
    from genbench import table

    return [(title, table.cells(group, is_current)) for title, group in table.tables(results)]


def print_table(
    results: Sequence[Result], form: str, columns: Sequence[str], store: Store, quiet: bool
) -> None:
    from genbench import speed, table

    results = ordered(results)
    asked = speed.Asked(columns)
    if asked.timed:
        asked = speed.Asked(columns, {result.key: store.records(result) for result in results})
    if form == "json":
        typer.echo(table.as_json(results, asked), nl=False)
        return
    found = tables_of(results)
    if form == "csv":
        every = [cell for _, cells in found for cell in cells]
        typer.echo(table.comma_separated(every, asked), nl=False)
        return
    references = DEFAULTS["references"]
    pair = DEFAULTS["centroids"], DEFAULTS["training_images"]
    for title, cells in found:
        current = [r for cell in cells if not cell.stale for r in cell.results]
        audit = table.audit(current, store.per_example, *pair)
        lines = [] if quiet else table.notes(cells, references, audit, asked)
        render = {"md": table.markdown, "latex": table.latex}[form]
        above = f"{title}:\n\n" if title and form == "md" else ""
        typer.echo(above + render(table.frame(cells, references, asked), lines))


def only(store: Store, models: str | None, datasets: str | None) -> list[Result]:
    """The results of a folder, of some models and datasets only; raises UsageError if none."""
    from genbench import registry

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
