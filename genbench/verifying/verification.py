"""Whether stored numbers hold: scored again, or trained again.

Nothing here changes a folder of results. A verdict is one of four words: it holds, it differs, that
could not be told, or what it is made of is not kept. |difference| is the greater of those of value
and standard error.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.errors import AlteredError
from genbench.plugins import registry
from genbench.protocols import Score
from genbench.records.run import Result, Run
from genbench.records.standing import edited, standing
from genbench.records.store import STAGES, Store
from genbench.running import provenance
from genbench.running.bench import Bench
from genbench.running.data import Sources
from genbench.running.plan import renewed
from genbench.running.runner import Environment, execute
from genbench.running.work import given
from genbench.samples import judging
from genbench.verifying.commands import remaking
from genbench.verifying.records import Record

HOLDS, DIFFERS, UNSURE = "holds", "differs", "cannot be told"
ABSENT = "is not kept"  # what a number is made of, by design: a lock names what must be there
TOLERANCE = 0.01  # nats: what float32 products may differ by from one machine to another
_REFUSED = (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError)
_MACHINE = ("cpu", "cpu_capability", "gpus", "cuda", "precision", "threads", "device")


@dataclass(frozen=True)
class Verdict:
    """What became of one check.

    difference: between the stored and the new number, in `unit`; 0.0 is equality to the last bit,
    None where no new number was made.
    """

    name: str
    key: str
    status: str
    text: str
    difference: float | None = None
    unit: str = ""

    @property
    def line(self) -> str:
        """What is printed of it."""
        return (
            f"{self.name} ({self.key[:12]}): {self.text}"
            if self.key
            else f"{self.name}: {self.text}"
        )


# --- data ---


def source_of(record: Record, sources: Sources) -> Any:
    """The dataset of a result; raises AlteredError where its rows are no longer the same."""
    then = record.run.data
    now = sources.identity(then.name, then.fold)
    for part in ("train", "valid", "test", "digest"):
        found, was = getattr(now, part), getattr(then, part)
        if found != was:
            what = "dataset" if part == "digest" else part
            raise AlteredError(
                f"the data are not those that were scored: {then.name} in {sources.data_dir} has "
                f"the {what} sha256 {found[:12]}…, recorded was {was[:12]}…"
            )
    return sources.dataset(then.name)


# --- numbers ---


def rescored(
    record: Record,
    store: Store,
    sources: Sources,
    device: torch.device,
    tolerance: float | None = None,
) -> Verdict:
    """The number computed again from the stored samples by the installed metric."""
    if record.result.status != "done":
        return _numberless(record)
    kept = store.samples(record.run) if record.run.draws else (None, None)
    if kept is None:
        return _verdict(record, ABSENT, f"its samples are not kept here; {_remade(record)}")
    source_of(record, sources)
    bench = Bench(record.run, store, sources, device)
    if not record.run.draws and store.weights(record.run) is None:
        return _verdict(record, ABSENT, f"its weights are not kept here; {_remade(record)}")
    try:
        score = _scored_again(record.run, bench, kept[0])
    except _REFUSED as error:  # settings or samples, by the metric or by torch
        return _verdict(record, UNSURE, f"the installed {record.result.metric} says: {error}")
    rows = None if score.per_example is None else score.per_example.cpu().numpy()
    limit = TOLERANCE if tolerance is None else tolerance
    beside = elsewhere(record, ("score",), device)
    again = Again(score.value, score.stderr, rows)
    return _compared(record, again, store, limit, beside)


def _numberless(record: Record) -> Verdict:
    """Of a cell that stays empty nothing has to hold; a failed one tells nothing."""
    status = HOLDS if record.result.status == "unmet" else UNSURE
    return _verdict(record, status, _no_number(record.result))


def _no_number(result: Result) -> str:
    if result.status == "failed":
        return "it failed then: there is no number"
    return f"it stays empty: {result.error}"


def _scored_again(run: Run, bench: Bench, kept: np.ndarray | None) -> Score:
    metric = registry.load("metric", run.metric)(**run.settings)
    stream = (*bench.stream, "score", run.metric, run.data.fold)
    return judging.score(run.model, metric, given(bench, run, kept), stream)


def retrained(
    records: Sequence[Record],
    store: Store,
    sources: Sources,
    device: str,
    tolerance: float | None = None,
) -> list[Verdict]:
    """The numbers of one training, done again from the seed in a folder that is then dropped."""
    todo, found = {}, {}
    for record in records:
        run = _again(record, sources)
        if isinstance(run, Run):
            todo[record.result.key] = run
        else:
            unmet = record.result.status == "unmet"
            found[record.result.key] = (
                _numberless(record) if unmet else _verdict(record, UNSURE, run)
            )
    with tempfile.TemporaryDirectory(prefix="genbench-verify-") as folder:
        if todo:
            execute([*todo.values()], Environment(Path(folder), sources.data_dir, device))
        made = Store(Path(folder))
        for record in records:
            key = record.result.key
            if key in todo:
                now = made.result(todo[key])
                assert now is not None
                rows = made.per_example(now)
                found[key] = _retrained(record, now, rows, store, device, tolerance)
    return [found[record.result.key] for record in records]


def _again(record: Record, sources: Sources) -> Run | str:
    """The run to do again by the installed code, or why that would tell nothing."""
    result = record.result
    if result.status != "done":
        return _no_number(result)
    if result.run.source:
        return "its samples were brought in a file: there is nothing to train"
    if result.cut:
        return "a time budget ended its training: it would not end there again"
    source_of(record, sources)
    return renewed(record.run, sources)


def _retrained(
    record: Record,
    now: Result,
    rows: np.ndarray | None,
    store: Store,
    device: str,
    tolerance: float | None,
) -> Verdict:
    if now.status != "done" or now.value is None:
        return _verdict(record, UNSURE, f"it failed now: {now.error}")
    again = Again(now.value, now.stderr, rows)
    beside = elsewhere(record, STAGES, torch.device(device))
    if beside and tolerance is None and not _equal(record, again):
        difference = _difference(record.result, again)
        text = (
            f"{difference:.2g} {record.result.unit} apart ({record.result.value:.2f} stored, "
            f"{now.value:.2f} now), with other {', '.join(beside)}: only the spread over seeds can "
            "be expected; --tolerance says how much may be"
        )
        return _verdict(record, UNSURE, text, difference)
    limit = TOLERANCE if tolerance is None else tolerance
    return _compared(record, again, store, limit, beside)


def elsewhere(record: Record, stages: Sequence[str], device: torch.device) -> list[str]:
    """What is not as it was in these stages of a number: "code (gan)", "torch", "threads"."""
    now = {**provenance.machine(), "device": str(device)}
    recorded = {stage: record.stages.get(stage, {}) for stage in stages}
    found = [f"code ({name})" for name in edited(record.run, recorded)]
    stands = standing(record.run)
    found += [f"code ({text})" for text in (*stands.other, *stands.older)]
    for then in recorded.values():
        packages = then.get("packages", {})
        found += [p for p, v in now["packages"].items() if packages.get(p, v) != v]
        found += [name for name in _MACHINE if then.get(name, now[name]) != now[name]]
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Again:
    """A number that was made again, and the scores of the single test rows, if there are any."""

    value: float
    stderr: float | None
    rows: np.ndarray | None


def _equal(record: Record, again: Again) -> bool:
    return (record.result.value, record.result.stderr) == (again.value, again.stderr)


def _difference(result: Result, again: Again) -> float:
    pairs = ((result.value, again.value), (result.stderr, again.stderr))
    return max(abs(then - now) for then, now in pairs if then is not None and now is not None)


def _compared(
    record: Record, again: Again, store: Store, tolerance: float, beside: Sequence[str]
) -> Verdict:
    """The verdict on a new number, and on the scores of the single rows where they are kept."""
    result, unit = record.result, record.result.unit
    difference = _difference(result, again)
    other = f", with other {', '.join(beside)}" if beside else ""
    if not difference <= tolerance:
        text = (
            f"DIFFERS by {difference:.2g} {unit}: {result.value} ± {result.stderr} is stored, "
            f"{again.value} ± {again.stderr} came out{other} (tolerance {tolerance:g})"
        )
        return _verdict(record, DIFFERS, text, difference)
    apart = _rows_apart(store.per_example(result), again.rows)
    if apart is not None and not apart <= tolerance:
        text = f"its scores of single rows DIFFER by {apart:.2g} {unit} on average{other}"
        return _verdict(record, DIFFERS, text, max(apart, difference))
    if _equal(record, again):
        text = f"{result.value:.2f} {unit} holds to the last bit{other}"
        return _verdict(record, HOLDS, text, 0.0)
    text = f"{result.value:.2f} {unit} holds within {difference:.1g}{other}"
    return _verdict(record, HOLDS, f"{text} (tolerance {tolerance:g})", difference)


def _rows_apart(stored: np.ndarray | None, rows: np.ndarray | None) -> float | None:
    """Mean |difference| between the stored and the new scores of the test rows, if both are."""
    if stored is None or rows is None:
        return None
    same = stored.shape == rows.shape
    return float(np.abs(stored - rows).mean()) if same else float("inf")


def _verdict(record: Record, status: str, text: str, difference: float | None = None) -> Verdict:
    result = record.result
    return Verdict(record.name, result.key, status, text, difference, result.unit)


def _remade(record: Record) -> str:
    """The command that would make a result's samples, where the installed code is still its own."""
    result = record.result
    if standing(result.run).stale:
        return "other code made them, so only --retrain can make some like them"
    return f"`{remaking([result])} --rerun` makes them"


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many numbers hold, and how well.

    >>> from dataclasses import replace
    >>> one = Verdict("a", "", HOLDS, "", 0.0, "nats")
    >>> summary([one, replace(one, difference=0.00042), replace(one, status=UNSURE)])
    '2 of 3 numbers hold: 1 to the last bit, 1 within 0.0004 nats; 1 cannot be told'
    """
    words = (HOLDS, DIFFERS, UNSURE, ABSENT)
    counted = {word: [v for v in verdicts if v.status == word] for word in words}
    exact = [v for v in counted[HOLDS] if v.difference == 0]
    near = [v for v in counted[HOLDS] if v.difference]
    how = [f"{len(exact)} to the last bit"] if exact else []
    for unit in dict.fromkeys(v.unit for v in near):
        own = [v.difference or 0.0 for v in near if v.unit == unit]
        how.append(f"{len(own)} within {max(own):.1g} {unit}")
    text = f"{len(counted[HOLDS])} of {len(verdicts)} numbers hold"
    text += f": {', '.join(how)}" if how else ""
    said = ((DIFFERS, "differ"), (UNSURE, "cannot be told"), (ABSENT, "have no samples here"))
    for word, verb in said:
        text += f"; {len(counted[word])} {verb}" if counted[word] else ""
    return text
