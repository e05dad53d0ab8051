"""Whether stored numbers hold: scored again, or trained again.

Nothing here changes a folder of results. A verdict is one of three words: it holds, it differs, or
that could not be told. |difference| is the greater of those of value and standard error.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genbench.errors import AlteredError, UsageError
from genbench.plugins import registry
from genbench.plugins.code import code_of
from genbench.plugins.recipe import judges
from genbench.precision import float32_products
from genbench.protocols import Split
from genbench.records import files
from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running import provenance
from genbench.running.data import identity
from genbench.running.runner import Environment, execute
from genbench.samples import judging, pixels
from genbench.seeding import seeded
from genbench.verifying.commands import remaking
from genbench.verifying.records import Record, asked

HOLDS, DIFFERS, UNSURE = "holds", "differs", "cannot be told"
TOLERANCE = 0.01  # nats: what float32 products may differ by from one machine to another
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


class Sources:
    """The datasets of a folder, each read once."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._source = cache(lambda name: registry.load("dataset", name)(data_dir))
        self._identity = cache(lambda name, fold: identity(name, self._source(name), fold))

    def source(self, record: Record) -> Any:
        """The dataset of a result; raises AlteredError where its rows are no longer the same."""
        result, then = record.result, record.provenance["data"]
        now = self._identity(result.dataset, result.fold)
        pairs = {part: (getattr(now, part), then[part]) for part in ("train", "valid", "test")}
        pairs["dataset"] = (now.digest, result.digest)
        for part, (found, was) in pairs.items():
            if found != was:
                raise AlteredError(
                    f"the data are not those that were scored: {result.dataset} in "
                    f"{self.data_dir} has the {part} sha256 {found[:12]}…, recorded was {was[:12]}…"
                )
        return self._source(result.dataset)


# --- numbers ---


def rescored(
    record: Record, sources: Sources, device: torch.device, tolerance: float | None = None
) -> Verdict:
    """The number computed again from the stored samples by the installed metric."""
    if record.result.status != "done":
        return _verdict(record, UNSURE, "it failed then: there is no number")
    if not record.samples.exists():
        return _verdict(record, UNSURE, f"its samples are not kept here; {_remade(record)}")
    source = sources.source(record)
    try:
        score = _scored_again(record, source, device)
    except (TypeError, ValueError, ArithmeticError) as error:  # settings or samples are refused
        return _verdict(record, UNSURE, f"the installed {record.result.metric} says: {error}")
    rows = None if score.per_example is None else score.per_example.cpu().numpy()
    limit = TOLERANCE if tolerance is None else tolerance
    beside = elsewhere(record, [record.provenance], device, ("metric",))
    return _compared(record, score.value, score.stderr, rows, limit, beside)


def _scored_again(record: Record, source: Any, device: torch.device) -> Any:
    result, kept = record.result, files.read_arrays(record.samples)[0]["samples"]
    samples = pixels.as_scored(torch.from_numpy(kept).to(device), source.levels)
    split = source.split(result.fold)
    split = Split(*(rows.to(device) for rows in (split.train, split.valid, split.test)))
    metric = registry.load("metric", result.metric)(**record.provenance["settings"])
    purpose = (result.model, result.dataset, result.seed, "score", result.metric, result.fold)
    with seeded(*purpose), float32_products():
        return judging.scored(metric, samples, split)


def retrained(
    records: Sequence[Record],
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
            found[record.result.key] = _verdict(record, UNSURE, run)
    with tempfile.TemporaryDirectory(prefix="genbench-verify-") as folder:
        if todo:
            execute([*todo.values()], Environment(Path(folder), sources.data_dir, device))
        store = Store(Path(folder))
        for record in records:
            key = record.result.key
            if key in todo:
                found[key] = _retrained(record, todo[key], store, device, tolerance)
    return [found[record.result.key] for record in records]


def _again(record: Record, sources: Sources) -> Run | str:
    """The run to do again by the installed code, or why that would tell nothing."""
    result = record.result
    if result.status != "done":
        return "it failed then: there is no number"
    if result.cut:
        return "a time budget ended its training: it would not end there again"
    sources.source(record)
    run = asked(record)
    if run is None:
        return "its keys are not those of its record, so it is not known what was asked"
    code = code_of(result.model, result.metric, judges(result.recipe))
    return replace(run, code=code)


def _retrained(
    record: Record, run: Run, store: Store, device: str, tolerance: float | None
) -> Verdict:
    now = store.result(run)
    assert now is not None
    if now.status != "done" or now.value is None or now.stderr is None:
        return _verdict(record, UNSURE, f"it failed now: {now.error}")
    stages = [*record.earlier, record.provenance]
    beside = elsewhere(record, stages, torch.device(device), tuple(run.code))
    rows = store.per_example(now)
    if beside and tolerance is None and not _equal(record, now.value, now.stderr):
        difference = _difference(record.result, now.value, now.stderr)
        text = (
            f"{difference:.2g} {record.result.unit} apart ({record.result.value:.2f} stored, "
            f"{now.value:.2f} now), with other {', '.join(beside)}: only the spread over seeds can "
            "be expected; --tolerance says how much may be"
        )
        return _verdict(record, UNSURE, text, difference)
    limit = TOLERANCE if tolerance is None else tolerance
    return _compared(record, now.value, now.stderr, rows, limit, beside)


def elsewhere(
    record: Record,
    stages: Sequence[Mapping[str, Any]],
    device: torch.device,
    roles: Sequence[str],
) -> list[str]:
    """What is not as it was in the stages of a number: "code (model)", "torch", "threads"."""
    result = record.result
    now = {**provenance.machine(), "device": str(device)}
    try:
        code = code_of(result.model, result.metric, judges(result.recipe))
    except UsageError:
        code = {}
    found = [f"code ({role})" for role in roles if code.get(role) != result.code.get(role)]
    for then in stages:
        packages = then.get("packages", {})
        found += [p for p, v in now["packages"].items() if packages.get(p, v) != v]
        found += [name for name in _MACHINE if then.get(name, now[name]) != now[name]]
    return list(dict.fromkeys(found))


def _equal(record: Record, value: float, stderr: float) -> bool:
    return (record.result.value, record.result.stderr) == (value, stderr)


def _difference(result: Result, value: float, stderr: float) -> float:
    assert result.value is not None
    assert result.stderr is not None
    return max(abs(result.value - value), abs(result.stderr - stderr))


def _compared(
    record: Record,
    value: float,
    stderr: float,
    rows: np.ndarray | None,
    tolerance: float,
    beside: Sequence[str],
) -> Verdict:
    """The verdict on a new number, and on the scores of the single rows where they are kept."""
    result, unit = record.result, record.result.unit
    difference = _difference(result, value, stderr)
    other = f", with other {', '.join(beside)}" if beside else ""
    if not difference <= tolerance:
        text = (
            f"DIFFERS by {difference:.2g} {unit}: {result.value} ± {result.stderr} is stored, "
            f"{value} ± {stderr} came out{other} (tolerance {tolerance:g})"
        )
        return _verdict(record, DIFFERS, text, difference)
    apart = _rows_apart(record, rows)
    if apart is not None and not apart <= tolerance:
        text = f"its scores of single rows DIFFER by {apart:.2g} {unit} on average{other}"
        return _verdict(record, DIFFERS, text, max(apart, difference))
    if _equal(record, value, stderr):
        return _verdict(
            record, HOLDS, f"{result.value:.2f} {unit} holds to the last bit{other}", 0.0
        )
    text = f"{result.value:.2f} {unit} holds within {difference:.1g}{other}"
    return _verdict(record, HOLDS, f"{text} (tolerance {tolerance:g})", difference)


def _rows_apart(record: Record, rows: np.ndarray | None) -> float | None:
    """Mean |difference| between the stored and the new scores of the test rows, if both are."""
    path = record.folder / "per_example.npz"
    if rows is None or not path.exists():
        return None
    stored = files.read_arrays(path)[0]["values"]
    same = stored.shape == rows.shape
    return float(np.abs(stored - rows).mean()) if same else float("inf")


def _verdict(record: Record, status: str, text: str, difference: float | None = None) -> Verdict:
    result = record.result
    return Verdict(record.name, result.key, status, text, difference, result.unit)


def _remade(record: Record) -> str:
    """The command that would make a result's samples, where the installed code is still its own."""
    result = record.result
    if elsewhere(record, [], torch.device("cpu"), tuple(result.code)):
        return "other code made them, so only --retrain can make some like them"
    return f"`{remaking([result])} --rerun` makes them"


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many numbers hold, and how well.

    >>> one = Verdict("a", "", HOLDS, "", 0.0, "nats")
    >>> summary([one, replace(one, difference=0.00042), replace(one, status=UNSURE)])
    '2 of 3 numbers hold: 1 to the last bit, 1 within 0.0004 nats; 1 cannot be told'
    """
    counted = {word: [v for v in verdicts if v.status == word] for word in (HOLDS, DIFFERS, UNSURE)}
    exact = [v for v in counted[HOLDS] if v.difference == 0]
    near = [v for v in counted[HOLDS] if v.difference]
    how = [f"{len(exact)} to the last bit"] if exact else []
    for unit in dict.fromkeys(v.unit for v in near):
        own = [v.difference or 0.0 for v in near if v.unit == unit]
        how.append(f"{len(own)} within {max(own):.1g} {unit}")
    text = f"{len(counted[HOLDS])} of {len(verdicts)} numbers hold"
    text += f": {', '.join(how)}" if how else ""
    for word, verb in ((DIFFERS, "differ"), (UNSURE, "cannot be told")):
        text += f"; {len(counted[word])} {verb}" if counted[word] else ""
    return text
