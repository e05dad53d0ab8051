"""What may be said of our value beside a published one: two-sided, in words, by one protocol only.

A published value has one run and no seeds, so there is no p-value against it. It is `reproduced` if
it lies where one more of our seeds would be expected, whether ours are higher or lower.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files as package_files
from statistics import fmean, stdev

from genbench.comparing.estimates import prediction_interval
from genbench.records.run import Result
from genbench.tables.signature import Protocol

SEEDS = 3  # the fewest that predict another
# the other columns state a protocol, each by the name of a field of a signature or of `cells`
_VALUE = ("model", "dataset", "metric", "value", "stderr", "unit", "source")


@dataclass(frozen=True)
class Published:
    """A value from the literature.

    fields: its protocol, by the names of a signature's fields and those of `cells`; what the source
    does not say is not among them. asked: the names of all that such a protocol consists of: what
    any source of a value by the same metric states.
    """

    value: float
    stderr: float
    unit: str
    source: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    asked: Sequence[str] = ()

    @property
    def text(self) -> str:
        return f"{self.value:g} ± {self.stderr:g}"


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The fields that `theirs` states and in which ours is another: name -> (ours, theirs)."""
    return {
        name: (ours.get(name, "not stated"), value)
        for name, value in theirs.items()
        if ours.get(name) != value
    }


def verdict(
    seeds: Sequence[float], ours: Mapping[str, str], published: Published, bound: str = ""
) -> tuple[str, str]:
    """`reproduced`, `differs by X nats`, or `not comparable: <fields that differ>`; and why.

    bound: what ours is, see `protocols.Score`; beside a bound there is no more to say than `higher
    by at least X nats`, or lower, or `not ordered`.

    seeds: our value of each seed. The published value is reproduced if it lies in the 95 %
    prediction interval, by Student's t, of one more seed, and its source states every field
    that is `asked`; where it does not, it is `in range` at most.
    """
    fields = differing(ours, published.fields)
    if fields:
        said = "; ".join(f"{name} {own}, theirs {other}" for name, (own, other) in fields.items())
        return f"not comparable: {', '.join(fields)}", said
    silent = [name for name in published.asked if name not in published.fields]
    unknown = f"; the source does not state {', '.join(silent)}" if silent else ""
    difference = fmean(seeds) - published.value
    if bound:
        return _one_sided(difference, bound, published.unit)
    gap = f"differs by {difference:+.1f} {published.unit}"
    if len(seeds) < SEEDS:
        return gap, f"{len(seeds)} of the {SEEDS} seeds that it takes to say more{unknown}"
    low, high = prediction_interval(seeds)
    spread = f"seed spread {stdev(seeds):.1f}, another seed would fall into {low:.1f} to {high:.1f}"
    if low <= published.value <= high:
        return ("in range" if silent else "reproduced"), spread + unknown
    return gap, spread + unknown


def _one_sided(difference: float, bound: str, unit: str) -> tuple[str, str]:
    """What a difference says of which one side is known, if that."""
    if (bound, difference > 0) in ((">=", True), ("<=", False)):
        higher = "higher" if bound == ">=" else "lower"
        said = f"{higher} by at least {abs(difference):.1f} {unit}"
        return said, f"ours is a bound, {bound} the value; no interval of another seed is taken"
    return "not ordered", f"ours is a bound, {bound} the value, which leaves either side open"


@cache
def values() -> tuple[Mapping[str, str], ...]:
    """Values from the literature, each with its source and as much of its protocol as that says.

    What a source does not say is empty.
    """
    with (package_files("genbench.tables") / "published.csv").open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def beside(results: Sequence[Result]) -> Published | None:
    """The published value that belongs beside a row's results, of means on canonical data."""
    first = results[0]
    if first.caveat or first.sampling.get("reconstruct"):
        return None
    if first.run.draws and not any(result.kind == "mean" for result in results):
        return None
    by_metric = [row for row in values() if row["metric"] == first.metric]
    row = next((r for r in by_metric if _of(r) == (first.model, first.dataset)), None)
    if row is None:
        return None
    stated = [name for name in row if any(each[name] for each in by_metric)]
    asked = [name for name in stated if name not in _VALUE]
    fields = {name: row[name] for name in asked if row[name]}
    value, stderr = float(row["value"]), float(row["stderr"])
    return Published(value, stderr, row["unit"], row["source"], fields, asked)


def _of(row: Mapping[str, str]) -> tuple[str, str]:
    return row["model"], row["dataset"]


def belongs(paper: Published, protocol: Protocol) -> bool:
    """Whether a published value belongs to settings of the metric that are not the default.

    Its source states each field that the settings changed, and whatever it states of the metric is
    as ours.
    """
    stated = {name: paper.fields.get(name, value) for name, value in protocol.metric.items()}
    return stated == protocol.metric and protocol.changed.keys() <= paper.fields.keys()
