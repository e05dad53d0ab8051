"""The TOML beside a model -> the hyperparameters of one run.

Tables are read in this order, later wins: [default], [dataset], [preset], [dataset.preset], and
last what the user set. The preset `paper` adds nothing to [dataset]. Besides the hyperparameters of
the model's constructor a recipe may hold the keys in `RUNNER_KEYS`, and options of a metric, such
as "parzen.sigma" = 0.2.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.plugins.code import source
from genbench.plugins.settings import check_values, constructor, defaults
from genbench.protocols import abilities, needs

PAPER = "paper"
RUNNER_KEYS: dict[str, Any] = {
    "select": str,  # the metric, as it is by default, that chooses the epoch, on validation rows
    "select_every": int,  # epochs between two looks
    "select_samples": int,
    "select_sets": int,  # independent sets of so many samples, whose mean is an epoch's value
    "select_patience": int,  # epochs without a rise after which a training ends; 0: at its last
    "select_gain": float,  # what is no rise yet, in the metric's unit
    "select_beside": str,  # a protocol of that metric, for the log: by it nothing is chosen
    "labels": int,  # how many training rows keep their label, of a model that is given labels
    "uses_validation": bool,  # whether fit is given the validation rows
    "tune": str,  # a sampling hyperparameter that is chosen after training, on the same rows
    "tune_values": list,  # what it may be
    "tune_by": str,  # the metric, as it is by default, that chooses it
    "tune_samples": int,
}
CHOOSES_BY = {"samples", "valid", "test", "train", "density"}  # what is there while one trains
TUNING = {key for key in RUNNER_KEYS if key.startswith("tune")}
_Table = tuple[list[str], Mapping[str, Any]]  # the names that lead to a table, and it


@dataclass(frozen=True)
class Recipe:
    """What one run of a model is told: for its constructor, and for the runner."""

    preset: str
    hyperparameters: Mapping[str, Any]  # the constructor's defaults included
    runner: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # options, by metric
    written: Mapping[str, Any] = field(default_factory=dict)  # as the file and the user say it


def read(model: str) -> dict[str, Any]:
    """The recipe file beside the model's module; an empty one where there is none."""
    path = source(registry.find("model", model).module).with_suffix(".toml")
    try:
        about = path.stat()
        return _parsed(path, about.st_mtime_ns, about.st_size)
    except FileNotFoundError:
        return {}
    except NotADirectoryError as error:
        raise UsageError(
            f"model {model!r} lies in an archive, {path.parent}: its code and recipe are read as "
            "files, so install it unpacked"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"recipe {path.name} of {model!r} cannot be read: {error}") from error


@lru_cache
def _parsed(path: Path, changed: int, size: int) -> dict[str, Any]:
    """A recipe file as it is since it was changed last; nobody writes into what this returns."""
    return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # with an encoding mark or without


def changes(model: str, dataset: str, preset: str) -> bool:
    """Whether a preset changes anything for a model on a dataset."""
    return values(model, dataset, preset) != values(model, dataset, PAPER)


def presets(model: str) -> set[str]:
    """The presets that a model's recipe names, and `paper`."""
    tables = {name: table for name, table in read(model).items() if isinstance(table, dict)}
    datasets = set(registry.names("dataset"))
    nested = {key for table in tables.values() for key in table if isinstance(table[key], dict)}
    return (tables.keys() - datasets - {"default"}) | nested | {PAPER}


def resolve(model: str, dataset: str, preset: str, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of `model` on `dataset`, checked against the constructor.

    A preset that changes nothing for this model and dataset is recorded as `paper`.
    Raises UsageError for an unknown or ill-typed key, with the nearest known one.
    """
    tables = read(model)
    _check_tables(model, tables)
    if not {"default", dataset} & tables.keys() and tables:
        known = sorted(tables.keys() & set(registry.names("dataset")))
        there = f"it has some for: {', '.join(known)}" if known else f"its tables: {_list(tables)}"
        raise UsageError(f"{model!r} has no recipe for dataset {dataset!r}; {there}")
    for key in overrides:
        if "." in key:
            raise UsageError(f"a metric's option holds for all models: --set {key}=...")
    said = written(model, dataset, preset, overrides)
    cls = registry.load("model", model)
    _check_keys(model, cls, tables)
    metrics = {key: value for key, value in said.items() if "." in key}
    runner = {key: value for key, value in said.items() if key in RUNNER_KEYS}
    own = {key: value for key, value in said.items() if key not in {*metrics, *runner}}
    hyperparameters = check_values(model, own, constructor(cls), also=RUNNER_KEYS)
    runner = _check_runner(model, cls, check_values(model, runner, RUNNER_KEYS))
    _check_read(model, overrides, runner)
    options = _by_owner(metrics)
    for metric, chosen in options.items():
        check_values(metric, chosen, constructor(registry.load("metric", metric)))
    complete = defaults(cls) | hyperparameters
    for name in constructor(cls):
        if name not in complete:
            raise UsageError(
                f"{model!r} needs a value for {name!r} on {dataset!r}: "
                f"give it in the recipe or by --set {model}.{name}=..."
            )
    named = preset if changes(model, dataset, preset) else PAPER
    return Recipe(named, _without_later(cls, complete), runner, options, said)


def _without_later(cls: type, complete: Mapping[str, Any]) -> dict[str, Any]:
    """All hyperparameters but those of `later` that are as they are by default.

    They came when results were kept already, and so they are in no key of these.
    """
    usual = {name: defaults(cls)[name] for name in getattr(cls, "later", ())}
    return {k: v for k, v in complete.items() if k not in usual or v != usual[k]}


def _check_tables(model: str, tables: Mapping[str, Any]) -> None:
    """Raises UsageError for values outside all tables, and for a table with a slip in its name."""
    outside = [name for name, value in tables.items() if not isinstance(value, dict)]
    if outside:
        raise UsageError(
            f"the recipe of {model!r} has {_list(outside)} outside all tables, where nothing reads "
            "it: put it below [default], or below the name of a dataset or preset"
        )
    datasets = registry.names("dataset")
    for path, _ in (found for found in _every(tables) if len(found[0]) > 1):
        if path[0] in ("default", PAPER) or len(path) > 2 or path[1] in datasets:
            raise UsageError(
                f"the recipe of {model!r} has a table [{'.'.join(path)}], which nothing reads: "
                "a preset of one dataset is [DATASET.PRESET]"
            )
    known = {"default", PAPER, *datasets}
    for name in tables.keys() - known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            raise UsageError(
                f"the recipe of {model!r} has a table [{name}], and there is no such dataset; "
                f"did you mean [{near[0]}]?"
            )


def _every(tables: Mapping[str, Any], above: Sequence[str] = ()) -> Iterator[_Table]:
    """Every table, those inside others too, with the names that lead to it."""
    for name, table in tables.items():
        if isinstance(table, dict):
            yield [*above, name], table
            yield from _every(table, [*above, name])


def _check_keys(model: str, cls: type, tables: Mapping[str, Any]) -> None:
    """Raises UsageError for an unknown or ill-typed key in any table, also one not read now."""
    takes = constructor(cls)
    for path, table in _every(tables):
        plain = {k: v for k, v in table.items() if not isinstance(v, dict) and "." not in k}
        runner = {key: value for key, value in plain.items() if key in RUNNER_KEYS}
        own = {key: value for key, value in plain.items() if key not in RUNNER_KEYS}
        where = model if path == ["default"] else f"{model} [{'.'.join(path)}]"
        check_values(where, own, takes, also=RUNNER_KEYS)
        check_values(where, runner, RUNNER_KEYS)


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def written(model: str, dataset: str, preset: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What file and user say of a model, unchecked; what the user set is no longer tuned."""
    said = {**values(model, dataset, preset), **overrides}
    if any(key == said.get("tune") for key in overrides):
        said = {key: value for key, value in said.items() if key not in TUNING}
    return said


def judges(said: Mapping[str, Any]) -> dict[str, str]:
    """The metrics that choose the epoch ("select") and a sampling hyperparameter ("tune")."""
    named = {"select": said.get("select"), "tune": said.get("tune") and said.get("tune_by")}
    return {role: metric for role, metric in named.items() if metric}


def _check_runner(model: str, cls: type, runner: Mapping[str, Any]) -> dict[str, Any]:
    """The keys for the runner, what is tuned as its type has it.

    Raises UsageError where they contradict the model or themselves.
    """
    counts = ("select_every", "select_samples", "select_sets", "tune_samples", "labels")
    if any(runner.get(key, 1) < 1 for key in counts):
        raise UsageError(f"{model}: {', '.join(counts)} must be at least 1")
    if any(not 0 <= runner.get(k, 0) < math.inf for k in ("select_patience", "select_gain")):
        raise UsageError(f"{model}: select_patience and select_gain must be finite, at least 0")
    if "labels" in runner and "labelled" not in abilities(cls):
        raise UsageError(f"{model}: labels = {runner['labels']}, and the model is given none")
    chooses = runner.get("select") or runner.get("tune")
    if chooses and runner.get("uses_validation"):
        raise UsageError(f"{model}: with uses_validation no rows are left to select or tune on")
    for role, metric in judges(runner).items():
        _check_judge(f"{model}: {role}", metric)
    if not runner.get("tune"):
        return dict(runner)
    tuned, values = runner["tune"], runner.get("tune_values", [])
    if tuned not in getattr(cls, "sampling", ()):
        raise UsageError(f"{model}: tune = {tuned!r} is not among what only sampling reads")
    if tuned in ("start", "reconstruct"):
        raise UsageError(f"{model}: {tuned} cannot be tuned, as standing still would score best")
    if not (values and runner.get("tune_by")):
        raise UsageError(f"{model}: tune = {tuned!r} needs tune_values and tune_by")
    typed = [check_values(model, {tuned: value}, constructor(cls))[tuned] for value in values]
    return {**runner, "tune_values": typed}


def _check_read(model: str, overrides: Collection[str], runner: Mapping[str, Any]) -> None:
    """Raises UsageError for a key that somebody set and nothing reads; a preset may hold such.

    Who sets the key that it hangs on too means it so.
    """
    for key in overrides:
        on = "select_patience" if key == "select_gain" else "select"
        if key.startswith("select_") and not runner.get(on) and on not in overrides:
            raise UsageError(f"{model}: without {on} nothing reads {key}: set both")


def _check_judge(what: str, metric: str) -> None:
    """Raises UsageError for a metric that cannot choose among samples by validation rows alone."""
    cls = registry.load("metric", metric)
    if getattr(cls, "best", None) == "real":
        raise UsageError(
            f"{what} is by {metric!r}, whose best is the value of held-out rows: it chooses none"
        )
    beside = [name for name, must in needs(cls).items() if must and name not in CHOOSES_BY]
    if beside or "samples" not in needs(cls):
        lacks = f"takes {', '.join(beside)}" if beside else "takes no samples"
        raise UsageError(f"{what} is by {metric!r}, which {lacks}: only samples and rows are there")


def _by_owner(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{"parzen.sigma": 0.2} -> {"parzen": {"sigma": 0.2}}."""
    owners: dict[str, dict[str, Any]] = {}
    for name, value in options.items():
        owner, _, key = name.partition(".")
        owners.setdefault(owner, {})[key] = value
    return owners


def values(model: str, dataset: str, preset: str) -> dict[str, Any]:
    """What the recipe file says for a model on a dataset, unchecked; loads no model."""
    tables = read(model)
    return _merged(tables, *order(dataset, preset))


def order(dataset: str, preset: str) -> list[tuple[str, ...]]:
    """The tables of a recipe file that hold for a preset on a dataset; later ones win.

    >>> order("mnist", "quick")
    [('default',), ('mnist',), ('quick',), ('mnist', 'quick')]
    """
    return [("default",), (dataset,), (preset,), (dataset, preset)]


def _merged(tables: Mapping[str, Any], *paths: Sequence[str]) -> dict[str, Any]:
    """The plain values of the tables at these paths, later over earlier."""
    merged: dict[str, Any] = {}
    for path in paths:
        table: Any = tables
        for name in path:
            table = table.get(name, {})
        merged |= {key: value for key, value in table.items() if not isinstance(value, dict)}
    return merged
