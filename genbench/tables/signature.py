"""One line that fixes what the numbers of a table mean, so that a paper can quote it.

    parzen|d:mnist@0c36ee5df8|m:10000|s:mean|prec:auto|scale:255|sigma:grid10|v:first1000|sel:none
    |sets:3|seeds:3|genbench:0.1.0

The metric's name, then fields `name:value`. Where the rows of a table differ, both forms list the
values, `sel:parzen/none`; the short form leaves out what is as usual. What follows the samples'
kind is what the metric itself says of its settings. After the manner of sacreBLEU (Post 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from genbench.errors import UsageError
from genbench.plugins.settings import checked_fields, of_settings, safe
from genbench.records import names
from genbench.records.files import sha256_of_json
from genbench.records.run import Result

DIGEST = 10  # hex digits of the dataset's sha256
NONE, UNKNOWN, BETWEEN = "none", "unknown", "/"
METRIC = "metric"  # under which name the first part is parsed
USUAL = {"folds": "1", "s": "mean", "rows": "train", "sel": NONE, "tune": NONE, "chain": NONE}
ALWAYS = (METRIC, "d", "m", "sets", "seeds", "genbench")  # in the short form too

Record = Mapping[str, Any]  # the provenance of a score
Records = Mapping[str, Mapping[str, Record]]  # result's key -> stage -> provenance


@dataclass(frozen=True)
class Signature:
    """What the numbers of a table have in common; field -> its values, one if all rows agree.

    usual: the values of the fields that the short form leaves out.
    """

    fields: Mapping[str, Sequence[str]]
    usual: Mapping[str, str]

    @property
    def full(self) -> str:
        """Everything, each value where the rows differ."""
        return _line(self.fields)

    @property
    def short(self) -> str:
        """For captions: without what is as usual."""
        return _line(
            {
                name: values
                for name, values in self.fields.items()
                if name in ALWAYS or list(values) != [self.usual.get(name)]
            }
        )


def _line(fields: Mapping[str, Sequence[str]]) -> str:
    said = {name: BETWEEN.join(values) for name, values in fields.items()}
    rest = [f"{name}:{value}" for name, value in said.items() if name != METRIC]
    return "|".join([said[METRIC], *rest])


def parse(text: str) -> dict[str, str]:
    """The fields of a signature, the metric's name under "metric"; Markdown's `\\|` is a `|`.

    >>> parse("parzen|d:mnist@0c36ee5df8|m:10000|sel:parzen/none")
    {'metric': 'parzen', 'd': 'mnist@0c36ee5df8', 'm': '10000', 'sel': 'parzen/none'}
    """
    metric, *rest = text.strip().replace("\\|", "|").split("|")
    pairs = [part.partition(":") for part in rest]
    names = [METRIC, *(name for name, _, _ in pairs)]
    if not metric or not all(all(pair) for pair in pairs) or len({*names}) < len(names):
        raise UsageError(f"a signature reads metric|name:value|...; got {text[:80]!r}")
    return {METRIC: metric, **{name: value for name, _, value in pairs}}


def differences(one: str, other: str) -> list[str]:
    """The names of the fields in which two signatures of the same form differ.

    >>> differences("parzen|m:10000|s:mean|seeds:3", "parzen|m:2000|s:mean")
    ['m', 'seeds']
    """
    first, second = parse(one), parse(other)
    return [name for name in first | second if first.get(name) != second.get(name)]


# --- one result ---


@dataclass(frozen=True)
class Protocol:
    """By which protocol a result came about, by the names of a signature's fields.

    metric: those that the metric itself names; changed: those of them that are not as its default
    settings have them.
    """

    fields: Mapping[str, str]
    metric: Mapping[str, str] = field(default_factory=dict[str, str])
    changed: Mapping[str, str] = field(default_factory=dict[str, str])


def protocol(result: Result, record: Record) -> Protocol:
    """The protocol of one result, from its question and the provenance of its score."""
    said = _of_metric(result, record)
    own, usual = said["fields"], said["usual"]
    changed = {name: value for name, value in own.items() if usual.get(name) != value}
    return Protocol(fields(result, record), own, changed)


def fields(result: Result, record: Record) -> dict[str, str]:
    """What the signature says of one result, from its question and the provenance of its score."""
    selection = result.run.selection
    trained = "epochs" in result.run.hyperparameters  # the others have no epoch to select
    said = {
        METRIC: safe(result.metric),
        "d": _dataset(result),
        "folds": str(result.folds),
        **({"m": str(result.scored), "s": safe(result.kind)} if result.run.draws else {}),
        **_of_metric(result, record)["fields"],
        "sel": safe(selection.get("metric") or NONE) if trained else "",
        "tune": safe(result.tuned.name if result.tuned else NONE),
        "rows": "train+valid" if result.recipe.get("uses_validation") else "train",
        "chain": _chain(result.sampling),
        "genbench": safe(record.get("packages", {}).get("genbench", UNKNOWN)),
    }
    return {name: value for name, value in said.items() if value}


def _dataset(result: Result) -> str:
    mark = "(not-canonical)" if result.caveat else ""
    return f"{safe(result.dataset)}@{result.digest[:DIGEST]}{mark}"


def _chain(sampling: Mapping[str, Any]) -> str:
    """Where the chains start and how many there are: "noise1000"."""
    return safe(f"{sampling['start']}{sampling.get('chains', '')}") if "start" in sampling else NONE


# --- what a metric says of its settings ---


def _of_metric(result: Result, record: Record) -> dict[str, Any]:
    """As it was recorded, else by the installed metric, else a name for the settings."""
    if "signature" in record:
        return {part: checked_fields(record["signature"][part]) for part in ("fields", "usual")}
    try:
        return of_settings(result.metric, result.run.settings, result.run.data.levels)
    except UsageError:  # it is no longer registered
        name = sha256_of_json(dict(result.run.settings))[:DIGEST]
        return {"fields": {"settings": name}, "usual": {}}


# --- a table ---


def of(results: Iterable[Result], records: Records) -> Signature:
    """The signature of the results of one table, by their records.

    Raises ValueError where they are not by one metric on the same bytes, or none has a number.
    """
    done = [result for result in results if result.status == "done"]
    if len({(result.metric, result.dataset, result.digest) for result in done}) != 1:
        raise ValueError("a signature is of numbers by one metric on one dataset")
    score = {result.key: records.get(result.key, {}).get("score", {}) for result in done}
    each = [fields(result, score[result.key]) for result in done]
    counts = [*_counts(done).values()]
    together = {name: [one[name] for one in each if name in one] for name in _names(each)}
    version = together.pop("genbench")
    together.setdefault("sel", [NONE])
    together |= {"sets": [str(sets) for sets, _ in counts]}
    together |= {"seeds": [str(seeds) for _, seeds in counts], "genbench": version}
    whole = {name: [*values] for name, values in together.items()}
    for name, values in whole.items():  # of a field that only some rows have, the others have none
        if name not in ("sel", "sets", "seeds") and len(values) < len(each):
            values.append(NONE)
    usual = USUAL | _of_metric(done[0], score[done[0].key])["usual"]
    shown = {name: _distinct(values) for name, values in whole.items()}
    rare = ("folds", "rows", "tune", "chain")  # only said where they are not as usual
    kept = {n: v for n, v in shown.items() if n not in rare or v != (usual[n],)}
    return Signature(kept, usual)


def _names(each: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(name for one in each for name in one))


def _counts(results: Sequence[Result]) -> dict[str, tuple[int, int]]:
    """How many sample sets, at most, and seeds each row has."""
    rows: dict[str, list[Result]] = {}
    for result in results:
        row = [result.model, result.preset, dict(result.overrides), result.samples]
        parts = {role: asdict(part) for role, part in result.run.parts.items()}
        made_by = [parts, dict(result.run.revisions), dict(result.recipe)]
        rows.setdefault(sha256_of_json([*row, *made_by]), []).append(result)
    return {
        row: (len({r.sample_set for r in found}), len({r.seed for r in found}))
        for row, found in rows.items()
    }


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, numbers by size, `none` last."""

    def place(value: str) -> tuple[bool, bool, float, str]:
        number = value.replace(".", "", 1).isdigit()
        return value == NONE, not number, float(value) if number else 0.0, value

    return tuple(sorted(set(values), key=place))


def groups(results: Iterable[Result]) -> list[list[Result]]:
    """Results of one column, that can have one signature: by metric, settings, kind, dataset."""
    found: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        if result.status == "done":
            by = (names.judge(result), result.protocol)
            about = (*by, result.kind, result.dataset, result.digest)
            found.setdefault(about, []).append(result)
    return list(found.values())
