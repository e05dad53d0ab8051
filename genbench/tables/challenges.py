"""What each model finds hard, measured: the paper's Table 2 with numbers for its sentences.

Every number is of stored results and their provenance, of one row of each model: that of a full
recipe before those of presets, then of most seeds. A cell without one says why in `lacks`.

    training    seconds to the recipe's end, mean over seeds
    inference   whether the model has codes of rows, and what one costs
    sampling    seconds for 10,000, and how many independent ones they are worth
    p(x)        exact, or its bounds and the gap between them, or by windows over samples only
    failures    of how many seeds training failed, with the exact interval of their share

A training fails if it ends in an error, or if its samples score no better than those of the
untrained row COVARIANCE of the defaults, a Gaussian, by the first metric of the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from statistics import fmean
from typing import Any

import pandas as pd

from genbench.comparing.chains import effective_rows
from genbench.comparing.counts import clopper_pearson
from genbench.defaults import DEFAULTS
from genbench.plugins import recipe, registry
from genbench.protocols import abilities, alternatives, goodness, needs
from genbench.records.names import label, settings
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.tables import speed
from genbench.tables.chosen import is_current
from genbench.tables.speed import USUAL, Records
from genbench.words import MISSING, duration, three_digits

COLUMNS = ("training", "inference", "sampling", "p(x)", "failures")
NATS = "nats"


@dataclass(frozen=True)
class Fact:
    """What a cell says, the numbers behind it, and why it says nothing where it does not."""

    text: str = MISSING
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lacks: str = ""


@dataclass(frozen=True)
class Row:
    """A model on a dataset, and what was measured of it, by COLUMNS."""

    model: str
    label: str
    family: str
    facts: Mapping[str, Fact]


def rows(results: Sequence[Result], dataset: str, store: Store) -> list[Row]:
    """A row for each registered model that is no reference, in the order of their families."""
    own = [r for r in results if r.dataset == dataset and not r.protocol]
    known = {*DEFAULTS.references, DEFAULTS.covariance}
    models = [name for name in registry.names("model") if name not in known]
    order = [*paper()]
    models.sort(key=lambda name: order.index(f) if (f := _family(name)) in order else len(order))
    return [_row(model, own, store) for model in models]


def paper() -> dict[str, dict[str, str]]:
    """What the paper's Table 2 says, in few words, by family and column."""
    path = package_files("genbench.tables") / "challenges.csv"
    frame = pd.read_csv(path.open(encoding="utf-8"), index_col="family")  # pyright: ignore
    return {
        str(family): {str(k): str(v) for k, v in row.items()} for family, row in frame.iterrows()
    }


def _family(model: str) -> str:
    return DEFAULTS.families.get(model, "")


def _row(model: str, results: Sequence[Result], store: Store) -> Row:
    every = [r for r in results if r.model == model and is_current(r)]
    own = _chosen(every)
    # what failed or could not be done was perhaps never trained: its record lacks what is read here
    done = [r for r in own if r.status == "done"]
    can = abilities(registry.load("model", model))
    records = {result.key: store.records(result) for result in done}
    facts = {
        "training": _training(done, records),
        "inference": _inference(done, records, "encode" in can),
        "sampling": _sampling(done, records, store),
        "p(x)": _density(own, can),
        "failures": _failures(every, results),
    }
    return Row(model, label(own[0]) if own else model, _family(model), facts)


def _chosen(results: Sequence[Result], full: bool = True) -> list[Result]:
    """The results of one row: where `full` of a full recipe if there is one, then of most seeds."""
    by: dict[str, list[Result]] = {}
    for result in results:
        by.setdefault(label(result), []).append(result)

    def rank(own: Sequence[Result]) -> tuple[bool, int, int]:
        return full and own[0].preset == recipe.PAPER, len({r.seed for r in own}), len(own)

    return max(by.values(), key=rank, default=[])


def _training(own: Sequence[Result], records: Records) -> Fact:
    seconds = speed.training_seconds(own, records)
    if seconds is None:
        return Fact(lacks="its time was not recorded" if own else "no training is kept")
    return Fact(duration(seconds), {"seconds": seconds})


def _inference(own: Sequence[Result], records: Records, encodes: bool) -> Fact:
    """The cost is recorded beside samples, since a drawn model is at hand there."""
    if not encodes:
        return Fact("none", {"exists": False})
    found = [records[r.key].get("sample", {}).get("seconds_per_code") for r in own]
    known = [seconds for seconds in found if seconds is not None]
    if not known:
        return Fact("yes", {"exists": True}, "what a code costs was not recorded")
    cost = fmean(known)
    return Fact(f"{1e6 * cost:.3g} µs a row", {"exists": True, "seconds_per_row": cost})


def _sampling(own: Sequence[Result], records: Records, store: Store) -> Fact:
    drawn = [r for r in own if r.run.draws]
    rate = speed.samples_per_second(drawn, records)
    if rate is None:
        return Fact(lacks="its time was not recorded" if drawn else "no draw is kept")
    seconds = USUAL / rate
    independent, lacks = _independent(drawn, store)
    said = f", worth {three_digits(independent)}" if independent is not None else ""
    numbers = {"seconds": seconds, "independent": independent}
    return Fact(f"{duration(seconds)}{said}", numbers, lacks)


def _independent(own: Sequence[Result], store: Store) -> tuple[float | None, str]:
    """How many independent rows 10,000 are worth; or why nobody can say."""
    chains = own[0].sampling.get("chains")
    if chains is None:
        return float(USUAL), ""
    for result in own:
        kept = store.samples(result.run)
        if kept is not None:
            try:
                return USUAL * effective_rows(kept[0], chains) / len(kept[0]), ""
            except ValueError as error:
                return None, str(error)
    return None, "the samples of its chains are not kept"


def _density(own: Sequence[Result], can: frozenset[str]) -> Fact:
    """Scores in nats that take no samples are of log p(x): their greatest lower bound is said."""
    of_model = [r for r in own if not r.run.draws and r.unit == NATS and r.value is not None]
    ends = {sign: _means([r for r in of_model if r.bound == sign]) for sign in ("", ">=", "<=")}
    if ends[""]:
        value = max(ends[""])
        return Fact(f"exact: {value:.1f}", {"exact": value})
    if ends[">="] and ends["<="]:
        low, high = max(ends[">="]), min(ends["<="])
        said = f"{low:.1f} to {high:.1f}, gap {high - low:.2g}"
        return Fact(said, {"low": low, "high": high, "gap": high - low})
    if ends[">="]:
        low = max(ends[">="])
        return Fact(f"at least {low:.1f}", {"low": low}, "no upper bound is kept")
    if ends["<="]:
        high = min(ends["<="])
        return Fact(f"at most {high:.1f}", {"high": high}, "no lower bound is kept")
    if "log_prob" in can:
        return Fact("exact", lacks="no score of it is kept")
    if _is_bounded(can):
        return Fact("by bounds", lacks="no score of them is kept")
    return Fact("windows only")


def _means(results: Sequence[Result]) -> list[float]:
    """Over seeds, of each metric."""
    by: dict[str, list[float]] = {}
    for result in results:
        by.setdefault(result.metric, []).append(float(result.value or 0.0))
    return [fmean(values) for values in by.values()]


def _is_bounded(can: frozenset[str]) -> bool:
    """Whether some metric in nats that takes no samples can be computed of such a model."""
    for name in registry.names("metric"):
        cls = registry.load("metric", name)
        wanted = getattr(cls, "requires", ())
        alone = getattr(cls, "unit", "") == NATS and "samples" not in needs(cls)
        if alone and wanted and all(can & {*alternatives(each)} for each in wanted):
            return True
    return False


def _failures(every: Sequence[Result], results: Sequence[Result]) -> Fact:
    """Of the row with most seeds, which is named where it is of a preset."""
    first, own = DEFAULTS.metrics[0], _chosen(every, full=False)
    scored = [r for r in own if r.metric == first and r.sample_set == 0 and r.status != "unmet"]
    seeds = {r.seed for r in scored}
    if not seeds:
        return Fact(lacks=f"no score by {first} is kept")
    floors = {r.key: _floor(r, results) for r in scored}
    if any(r.status == "done" and floors[r.key] is None for r in scored):
        same = "of as many samples, by the same settings and on the same fold"
        return Fact(lacks=f"there is no row {DEFAULTS.covariance} {same}, to be better than")
    failed = {r.seed for r in scored if _failed(r, floors[r.key])}
    low, high = clopper_pearson(len(failed), len(seeds))
    preset = "" if own[0].preset == recipe.PAPER else f" ({own[0].preset})"
    text = f"{len(failed)} of {len(seeds)}: {100 * low:.0f} to {100 * high:.0f} %{preset}"
    return Fact(text, {"failed": len(failed), "seeds": len(seeds), "low": low, "high": high})


def _floor(result: Result, results: Sequence[Result]) -> float | None:
    """What the Gaussian scored where all else is as of a result, mean over its seeds."""

    def all_else(r: Result) -> tuple[Any, ...]:
        return r.metric, r.samples, r.fold, dict(r.run.settings), settings(r)

    like = [r for r in results if r.model == DEFAULTS.covariance and r.status == "done"]
    like = [r for r in like if all_else(r) == all_else(result) and is_current(r)]
    own = f"{DEFAULTS.covariance}."
    usual = [r for r in like if not any(name.startswith(own) for name in r.overrides)]
    known = [r.value for r in usual if r.value is not None]
    return fmean(known) if known else None


def _failed(result: Result, floor: float | None) -> bool:
    if result.status != "done" or result.value is None or floor is None:
        return result.status == "failed"
    return goodness(result.best, result.value) <= goodness(result.best, floor)
