"""Results as they lie in a folder, with what was recorded of them: found, read and checked.

Nothing here changes a folder of results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.errors import AlteredError, StoreError, UsageError
from genbench.plugins import registry
from genbench.plugins.code import code_of
from genbench.records import files, lock
from genbench.records.run import Data, Result, Run

SHORTEST = 4  # hex digits of a key
_NEEDED = ("keys", "seed", "preset", "overrides", "code", "dataset_digest", "data", "settings")
_NEEDED += ("hyperparameters", "selection", "tuning", "minutes")


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
        return code_of(result.model, result.metric, {})["model"] == result.code["model"]
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


# --- of several ---


def by_training(records: Sequence[Record]) -> list[list[Record]]:
    """Records that share one training, together."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.provenance["keys"]["fit"], []).append(record)
    return list(found.values())


def threads_of(record: Record) -> int | None:
    """The threads that a number was made with."""
    return record.provenance.get("threads")
