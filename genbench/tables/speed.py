"""Speed, from what was recorded: seconds of training, samples per second, and what compares.

A result's records are the provenance of its stages, by name: `fit`, `sample` and `score`. Each
stage may have been done on another day, machine and thread count. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genbench.records.run import Result
from genbench.words import duration, three_digits

COLUMNS = ("ll", "fit", "sample")  # of a table; the last two are stages
USUAL = 10_000  # samples, to which every draw is projected
TITLES = {"fit": "training", "sample": "samples/s"}
_MEANING = {
    "fit": "time of all epochs, once where folds share a training, mean over seeds",
    "sample": "one draw, the first of its process, a chain's burn-in included",
}

Records = Mapping[str, Mapping[str, Mapping[str, Any]]]  # result's key -> stage -> provenance


@dataclass(frozen=True)
class Layout:
    """The columns of a table, in order, and the records that those of speed are read from."""

    columns: Sequence[str] = ("ll",)
    records: Records = field(default_factory=dict)

    @property
    def timed(self) -> list[str]:
        """The stages whose speed is asked for."""
        return [column for column in self.columns if column in TITLES]


# --- one row ---


def training_seconds(results: Sequence[Result], records: Records) -> float | None:
    """Seconds of one seed's trainings, mean over the seeds; None where one was not recorded."""
    found = _timed(results, records, "fit")
    total = sum(seconds for _, seconds in found)
    return total / len({result.seed for result in results}) if found else None


def seconds_per_epoch(results: Sequence[Result], records: Records) -> float | None:
    """Seconds of all trainings / their epochs; None where one was not recorded."""
    found = _timed(results, records, "fit")
    epochs = sum(result.training.epochs for result, _ in found)
    return sum(seconds for _, seconds in found) / epochs if epochs else None


def samples_per_second(results: Sequence[Result], records: Records) -> float | None:
    """Samples of all draws / their seconds; None where one was not recorded."""
    found = _timed(results, records, "sample")
    drawn, seconds = sum(r.scored for r, _ in found), sum(seconds for _, seconds in found)
    return drawn / seconds if drawn and seconds else None


def _timed(results: Sequence[Result], records: Records, stage: str) -> list[tuple[Result, float]]:
    """Each training or draw once, and its seconds; nothing where one was not recorded."""
    found = [(r, _seconds(record, stage)) for r, record in _distinct(results, records, stage)]
    known = [(result, seconds) for result, seconds in found if seconds is not None]
    return known if len(known) == len(found) else []


def _distinct(
    results: Sequence[Result], records: Records, stage: str
) -> list[tuple[Result, Mapping[str, Any]]]:
    """Each training or draw once, with a result that hangs on it and its record."""
    found = {}
    for result in results:
        key = {"fit": result.run.fit_key, "sample": result.run.sample_key}.get(stage, result.key)
        found.setdefault(key, (result, records.get(result.key, {}).get(stage, {})))
    return list(found.values())


def _seconds(record: Mapping[str, Any], stage: str) -> float | None:
    return record.get("seconds", {}).get(stage)


def text(results: Sequence[Result], stage: str, records: Records) -> str | None:
    """What a column says of a row: "3 min 12 s" of training, "32,000" samples/s."""
    if stage == "fit":
        seconds = training_seconds(results, records)
        return None if seconds is None else duration(seconds)
    rate = samples_per_second(results, records)
    return None if rate is None else three_digits(rate)


def numbers(results: Sequence[Result], layout: Layout) -> dict[str, Any]:
    """What the columns say, for a machine: unrounded, with where it was taken."""
    found: dict[str, Any] = {}
    for stage in layout.timed:
        if stage == "fit":
            found["training_seconds"] = training_seconds(results, layout.records)
            found["seconds_per_epoch"] = seconds_per_epoch(results, layout.records)
        else:
            rate = samples_per_second(results, layout.records)
            found["samples_per_second"] = rate
            found[f"seconds_per_{USUAL}_samples"] = USUAL / rate if rate else None
        records = [record for _, record in _distinct(results, layout.records, stage) if record]
        workers = [_workers(record, stage) for record in records]
        word = {"fit": "training", "sample": "sampling"}[stage]
        found[f"{word}_timed_on"] = "; ".join(dict.fromkeys(map(timed_on, records)))
        known = [count for count in workers if count is not None]
        found[f"{word}_workers"] = max(known) if known and None not in workers else None
    return found


# --- what compares ---


def notes(rows: Mapping[str, Sequence[Result]], layout: Layout) -> list[str]:
    """What must be said of the rows, by name, whose speed is shown."""
    return [line for stage in layout.timed for line in _notes(rows, stage, layout.records)]


def _notes(rows: Mapping[str, Sequence[Result]], stage: str, records: Records) -> list[str]:
    """Where and how a stage was timed; each thing once, with the rows that differ."""
    every = [
        (name, record) for name, of in rows.items() for _, record in _distinct(of, records, stage)
    ]
    timed = [(name, record) for name, record in every if _seconds(record, stage) is not None]
    places = _grouped((timed_on(record), name) for name, record in timed)
    commits = _grouped((_commit(record), name) for name, record in timed)
    workers = _grouped((_workers(record, stage), name) for name, record in timed)
    title, lines = TITLES[stage], []
    if len(places) == 1:
        lines.append(f"{title}: {_MEANING[stage]}; on {next(iter(places))}")
    elif places:
        lines.append(f"{title}: {_MEANING[stage]}")
        lines.append(
            f"{title}: rows were timed on different machines, threads or versions, and do not "
            f"compare: {_listed(places)}"
        )
    if len(commits) > 1:
        lines.append(f"{title}: rows were timed at different commits: {_listed(commits)}")
    for count, names in workers.items():
        which = "all rows" if len(workers) == 1 else _some(names)
        if count is None:
            lines.append(f"{title}: what ran beside was not recorded: {which}")
        elif count > 1:
            beside = f"{count - 1} other training{'' if count == 2 else 's'}"
            lines.append(f"{title}: timed beside up to {beside}, slower than alone: {which}")
    for name, record in timed:
        if stage == "fit" and (places_of := record.get("resumed_on")):
            said = f"{name} was stopped and went on with another device or number of threads"
            lines.append(f"{title}: {said}: {'; '.join(places_of)}")
    absent = dict.fromkeys(name for name, record in every if _seconds(record, stage) is None)
    return lines + ([f"{title}: not recorded for {_some([*absent])}"] if absent else [])


def _grouped(pairs: Iterable[tuple[Any, str]]) -> dict[Any, list[str]]:
    """value -> the rows that have it, each once."""
    found: dict[Any, dict[str, None]] = {}
    for value, name in pairs:
        found.setdefault(value, {})[name] = None
    return {value: list(names) for value, names in found.items()}


def _listed(groups: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{value} ({_some(names)})" for value, names in groups.items())


def _some(names: Sequence[str]) -> str:
    """The first few names and how many more there are.

    >>> _some(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 more'
    """
    more = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return ", ".join(names[:4] if more else names) + more


def _workers(record: Mapping[str, Any], stage: str) -> int | None:
    """How many trainings there could be at a time, this one included; None in old records."""
    return record.get("workers", {}).get(stage)


def timed_on(record: Mapping[str, Any]) -> str:
    """What did the work: "AMD EPYC, 2 threads, torch 2.13.0"."""
    device = str(record.get("device", "cpu"))
    kind, _, index = device.partition(":")
    gpus = record.get("gpus") or []
    at = int(index or 0)
    name = record.get("cpu", "an unknown processor")
    if kind != "cpu":
        name = gpus[at] if at < len(gpus) else device
    threads = record.get("threads", "?")
    version = record.get("packages", {}).get("torch", "?")
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}, torch {version}"


def _commit(record: Mapping[str, Any]) -> str:
    """A short name for the code that ran, or its version where it was no checkout."""
    commit = record.get("commit")
    if not commit:
        return f"version {record.get('packages', {}).get('genbench', '?')}"
    return commit["sha"][:8] + (" with changes" if commit["dirty"] else "")


# --- words ---
