"""What a result is called: its row in a table, its column; and whether a name may be a file's."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genbench.defaults import DEFAULTS
from genbench.errors import AlteredError, UsageError
from genbench.plugins import recipe, registry
from genbench.plugins.code import FEATURES, Part, Roles, identify
from genbench.records.files import sha256_of_json
from genbench.records.run import Result, Run


def label(result: Result, stale: bool = False, revision: bool = False) -> str:
    """A row's name: the model, and whatever of its run is not the default.

    What was set of the metric is not in it: that is in the name of a column, see `judge`.
    stale, revision: whether to tell it from a row of the same name by what made it.
    """
    marks = [result.preset] if result.preset != recipe.PAPER else []
    marks += [f"{key}={value}" for key, value in sorted(_of_the_model(result).items())]
    marks += [f"{result.samples} samples"] if result.samples != 10_000 else []
    marks += [f"version {_version(result)}"] if stale else []
    marks += [f"revision {result.run.parts['model'].revision}"] if revision and not stale else []
    return f"{result.model} [{', '.join(marks)}]" if marks else result.model


def settings(result: Result) -> dict[str, Any]:
    """What was set of the metric, by name."""
    own = f"{result.metric}."
    said = {k: v for k, v in sorted(result.overrides.items()) if k.startswith(own)}
    return {key.removeprefix(own): value for key, value in said.items()}


def judge(result: Result) -> str:
    """The metric, and what was set of it: "parzen [sigma=0.2]".

    With a remark where its features are those of papers, and the data's files are not.
    """
    marks = [f"{key}={value}" for key, value in settings(result).items()]
    of_papers = result.run.settings.get(FEATURES) in DEFAULTS.of_papers
    marks += ["not comparable with papers"] if of_papers and result.caveat else []
    return f"{result.metric} [{', '.join(marks)}]" if marks else result.metric


def _of_the_model(result: Result) -> dict[str, Any]:
    """What was set of the model and its training, by name."""
    own = f"{result.metric}."
    return {key: value for key, value in result.overrides.items() if not key.startswith(own)}


def _version(result: Result) -> str:
    """A short name for the code and the recipe that made a result.

    What is installed as it was is not in it, so that a row is of one version in all its columns.
    """
    named = Roles(result.model, result.metric, str(result.run.settings.get(FEATURES, ""))).named()
    parts = result.run.parts.items()
    then = {role: asdict(part) for role, part in parts if not _stands(part, named.get(role))}
    return sha256_of_json([then, dict(result.run.revisions), dict(result.recipe)])[:8]


def _stands(part: Part, named: tuple[str, str] | None) -> bool:
    """Whether a part of a result, by kind and name, is installed as it was."""
    with suppress(UsageError):
        return named is not None and identify(*named) == part
    return False


def head(result: Result) -> str:
    """How a column's head begins: the dataset, and what must be said of its data."""
    return f"{result.dataset} ({result.caveat})" if result.caveat else result.dataset


def check(run: Run, path: Path) -> None:
    """Raises AlteredError for a record in `path` whose names could lead out of its folder."""
    named = {"model": run.model, "dataset": run.data.name, "metric": run.metric}
    try:
        for kind, name in named.items():
            registry.check_name(kind, name)
    except UsageError as error:
        raise AlteredError(f"{path} names {error}") from error
