"""Gives results that were stored before there were revisions the keys that they have now.

Nothing is computed: numbers, samples, weights and the scores of single rows are carried over as
they are. Each record is first held against the key that it had, so that an edited one is refused.
The folder that was there stays beside the new one, as `runs.before`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from genbench.errors import AlteredError, StoreError, UsageError
from genbench.plugins import registry
from genbench.plugins.code import Part, stage_revisions
from genbench.records import files, lock, rekeyed, upgrading
from genbench.records.files import sha256_of_arrays, sha256_of_json
from genbench.records.run import Data, Result, Run
from genbench.records.store import Store

BEFORE = "runs.before"
_NEW = ".rekeyed"
OLD_LOCK = "lock.before.json"
_STAGE_ROLES = {"fit": ("model", "select"), "sample": ("model", "tune"), "score": ("metric",)}
_ASKED = ("keys", "seed", "sample_set", "protocol", "preset", "overrides", "hyperparameters")
_ASKED += ("settings", "selection", "tuning", "minutes", "code", "data", "dataset_digest")


@dataclass(frozen=True)
class Old:
    """A result as it lay in a folder before: what it said, and the question rebuilt from it."""

    folder: Path
    answer: Mapping[str, Any]
    about: Mapping[str, Any]
    run: Run


def rekey(results_dir: Path) -> dict[str, Any]:
    """Gives every older result of a folder its new keys; returns what `rekeyed.json` says.

    Raises UsageError where there is none, or an earlier `runs.before` is in the way, AlteredError
    for a record that is not as it was written; then nothing has changed. If it is killed, the next
    call goes on. Results that have new keys already stay, in place of older ones with the same key.
    """
    new = results_dir / _NEW
    if not (new / rekeyed.NAME).exists():  # else a kill came between: all is written
        _write(results_dir, new)
    return _swap(results_dir, new)


def has_older(results_dir: Path) -> bool:
    """Whether a folder of results holds any of before revisions, or a half-done `rekey`."""
    return (results_dir / _NEW).exists() or any(_older(results_dir / "runs"))


def _write(results_dir: Path, new: Path) -> None:
    """Writes every older result under its new keys, beside those that are there; then says so."""
    runs, before = results_dir / "runs", results_dir / BEFORE
    older = list(_older(runs))
    if not older:
        raise UsageError(f"no result in {runs} was written before results had revisions")
    if before.exists():
        raise UsageError(f"{before} is in the way: it holds the results of an earlier `rekey`")
    files.remove_folder(new)  # half of it, if a kill came before
    store, known = Store(new), rekeyed.read(results_dir)
    first: dict[str, tuple[Result, Path]] = {}
    for old in older:
        result, values = _answered(old)
        other, folder = first.setdefault(result.key, (result, old.folder))
        if other != result:
            both = f"{folder} and {old.folder}"
            raise AlteredError(f"{both} give two answers to one question: delete one of them")
        known["keys"][old.answer["key"]] = result.key
        for path, now in _carried(old, result, values, store).items():
            place = path.relative_to(runs).as_posix()
            there = now.relative_to(store.runs).as_posix()
            known["files"][f"runs/{place}"] = {
                "sha256": lock.sha256_of(path),
                "now": f"runs/{there}",
            }
    files.write_json(new / rekeyed.NAME, known)


def _swap(results_dir: Path, new: Path) -> dict[str, Any]:
    """Puts what was written in the place of what was there; may be killed and called again."""
    runs, before, known = results_dir / "runs", results_dir / BEFORE, rekeyed.read(new)
    if (new / "runs").exists():
        if not before.exists():
            files.move(runs, before)
        elif runs.exists():  # a kill came between, and then new runs were made
            _merge(runs, new / "runs")
        files.move(new / "runs", runs)
    for training in filter(_is_new, sorted(before.glob("*/*/*"))):
        _merge(training, runs / training.relative_to(before))
    files.write_json(results_dir / rekeyed.NAME, known)
    if (results_dir / lock.NAME).exists() and not (results_dir / OLD_LOCK).exists():
        files.write_bytes(results_dir / OLD_LOCK, (results_dir / lock.NAME).read_bytes())
    files.remove_folder(new)
    return known


def _is_new(training: Path) -> bool:
    """Whether a training's folder is in the layout of now: by a question, or by its log."""
    if any(training.rglob("run.json")):
        return True
    events = training / "events.jsonl"
    return events.exists() and b'"sha256"' in events.read_bytes().partition(b"\n")[0]


def _merge(folder: Path, place: Path) -> None:
    """Moves every file below a folder to below a place; what is there gives way."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        files.move(path, place / path.relative_to(folder))
    files.remove_folder(folder)


def _older(runs: Path) -> Iterator[Old]:
    """Every result in the older layout; a done one hides its earlier failure."""
    places = {path.parent for name in ("result", "failed") for path in runs.rglob(f"{name}.json")}
    for folder in sorted(places):
        if (folder / "run.json").exists():
            continue
        done = folder / "result.json"
        answer = files.read_json(done if done.exists() else folder / "failed.json")
        about = files.read_json(folder / "provenance.json")
        yield Old(folder, answer, about, _asked(folder, answer, about))


# --- the question, from what was recorded of it ---


def _asked(folder: Path, answer: Mapping[str, Any], about: Mapping[str, Any]) -> Run:
    """The run that an older result answers, proven by the key that it had."""
    try:
        run = _rebuilt(answer, about)
        for holds_out in (False, True):  # which was not recorded: it is in the key
            run = replace(run, holds_out=holds_out)
            keys = _old_keys(run, answer["code"])
            if keys == about["keys"] and keys["score"] == answer["key"]:
                return run
    except (KeyError, TypeError) as error:
        raise StoreError(f"{folder} does not say {error}") from error
    raise AlteredError(f"{folder}: its keys are not those of what it records: it was edited")


def _rebuilt(answer: Mapping[str, Any], about: Mapping[str, Any]) -> Run:
    cls = {kind: registry.load(kind, answer[kind]) for kind in ("model", "dataset")}
    data = Data(
        name=answer["dataset"],
        fold=answer["fold"],
        folds=answer["folds"],
        digest=answer["digest"],
        caveat=answer["caveat"],
        levels=getattr(cls["dataset"], "levels", None),
        **{part: about["data"][part] for part in ("train", "valid", "test")},
    )
    return Run(
        model=answer["model"],
        data=data,
        seed=answer["seed"],
        preset=answer["preset"],
        metric=answer["metric"],
        samples=answer["samples"],
        hyperparameters=about["hyperparameters"],
        settings=about["settings"],
        parts={role: _part(role, answer, about) for role in answer["code"]},
        revisions=stage_revisions(),
        recipe=answer["recipe"],
        sampling=tuple(getattr(cls["model"], "sampling", ())),
        selection=about["selection"],
        tuning=about["tuning"],
        uses_validation=answer["recipe"].get("uses_validation", False),
        minutes=about["minutes"],
        overrides=answer["overrides"],
        sample_set=answer.get("sample_set", 0),
        protocol=answer.get("protocol", ""),
    )


def _part(role: str, answer: Mapping[str, Any], about: Mapping[str, Any]) -> Part:
    """The identity of a part by the digest that was recorded.

    What revision 1 of our own parts was is known by it; any other digest stands for itself.
    """
    kind = "model" if role == "model" else "metric"
    names = {"model": answer["model"], "metric": answer["metric"]}
    names |= {"select": about["selection"].get("metric"), "tune": about["tuning"].get("metric")}
    name, digest = names[role], answer["code"][role]
    owner = registry.distribution(registry.find(kind, name))
    first = json.loads((package_files("genbench.records") / "first_revisions.json").read_text())
    if owner == registry.SUITE and first.get(f"{kind} {name}") == digest:
        return Part(owner, name, revision=1)
    return Part(owner, name, digest=digest)


def _old_keys(run: Run, code: Mapping[str, str]) -> dict[str, str]:
    """The keys that a run had: by the digests of code, and by all that stood in `Data`."""
    carves, data = run.carves, run.data
    trained_on = {"train": data.train}
    if run.uses_validation or (run.selection and not carves):
        trained_on["valid"] = data.valid
    fitted = {k: v for k, v in run.hyperparameters.items() if k not in run.sampling}
    fit = {
        "model": run.model,
        "dataset": data.name,
        "seed": run.seed,
        "hyperparameters": fitted,
        "code": {r: code[r] for r in code if r in ("model", "select")},
        "data": trained_on,
        "carves": carves,
        "uses_validation": run.uses_validation,
        "selection": dict(run.selection),
        "minutes": run.minutes,
    }
    looked_at = {"code": code.get("tune"), "valid": "" if carves else data.valid}
    sample = {
        "fit": sha256_of_json(fit),
        "samples": run.samples,
        "sampling": {k: v for k, v in run.hyperparameters.items() if k in run.sampling},
        "tuning": {**run.tuning, **looked_at} if run.tuning else {},
        "levels": data.levels,
        **({"set": run.sample_set} if run.sample_set else {}),
    }
    score = {
        "sample": sha256_of_json(sample),
        "metric": run.metric,
        "settings": dict(run.settings),
        "code": code["metric"],
        "data": {name: value for name, value in vars(data).items() if name != "labels"},
        "preset": run.preset,
        "overrides": dict(run.overrides),
        "recipe": dict(run.recipe),
        **({"protocol": run.protocol} if run.protocol else {}),
    }
    return {"fit": sample["fit"], "sample": score["sample"], "score": sha256_of_json(score)}


# --- what is carried over ---


def _answered(old: Old) -> tuple[Result, Any]:
    """A result as it reads now, and the scores of the single test rows, or None."""
    now = upgrading.upgraded(old.answer)
    answer = {name: now[name] for name in vars(Result(old.run, "")) if name in now}
    rows, values = old.folder / "per_example.npz", None
    if rows.exists():
        values = _arrays(rows, old.about["keys"]["score"])[0]["values"]
        answer["per_example"] = sha256_of_arrays({"values": values})
    return Result(**{**answer, "run": old.run}), values


def _carried(old: Old, result: Result, values: Any, store: Store) -> dict[Path, Path]:
    """Writes what hangs on a result under its new keys; each older file and where it is now."""
    run, moved = old.run, {}
    training, draw = old.folder.parent.parent, old.folder.parent
    fit, sample, score = (
        store.runs / place for place in (run.fit_folder, run.sample_folder, run.folder)
    )
    if not fit.exists():
        moved |= _training(old, training, fit)
    if not sample.exists():
        moved |= _samples(old, draw, sample)
    if values is not None:
        moved[old.folder / "per_example.npz"] = score / "per_example.npz"
    about = {name: value for name, value in old.about.items() if name not in _ASKED}
    store.put(result, {**about, "code": _code(old, "score")}, values)
    name = "result.json" if result.status == "done" else "failed.json"
    moved |= {old.folder / name: score / name}
    return moved | {old.folder / "provenance.json": score / "provenance.json"}


def _training(old: Old, then: Path, now: Path) -> dict[Path, Path]:
    run, moved = old.run, {}
    moved |= _provenance(old, "fit", run.fit_key, then, now)
    weights, events = then / "weights.safetensors", then / "events.jsonl"
    if weights.exists():
        arrays, about = files.read_tensors(weights)
        _check(weights, about, old.about["keys"]["fit"])
        files.write_tensors(now / weights.name, arrays, {**about, "key": run.fit_key})
        moved[weights] = now / weights.name
    if events.exists():
        for line in events.read_bytes().splitlines():
            if _is_json(line):
                files.append_line(now / events.name, json.loads(line), run.fit_key)
        moved[events] = now / events.name
    return moved


def _samples(old: Old, then: Path, now: Path) -> dict[Path, Path]:
    run, kept = old.run, then / "samples.npz"
    moved = _provenance(old, "sample", run.sample_key, then, now)
    if kept.exists():
        arrays, about = _arrays(kept, old.about["keys"]["sample"])
        files.write_arrays(now / kept.name, arrays, {**about, "key": run.sample_key})
        moved[kept] = now / kept.name
    return moved


def _provenance(old: Old, stage: str, key: str, then: Path, now: Path) -> dict[Path, Path]:
    path = then / "provenance.json"
    if not path.exists():
        return {}
    record = {**files.read_json(path), "code": _code(old, stage), "key": key}
    files.write_json(now / path.name, record)
    return {path: now / path.name}


def _code(old: Old, stage: str) -> dict[str, str]:
    """The digests that were recorded of what a stage used."""
    code = old.answer["code"]
    return {role: code[role] for role in _STAGE_ROLES[stage] if role in code}


def _arrays(path: Path, key: str) -> tuple[dict[str, Any], Any]:
    arrays, about = files.read_arrays(path)
    _check(path, about, key)
    return arrays, about


def _check(path: Path, about: Any, key: str) -> None:
    if not isinstance(about, dict) or about.get("key") != key:
        raise AlteredError(f"{path} is not of this run: its key is not {key[:12]}…")


def _is_json(line: bytes) -> bool:
    """Whether a line of a log is whole: one that a kill tore is not carried over."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
