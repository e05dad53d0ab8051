"""Whether stored numbers hold: files as they were written, scored again, or trained again.

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

from genbench import files, lock, provenance, registry, scoring
from genbench.commands import remaking
from genbench.errors import AlteredError, StoreError, UsageError
from genbench.plan import identity
from genbench.precision import float32_products
from genbench.protocols import Split
from genbench.recipe import judges
from genbench.run import Data, Result, Run
from genbench.runner import Environment, execute
from genbench.seeding import seeded
from genbench.store import Store

HOLDS, DIFFERS, UNSURE = "holds", "differs", "cannot be told"
TOLERANCE = 0.01  # nats: what float32 products may differ by from one machine to another
SHORTEST = 4  # hex digits of a key
_NEEDED = ("keys", "seed", "preset", "overrides", "code", "dataset_digest", "data", "settings")
_NEEDED += ("hyperparameters", "selection", "tuning", "minutes")
_MACHINE = ("cpu", "cpu_capability", "gpus", "cuda", "precision", "threads", "device")


@dataclass(frozen=True)
class Record:
    """A result and the provenance of its score, read and checked; `folder` is where it lies."""

    folder: Path
    result: Result
    provenance: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run in words, as `genbench run` names it."""
        r = self.result
        marks = [r.preset, *(f"{key}={value}" for key, value in sorted(r.overrides.items()))]
        marks += [f"set {r.sample_set}"] if r.sample_set else []
        marks += [r.protocol] if r.protocol else []
        return f"{r.model} [{', '.join(marks)}] on {r.dataset}, fold {r.fold}, seed {r.seed}"

    @property
    def samples(self) -> Path:
        return self.folder.parent / "samples.npz"

    @property
    def earlier(self) -> list[dict[str, Any]]:
        """The provenance of the training and of the draw, as far as they are kept."""
        places = (self.folder.parent.parent, self.folder.parent)
        paths = [place / "provenance.json" for place in places]
        return [files.read_json(path) for path in paths if path.exists()]


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


# --- which ---


def find(results_dir: Path, target: str) -> list[Path]:
    """The folders of the results that a key, its beginning, a folder or a file stands for.

    Raises UsageError where there is none, or a key's beginning is that of several.
    """
    runs = results_dir / "runs"
    every = [path.parent for name in ("result", "failed") for path in runs.rglob(f"{name}.json")]
    every = sorted(set(every))
    if target == "all":
        if not every:
            raise UsageError(f"no results in {runs}; `genbench run` makes some")
        return every
    found = [folder for folder in every if target and _is_in(folder, Path(target), runs)]
    if not found and len(target) >= SHORTEST:
        found = [f for f in every if f.name.rpartition("-")[2].startswith(target[:12].lower())]
        if len(found) > 1:
            names = ", ".join(f.name.rpartition("-")[2] for f in found)
            raise UsageError(f"{target!r} begins the keys of several results: {names}")
    if not found:
        raise UsageError(
            f"{target!r} is no result, folder or locked table of {results_dir}: give `all`, a key "
            f"of `genbench list runs` or at least {SHORTEST} digits of one, or a path"
        )
    return found


def _is_in(folder: Path, target: Path, runs: Path) -> bool:
    """Whether a result's folder is what a path names, or in it, or holds it."""
    for place in (target, runs / target, runs.parent / target):
        if place.exists():
            place = (place if place.is_dir() else place.parent).resolve()
            return place == folder.resolve() or place in folder.resolve().parents
    return False


# --- files ---


def read(folder: Path) -> Record:
    """A result as it was written; raises AlteredError where file, folder and keys disagree."""
    done = folder / "result.json"
    path = done if done.exists() else folder / "failed.json"
    try:
        result = Result(**files.read_json(path))
    except TypeError as error:
        raise StoreError(f"{path} was written by another version of genbench: {error}") from error
    if not (folder / "provenance.json").exists():
        raise AlteredError(f"{folder / 'provenance.json'} is missing")
    record = Record(folder, result, files.read_json(folder / "provenance.json"))
    _check_chain(record)
    return record


def _check_chain(record: Record) -> None:
    """Raises AlteredError where result, provenance and the three nested folders disagree."""
    result, about, folder = record.result, record.provenance, record.folder
    missing = [name for name in _NEEDED if name not in about]
    if missing:
        raise AlteredError(f"{folder / 'provenance.json'} does not say {', '.join(missing)}")
    keys = about["keys"]
    stages = {"score": folder, "sample": folder.parent, "fit": folder.parent.parent}
    for stage, place in stages.items():
        if not place.name.endswith(f"-{keys.get(stage, '?')[:12]}"):
            raise AlteredError(f"{place} does not belong to the result in it: its {stage} key")
    said = {"key": keys["score"], "digest": about["dataset_digest"]}
    said |= {name: about[name] for name in ("seed", "preset", "overrides", "code")}
    wrong = [name for name, value in said.items() if getattr(result, name) != value]
    if wrong:
        raise AlteredError(f"{folder}: result.json and provenance.json differ in {wrong[0]}")


def check_files(record: Record, results_dir: Path, known: lock.Lock | None) -> list[str]:
    """Raises AlteredError for a file that is not as written; returns what could not be told."""
    _check_arrays(record)
    if known is not None:
        places = [record.folder, record.folder.parent, record.folder.parent.parent]
        own = {place.relative_to(results_dir).as_posix() for place in places}
        paths = [path for path in known.files if path.rpartition("/")[0] in own]
        changed = lock.changes(results_dir, known, paths)
        if changed:
            raise AlteredError(f"{changed[0].path} is {changed[0].how}, by {lock.NAME}")
    if asked(record) is not None:
        return []
    what = "its keys are not those of what it records"
    if _installed_model(record.result):
        raise AlteredError(f"{record.folder}: {what}: it was edited")
    return [f"{what}: by other code it cannot be told whether it was edited"]


def _installed_model(result: Result) -> bool:
    """Whether the installed code of a model is that of a result."""
    try:
        return registry.code_of(result.model, result.metric, {})["model"] == result.code["model"]
    except UsageError:
        return False


def _check_arrays(record: Record) -> None:
    """Raises AlteredError where weights, samples or scores of rows are not those of the keys."""
    keys, folder = record.provenance["keys"], record.folder
    for place in (folder.parent, folder.parent.parent):
        if (place / "provenance.json").exists():
            files.read_json(place / "provenance.json")
    kept = {
        folder.parent.parent / "weights.safetensors": ("fit", files.read_tensors),
        record.samples: ("sample", files.read_arrays),
        folder / "per_example.npz": ("score", files.read_arrays),
    }
    for path, (stage, reading) in kept.items():
        if path.exists():
            about = reading(path)[1]
            if not isinstance(about, dict) or about.get("key") != keys[stage]:
                raise AlteredError(f"{path} is not of this run: its key is another")


def asked(record: Record, data: Data | None = None) -> Run | None:
    """The run that a result answers, rebuilt from its record; None if its keys are others."""
    every = [_asked(record, data, holds_out) for holds_out in (False, True)]
    return next((run for run in every if run.score_key == record.result.key), None)


def _asked(record: Record, data: Data | None, holds_out: bool) -> Run:
    result, about = record.result, record.provenance
    model, dataset = (registry.load(k, getattr(result, k)) for k in ("model", "dataset"))
    return Run(
        model=result.model,
        data=data or _recorded(record, getattr(dataset, "levels", None)),
        seed=result.seed,
        preset=result.preset,
        metric=result.metric,
        samples=result.samples,
        hyperparameters=about["hyperparameters"],
        settings=about["settings"],
        code=result.code,
        recipe=result.recipe,
        sampling=tuple(getattr(model, "sampling", ())),
        selection=about["selection"],
        tuning=about["tuning"],
        holds_out=holds_out,
        uses_validation=result.recipe.get("uses_validation", False),
        minutes=about["minutes"],
        overrides=result.overrides,
        sample_set=result.sample_set,
        protocol=result.protocol,
    )


def _recorded(record: Record, levels: int | None) -> Data:
    result = record.result
    parts = {name: record.provenance["data"][name] for name in ("train", "valid", "test")}
    return Data(
        name=result.dataset,
        fold=result.fold,
        folds=result.folds,
        digest=result.digest,
        caveat=result.caveat,
        levels=levels,
        **parts,
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
    samples = scoring.as_scored(torch.from_numpy(kept).to(device), source.levels)
    split = source.split(result.fold)
    split = Split(*(rows.to(device) for rows in (split.train, split.valid, split.test)))
    metric = registry.load("metric", result.metric)(**record.provenance["settings"])
    purpose = (result.model, result.dataset, result.seed, "score", result.metric, result.fold)
    with seeded(*purpose), float32_products():
        return scoring.scored(metric, samples, split)


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
    code = registry.code_of(result.model, result.metric, judges(result.recipe))
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
        code = registry.code_of(result.model, result.metric, judges(result.recipe))
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


def by_training(records: Sequence[Record]) -> list[list[Record]]:
    """Records that share one training, together."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.provenance["keys"]["fit"], []).append(record)
    return list(found.values())


def threads_of(record: Record) -> int | None:
    """The threads that a number was made with."""
    return record.provenance.get("threads")


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
